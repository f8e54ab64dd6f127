"""Is the system well? `GET /health`: 200 or 503, and what each part says of itself."""

import asyncio
from http import HTTPStatus
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from runtime.app import App
from runtime.logs import log
from store import settings
from web.answers import answer

logger = log("web")

#: A store that does not answer a small question within this many seconds is not well.
_STORE_S = 2.0
#: Alarms whose standing means that a part does not do its work; the others are for people to look at.
_FAILING = ("part:", "asterisk:", "smsc:")


def health(app: App) -> HTTPRouteHandler:
    """`GET /health`; open to all: it names parts, no person."""

    @get("/health")
    async def health() -> Response[dict[str, Any]]:
        parts, speechless = _said(app)
        try:
            async with asyncio.timeout(_STORE_S):
                alarms = [alarm.name for alarm in await app.store.read(settings.standing_alarms)]
        except Exception as error:  # the answer is that it is not well
            logger.exception("the store does not answer")
            return answer(
                HTTPStatus.SERVICE_UNAVAILABLE,
                status="failing",
                store=type(error).__name__,
                alarms=None,
                parts=parts,
            )
        failing = speechless or any(name.startswith(_FAILING) and _ours(app, name) for name in alarms)
        code = HTTPStatus.SERVICE_UNAVAILABLE if failing else HTTPStatus.OK
        return answer(code, status="failing" if failing else "ok", store="ok", alarms=alarms, parts=parts)

    return health


def _ours(app: App, alarm: str) -> bool:
    """A part that fails in another process is seen on that process's own page."""
    return "@" not in alarm or alarm == app.own(alarm.partition("@")[0])


def _said(app: App) -> tuple[dict[str, Any], bool]:
    """What each part says of itself, and whether one could not: that hides no other's state."""
    parts: dict[str, Any] = {}
    speechless = False
    for name, says in sorted(app.says.items()):
        try:
            parts[name] = says()
        except Exception as error:
            logger.exception("a part cannot say how it is", of=name)
            parts[name] = {"error": type(error).__name__}
            speechless = True
    return parts, speechless
