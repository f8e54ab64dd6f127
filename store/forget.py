"""What of a number can be forgotten on request, and what must stay, for which reason? (R13, Law 91/2025)

A row that may go keeps its figures for the reports and loses the person: the number becomes a random word, in
every column that names it, and what was said or written is emptied. A row that must stay stays as it is, with
its reason, until its period is over (store/retention.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, Table, Text, delete, select, update

from core.numbers import national
from store import contacts as planning
from store import journal as entries
from store.schema import (
    calls,
    contacts,
    journal,
    message_parts,
    messages,
    numbers,
    part_references,
    received,
    received_parts,
    registrations,
    triggers,
)
from store.times import us
from store.tx import Tx

_DAY = timedelta(hours=24)
_ORDER = "proof of an order: complaints about a registration (O16)"
_REFUSAL = "proof of a refusal or of its confirmation (R13)"
_COUNTS = "counts against the limits of 24 hours (R7): ask again tomorrow"
_OPEN = "is still being worked on: ask again when it has ended"
#: What the registration of a package says to its subscriber.
_OF_ORDER = ("thanks", "registered", "not_registered", "unconfirmed")
_GONE = "forgotten on request"


@dataclass(frozen=True)
class Kept:
    """Rows that stay, and why."""

    table: str
    rows: int
    why: str


@dataclass
class Forgotten:
    """What became of a request to forget."""

    changed: dict[str, int] = field(default_factory=dict)  #: table -> rows that no longer name the number
    kept: list[Kept] = field(default_factory=list)


def forget(tx: Tx, *, number: str, by: str, now: datetime) -> Forgotten:
    """Pseudonymise every row of this number that nothing obliges us to keep, in this transaction."""
    word = f"forgotten-{uuid4().hex[:12]}"
    _withdraw(tx, number, now)
    keep = _obligations(tx, number, now)
    result = Forgotten()
    for table in (calls, messages, registrations, received, contacts, triggers, journal):
        rows = tx.execute(select(table).where(table.c.number == number)).all()
        staying = keep.get(table.name, {})
        going = [row for row in rows if row.id not in staying]
        for row in going:
            _pseudonymise(tx, table, row, number, word)
        result.changed[table.name] = len(going)
        result.kept += _counted(table.name, [staying[row.id] for row in rows if row.id in staying])
    result.changed["received_parts"] = tx.execute(
        delete(received_parts).where(received_parts.c.number == number)
    ).rowcount
    result.changed["part_references"] = tx.execute(
        delete(part_references).where(part_references.c.destination == number)
    ).rowcount
    result.kept += _refusal(tx, number)
    entries.write(tx, at=now, by=by, did="forgotten", number=word, reason=_GONE)
    return result


def _withdraw(tx: Tx, number: str, now: datetime) -> None:
    """Nothing more is begun: planned calls and messages that are not owed are withdrawn."""
    due = select(contacts.c.id).where(contacts.c.number == number, contacts.c.state == "due")
    for id in tx.execute(due).scalars().all():
        planning.settle_undialled(tx, contact=id, fate="refused_by_rule", reason=_GONE, now=now)
    waiting = update(messages).where(messages.c.number == number, messages.c.state == "due")
    tx.execute(waiting.where(messages.c["class"] != "transactional").values(state="dropped", reason=_GONE))
    unplanned = update(triggers).where(triggers.c.number == number, triggers.c.state == "new")
    tx.execute(unplanned.values(state="done", fate="refused_by_rule", rule=_GONE))


def _obligations(tx: Tx, number: str, now: datetime) -> dict[str, dict[str, str]]:
    """Table -> id -> why that row stays."""
    since = us(now - _DAY)
    proof = _proof(tx, number)
    orders = {row.id: row.call for row in _rows(tx, registrations, number)}
    keep: dict[str, dict[str, str]] = {
        "registrations": dict.fromkeys(orders, _ORDER),
        "received": {
            row.id: _REFUSAL if row.id in proof else _ORDER
            for row in _rows(tx, received, number)
            if row.id in proof or row.id in orders.values()
        },
        "journal": {row.id: _REFUSAL for row in _rows(tx, journal, number) if row.did.startswith("refus")},
        "calls": {},
        "messages": {},
        "contacts": {},
        "triggers": {},
    }
    for row in _rows(tx, calls, number):
        why = (
            (_OPEN if row.state in ("dialing", "up") else None)
            or (_REFUSAL if row.id in proof or (row.decision or {}).get("kind") == "refuse" else None)
            or (_ORDER if row.id in orders.values() else None)
            or (_COUNTS if row.keeps_slot and row.started_at > since else None)
        )
        if why:
            keep["calls"][row.id] = why
            keep["contacts"] |= {row.contact: why} if row.contact else {}
            keep["triggers"] |= {row.trigger: why} if row.trigger else {}
    for row in _rows(tx, messages, number):
        why = (
            (_OPEN if row.state in ("due", "sending") else None)
            or (_REFUSAL if row.kind == "refusal_confirmed" else None)
            or (_ORDER if row.kind in _OF_ORDER else None)
            or (_COUNTS if row.sending_at is not None and row.sending_at > since else None)
        )
        if why:
            keep["messages"][row.id] = why
    return keep


def _rows(tx: Tx, table: Table, number: str) -> Iterable[Row[Any]]:
    return tx.execute(select(table).where(table.c.number == number)).all()


def _proof(tx: Tx, number: str) -> set[str]:
    """Ids of the calls and messages that carried a refusal."""
    now = select(numbers.c.refused_ref).where(numbers.c.number == number)
    ever = select(journal.c.ref).where(journal.c.number == number, journal.c.did == "refused")
    return {ref for query in (now, ever) for ref in tx.execute(query).scalars() if ref}


def _pseudonymise(tx: Tx, table: Table, row: Row[Any], number: str, word: str) -> None:
    written = {column.name: row._mapping[column.name] for column in table.c if isinstance(column.type, Text)}
    values = {
        name: changed for name, was in written.items() if (changed := _without(was, number, word)) != was
    }
    if written.get("text"):
        values["text"] = ""
    if table is messages:  # its id is a hash of its key, which may name the number
        values["id"] = f"sms-{uuid4().hex[:20]}"
        tx.execute(update(messages).where(messages.c.after == row.id).values(after=values["id"]))
        parts = update(message_parts).where(message_parts.c.message == row.id)
        tx.execute(parts.values(message=values["id"]))
    tx.execute(update(table).where(table.c.id == row.id).values(values))


def _without(value: str | None, number: str, word: str) -> str | None:
    """The text with the number, however it is written, replaced."""
    if value is None:
        return None
    for form in (number, number.removeprefix("+"), national(number)):
        value = value.replace(form, word)
    return value


def _counted(table: str, reasons: list[str]) -> list[Kept]:
    return [Kept(table, reasons.count(why), why) for why in dict.fromkeys(reasons)]


def _refusal(tx: Tx, number: str) -> list[Kept]:
    refused = select(numbers.c.refused_at).where(numbers.c.number == number)
    if tx.execute(refused).scalar_one_or_none() is None:
        return []
    return [Kept("numbers", 1, "the refusal itself, so that it goes on to hold (R6)")]
