"""How is the dialplan answered in time? Our FastAGI server: every fault ends its own connection, nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing

from agi import incoming
from agi.incoming import BadRequest
from agi.protocol import MOST_LINE, AgiError, Request, Session
from runtime.app import App
from runtime.logs import log

logger = log("agi")

#: Seconds: the dialplan goes on without us after this.
ANSWER_S = 0.5
#: Seconds that an `ended`, for which nobody waits, may take.
_TELL_S = 2.0
#: Connections beyond this are closed at once: the call goes on without us.
MOST_AT_ONCE = 200
#: Seconds between looks for calls whose end nobody told.
_LOOK_S = 60.0


class CannotListen(Exception):
    """The address of `agi` in config.yaml cannot be had; the message is one sentence."""


class Server:
    """What is asked now, and what is still being written."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._blocked = incoming.blocked(app)
        #: What may be asked, and the seconds it may take from the connection on.
        self._asked: dict[str, tuple[Callable[[Session, Request], Awaitable[None]], float]] = {
            "incoming": (self._incoming, ANSWER_S),
            "ended": (self._ended, _TELL_S),
        }
        self._writes: set[asyncio.Task[None]] = set()
        self._sessions: set[asyncio.Task[None]] = set()

    def says(self) -> dict[str, int]:
        """For `mai status`."""
        return {"asking": len(self._sessions), "writing": len(self._writes)}

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its first byte to its end."""
        task = asyncio.current_task()
        if task is None or len(self._sessions) >= MOST_AT_ONCE:
            writer.close()
            return
        self._sessions.add(task)
        try:
            with closing(writer):
                await self._serve(Session(reader, writer))
        finally:
            self._sessions.discard(task)

    async def _serve(self, session: Session) -> None:
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(_TELL_S) as deadline:
                request = await session.request()
                if request is None:
                    return
                if request.script not in self._asked:
                    raise BadRequest(f"nothing is called {request.script[:40]!r}")
                answer, seconds = self._asked[request.script]
                deadline.reschedule(began + seconds)
                await answer(session, request)
        except TimeoutError:
            logger.warning("not answered in time: the call goes on without us")
        except (AgiError, BadRequest) as error:
            logger.warning("the dialplan was not answered", reason=str(error))
        except Exception:  # one connection must not end the server
            logger.exception("answering the dialplan failed")

    async def _incoming(self, session: Session, request: Request) -> None:
        incoming.call_id(request)  # without one, what follows could not be told from another call
        number = incoming.caller_number(request.argument(0))
        refused = number in self._blocked
        self._write(incoming.write_begun(self._app, request, refused=refused))
        if refused:
            await session.set_variable("BLOCKED", "1")
        else:
            text = incoming.offer_text(await incoming.known(self._app, number))
            await session.set_variable("OFFER_TEXT", text)
        logger.info("incoming call", number=number, refused=refused)

    async def _ended(self, session: Session, request: Request) -> None:
        await incoming.write_ended(self._app, request)

    def _write(self, work: Awaitable[None]) -> None:
        """Write beside the answer: the caller does not wait for the disk."""

        async def write() -> None:
            try:
                await work
            except Exception:
                logger.exception("an incoming call was not written")

        task = asyncio.create_task(write())
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def finish(self) -> None:
        """What was begun is written."""
        if pending := self._writes | self._sessions:
            await asyncio.wait(pending, timeout=_TELL_S)


async def run(app: App, stopping: asyncio.Event) -> None:
    """Answer the dialplan until told to stop. Raises CannotListen."""
    settings = app.config.agi
    if not settings.port:
        logger.info("off: the port of `agi` in config.yaml is 0")
        await stopping.wait()
        return
    server = Server(app)
    try:
        listener = await asyncio.start_server(server.connected, settings.host, settings.port, limit=MOST_LINE)
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}; "
            "change `agi` in config.yaml, or end what uses it"
        ) from error
    address = "{}:{}".format(*listener.sockets[0].getsockname()[:2])
    app.says["agi"] = lambda: {"address": address, **server.says()}
    logger.info("listening", address=address)
    try:
        while not stopping.is_set():
            if closed := await incoming.close_forgotten(app):
                logger.warning("incoming calls whose end nobody told", calls=closed)
            await asyncio.wait({stopped := asyncio.create_task(stopping.wait())}, timeout=_LOOK_S)
            stopped.cancel()
    finally:
        listener.close()
        await server.finish()
