"""A package system that misbehaves as the test says; on a real socket, noting what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import datetime
from typing import Any

from aiohttp import web

from core.config import Registration
from core.written import VIETNAM
from hooks.answers import Ask

ASK = Ask("reg-1", "+84901234567", "C90N", "topup", datetime(2026, 11, 23, 9, 0, tzinfo=VIETNAM))

Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]
Speaks = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def settings(url: str, **changes: Any) -> Registration:
    return Registration.model_validate({"url": url, "timeout_s": 20.0, **changes})


@asynccontextmanager
async def answering(answers: Answers) -> AsyncIterator[str]:
    """An HTTP server; its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answers)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/register"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def speaking(speaks: Speaks) -> AsyncIterator[str]:
    """A server that writes raw bytes once a request's header has come; its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The hook may leave at any moment.
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await speaks(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}/register"
