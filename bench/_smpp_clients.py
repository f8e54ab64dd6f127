"""The clients that bench/smpp.py compares, each in a process of its own: `python -m bench._smpp_clients NAME PORT COUNT`.

Prints one JSON object: seconds, CPU microseconds per message, and what else the client measures.
"""

import asyncio
import importlib
import importlib.util
import json
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

WINDOW = 50
#: 59 characters: one part in UCS2.
TEXT = "Cảm ơn Quý khách đã đăng ký gói C90N, 4GB/ngày, giá 90.000đ."
_HEADER = struct.Struct(">IIII")
#: Peers that no part of the system needs: bench/requirements-peers.txt, installed by `make bench`.
PEERS = Path(__file__).resolve().parents[1] / "build" / "peers"
_JUDGE = Path(__file__).resolve().parents[1] / "tests" / "smsc" / "judge"


def number(place: int) -> str:
    return f"84{900_000_000 + place}"


def stopwatch(count: int) -> Callable[[], dict[str, Any]]:
    """Seconds, and CPU microseconds per message, from now until it is called: imports and bind do not count."""
    used, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()

    def took() -> dict[str, Any]:
        return {"seconds": time.perf_counter() - began, "cpu_us": _cpu_since(used) / count * 1e6}

    return took


class Bare(asyncio.Protocol):
    """asyncio and `struct`, one future a message: what Python can do at all."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[bytes]] = {}
        self.room: asyncio.Future[None] | None = None
        self._rest = b""
        self._out: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self.loop = asyncio.get_running_loop()

    def send(self, command: int, sequence: int, body: bytes) -> "asyncio.Future[bytes]":
        answer: asyncio.Future[bytes] = self.loop.create_future()
        self.waiting[sequence] = answer
        if not self._out:
            self.loop.call_soon(self._flush)
        self._out.append(_HEADER.pack(16 + len(body), command, 0, sequence) + body)
        return answer

    def _flush(self) -> None:
        self.transport.write(b"".join(self._out))
        self._out.clear()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        while len(data) - at >= 16:
            length, _, _, sequence = _HEADER.unpack_from(data, at)
            if len(data) - at < length:
                break
            self.waiting.pop(sequence).set_result(data[at + 16 : at + length])
            at += length
        self._rest = data[at:]
        if self.room is not None and len(self.waiting) < WINDOW:
            self.room.set_result(None)
            self.room = None


async def bare(port: int, count: int) -> dict[str, Any]:
    """The bare loop."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(Bare, "127.0.0.1", port)
    await protocol.send(9, 1, b"mai\0secret\0\0\x34\0\0\0")
    took = stopwatch(count)
    for place in range(count):
        while len(protocol.waiting) >= WINDOW:
            protocol.room = loop.create_future()
            await protocol.room
        octets = TEXT.encode("utf-16-be")
        head = b"\0\x03\0%b\0\x01\x01%b\0\0\0\0\0\0\x01\0\x08\0%c" % (
            b"8989", number(place).encode(), len(octets),
        )  # fmt: skip
        protocol.send(4, place + 2, head + octets).add_done_callback(_got)
    await asyncio.gather(*protocol.waiting.values())
    return took()


def _got(answer: "asyncio.Future[Any]") -> None:
    answer.result()


async def session(port: int, count: int, futures: bool = False) -> dict[str, Any]:
    """Our session with our codec, no outbox; the text is encoded for each message, as the bare loop does."""
    from smpp.link import Link
    from smpp.pdu import SubmitSm
    from smpp.session import connect
    from smpp.text import Coding, encode
    from smpp.window import SubmitResult

    def taken(end: Any) -> None:
        if not isinstance(end, SubmitResult):
            raise end

    async def nothing(_: Any) -> int:
        return 0

    async with connect(Link("127.0.0.1", port, "mai", "secret", window=WINDOW), nothing) as bound:
        coding = Coding.UCS2
        room = bound.room
        took = stopwatch(count)
        for place in range(count):
            if room == 0:
                room = await bound.until_room()
            room -= 1
            octets = encode(TEXT, coding)
            message = SubmitSm("8989", number(place), octets, 3, 0, 1, 1, 0, 8, 1)
            if futures:
                bound.send(message).add_done_callback(_got)
            else:
                bound.post(message, taken)
        await bound.until_idle()
        return took()


async def session_futures(port: int, count: int) -> dict[str, Any]:
    """The same with a future and its callback for each message, as the bare loop has them."""
    return await session(port, count, futures=True)


@asynccontextmanager
async def _gateway(port: int) -> AsyncIterator[tuple[Any, Callable[[], Any]]]:
    """A store with synchronous=FULL, and what starts the whole gateway on it; it ends with the block."""
    import smpp.gateway
    from store.batch import GATHER_S
    from store.database import open_store
    from tests.small_app import app_on, small_config

    bind = {"port": port, "system_id": "mai", "password": "secret", "window": WINDOW, "per_second": 1e6}
    granted = ({"name": "8989", "reference": "bench"},)
    stopping = asyncio.Event()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        async with (
            open_store("sqlite:///mai.db", folder, gather_s=GATHER_S) as store,
            asyncio.TaskGroup() as group,
        ):
            app = app_on(store, small_config(smsc=(bind,), granted=granted), folder)
            yield store, lambda: group.create_task(smpp.gateway.run(app, stopping))
            stopping.set()


async def _fill(store: Any, first: int, last: int) -> None:
    """Rows of messages `first` to `last`, each a microsecond after the one before, all due now."""
    from core.after_call import NewMessage
    from core.written import VIETNAM
    from runtime.clock import Clock
    from store import messages

    now = Clock().now().astimezone(VIETNAM)

    def fill(tx: Any, places: range) -> None:
        for place in places:
            new = NewMessage(
                key=f"thanks:{place}", programme=None, class_="transactional", kind="thanks", policy="once",
                number=f"+{number(place)}", sender="8989", text=TEXT, due_at=now, valid_until=None,
            )  # fmt: skip
            messages.add(tx, new, now=now - timedelta(microseconds=last - place))

    for start in range(first, last, 1000):
        await store.write(partial(fill, places=range(start, min(start + 1000, last))))


async def outbox(port: int, count: int) -> dict[str, Any]:
    """The whole gateway: rows in SQLite with synchronous=FULL, marked, sent, answered and recorded."""
    async with _gateway(port) as (store, start):
        await _fill(store, 0, count)
        commit_ms = statistics.median([await _commit_ms(store.write) for _ in range(30)])
        took, beside = stopwatch(count), []
        start()
        still = _still_open()
        while await store.read(lambda tx: any(tx.execute(each).all() for each in still)):
            beside.append(await _commit_ms(store.write))
            await asyncio.sleep(0.02)  # beside it, not part of it
        found = took()
    said = {"commit_ms": commit_ms, "beside_ms": statistics.median(beside), "worst_ms": max(beside)}
    return found | said


async def outbox_long(port: int, count: int) -> dict[str, Any]:
    """The same for so long that what is kept would show: resident memory after a tenth, a half and all."""
    from sqlalchemy import func, literal_column, select

    from store.prepared import Prepared
    from store.schema import messages
    from store.tx import word

    some: Any = (
        select(literal_column("1")).where(messages.c.state == word("due")).limit(literal_column("5001"))
    )
    due = Prepared(select(func.count()).select_from(some.subquery()))
    still, memory = _still_open(), {}
    async with _gateway(port) as (store, start):
        start()
        took = stopwatch(count)
        for first in range(0, count, 1000):
            await _fill(store, first, first + 1000)
            while await store.read(lambda tx: tx.execute(due).scalar()) > 5000:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            if (done := first + 1000) in (count // 10, count // 2, count):
                while await store.read(lambda tx: any(tx.execute(each).all() for each in still)):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                memory[done] = round(pages * resource.getpagesize() / 2**20, 1)
                print(f"{done:,} messages: {memory[done]} MB", file=sys.stderr, flush=True)
        found = took()
    return found | {"memory_mb": memory}


async def _commit_ms(write: Callable[[Callable[[Any], Any]], Awaitable[Any]]) -> float:
    """The time of an almost empty commit, in milliseconds."""
    from store import settings

    began = time.perf_counter()
    await write(lambda tx: settings.put(tx, "bench", began))
    return (time.perf_counter() - began) * 1000


def _still_open() -> Any:
    from sqlalchemy import literal_column, select

    from store.prepared import Prepared
    from store.schema import messages
    from store.tx import word

    one: Any = literal_column("1")
    states = [select(one).where(messages.c.state == word(state)).limit(one) for state in ("due", "sending")]
    return [Prepared(each) for each in states]


def smpplib_one(port: int, count: int) -> dict[str, Any]:
    """smpplib's Client, one at a time: it has no window."""
    from smpplib.client import Client

    client = Client("127.0.0.1", port, allow_unknown_opt_params=True)
    client.connect()
    client.bind_transceiver(system_id="mai", password="secret")
    began = time.perf_counter()
    for place in range(count):
        client.send_message(
            source_addr_ton=3, source_addr="8989", dest_addr_ton=1, dest_addr_npi=1,
            destination_addr=number(place), short_message=TEXT.encode("utf-16-be"), data_coding=8,
            registered_delivery=1,
        )  # fmt: skip
        client.read_once()
    seconds = time.perf_counter() - began
    with suppress(Exception):  # a benchmark's end
        client.disconnect()
    return {"seconds": seconds}


def node_smpp(port: int, count: int) -> dict[str, Any]:
    """npm `smpp` with a window of its caller's."""
    script = Path(__file__).with_name("_smpp_node.js")
    command = ["node", str(script), str(_JUDGE / "node_modules" / "smpp"), str(port), str(count), TEXT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def aiosmpplib(port: int, count: int) -> dict[str, Any]:
    """aiosmpplib's ESME with its own queue; it knows no window, so its hook holds messages back."""
    library: Any = importlib.import_module("aiosmpplib")
    room, answered, got = asyncio.Semaphore(WINDOW), asyncio.Event(), 0

    class Hook(library.AbstractHook):  # type: ignore[misc]
        async def sending(self, message: Any, pdu: bytes, client_id: str) -> None:
            if type(message).__name__ == "SubmitSm":
                await room.acquire()

        async def received(self, message: Any, pdu: bytes, client_id: str) -> None:
            nonlocal got
            if type(message).__name__ == "SubmitSmResp":
                room.release()
                got += 1
                if got >= count:
                    answered.set()

        async def send_error(self, message: Any, error: Exception, client_id: str) -> None:
            raise error

    esme = library.ESME("127.0.0.1", port, "mai", "secret", hook=Hook(), log_level="ERROR")
    running = asyncio.create_task(esme.start())
    took = stopwatch(count)
    for place in range(count):
        to = library.PhoneNumber(number(place))
        await esme.broker.enqueue(
            library.SubmitSm(
                short_message=TEXT, source=library.PhoneNumber("8989"), destination=to, encoding="ucs2"
            )
        )
    await asyncio.wait_for(answered.wait(), 300)
    found = took()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return found


CLIENTS: dict[str, Callable[[int, int], Any]] = {
    "bare": bare,
    "session": session,
    "session-futures": session_futures,
    "outbox": outbox,
    "outbox-long": outbox_long,
    "smpplib": smpplib_one,
    "node-smpp": node_smpp,
    "aiosmpplib": aiosmpplib,
}


def installed(name: str) -> bool:
    """Whether this peer can be run here."""
    if name == "node-smpp":
        return (_JUDGE / "node_modules" / "smpp").is_dir()
    if name == "aiosmpplib":
        return (PEERS / name).is_dir()
    return name != "smpplib" or importlib.util.find_spec(name) is not None


def _cpu_since(before: resource.struct_rusage) -> float:
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_utime - before.ru_utime + now.ru_stime - before.ru_stime


def main(name: str, port: int, count: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    result = CLIENTS[name](port, count)
    found = asyncio.run(result) if asyncio.iscoroutine(result) else result
    found.setdefault("cpu_us", _cpu_since(used) / count * 1e6)
    found["max_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


if __name__ == "__main__":
    sys.path.append(str(PEERS))
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
