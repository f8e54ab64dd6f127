"""How does a command reach the running system? A unix socket in the run folder, one request a connection.

SQLite has one writing process: a command that writes hands its request to the running system, or opens the
store itself when nobody runs. A request is one JSON line `{"do": name, …}`, the answer one JSON line
`{"result": …}` or `{"error": "one sentence"}`, with `"usage": true` where the words of the command were wrong.
"""

import asyncio
import fcntl
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from runtime import processes
from runtime.failed import CommandFailed, WrongUsage

__all__ = ["SOCKET", "CommandFailed", "Handler", "NobodyRuns", "ask", "ask_to_stop", "listening"]

SOCKET = "control.sock"
_LIMIT = 1 << 20
#: A request is one line and comes at once.
_REQUEST_S = 10.0
#: How long answers that are being written may hold the end of the system.
_LAST_ANSWERS_S = 5.0
_UNKNOWN = "the running system does not know this request: is it another version?"

Handler = Callable[[dict[str, Any]], Awaitable[Any]]


class NobodyRuns(Exception):
    """No running system listens in this run folder."""


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """A path to the socket that fits the 108 bytes of sun_path however deep the run folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


async def _answer(handlers: Mapping[str, Handler], line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        handler = handlers[request.pop("do")]
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return {"error": _UNKNOWN}
    try:
        return {"result": await handler(request)}
    except CommandFailed as error:
        return {"error": str(error)}
    except WrongUsage as error:
        return {"error": str(error), "usage": True}
    except Exception as error:  # one request must not end the socket
        from runtime.logs import log

        log("control").exception("a request failed")
        return {"error": f"{type(error).__name__}: {error}"}


class _Door:
    """Answers connections; remembers those that are open, so that the last answers leave before the end."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self.open: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            with closing(writer):
                answer = await self._answered(reader)
                if answer is not None:
                    writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                    await writer.drain()
        except ConnectionError:
            return  # who asked has gone; what was asked for is done
        finally:
            self.open.discard(task)

    async def _answered(self, reader: asyncio.StreamReader) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(_REQUEST_S):
                line = await reader.readline()
        except TimeoutError:
            return None
        except ValueError:
            return {"error": f"a request is one line of at most {_LIMIT} bytes"}
        return await _answer(self._handlers, line) if line else None


class RunsHere(CommandFailed):
    """Another process runs in this run folder."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the run folder (0700). Raises RunsHere. The kernel frees it when we die, however we die."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunsHere(
                f"another process runs in {folder}: `mai stop` ends it; to run beside it over the same store, give "
                "this one a run_dir of its own"
            ) from None
        yield
    finally:
        os.close(descriptor)


@asynccontextmanager
async def listening(folder: Path, handlers: Mapping[str, Handler]) -> AsyncIterator[None]:
    """Take requests while the block runs, in a folder that `alone_in` holds. The socket is private."""
    door = _Door(handlers)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / SOCKET).unlink(missing_ok=True)  # left by a killed one
    with _short_path(folder) as path:
        server = await asyncio.start_unix_server(door.serve, path, limit=_LIMIT)
        os.chmod(folder / SOCKET, 0o600)
    try:
        yield
    finally:
        server.close()
        (folder / SOCKET).unlink(missing_ok=True)
        if door.open:
            await asyncio.wait(door.open, timeout=_LAST_ANSWERS_S)


async def _connect(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        with _short_path(folder) as path:
            return await asyncio.open_unix_connection(path, limit=_LIMIT)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
        raise NobodyRuns from error


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, Any]) -> Any:
    writer.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
    line = await reader.readline()
    if not line:
        raise CommandFailed("the running system went away while it worked on this; ask again")
    answer = json.loads(line)
    if "error" in answer:
        raise (WrongUsage if answer.get("usage") else CommandFailed)(answer["error"])
    return answer["result"]


async def ask(folder: Path, do: str, *, timeout_s: float = 60, **request: Any) -> Any:
    """Hand a request to the running system. Raises NobodyRuns; CommandFailed or WrongUsage with its sentence."""
    reader, writer = await _connect(folder)
    with closing(writer):
        try:
            async with asyncio.timeout(timeout_s):
                return await _asked(reader, writer, {"do": do, **request})
        except TimeoutError:
            raise CommandFailed(f"the running system did not answer within {timeout_s:g} s") from None


async def ask_to_stop(folder: Path, *, timeout_s: float = 180) -> None:
    """Stop the running system; returns when its process has ended, so that another may start.

    Raises NobodyRuns, or CommandFailed when it does not end in time.
    """
    reader, writer = await _connect(folder)
    with closing(writer):
        peer = os.pidfd_open(_process_of(writer.get_extra_info("socket")))
        try:
            async with asyncio.timeout(timeout_s):
                await _asked(reader, writer, {"do": "stop"})
                await processes.ended(peer)
        except TimeoutError:
            raise CommandFailed(f"the running system did not stop within {timeout_s:g} s") from None
        finally:
            os.close(peer)


def _process_of(connection: socket.socket) -> int:
    """The process at the other end (unix(7), SO_PEERCRED)."""
    size = struct.calcsize("3i")
    pid: int = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
    return pid
