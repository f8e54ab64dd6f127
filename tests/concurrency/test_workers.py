"""One of two processes is killed, or sleeps past its lease and wakes: is anything felt twice, does anything stay open?"""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from simulator.smsc import Faults, Smsc
from store import messages, registrations, workers
from store.database import Store, open_store
from store.tx import Tx
from tests.concurrency.town import NODES, opened, rows, some_numbers, top_up
from tests.hooks.package_system import answering
from tests.smsc.world import TEN, new
from tests.store.server import new_database

_ROOT = Path(__file__).resolve().parents[2]
#: A lease, the twenty seconds until nobody drives a node, and a slow machine.
_PATIENCE_S = 300
FIRST, SECOND = NODES
NUMBERS = some_numbers(12)


@dataclass
class Controller:
    """A process of its own, and what its telephone wrote down."""

    process: asyncio.subprocess.Process
    record: Path

    async def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())
        await self.process.stdin.drain()

    async def says(self) -> bytes:
        assert self.process.stdout is not None
        return await self.process.stdout.readline()

    @property
    def dialled(self) -> list[str]:
        """The ids of its calls, in order."""
        if not self.record.exists():
            return []
        return [line.split()[1] for line in self.record.read_text().split("\n")[:-1]]


@asynccontextmanager
async def controller(url: str, folder: Path, node: str, *how: str) -> AsyncIterator[Controller]:
    """`how`: one word for a dialer's process, two for one of the office: SMSC's port, package system."""
    program = "worker_child" if len(how) == 1 else "office_child"
    command = (sys.executable, "-m", f"tests.concurrency.{program}", url, str(folder), node, *how)
    with (folder / f"{node}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=_ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    one = Controller(process, folder / node)
    try:
        assert await one.says() == b"ready\n"
        yield one
        if process.returncode is None:
            await one.tell("stop")
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(store: Store, table: str, there: Callable[[list[dict[str, object]]], bool]) -> None:
    watch = store.watch("triggers", "contacts")
    while not there(await rows(store, table)):
        await watch.wait(0.2)


def counted(found: list[dict[str, object]], column: str) -> Counter[object]:
    return Counter(row[column] for row in found)


async def each_number_was_dialled_once(store: Store, *controllers: Controller) -> None:
    """By the telephones' own records, and each in a call that the store knows."""
    dialled = [call for each in controllers for call in each.dialled]
    calls = {str(row["id"]): row for row in await rows(store, "calls")}
    assert len(dialled) == len(set(dialled))
    assert set(dialled) <= calls.keys()
    called = Counter(calls[call]["number"] for call in dialled)
    assert called == dict.fromkeys(await _all_numbers(store), 1)


async def _all_numbers(store: Store) -> list[object]:
    return sorted({row["number"] for row in await rows(store, "contacts")}, key=str)


async def test_a_killed_controllers_contacts_are_called_by_the_other_and_its_calls_end_unknown(
    postgres: str, tmp_path: Path
) -> None:
    """Issue 5, 2: what it had not begun returns to the pool, what it had begun is unknown, nothing stays open."""
    url = await new_database(postgres)
    async with open_store(url, tmp_path) as store, asyncio.timeout(_PATIENCE_S):
        await opened(store, NUMBERS)
        async with controller(url, tmp_path, FIRST, "holds") as first:
            await top_up(store, NUMBERS, "a")
            await until(store, "calls", lambda found: counted(found, "state")["up"] == 4)
            first.process.kill()
            await first.process.wait()
        async with controller(url, tmp_path, SECOND, "declines") as second:
            await until(store, "contacts", lambda found: set(counted(found, "state")) == {"done", "unknown"})
            begun = set(first.dialled)
            for row in await rows(store, "calls"):
                outcome = "unknown" if row["id"] in begun else "declined"
                assert (row["outcome"], row["node"]) == (outcome, FIRST if row["id"] in begun else SECOND)
            assert len(begun) == 4
            await each_number_was_dialled_once(store, first, second)


async def test_a_controller_that_slept_past_its_lease_wakes_to_nothing_that_was_its_own(
    postgres: str, tmp_path: Path
) -> None:
    """Issue 5, 2: fenced; it repeats and changes nothing, says that it was taken for dead, and works on."""
    url, later = await new_database(postgres), some_numbers(20)[12:]
    async with (
        open_store(url, tmp_path) as store,
        asyncio.timeout(_PATIENCE_S),
        controller(url, tmp_path, FIRST, "holds") as first,
    ):
        await opened(store, NUMBERS + later)
        await top_up(store, NUMBERS[:4], "a")
        await until(store, "calls", lambda found: counted(found, "state")["up"] == 4)
        slept = set(first.dialled)
        old = await _worker_of(store, FIRST)
        first.process.send_signal(signal.SIGSTOP)
        async with controller(url, tmp_path, SECOND, "declines") as second:
            await top_up(store, NUMBERS[4:], "a")
            await until(
                store, "calls", lambda found: counted(found, "outcome") == {"unknown": 4, "declined": 8}
            )
            assert await _worker_of(store, FIRST) is None
            first.process.send_signal(signal.SIGCONT)
            await _until_it_works_again(store, old)
            await first.tell("end calls")
            assert await first.says() == b"ended\n"
            await top_up(store, later, "b", "later")
            await until(store, "triggers", lambda found: None not in counted(found, "fate"))
        closed = [row for row in await rows(store, "calls") if row["id"] in slept]
        assert counted(closed, "outcome") == {"unknown": 4}
        assert counted(await rows(store, "triggers"), "fate") == {"called": 20}
        await each_number_was_dialled_once(store, first, second)
        alarms = {row["name"]: row["until"] is None for row in await rows(store, "alarms")}
        assert alarms == {f"worker@{FIRST}": False, f"lease@{FIRST}": True}


async def _worker_of(store: Store, process: str) -> str | None:
    standing = await store.read(workers.standing)
    return next((each.id for each in standing if each.process == process), None)


async def _until_it_works_again(store: Store, old: str | None) -> None:
    watch = store.watch("contacts")
    while await _worker_of(store, FIRST) in (None, old):
        await watch.wait(0.2)
    while not any(row["name"] == f"lease@{FIRST}" for row in await rows(store, "alarms")):
        await watch.wait(0.2)


class PackageSystem:
    """Registers every key once, and answers only when it is let; its own record of who was registered."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.asked: list[str] = []
        self.registered: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        self.asked.append(key)
        self.registered.add(key)
        await self.answers.wait()
        return web.json_response({"status": "registered", "reference": f"R-{key}"})


def _work(tx: Tx) -> None:
    for number in some_numbers(60):
        messages.add(tx, new(f"missed:{number}", number=number), now=TEN)
    for number in some_numbers(64)[60:]:
        registrations.add_order(tx, received=f"mo-{number}", number=number, package="C90N", now=TEN)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "asleep"])
async def test_a_gateway_and_registrar_that_end_in_the_middle_are_followed_by_the_other(
    postgres: str, tmp_path: Path, how: signal.Signals
) -> None:
    """Issue 5, 2: by the SMSC's and the package system's own records; what was being sent is unknown, and not sent again."""
    url, system = await new_database(postgres), PackageSystem()
    async with (
        open_store(url, tmp_path) as store,
        Smsc(record=tmp_path / "smsc.jsonl", faults=Faults(response_delay_s=0.1)) as smsc,
        answering(system.answer) as package_system,
        asyncio.timeout(_PATIENCE_S),
    ):
        world = (str(smsc.port), package_system)
        async with controller(url, tmp_path, FIRST, *world) as first:
            await until(store, "duties", lambda found: len(found) == 1)
            async with controller(url, tmp_path, SECOND, *world) as second:
                await store.write(_work)
                await smsc.wait_until(lambda lines: _submits(lines) >= 20, _PATIENCE_S)
                await until(store, "registrations", lambda found: counted(found, "state") == {"asked": 4})
                slept = await _worker_of(store, FIRST)
                first.process.send_signal(how)
                system.answers.set()
                await until(
                    store, "registrations", lambda found: counted(found, "state") == {"registered": 4}
                )
                await until(store, "messages", _all_settled)
                if how is signal.SIGSTOP:
                    first.process.send_signal(signal.SIGCONT)
                    await _until_it_works_again(store, slept)
                    await first.tell("stop")
                await first.process.wait()
            assert second.process.returncode == 0
        states = counted([row for row in await rows(store, "messages") if row["kind"] == "missed"], "state")
    submits = Counter(line["number"] for line in smsc.record.lines if line["event"] == "submit")
    once = {number.removeprefix("+") for number in some_numbers(60)}
    assert max(submits[number] for number in once) == 1
    assert set(states) <= {
        "delivered",
        "unknown",
    }  # what arrived is proved by its receipt, to whoever is bound
    assert states["unknown"] <= 3 * 5  # what was written, and up to two windows that were marked
    assert len(system.registered) == 4
    assert {row["reference"] for row in await _kept(url, tmp_path)} == {
        f"R-{key}" for key in system.registered
    }


def _submits(lines: list[dict[str, Any]]) -> int:
    return sum(line["event"] == "submit" for line in lines)


def _all_settled(found: list[dict[str, object]]) -> bool:
    return not set(counted(found, "state")) & {"due", "sending"}


async def _kept(url: str, folder: Path) -> list[dict[str, object]]:
    async with open_store(url, folder) as store:
        return await rows(store, "registrations")
