"""How does a command reach the running system? A unix socket in the run folder, one request a connection.

SQLite has one writing process: a command that writes hands its request to the running system, or opens the
store itself when nobody runs. A request is one JSON line `{"do": name, …}`, the answer one JSON line
`{"result": …}` or `{"error": "one sentence"}`.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

SOCKET = "control.sock"
_LIMIT = 1 << 20

Handler = Callable[[dict[str, Any]], Awaitable[Any]]


class CommandFailed(Exception):
    """The thing asked for failed; the message is one sentence for a person."""


class NobodyRuns(Exception):
    """No running system listens in this run folder."""


@asynccontextmanager
async def _short_path(folder: Path) -> AsyncIterator[str]:
    """A path to the socket that fits the 108 bytes of sun_path however deep the run folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


async def _answer(handlers: dict[str, Handler], line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        handler = handlers[request.pop("do")]
    except (ValueError, KeyError, AttributeError):
        return {"error": "the running system does not know this request: is it another version?"}
    try:
        return {"result": await handler(request)}
    except CommandFailed as error:
        return {"error": str(error)}
    except Exception as error:  # one request must not end the socket
        return {"error": f"{type(error).__name__}: {error}"}


@asynccontextmanager
async def listening(folder: Path, handlers: dict[str, Handler]) -> AsyncIterator[None]:
    """Take requests while the block runs. The folder is private (0700); so is the socket."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            line = await reader.readline()
            if line:
                writer.write(json.dumps(await _answer(handlers, line), ensure_ascii=False).encode() + b"\n")
                await writer.drain()

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / SOCKET).unlink(missing_ok=True)  # left by a killed one; the store's lock says we are alone
    async with _short_path(folder) as path:
        server = await asyncio.start_unix_server(serve, path, limit=_LIMIT)
        os.chmod(folder / SOCKET, 0o600)
        async with server:
            yield
    (folder / SOCKET).unlink(missing_ok=True)


async def ask(folder: Path, do: str, *, timeout_s: float = 60, **request: Any) -> Any:
    """Hand a request to the running system. Raises NobodyRuns, or CommandFailed with its sentence."""
    if not folder.is_dir():
        raise NobodyRuns
    async with _short_path(folder) as path:
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=_LIMIT)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NobodyRuns from error
    with closing(writer):
        writer.write(json.dumps({"do": do, **request}, ensure_ascii=False).encode() + b"\n")
        try:
            line = await asyncio.wait_for(reader.readline(), timeout_s)
        except TimeoutError as error:
            raise CommandFailed(f"the running system did not answer within {timeout_s:g} s") from error
    if not line:
        raise CommandFailed("the running system went away while it worked on this; ask again")
    answer = json.loads(line)
    if "error" in answer:
        raise CommandFailed(answer["error"])
    return answer["result"]
