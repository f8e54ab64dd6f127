"""Does a worker that was taken for dead take nothing more, and is its work then nobody's?"""

import asyncio
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import update

from store import calls, messages, nodes, registrations, workers
from store.database import Store, open_store
from store.schema import workers as workers_table
from store.tx import Tx
from tests.store.sample import NOW, WORKER, dialing, message
from tests.store.server import new_database

OTHER = "worker-2"


async def enlisted(store: Store, id: str = OTHER, process: str = "box2", *, alone: bool = False) -> list[str]:
    """Whom it proved dead."""
    gone = await store.write(partial(workers.enlist, id=id, process=process, alone=alone))
    return [each.id for each in gone]


async def lease_over(store: Store, id: str) -> None:
    """As if so much time of the database had passed."""
    past = update(workers_table).where(workers_table.c.id == id).values(lease_until=1)
    await store.write(lambda tx: tx.execute(past) and None)


async def test_a_lease_that_has_run_out_is_renewed_as_long_as_nobody_noticed(store: Store) -> None:
    """After a restart of the database everybody's has."""
    await enlisted(store)
    await lease_over(store, OTHER)
    assert await store.write(partial(workers.renew, id=OTHER))
    assert await store.write(partial(workers.reap, id=WORKER)) == ()


async def test_who_is_taken_for_dead_learns_it_and_what_it_did_is_nobodys(store: Store) -> None:
    """Issue 5, 2: fencing."""
    await enlisted(store)

    def work(tx: Tx) -> None:
        dialing(tx)
        messages.add(tx, message("missed:1"), now=NOW)
        mark = messages.Mark(messages.id_of("missed:1"), 1, (1,), None)
        messages.mark_all(tx, [mark], bind="b", at=NOW, worker=OTHER)

    await store.write(work)
    assert await store.write(partial(messages.left_sending, now=NOW, tries=0)) == (0, 0)
    await lease_over(store, OTHER)
    (gone,) = await store.write(partial(workers.reap, id=WORKER))
    assert gone == workers.Worker(OTHER, "box2")
    assert not await store.write(partial(workers.renew, id=OTHER))
    assert await store.write(partial(messages.left_sending, now=NOW, tries=0)) == (1, 0)
    assert await store.write(partial(messages.left_sending, now=NOW, tries=0)) == (0, 0)
    (call,) = await store.read(calls.open_calls)
    assert call.worker is None


async def test_nobody_reaps_who_was_taken_for_dead_itself(store: Store, engine: str) -> None:
    """SQLite has one process, which always stands."""
    await lease_over(store, WORKER)
    expected = () if engine == "postgresql" else (workers.Worker(WORKER, "test"),)
    assert await store.write(partial(workers.reap, id="worker-9")) == expected


async def test_an_earlier_run_of_the_same_process_is_dead_at_once_and_others_are_not(
    store: Store, engine: str
) -> None:
    """Its run folder was locked; on SQLite every other one is dead."""
    await enlisted(store)
    await enlisted(store, "worker-3", "box3")
    gone = await enlisted(store, "worker-4", "box2", alone=True)
    assert sorted(gone) == ([OTHER] if engine == "postgresql" else [WORKER, OTHER, "worker-3"])


async def test_a_duty_is_one_workers_until_its_row_goes(store: Store) -> None:
    """Two controllers on one node would take each other's events."""
    await enlisted(store)
    take = partial(workers.take_duty, duty=nodes.duty("ast1"))
    assert await store.write(partial(take, worker=WORKER)) is None
    assert await store.write(partial(take, worker=WORKER)) is None
    assert await store.write(partial(take, worker=OTHER)) == workers.Worker(WORKER, "test")
    assert (await store.read(lambda tx: nodes.known(tx, ("ast1",))))[0].driven_by == "test"
    await store.write(partial(workers.strike_off, id=WORKER))
    assert await store.read(workers.on_duty) == {}
    assert await store.write(partial(take, worker=OTHER)) is None


async def test_a_registration_that_another_asks_now_is_not_given_up_by_who_asked_before(store: Store) -> None:
    """O13: a registrar that slept knows nothing of the second question; an answer is taken from whoever has it."""
    await enlisted(store)
    order = partial(registrations.add_order, received="r1", number="+84901234567", package="D5", now=NOW)
    await store.write(order)
    (slept,) = await store.write(partial(registrations.claim_due, now=NOW, limit=1, worker=OTHER))
    await store.write(partial(workers.strike_off, id=OTHER))
    (left,) = await store.write(registrations.left_asked)
    assert await store.write(partial(registrations.again, asked=left, due_at=NOW, reason=""))
    (asked,) = await store.write(partial(registrations.claim_due, now=NOW, limit=1, worker=WORKER))
    late = (
        partial(registrations.again, asked=slept, due_at=NOW, reason=""),
        partial(registrations.give_up, asked=slept, reason="", new_messages=(), now=NOW),
    )
    assert [await store.write(each) for each in late] == [False, False]
    settle = partial(registrations.settle, id=slept.id, state="registered", now=NOW)
    assert await store.write(settle)
    assert not await store.write(
        partial(registrations.give_up, asked=asked, reason="", new_messages=(), now=NOW)
    )


@pytest.fixture
async def two(postgres: str, tmp_path: Path) -> str:
    """A database with two workers, the second one's lease over."""
    url = await new_database(postgres)
    async with open_store(url, tmp_path) as store:
        await enlisted(store, WORKER, "test")
        await enlisted(store)
        await lease_over(store, OTHER)
    return url


async def test_who_takes_work_in_a_transaction_is_not_taken_for_dead_before_its_end(
    two: str, tmp_path: Path
) -> None:
    """The fence: so whoever finds the row gone finds all that was ever taken under it."""
    async with open_store(two, tmp_path) as store:
        sleeper = await asyncpg.connect(two)
        try:
            async with sleeper.transaction():
                await sleeper.execute("SELECT id FROM workers WHERE id = $1 FOR KEY SHARE", OTHER)
                assert await store.write(partial(workers.reap, id=WORKER)) == ()
                assert await store.write(lambda tx: workers.stands(tx, OTHER))
                await store.write(partial(workers.renew, id=OTHER))
            await lease_over(store, OTHER)
            assert await store.write(partial(workers.reap, id=WORKER)) == (workers.Worker(OTHER, "box2"),)
            assert not await store.write(lambda tx: workers.stands(tx, OTHER))
        finally:
            await sleeper.close()


async def test_who_looks_for_its_row_while_it_is_taken_for_dead_waits_for_the_answer(
    two: str, tmp_path: Path
) -> None:
    """No moment between, in which both would be right."""
    async with open_store(two, tmp_path) as store:
        reaper = await asyncpg.connect(two)
        try:
            async with reaper.transaction():
                await reaper.execute("DELETE FROM workers WHERE id = $1", OTHER)
                stands = asyncio.ensure_future(store.write(lambda tx: workers.stands(tx, OTHER)))
                watching = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                looking = await asyncpg.connect(two)
                while await looking.fetchval(watching) == 0:
                    pass
                await looking.close()
                assert not stands.done()
            assert not await stands
        finally:
            await reaper.close()
