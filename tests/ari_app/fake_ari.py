"""An Asterisk of a few lines that speaks ARI on loopback and misbehaves as a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

PATIENCE_S = 60  #: no wait of a test is longer

#: Answers one request: `(method, path, query)` to a response; None: 204.
Answers = Callable[[str, str, dict[str, str]], web.Response | None]


class FakeAri:
    """Takes requests and sends events; `asked` holds what was asked, in order."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []
        self.url = ""
        self.connections = 0
        self.knocked = 0  #: websockets that were asked for
        self._open: set[asyncio.Transport] = set()
        self._heard = asyncio.Condition()
        self.answering = asyncio.Event()  #: cleared: requests are taken and not answered
        self.answering.set()
        self.always: set[str] = set()  #: paths that are answered all the same
        self._sockets: set[web.WebSocketResponse] = set()
        self._connected = asyncio.Condition()
        self.door: web.BaseSite | None = None  #: where connections are taken

    async def events(self, request: web.Request) -> web.StreamResponse:
        self.knocked += 1
        await self.answering.wait()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async with self._connected:
            self._sockets.add(socket)
            self.connections += 1
            self._connected.notify_all()
        try:
            async for _ in socket:
                pass
        finally:
            self._sockets.discard(socket)
        return socket

    async def rest(self, request: web.Request) -> web.StreamResponse:
        if request.transport:
            self._open.add(request.transport)
        async with self._heard:
            self.asked.append((request.method, request.rel_url.raw_path))
            self._heard.notify_all()
        if request.path not in self.always:
            await self.answering.wait()
        return self.answers(request.method, request.path, dict(request.query)) or web.Response(status=204)

    async def send(self, *events: dict[str, Any] | str) -> None:
        """Events to whoever listens; a str goes out as it is."""
        for socket in self._sockets:
            for event in events:
                await socket.send_str(event if isinstance(event, str) else json.dumps(event))

    async def drop(self) -> None:
        """Close every websocket."""
        for socket in set(self._sockets):
            await socket.close(code=1001)

    async def was_asked(self, method: str, path: str) -> None:
        async with asyncio.timeout(PATIENCE_S), self._heard:
            await self._heard.wait_for(lambda: (method, path) in self.asked)

    async def abort(self) -> None:
        """Cut the connections of requests; what is not answered yet never is."""
        for transport in self._open:
            transport.abort()
        self._open.clear()

    async def connected(self, times: int) -> None:
        async with asyncio.timeout(PATIENCE_S), self._connected:
            await self._connected.wait_for(lambda: self.connections >= times)


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[tuple[str, web.BaseSite]]:
    """The address at which this application answers, and its door."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", site
    finally:
        await runner.cleanup()


@asynccontextmanager
async def fake_ari(answers: Answers = lambda *_: None) -> AsyncIterator[FakeAri]:
    fake = FakeAri(answers)
    app = web.Application()
    app.router.add_get("/ari/events", fake.events)
    app.router.add_route("*", "/ari/{rest:.*}", fake.rest)
    async with served(app) as (fake.url, fake.door):
        try:
            yield fake
        finally:
            fake.answering.set()
