"""Several controllers on one PostgreSQL, one trunk: how many calls start in a second, and how many lines are held?"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest_asyncio

from ari_app.rooms import Ways, open_rooms
from core.config import Trunk
from store.database import Store, Tx, open_store
from tests.store.sample import dialing
from tests.store.server import new_database

RATE, CALLS = 40, 100


def trunk(rate: float = RATE, channels: int = 10_000) -> Trunk:
    written = Trunk(name="t", address="127.0.0.1:5070", caller_id="9090")
    return written.model_copy(update={"calls_per_second": rate, "max_channels": channels})


@pytest_asyncio.fixture
async def address(postgres: str) -> str:
    return await new_database(postgres)


@pytest_asyncio.fixture
async def stores(address: str, tmp_path: Path) -> AsyncIterator[list[Store]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_store(address, tmp_path)) for _ in range(4)]


def start(tx: Tx, *, most: int = 1000) -> list[float]:
    """Start what may start: the moments, by the clock that all share."""
    rooms = open_rooms(tx, Ways((trunk(),)))
    starts = [rooms.now for _ in range(min(most, rooms.free()))]
    for _ in starts:
        rooms.start("t")
    rooms.write(tx)
    return starts


async def test_four_controllers_together_keep_to_the_rate_of_the_trunk(stores: list[Store]) -> None:
    """Issue 5, 2: calls per second, shared and exact: no second holds more than the rate, and nothing stalls."""
    starts = list[float]()

    async def dials(store: Store) -> int:
        mine = 0
        while len(starts) < CALLS:
            found = await store.write(start)
            starts.extend(found)
            mine += len(found)
        return mine

    async with asyncio.timeout(120):
        took_part = await asyncio.gather(*(dials(store) for store in stores))
    assert all(took_part)
    starts.sort()
    for first in starts:
        assert sum(first <= at < first + 0.999 for at in starts) <= RATE


async def test_four_controllers_together_hold_no_more_lines_than_the_trunk_has(stores: list[Store]) -> None:
    """Issue 5, 2: channels per trunk, counted from the calls of all."""
    names = iter(range(1000))
    mobifone = trunk(math.inf, 7).model_copy(update={"name": "mobifone"})

    def claim(tx: Tx) -> int:
        rooms = open_rooms(tx, Ways((mobifone,)))
        free = rooms.free()
        for _ in range(min(3, free)):
            rooms.start("mobifone")
            at = next(names)
            dialing(tx, f"c{at}", f"call-{at}")
        rooms.write(tx)
        return min(3, free)

    async with asyncio.timeout(60):
        rounds = [await asyncio.gather(*(store.write(claim) for store in stores)) for _ in range(5)]
    assert sum(map(sum, rounds)) == 7


async def test_a_controller_that_sleeps_with_the_trunk_in_its_hands_stops_nobody_else(
    stores: list[Store], address: str
) -> None:
    """Issue 5, 6: the others wait a moment, start nothing over this trunk, and go on with everything else."""
    await stores[0].write(lambda tx: start(tx, most=0))
    async with asyncio.timeout(60):
        asleep = await asyncpg.connect(address)
        try:
            async with asleep.transaction():
                await asleep.execute("SELECT name FROM paces FOR UPDATE")
                assert await stores[0].write(start) == []
            assert await stores[0].write(lambda tx: start(tx, most=1)) != []
        finally:
            await asleep.close()
