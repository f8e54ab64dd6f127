"""The decision clock: set once, at the store's first start, and continued by every program and command."""

from datetime import datetime, timedelta
from pathlib import Path

from core.written import VIETNAM
from runtime.clock import Clock, clock_of, not_heeded
from runtime.loading import about_the_clock
from store.database import open_store
from tests.runtime.office import write_files

FIRST = datetime(2026, 11, 20, 10, 5, tzinfo=VIETNAM)


async def test_restarts_and_readers_continue_the_clock_of_the_first_start(tmp_path: Path) -> None:
    """§5 clock.now: its offset is kept; a later value in config.yaml changes nothing."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        first = await clock_of(store, FIRST)
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        again = await clock_of(store, FIRST + timedelta(days=9))
        reader = await clock_of(store, None, readonly=True)
    assert first == again == reader
    assert FIRST <= again.now() < FIRST + timedelta(hours=1)


async def test_a_store_without_a_wish_runs_at_the_hosts_time_and_stays_there(tmp_path: Path) -> None:
    """§5: a clock.now written later does not move a store that has begun."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        assert await clock_of(store, None) == Clock()
        assert await clock_of(store, FIRST) == Clock()


def test_decisions_are_in_vietnamese_time() -> None:
    """R16: +07:00, whatever the host's zone."""
    assert Clock().now().utcoffset() == timedelta(hours=7)


async def test_a_clock_that_is_not_used_is_said(tmp_path: Path) -> None:
    """§5: the store began before, so clock.now changes nothing, and people are told; what began it is no news."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        assert await not_heeded(store, FIRST) is None  # not begun
        await clock_of(store, FIRST)
        assert await not_heeded(store, FIRST) is None
        assert await not_heeded(store, None) is None
        said = await not_heeded(store, FIRST + timedelta(days=9))
    assert said is not None
    assert (
        "2026-11-29T10:05:00+07:00 is not used: this store's clock began with 2026-11-20T10:05:00+07:00"
        in said
    )


async def test_check_says_it_too(tmp_path: Path) -> None:
    """`mai check` before the first start says nothing; later it tells why the time is another."""
    write_files(tmp_path)
    file = tmp_path / "config.yaml"
    file.write_text(file.read_text() + 'clock: {now: "2026-11-20T10:05:00+07:00"}\n')
    assert await about_the_clock(file) == []
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        await clock_of(store, None)
    (said,) = await about_the_clock(file)
    assert "began with the host's time" in said
