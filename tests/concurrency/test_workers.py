"""One of two controllers is killed, or sleeps past its lease and wakes: who is called twice, whose call stays open?"""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from store import workers
from store.database import Store, open_store
from tests.concurrency.town import NODES, opened, rows, some_numbers, top_up
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
async def controller(url: str, folder: Path, node: str, how: str) -> AsyncIterator[Controller]:
    command = (sys.executable, "-m", "tests.concurrency.worker_child", url, str(folder), node, how)
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
