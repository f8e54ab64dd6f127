"""Is the next contact found as fast beside many as beside few? Counted in steps of SQLite's machine, not in time."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.after_call import AfterCall
from core.outcomes import Outcome
from store import contacts
from store.database import Store, open_store
from store.tx import Tx
from tests.store.sample import NOW, claim, contact, end, later

FEW, MANY = 60, 1_200


@pytest.fixture
async def on_sqlite(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        yield store


def add(tx: Tx, *, first: int, until: int) -> None:
    """Of every four contacts one is due, one waits for tomorrow, one for the second pass, and one is done."""
    for place in range(first, until):
        name, number, after = f"c{place}", f"+8490{place:07}", AfterCall()
        due_at = later(hours=24) if place % 4 == 1 else later(minutes=-(place % 60))
        contacts.plan(tx, contact(name, number=number, due_at=due_at), now=NOW)
        if place % 4 > 1:
            claim(tx, name, f"call-{place}")
            if place % 4 == 2:
                after = AfterCall(retry_at=later(hours=48), retry_pass=2)
            end(tx, f"call-{place}", Outcome.NO_ANSWER, after)


def steps(ask: Callable[[Tx], Any], tx: Tx) -> int:
    """What this costs: instructions of SQLite's virtual machine."""
    counted = 0

    def step() -> int:
        nonlocal counted
        counted += 1
        return 0

    driver: Any = tx.connection.connection.driver_connection
    driver.set_progress_handler(step, 1)
    try:
        ask(tx)
    finally:
        driver.set_progress_handler(None, 1)
    return counted


QUESTIONS: dict[str, Callable[[Tx], Any]] = {
    "due": partial(contacts.due, now=NOW, limit=10, programme="topup"),
    "due while the list goes on": partial(
        contacts.due, now=NOW, limit=10, list_exhausted=False, programme="topup"
    ),
    "waiting": partial(contacts.waiting, now=NOW, most=10, programme="topup"),
    "stale": partial(contacts.stale, now=NOW, limit=10, programme="topup"),
    "last due": partial(contacts.last_due_at, programme="topup"),
    "passes": partial(contacts.passes_waiting, programme="topup"),
    "programmes": contacts.programmes_waiting,
}


async def test_what_is_next_costs_the_same_beside_twenty_times_as_many(on_sqlite: Store) -> None:
    """Issue 5, Numbers: claiming is flat, however many rows are done or due."""
    await on_sqlite.write(partial(add, first=0, until=FEW))
    few = {name: await on_sqlite.read(partial(steps, ask)) for name, ask in QUESTIONS.items()}
    await on_sqlite.write(partial(add, first=FEW, until=MANY))
    many = {name: await on_sqlite.read(partial(steps, ask)) for name, ask in QUESTIONS.items()}
    assert all(few.values())
    assert {name: cost for name, cost in many.items() if cost > 1.5 * few[name]} == {}, few


async def test_what_waits_is_known_by_pass_and_moment(store: Store) -> None:
    await store.write(partial(add, first=0, until=FEW))
    assert await store.read(partial(contacts.passes_waiting, programme="topup")) == (1, 2)
    assert await store.read(partial(contacts.programmes_waiting)) == {"topup"}
    assert await store.read(partial(contacts.last_due_at, programme="topup")) == later(hours=48)
    assert await store.read(partial(contacts.last_due_at, programme="bluezone")) is None
    assert await store.read(partial(contacts.waiting, programme="topup", now=NOW, most=10)) == 10
    assert await store.read(partial(contacts.waiting, programme="topup", now=NOW, most=99)) == 15
