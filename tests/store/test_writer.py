"""How does the writer keep callers apart, in order, and told only of what is on the disk?"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from store import settings
from store.database import Store, Tx, open_store
from store.errors import CommitFailed, NoStore, StoreClosed, StoreError, StoreLocked


def _add_one(tx: Tx) -> int:
    count = (settings.get(tx, "count") or 0) + 1
    settings.put(tx, "count", count)
    return int(count)


async def test_no_update_is_lost_among_many_callers(store: Store) -> None:
    """DESIGN §3: each function reads, decides and writes alone."""
    counts = await asyncio.gather(*(store.write(_add_one) for _ in range(600)))
    assert counts == list(range(1, 601))
    assert await store.read(lambda tx: settings.get(tx, "count")) == 600


async def test_a_function_that_fails_takes_only_its_own_work_with_it(store: Store) -> None:
    """DESIGN §3: one that fails rolls back only itself."""

    def fails(tx: Tx) -> None:
        _add_one(tx)
        raise LookupError("not there")

    done = await asyncio.gather(
        *(store.write(fails if index % 3 == 0 else _add_one) for index in range(30)), return_exceptions=True
    )
    assert [type(each) for each in done[::3]] == [LookupError] * 10
    assert [each for index, each in enumerate(done) if index % 3] == list(range(1, 21))
    assert await store.read(lambda tx: settings.get(tx, "count")) == 20


async def test_what_is_no_exception_ends_its_transaction_and_not_the_writer(store: Store) -> None:
    """A writer that is gone would let everybody wait for ever."""

    class Leaves(BaseException):
        pass

    def leaves(tx: Tx) -> None:
        _add_one(tx)
        raise Leaves

    with pytest.raises(CommitFailed):
        await store.write(leaves)
    assert await store.write(_add_one) == 1


async def test_a_statement_that_the_engine_refuses_leaves_the_others_whole(store: Store) -> None:
    """On PostgreSQL an error voids the transaction up to the savepoint."""

    def wrong(tx: Tx) -> None:
        tx.execute(text("INSERT INTO pauses (programme) VALUES ('x')"))

    before, bad, after = await asyncio.gather(
        store.write(_add_one), store.write(wrong), store.write(_add_one), return_exceptions=True
    )
    assert (before, after) == (1, 2)
    assert isinstance(bad, DBAPIError)


async def test_work_goes_on_when_its_caller_is_cancelled(store: Store) -> None:
    """notes-choices: shielded from cancellation."""
    caller = asyncio.create_task(store.write(_add_one))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await store.write(_add_one) == 2


async def test_what_was_written_is_seen_by_the_next_reader(store: Store) -> None:
    for expected in range(1, 11):
        await store.write(_add_one)
        assert await store.read(lambda tx: settings.get(tx, "count")) == expected


async def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(DBAPIError):
        await store.read(_add_one)


async def test_what_is_woken_while_its_watcher_works_ends_the_next_wait(store: Store) -> None:
    """DESIGN §3: programs wake each other through the store; a wake-up is never lost."""
    watch = store.watch("messages")
    while await watch.wait(0):  # PostgreSQL's listener wakes everybody once when it begins
        pass
    await store.write(lambda tx: tx.wake("messages"))
    assert await watch.wait(5)


async def test_a_sleeper_is_woken_by_its_kind_only(store: Store) -> None:
    messages, lists = store.watch("messages"), store.watch("lists", "pauses")
    sleeping = asyncio.create_task(messages.wait(30))
    await store.write(lambda tx: tx.wake("messages"))
    assert await sleeping
    await store.write(lambda tx: tx.wake("lists"))
    assert await lists.wait(5)


async def test_a_function_that_fails_wakes_nobody(tmp_path: Path) -> None:
    def fails(tx: Tx) -> None:
        tx.wake("contacts")
        raise LookupError

    async with open_store("sqlite:///mai.db", tmp_path) as store:
        watch = store.watch("contacts")
        with pytest.raises(LookupError):
            await store.write(fails)
        assert not await watch.wait(0)


async def test_another_program_is_woken_over_postgresql(postgres: str, tmp_path: Path) -> None:
    """DESIGN §3: LISTEN/NOTIFY between processes."""
    import asyncpg

    connection = await asyncpg.connect(postgres.format(name="postgres"))
    await connection.execute("CREATE DATABASE two_programs")
    await connection.close()
    url = postgres.format(name="two_programs")
    async with open_store(url, tmp_path) as dialer, open_store(url, tmp_path) as gateway:
        assert await gateway.wait_for("messages", 10)  # its listener has begun
        watch = gateway.watch("messages")
        await dialer.write(lambda tx: tx.wake("messages"))
        assert await watch.wait(10)
        await asyncio.gather(*(each.write(_add_one) for each in (dialer, gateway) for _ in range(5)))


async def test_a_second_process_is_told_who_writes(tmp_path: Path) -> None:
    """DESIGN §4: SQLite has one writing process."""
    async with open_store("sqlite:///mai.db", tmp_path):
        with pytest.raises(StoreLocked, match=r"is written by process \d+"):
            async with open_store("sqlite:///mai.db", tmp_path):
                pass
        async with open_store("sqlite:///mai.db", tmp_path, readonly=True) as reader:
            assert await reader.read(lambda tx: settings.get(tx, "count")) is None
            with pytest.raises(StoreError, match="read-only"):
                await reader.write(_add_one)
    async with open_store("sqlite:///mai.db", tmp_path) as again:
        assert await again.write(_add_one) == 1


async def test_reading_a_store_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoStore, match="does not exist"):
        async with open_store("sqlite:///mai.db", tmp_path, readonly=True):
            pass


@pytest.mark.parametrize("address", ["mysql://root:secret@host/db", "secret", "sqlite://"])
async def test_an_address_that_cannot_be_is_refused_without_showing_it(address: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        async with open_store(address, tmp_path):
            pass
    assert "secret" not in str(refused.value)


async def test_a_closed_store_takes_no_more(url: str, tmp_path: Path) -> None:
    async with open_store(url, tmp_path) as store:
        await store.write(_add_one)
    with pytest.raises(StoreClosed):
        await store.write(_add_one)


async def test_closing_finishes_what_was_handed_over(url: str, tmp_path: Path) -> None:
    async with open_store(url, tmp_path) as store:
        handed = [asyncio.create_task(store.write(_add_one)) for _ in range(50)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*handed) == list(range(1, 51))


async def test_a_full_disk_fails_whom_it_concerns_and_no_one_is_told_more_than_is_stored(
    tmp_path: Path,
) -> None:
    """R15: what cannot be stored is said."""

    def limit(tx: Tx) -> None:
        pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 20}")

    def fill(name: str) -> Callable[[Tx], None]:
        return lambda tx: settings.put(tx, name, "x" * 8_000)

    async with open_store("sqlite:///mai.db", tmp_path) as store:
        await store.write(limit)
        done = await asyncio.gather(
            *(store.write(fill(f"big-{index}")) for index in range(40)),
            return_exceptions=True,
        )
        told = {f"big-{index}" for index, each in enumerate(done) if each is None}
        assert any(isinstance(each, CommitFailed | DBAPIError) for each in done)

        def stored(tx: Tx) -> set[str]:
            return {row[0] for row in tx.execute(text("SELECT name FROM settings WHERE name LIKE 'big-%'"))}

        assert await store.read(stored) == told


async def test_the_files_belong_to_their_owner_alone(tmp_path: Path) -> None:
    """Subscribers' numbers are in them."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        await store.write(_add_one)
        modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir() if path.is_file()}
    assert len(modes) >= 3
    assert set(modes.values()) == {0}
