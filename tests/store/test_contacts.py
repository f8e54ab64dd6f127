"""Is everybody called in order, once, and only by one?"""

import asyncio
from collections.abc import Callable

from core.after_call import AfterCall
from core.outcomes import Outcome
from store import calls, contacts, logs, triggers
from store.database import Store, Tx
from tests.store.sample import BINH, NOW, claim, contact, contacts_of, dialing, end, later, topup


def _due(tx: Tx, *, list_exhausted: bool = True, minutes: float = 0) -> list[str]:
    found = contacts.due(
        tx, programme="topup", now=later(minutes=minutes), limit=10, list_exhausted=list_exhausted
    )
    return [each.id for each in found]


async def test_planning_twice_makes_one_contact(store: Store) -> None:
    assert await store.write(lambda tx: contacts.plan(tx, contact(), now=NOW))
    assert not await store.write(lambda tx: contacts.plan(tx, contact(), now=NOW))
    assert await store.read(lambda tx: contacts_of(tx, programme="topup")) == {"due": 1}


async def test_what_is_due_comes_in_order_and_nothing_before_its_time(store: Store) -> None:
    def plan(tx: Tx) -> None:
        for name, minutes in (("late", 10), ("second", 2), ("first", 1)):
            contacts.plan(tx, contact(name, due_at=later(minutes=minutes)), now=NOW)
        contacts.plan(tx, contact("other", programme="bluezone"), now=NOW)

    await store.write(plan)
    assert await store.read(lambda tx: _due(tx, minutes=5)) == ["first", "second"]
    assert await store.read(lambda tx: contacts.last_due_at(tx, programme="topup")) == later(minutes=10)
    assert await store.read(lambda tx: contacts.last_due_at(tx, programme="renewal")) is None


async def test_a_contact_that_two_want_is_claimed_by_one(store: Store) -> None:
    """R7: whoever is asked twice at the same instant is called once."""
    await store.write(lambda tx: contacts.plan(tx, contact(), now=NOW))
    claimed = await asyncio.gather(*(store.write(_claiming(f"call-{index}")) for index in range(20)))
    assert sorted(claimed) == [False] * 19 + [True]
    open_calls = await store.read(calls.open_calls)
    assert [(each.contact, each.state, each.attempts) for each in open_calls] == [("c1", "dialing", 1)]


def _claiming(call: str) -> Callable[[Tx], bool]:
    return lambda tx: claim(tx, "c1", call)


async def test_a_contact_that_is_not_dialled_gives_its_event_its_fate(store: Store) -> None:
    """O20: dropped and logged as such."""

    def plan(tx: Tx) -> None:
        triggers.add(tx, event=topup(), received_at=NOW)
        contacts.plan(tx, contact(trigger="t1"), now=NOW)
        triggers.planned(tx, id="t1", programme="topup")

    await store.write(plan)

    def settle(tx: Tx) -> bool:
        return contacts.settle_undialled(tx, contact="c1", fate="stale", reason="O20: too old", now=NOW)

    assert await store.write(settle)
    assert not await store.write(settle)
    [entry] = await store.read(lambda tx: [*logs.triggers(tx)])
    assert (entry["fate"], entry["rule"], entry["call"]) == ("stale", "O20: too old", None)
    assert await store.read(_due) == []


async def test_the_second_pass_waits_until_all_were_called_once(store: Store) -> None:
    """B3: those who did not pick up are collected and called once more."""
    retry = AfterCall(retry_at=NOW, retry_pass=2)

    def first_pass(tx: Tx) -> None:
        dialing(tx, "c1", "call-1")
        contacts.plan(tx, contact("c2", number=BINH), now=NOW)
        end(tx, "call-1", Outcome.NO_ANSWER, retry)

    await store.write(first_pass)
    assert await store.read(_due) == ["c2"]
    await store.write(lambda tx: claim(tx, "c2", "call-2"))
    assert await store.read(_due) == []  # c2 is still dialing
    await store.write(lambda tx: calls.up(tx, call_id="call-2", at=NOW))
    assert await store.read(_due) == []  # c2 is up
    await store.write(lambda tx: end(tx, "call-2", Outcome.NO_KEY))
    assert await store.read(lambda tx: _due(tx, list_exhausted=False)) == []
    assert await store.read(_due) == ["c1"]
    again = await store.read(lambda tx: contacts.one(tx, contact="c1"))
    assert again is not None
    assert (again.pass_no, again.attempts) == (2, 1)


async def test_a_first_pass_that_is_due_later_holds_the_second_back(store: Store) -> None:
    """B3: the others first, also those whose time has not come."""
    retry = AfterCall(retry_at=NOW, retry_pass=2)

    def first_pass(tx: Tx) -> None:
        dialing(tx, "c1", "call-1")
        end(tx, "call-1", Outcome.BUSY, retry)
        contacts.plan(tx, contact("c2", number=BINH, due_at=later(hours=6)), now=NOW)

    await store.write(first_pass)
    assert await store.read(_due) == []


async def test_a_glance_tells_whether_something_is_due(store: Store) -> None:
    """Issue 5: two controllers are woken for one contact; the second is to see at once that it has gone."""

    def sees(programmes: tuple[str, ...], minutes: float) -> Callable[[Tx], bool]:
        return lambda tx: contacts.some_due(tx, programmes=programmes, now=later(minutes=minutes))

    def plan(tx: Tx) -> None:
        dialing(tx, "c1", "call-1")
        end(tx, "call-1", Outcome.NO_ANSWER, AfterCall(retry_at=NOW, retry_pass=2))
        contacts.plan(tx, contact("c2", number=BINH, due_at=later(minutes=5)), now=NOW)

    await store.write(plan)
    every = ("bluezone", "topup")
    assert not await store.read(sees(every, 4))  # the second pass waits for who is due later in the first
    assert await store.read(sees(every, 5))
    assert not await store.read(sees(("bluezone",), 5))
    assert not await store.read(sees((), 5))
    await store.write(lambda tx: claim(tx, "c2", "call-2", at=later(minutes=5)))
    assert await store.read(sees(every, 5))  # and now the second pass is first


async def test_a_postponed_contact_is_due_later(store: Store) -> None:
    await store.write(lambda tx: contacts.plan(tx, contact(), now=NOW))
    assert await store.write(lambda tx: contacts.postpone(tx, contact="c1", due_at=later(minutes=30)))
    assert await store.read(lambda tx: _due(tx, minutes=29)) == []
    assert await store.read(lambda tx: _due(tx, minutes=30)) == ["c1"]
    await store.write(lambda tx: claim(tx, "c1", "call-1"))
    assert not await store.write(lambda tx: contacts.postpone(tx, contact="c1", due_at=NOW))


async def test_a_call_is_made_with_the_version_of_its_claim_not_of_its_planning(store: Store) -> None:
    """Issue 3, 2: the file was edited in between."""

    def claim(tx: Tx) -> list[str | None]:
        contacts.plan(tx, contact(), now=NOW)
        contacts.claim(tx, "c1", contacts.NewCall(id="call-1", wall_at=NOW, prompt_version="v2"), now=NOW)
        return [each.version for each in calls.open_calls(tx)]

    assert await store.write(claim) == ["v2"]
