"""Does the memory of a person end, when it should and not before? (R13, R14)"""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from core.outcomes import Outcome
from store import messages, numbers, received, registrations, retention, triggers
from store.database import Store, Tx
from store.schema import metadata
from tests.store.sample import AN, BINH, NOW, REGISTER, dialing, end, later, message, topup

_LATER = NOW + retention.USUAL
_SECOND = timedelta(seconds=1)


def _count(tx: Tx) -> dict[str, int]:
    """Rows of every table that holds any; sums name nobody and stay."""
    counted = {
        name: tx.execute(select(func.count()).select_from(table)).scalar_one()
        for name, table in metadata.tables.items()
        if name != "tallies"
    }
    return {name: count for name, count in counted.items() if count}


def _a_life(tx: Tx) -> None:
    """A call that registered, its messages, an SMS from the subscriber: all of it over at NOW."""
    dialing(tx, at=NOW)
    end(tx, "call-1", Outcome.ACCEPTED, REGISTER, at=NOW)
    registrations.settle(tx, id="reg-call-1", state="registered", now=NOW)
    messages.add(tx, message("thanks:1", class_="transactional"), now=NOW)
    first = messages.due(tx, now=NOW, limit=1)[0]
    messages.mark_sending(tx, id=first.id, parts=2, bind="b", at=NOW)
    messages.left_sending(tx, now=NOW, tries=1)
    received.add(tx, id="mo", number=AN, to="8989", text="TC", bind="b", at=NOW)
    received.done(tx, id="mo", as_="refusal")


async def _remove(store: Store, now: object) -> dict[str, int]:
    gone = {}
    for table in retention.KEEP:
        look = partial(retention.expired, table=table, now=now, kept_for=retention.USUAL, limit=100)  # type: ignore[arg-type]
        if ids := await store.read(look):
            gone[table] = await store.write(partial(retention.remove, table=table, ids=ids))
    return gone


def test_every_table_says_what_it_holds_of_a_person_why_and_how_long() -> None:
    """R13, R14: a new table without its line fails here."""
    assert set(retention.KEEP) == set(metadata.tables)
    for name, keep in retention.KEEP.items():
        assert keep.holds
        assert keep.why
        assert (keep.time is None) is bool(keep.until)
        assert keep.time is None or keep.time in metadata.tables[name].c


async def test_everything_goes_a_second_after_its_period_and_nothing_before(store: Store) -> None:
    """R13: 24 months, to the second."""
    await store.write(_a_life)
    before = await store.read(_count)
    assert await _remove(store, _LATER) == {}
    assert await store.read(_count) == before
    gone = await _remove(store, _LATER + _SECOND)
    assert gone == dict.fromkeys(
        ("triggers", "contacts", "calls", "registrations", "messages", "received"), 1
    )
    assert await store.read(_count) == {"workers": 1}


async def test_no_period_shorter_than_a_year_is_taken(store: Store) -> None:
    """R13: the floor holds whatever is asked."""
    await store.write(_a_life)
    short = partial(retention.expired, table="calls", kept_for=timedelta(days=1), limit=10)
    assert await store.read(partial(short, now=NOW + retention.FLOOR)) == []
    assert await store.read(partial(short, now=NOW + retention.FLOOR + _SECOND)) == ["call-1"]


@pytest.mark.parametrize("table", ["triggers", "contacts", "messages", "received"])
async def test_what_is_still_to_be_worked_on_stays_however_old(store: Store, table: str) -> None:
    def open_rows(tx: Tx) -> None:
        dialing(tx, at=NOW)
        triggers.add(tx, event=topup("new"), received_at=NOW)
        messages.add(tx, message("due:1"), now=NOW)
        received.add(tx, id="mo", number=AN, to="8989", text="?", bind="b", at=NOW)

    await store.write(open_rows)
    old = partial(retention.expired, table=table, now=later(days=4000), kept_for=retention.USUAL, limit=10)
    assert await store.read(old) == []


async def test_the_proof_of_a_refusal_stays_while_the_refusal_holds(store: Store) -> None:
    """R6, R13."""
    await store.write(lambda tx: numbers.refuse(tx, number=AN, at=NOW, via="sms", ref="mo"))
    assert await _remove(store, later(days=4000)) == {}
    undone = later(days=4000)
    await store.write(lambda tx: numbers.allow_again(tx, number=AN, at=undone, by="lan", reason="ticket"))
    assert await _remove(store, later(days=4001)) == {"journal": 1}


async def test_counters_and_parts_go_when_nothing_needs_them(store: Store) -> None:
    def known(tx: Tx) -> None:
        messages.add(tx, message("offer:1"), now=NOW)
        for number in (AN, BINH):
            messages.next_reference(tx, source="8989", destination=number)
            part = received.LongPart(number, "8989", "udh8", 1, 2, 1, b"x", 0, "h")
            received.add_part(tx, part, bind="b", at=NOW)

    await store.write(known)
    week = NOW + retention.PARTS
    assert await store.write(partial(retention.remove_leftovers, now=week)) == {"part_references": 1}
    assert await store.write(partial(retention.remove_leftovers, now=week + _SECOND)) == {"received_parts": 2}


async def test_a_number_goes_when_nothing_else_is_known_of_it(store: Store) -> None:
    def known(tx: Tx) -> None:
        for number in (AN, BINH, "+84900000001"):
            numbers.refuse(tx, number=number, at=NOW, via="sms", ref="mo")
        for number in (AN, "+84900000001"):
            numbers.allow_again(tx, number=number, at=NOW, by="lan", reason="ticket")
        triggers.add(tx, event=topup("t", number="+84900000001"), received_at=later(days=700))

    await store.write(known)
    assert await store.read(partial(retention.forgotten_numbers, limit=10)) == []  # the journal knows them
    await _remove(store, _LATER + _SECOND)
    gone = await store.read(partial(retention.forgotten_numbers, limit=10))
    assert gone == [AN]
    assert await store.write(partial(retention.remove_numbers, gone=[AN, BINH])) == 1
