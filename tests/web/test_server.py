"""The HTTP server itself: it stops when told, takes no signals, and nobody can hold it for himself."""

import asyncio
import signal
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
import uvicorn

import web.server
from runtime.app import App
from tests.small_app import running, small_app
from web.connection import Connection
from web.server import CannotListen


async def test_it_leaves_the_signals_to_the_system(app: App) -> None:
    """A SIGTERM must stop the parts in order, not the web alone."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with (
        running(web.server.run, app, "web") as says,
        aiohttp.ClientSession() as asker,
        asker.get(f"http://{says['address']}/health") as answer,
    ):
        assert answer.status == 200
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_after_stopping_the_port_is_free_and_it_can_start_again(app: App) -> None:
    """A restart of the part finds its port."""
    async with running(web.server.run, app, "web") as says:
        host, port = says["address"].split(":")
    with socket.socket() as again:
        again.bind((host, int(port)))


async def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path) -> None:
    """Where the person looks: the log and `mai status`."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with small_app(tmp_path, web={"port": port, "token": "x"}) as app:
            with pytest.raises(CannotListen, match=f"127.0.0.1:{port}.*config.yaml"):
                await web.server.run(app, asyncio.Event())


async def test_without_web_in_the_configuration_nothing_listens(tmp_path: Path) -> None:
    async with small_app(tmp_path, web=None) as app:
        stopping = asyncio.Event()
        task = asyncio.create_task(web.server.run(app, stopping))
        stopping.set()
        await task
        assert "web" not in app.says


async def test_beyond_the_most_at_once_a_request_is_told_to_come_again(app: App, address: str) -> None:
    """503, and the next one is served when the others have gone."""
    host, port = address.split(":")
    async with aiohttp.ClientSession(f"http://{address}") as asker:
        async with AsyncExitStack() as crowd:
            for _ in range(web.server.MOST_AT_ONCE):
                _, writer = await asyncio.open_connection(host, int(port))
                crowd.callback(writer.close)
            assert await _health(asker) == 503
        async with asyncio.timeout(30):
            while await _health(asker) != 200:
                assert app.says["web"]()["open"] > 1


async def _health(asker: aiohttp.ClientSession) -> int:
    async with asker.get("/health") as answer:
        return answer.status


class _Hasty(Connection):
    header_s = 0.05


async def test_a_header_without_an_end_is_not_kept(address: str) -> None:
    """Nobody fills our memory: 400, and the connection is closed."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n")
    await writer.drain()
    for _ in range(100):
        writer.write(b"X: " + b"y" * 1000 + b"\r\n")
    async with asyncio.timeout(60):
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /hea", b"GET / HTTP/1.1\r\nHost: x\r\nX: "])
async def test_who_sends_no_complete_header_is_let_go(sent: bytes) -> None:
    """A slow or silent client holds no place for ever."""

    async def nothing(scope: object, receive: object, send: object) -> None:
        raise AssertionError("no request was made")

    config = uvicorn.Config(nothing, http=_Hasty, lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    listener = await asyncio.get_running_loop().create_server(
        lambda: _Hasty(config, server.server_state, {}), "127.0.0.1", 0
    )
    async with listener:
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname()[:2])
        writer.write(sent)
        assert await reader.read() == b""
        writer.close()
