"""What if the database is restarted, or full? What cannot be stored is not done, and goes on by itself when it can."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from soak import invariants
from tests.recovery.altered import FULL, NO_LIMIT, pages_as_told
from tests.recovery.site import Site, numbers, site
from tests.store.server import Server, new_database, programs, served

pytestmark = pytest.mark.asterisk

_LISTENS, _PRESSES, _HANGS_UP = "009", "031", "005"


@pytest.fixture
def server() -> Iterator[Server]:
    place = programs()
    if place is None:
        pytest.skip("no PostgreSQL on this machine: `make postgresql` gets one")
    with served(place) as running:
        yield running


async def test_postgresql_is_restarted_under_calls(tmp_path: Path, server: Server) -> None:
    """Issue 5, recovery: its connections break in the middle of calls; each call ends as it would have, recorded once."""
    up, meanwhile, after = numbers(_LISTENS, 3), numbers(_PRESSES, 3), numbers(_PRESSES, 3, block=1)
    url = await new_database(server.address)
    async with site(tmp_path / "world", [*up, *meanwhile, *after], store=url) as running:
        await running.top_up(up)
        await running.until("calls that are up", lambda: set(up) <= running.up())

        async def all_written() -> bool:  # a commit that the kill meets is a call that ends unknown
            return await running.ledger.up() == len(up)

        await running.until("their answers to be written", all_written)
        await asyncio.to_thread(server.kill)
        waiting = asyncio.create_task(running.top_up(meanwhile))  # 503 until it is back
        await running.until("the subscribers to hang up or be hung up on", lambda: not running.up())
        assert not waiting.done()
        assert running.calls().keys() == set(up)
        await asyncio.to_thread(server.start)
        await waiting
        await running.top_up(after)
        await running.until_called([*meanwhile, *after])
        await running.until_all_ended()
        assert "not stored, trying again" in running.log()
        assert invariants.called_twice(running.calls().elements()) == {}
        assert set((await running.ledger.fates()).values()) == {"called"}
        assert await running.ledger.outcomes() == {"accepted": 6, "no_key": 3}


@pytest.fixture
async def bounded(tmp_path: Path) -> AsyncIterator[tuple[Site, Path]]:
    """A system on SQLite, and the file that says how many pages its store may have."""
    told = tmp_path / "pages"
    known = [number for block in range(8) for number in numbers(_PRESSES, 40, block=block)]
    async with site(tmp_path / "world", known, alter=partial(pages_as_told, told)) as running:
        yield running, told


async def test_a_full_store_calls_nobody_and_comes_back(bounded: tuple[Site, Path]) -> None:
    """Issue 5, recovery: no top-up is taken and nobody is called without a row; with room again, everybody is."""
    running, told = bounded
    first, rest = (
        numbers(_PRESSES, 3),
        [n for block in range(1, 8) for n in numbers(_PRESSES, 10, block=block)],
    )
    await running.top_up(first)
    await running.until_called(first)
    told.write_text(str(FULL))
    waiting = asyncio.create_task(running.top_up(rest))
    await running.until(
        "a top-up that is not taken, and a line that says why",
        lambda: "full" in running.log() and not waiting.done(),
    )
    called = running.calls()
    in_store = await running.ledger.numbers_called()
    assert {number for number in called if f"+84{number[1:]}" not in in_store} == set()
    told.write_text(str(NO_LIMIT))
    await waiting
    await running.until_called(rest)
    await running.until_all_ended()
    assert invariants.called_twice(running.calls().elements()) == {}
    assert set((await running.ledger.fates()).values()) == {"called"}
