"""May this caller hand us an event, and was it stored? (O1, O19, DESIGN.md §5)

`POST /v1/topups {"id", "number", "amount", "at"?}` takes top-ups; `POST /v1/triggers` takes every kind of event of
core/triggers.py, named in `kind`, and its amount where it is known. Both answer alike: 202 stored, 200 repeated, 409 the
same id with other content, 422 what is wrong, 503 not stored.
"""

import asyncio
import json
import secrets
from http import HTTPStatus
from typing import Any, cast

from litestar import Request, Response, post
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from pydantic import SecretStr

from core.triggers import EVENTS, TriggerKind
from core.written import nearest
from runtime.app import App
from runtime.logs import log
from runtime.topups import BadTopup, take_event
from web.answers import answer, wrong

logger = log("web")

#: Of a body; an event takes about 100.
MOST_BYTES = 16 * 1024
#: Seconds for a body to arrive, and for the store to commit.
_BODY_S = 10.0
_STORE_S = 10.0
_STATUS = {"stored": HTTPStatus.ACCEPTED, "repeated": HTTPStatus.OK, "conflict": HTTPStatus.CONFLICT}


class NotAnEvent(ValueError):
    """The body is not one JSON object."""


class Events:
    """The routes that take events, with the token that opens them."""

    def __init__(self, app: App, token: SecretStr) -> None:
        self._app = app
        self._token = token.get_secret_value().encode()

    def routes(self) -> list[HTTPRouteHandler]:
        """`POST /v1/topups` and `POST /v1/triggers`."""

        @post("/v1/topups", guards=[self._may_ask], status_code=HTTPStatus.ACCEPTED)
        async def topups(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
            return await self._take(request, "topup")

        @post("/v1/triggers", guards=[self._may_ask], status_code=HTTPStatus.ACCEPTED)
        async def triggers(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
            return await self._take(request, None)

        return [topups, triggers]

    async def _may_ask(self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        kind, _space, token = connection.headers.get("authorization", "").partition(" ")
        # Compared in constant time, so that the token cannot be felt out byte by byte.
        same = secrets.compare_digest(token.strip().encode("utf-8", "surrogateescape"), self._token)
        if kind.lower() != "bearer" or not same:
            raise NotAuthorizedException(
                "send `Authorization: Bearer <web.token of config.yaml>`",
                headers={"WWW-Authenticate": "Bearer"},
            )

    async def _take(
        self, request: Request[Any, Any, Any], kind: TriggerKind | None
    ) -> Response[dict[str, Any]]:
        """Store the event of a body; `kind` None: the body says which."""
        try:
            async with asyncio.timeout(_BODY_S):
                body = await request.body()
        except TimeoutError:
            return wrong(HTTPStatus.REQUEST_TIMEOUT, f"the body did not arrive within {_BODY_S:g} s")
        try:
            raw = read_object(body)
            which = kind or kind_of(raw)
            async with asyncio.timeout(_STORE_S):
                stored = await take_event(self._app, which, raw)
        except NotAnEvent as error:
            return wrong(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except BadTopup as error:
            return wrong(HTTPStatus.UNPROCESSABLE_ENTITY, error.reason, error.field)
        except Exception:  # whatever it was, the event is not stored, and its sender must know
            logger.exception("an event was not stored")
            return wrong(HTTPStatus.SERVICE_UNAVAILABLE, "not stored: send it again with the same id")
        if stored == "conflict":
            return wrong(
                HTTPStatus.CONFLICT, "this id came before with other content, and that one stands", "id"
            )
        return answer(_STATUS[stored], id=raw["id"], result=stored)


def kind_of(raw: dict[str, Any]) -> TriggerKind:
    """Take `kind` out of a body. Raises BadTopup for a kind that does not come as an event."""
    kind = raw.pop("kind", None)
    if kind not in EVENTS:
        right = nearest(kind, EVENTS) if isinstance(kind, str) else ""
        raise BadTopup("kind", right or f"must be one of {', '.join(EVENTS)}")
    return cast(TriggerKind, kind)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises NotAnEvent, also for a key that stands twice."""
    try:
        read = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, NotAnEvent) else "the body is not JSON in UTF-8"
        raise NotAnEvent(reason) from error
    if not isinstance(read, dict):
        raise NotAnEvent('the body is not a JSON object like {"id": …, "number": …, "amount": …}')
    return read


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise NotAnEvent("a key stands twice in the body")
    return read
