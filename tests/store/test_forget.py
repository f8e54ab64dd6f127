"""Is a number gone from everything that nothing obliges us to keep, and is what stays told with its reason?"""

from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy import select

from core.outcomes import Outcome
from store import calls, contacts, messages, numbers, received, registrations, reports
from store.database import Store, Tx
from store.forget import Forgotten, forget
from store.schema import metadata
from tests.store.sample import (
    AN,
    BINH,
    NOW,
    REGISTER,
    claim,
    contact,
    contacts_of,
    dialing,
    end,
    later,
    message,
)

FORMS = (AN, "84901234567", "0901234567")


def _rows_with_the_number(tx: Tx) -> set[str]:
    """Tables in which any column of any row still names it."""
    return {
        name
        for name, table in metadata.tables.items()
        for row in tx.execute(select(table))
        if any(form in str(value) for value in row for form in FORMS)
    }


async def _forget(store: Store, now: datetime) -> Forgotten:
    return await store.write(partial(forget, number=AN, by="lan", now=now))


def _why(result: Forgotten) -> set[tuple[str, str]]:
    return {(kept.table, kept.why.split(":")[0].split(" (")[0]) for kept in result.kept}


def _called_from_a_list(tx: Tx) -> None:
    """Ids and keys that are made of the number, and texts that say it."""
    contacts.plan(tx, contact(f"bluezone-{AN}", programme="bluezone", class_="public_notice"), now=NOW)
    claim(tx, f"bluezone-{AN}", "call-1")
    ended = calls.Ended("call-1", Outcome.NO_KEY, NOW, True, text=f"Xin chào {AN}", reason="0901234567")
    calls.finish(tx, ended, calls.NOTHING, now=NOW)
    for key, after in ((f"link:bluezone:{AN}", None), ("second:1", f"link:bluezone:{AN}")):
        said = replace(message(key, after=after), text="goi 0901234567")
        messages.add(tx, said, now=NOW)
    for due in messages.due(tx, now=NOW, limit=1):
        messages.mark_sending(tx, id=due.id, parts=1, bind="b", at=NOW)
    messages.left_sending(tx, now=NOW, tries=1)
    received.add(tx, id="mo", number=AN, to="8989", text="mấy giờ rồi", bind="b", at=NOW)


async def test_nothing_names_the_number_any_more_and_the_figures_stay(store: Store) -> None:
    """R13: also where an id or a key was made of it."""
    await store.write(_called_from_a_list)
    await store.write(partial(dialing, contact_id="c2", call="call-2", number=BINH))
    before = await store.read(partial(reports.report, programme="bluezone"))
    result = await _forget(store, later(days=2))
    assert await store.read(_rows_with_the_number) == set()
    assert result.kept == []
    assert (result.changed["calls"], result.changed["messages"], result.changed["received"]) == (1, 2, 1)
    assert await store.read(partial(reports.report, programme="bluezone")) == before
    parts = await store.read(
        lambda tx: tx.execute(select(metadata.tables["message_parts"].c.message)).scalars().all()
    )
    sent = await store.read(
        lambda tx: tx.execute(
            select(metadata.tables["messages"].c.id, metadata.tables["messages"].c.after)
        ).all()
    )
    assert set(parts) <= {row.id for row in sent}
    assert {row.after for row in sent} - {None} <= {row.id for row in sent}


async def test_another_number_is_not_touched(store: Store) -> None:
    await store.write(partial(dialing, contact_id="c2", call="call-2", number=BINH))
    await _forget(store, later(days=2))
    (call,) = await store.read(calls.open_calls)
    assert (call.number, call.contact) == (BINH, "c2")


async def test_a_refusal_and_its_proof_stay_and_go_on_to_hold(store: Store) -> None:
    """R6, R13: with the call that carried it, its contact and its event."""

    def refuse(tx: Tx) -> None:
        dialing(tx)
        numbers.refuse(tx, number=AN, at=NOW, via="key", ref="call-1")
        end(tx, "call-1", Outcome.REFUSED)
        messages.add(tx, message("refusal_confirmed:1", class_="transactional"), now=NOW)
        for due in messages.due(tx, now=NOW, limit=1):
            messages.mark_sending(tx, id=due.id, parts=1, bind="b", at=NOW)
        messages.left_sending(tx, now=NOW, tries=1)

    await store.write(refuse)
    result = await _forget(store, later(days=2))
    proof = "proof of a refusal or of its confirmation"
    assert _why(result) == {
        *((table, proof) for table in ("calls", "contacts", "triggers", "messages", "journal")),
        ("numbers", "the refusal itself, so that it goes on to hold"),
    }
    assert await store.read(partial(numbers.refused_by, number=AN)) == "call-1"


async def test_an_order_stays_with_its_call(store: Store) -> None:
    """O16: who ordered a package may complain about it, and so may we be asked."""

    def order(tx: Tx) -> None:
        dialing(tx)
        end(tx, "call-1", Outcome.ACCEPTED, REGISTER)
        registrations.settle(tx, id="reg-call-1", state="registered", now=NOW)

    await store.write(order)
    result = await _forget(store, later(days=2))
    tables = ("registrations", "calls", "contacts", "triggers")
    assert _why(result) == {(table, "proof of an order") for table in tables}


async def test_a_call_of_the_last_24_hours_stays_until_it_no_longer_counts(store: Store) -> None:
    """R7: or forgetting would be a way around the limit."""

    def call(tx: Tx) -> None:
        dialing(tx)
        end(tx, "call-1", Outcome.NO_ANSWER)

    await store.write(call)
    assert ("calls", "counts against the limits of 24 hours") in _why(await _forget(store, later(hours=23)))
    assert _why(await _forget(store, later(hours=25))) == set()
    assert await store.read(_rows_with_the_number) == set()


async def test_what_was_planned_is_withdrawn_and_a_call_that_is_up_is_left_alone(store: Store) -> None:
    def plan(tx: Tx) -> None:
        dialing(tx)
        contacts.plan(tx, contact("later"), now=NOW)
        messages.add(tx, message("offer:1"), now=NOW)

    await store.write(plan)
    result = await _forget(store, later(minutes=1))
    assert ("calls", "is still being worked on") in _why(result)
    assert await store.read(partial(contacts_of, programme="topup")) == {"dialing": 1, "done": 1}
    assert await store.read(partial(messages.due, now=later(hours=1), limit=9)) == ()
