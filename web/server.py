"""How is our own HTTP served? Litestar on an embedded uvicorn, loopback unless config.yaml says otherwise."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Generator

import uvicorn
from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send

from core.config import Web
from runtime.app import App
from runtime.logs import log
from web.answers import CATCHES
from web.connection import Connection
from web.events import MOST_BYTES, Events
from web.health import health
from web.metrics import Metrics

logger = log("web")

#: More than this at once is answered with 503: a caller repeats, and the id makes that harmless.
MOST_AT_ONCE = 500
#: Seconds that requests under way may take when the system stops.
_FINISH_S = 5


class CannotListen(Exception):
    """The address of `web` in config.yaml cannot be had; the message is one sentence."""


class _Embedded(uvicorn.Server):
    """uvicorn that leaves the signals to the system it runs in: it would raise SIGTERM again at its end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _ToOurLog(logging.Handler):
    """What uvicorn has to say goes where everything else goes."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info or None)


def application(app: App, settings: Web) -> ASGIApp:
    """The routes. Nothing is fetched from elsewhere, nothing is shown about the inside."""
    events = Events(app, settings.token)
    others = Litestar(
        route_handlers=[health(app), Metrics(app).route()],
        exception_handlers=CATCHES,
        openapi_config=None,
        logging_config=None,
        debug=False,
        request_max_body_size=MOST_BYTES,
    )

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        takes = events if scope["path"] in Events.paths else others
        await takes(scope, receive, send)

    return routed


async def run(app: App, stopping: asyncio.Event) -> None:
    """Serve until told to stop; requests under way are finished. Raises CannotListen."""
    settings = app.config.web
    if settings is None:
        logger.info("off: config.yaml has no `web`")
        await stopping.wait()
        return
    with contextlib.closing(_listen(settings)) as listener:
        server = _Embedded(_config(application(app, settings)))
        host, port = listener.getsockname()[:2]
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
        told = asyncio.create_task(stopping.wait())
        app.says["web"] = lambda: {"address": f"{host}:{port}", "open": len(server.server_state.connections)}
        logger.info("listening", address=f"{host}:{port}")
        try:
            await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            server.should_exit = True
            await serving


def _listen(settings: Web) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}; "
            "change `web` in config.yaml, or end what uses it"
        ) from error


def _config(routes: ASGIApp) -> uvicorn.Config:
    uvicorn_log = logging.getLogger("uvicorn.error")
    uvicorn_log.handlers = [_ToOurLog()]
    uvicorn_log.propagate = False
    return uvicorn.Config(
        routes,
        http=Connection,
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=_FINISH_S,
    )
