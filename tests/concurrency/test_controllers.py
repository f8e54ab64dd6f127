"""Two controllers on one PostgreSQL, two programmes, the same numbers at the same instant: who is called twice?"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from store import triggers
from store.database import open_store
from tests.concurrency.town import NODES, opened, rows, some_numbers, top_up
from tests.store.server import new_database

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 120


@asynccontextmanager
async def controller(
    url: str, folder: Path, node: str, *shared: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own that waits at the start; told to stop at the end."""
    command = (sys.executable, "-m", "tests.concurrency.controller_child")
    child = await asyncio.create_subprocess_exec(
        *command, url, str(folder), node, str(folder / node), *shared,
        cwd=_ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert await child.stdout.readline() == b"ready\n"
        yield child
        child.stdin.write(b"stop\n")
        await child.communicate()
        assert child.returncode == 0
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def go(*children: asyncio.subprocess.Process) -> None:
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")


async def test_two_controllers_call_each_number_once(postgres: str, tmp_path: Path) -> None:
    """R7: by the phones' own record; each of three top-ups of a number has one fate, one of them was called."""
    url, numbers = await new_database(postgres), some_numbers(40)
    async with open_store(url, tmp_path) as store:
        await opened(store, numbers)
        for kind, programme in (("x", "a"), ("y", "b"), ("z", None)):
            await top_up(store, numbers, programme, kind)
        async with (
            controller(url, tmp_path, NODES[0]) as first,
            controller(url, tmp_path, NODES[1]) as second,
            asyncio.timeout(_PATIENCE_S),
        ):
            go(first, second)
            watch = store.watch("triggers", "contacts")
            while any(row["fate"] is None for row in await rows(store, "triggers")):
                await watch.wait(0.2)
        records = [(tmp_path / node).read_text().split("\n")[:-1] for node in NODES]
        assert all(records), "both took part"
        rang = Counter(line.split()[0] for record in records for line in record)
        assert rang == dict.fromkeys(numbers, 1)
        every_contact_has_one_fate(await rows(store, "contacts"), numbers)
        fates = Counter((row["number"], row["fate"]) for row in await rows(store, "triggers"))
        assert fates == {(n, f): c for n in numbers for f, c in (("called", 1), ("refused_by_rule", 2))}


def every_contact_has_one_fate(store_rows: list[dict[str, object]], numbers: list[str]) -> None:
    """Each number's contacts are done, one of them with a call, the others with the rule that said no."""
    assert {row["state"] for row in store_rows} == {"done"}
    called = Counter(row["number"] for row in store_rows if row["outcome"] == "declined")
    assert called == dict.fromkeys(numbers, 1)
    others = [row for row in store_rows if row["outcome"] is None]
    assert all(row["attempts"] == 0 and str(row["reason"]).startswith("R7") for row in others)


async def test_an_event_that_another_planner_has_is_passed_over(postgres: str, tmp_path: Path) -> None:
    """O1: else the slower one could settle as refused what the other one calls meanwhile."""
    url, (number,) = await new_database(postgres), some_numbers(1)
    async with open_store(url, tmp_path) as store:
        await top_up(store, [number], None)
        other = await asyncpg.connect(url)
        try:
            async with other.transaction():
                await other.execute("SELECT id FROM triggers FOR UPDATE")
                assert await store.write(lambda tx: triggers.new(tx, limit=9)) == ()
                assert len(await store.read(lambda tx: triggers.new(tx, limit=9))) == 1
            assert len(await store.write(lambda tx: triggers.new(tx, limit=9))) == 1
        finally:
            await other.close()


async def test_two_controllers_share_the_pace_and_the_channels_of_one_trunk(
    postgres: str, tmp_path: Path
) -> None:
    """Issue 5, 2: by the phones' own record the starts never run ahead of the rate, nor the calls of the channels."""
    url, numbers, rate, channels = await new_database(postgres), some_numbers(60), 20.0, 4
    async with open_store(url, tmp_path) as store:
        await opened(store, numbers)
        await top_up(store, numbers, "a", "x")
        async with (
            controller(url, tmp_path, NODES[0], str(rate), str(channels)) as first,
            controller(url, tmp_path, NODES[1], str(rate), str(channels)) as second,
            asyncio.timeout(_PATIENCE_S),
        ):
            began = time.time()
            go(first, second)
            watch = store.watch("triggers", "contacts")
            while any(row["fate"] is None for row in await rows(store, "triggers")):
                await watch.wait(0.2)
    records = [(tmp_path / node).read_text().split("\n")[:-1] for node in NODES]
    assert all(records), "both took part"
    written = [line.split() for record in records for line in record]
    starts = sorted(float(at) for what, _, at in written if what != "ends")
    assert Counter(what for what, _, _ in written if what != "ends") == dict.fromkeys(numbers, 1)
    for count, at in enumerate(starts, 1):  # a slow machine only makes them later
        assert count <= rate * 0.2 + rate * (at - began) + 1
    up = 0
    for _, step in sorted((float(at), -1 if what == "ends" else 1) for what, _, at in written):
        up += step
        assert up <= channels
