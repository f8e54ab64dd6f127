"""How long does each table keep what it knows about a person, and why? One place (R13, R14), and the removal.

Rows that are still to be worked on are never removed. Old rows are looked for by a reader, and removed in small
batches by the writer, so that no call waits for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, and_, delete, exists, select

from store import schema, tallies
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

#: R13: evidence is kept at least a year; an installation may keep it longer, never shorter.
FLOOR = timedelta(days=366)
USUAL = timedelta(days=731)
#: Delivery receipts say nothing that the message does not say as well.
RECEIPTS = timedelta(days=180)
#: Parts of a long SMS whose others never came.
PARTS = timedelta(days=7)


@dataclass(frozen=True)
class Keep:
    """What a table holds about a person."""

    holds: str
    why: str
    time: str | None  #: the column that its age is counted from; None: not removed by age
    period: timedelta | None = None  #: None: as the installation says, USUAL
    until: str = ""  #: what ends it, where it is not age


#: Every table of the schema. A test holds that none is missing.
KEEP: Mapping[str, Keep] = {
    "triggers": Keep("a number, what happened to it, what we made of it", "complaints: why was I called", "received_at"),
    "contacts": Keep("a number to be called, and the outcome", "complaints; B3: nobody is called twice", "created_at"),
    "calls": Keep("a number, keys pressed, what was said", "R13: proof of refusals; O16: complaints", "started_at"),
    "registrations": Keep("a number and the package it ordered", "proof of the order; O16: complaints", "at"),
    "messages": Keep("a number and the text sent to it", "R13: proof of confirmations; O16: complaints", "at"),
    "message_parts": Keep("ids of the SMSC for the parts of a message", "with its message", None, until="its message goes"),
    "received": Keep("what a number wrote to us; receipts", "R13: proof of refusals (receipts: 180 days)", "at"),
    "received_parts": Keep("parts of a long SMS from a number", "until all are there", "at", PARTS),
    "part_references": Keep("a number that was sent a long SMS", "parts of two messages are never mixed", None,
                            until="no message to it is kept"),
    "journal": Keep("who recorded a refusal of a number, and why", "R13: proof of refusals and of taking them back", "at"),
    "numbers": Keep("a number and its refusal", "R6: a refusal holds until it is taken back", None,
                    until="the refusal is taken back and nothing else is known of the number"),
    "lists": Keep("names of files with numbers: base, DoNotCall, exclusions, targets", "R2, R3: who may be called", None,
                  until="two newer versions were imported"),
    "versions": Keep("no person: the files of programmes", "what was said in a call, for complaints", None, until="never"),
    "settings": Keep("no person", "the clock, cursors", None, until="never"),
    "tallies": Keep("no person: how many contacts and calls a programme had", "the progress of a list", None,
                    until="never; by time of day: 31 days"),
    "workers": Keep("no person: the processes that are alive", "whose work is whose", None, until="they end"),
    "duties": Keep("no person", "what one process at a time may do", None, until="never"),
    "drains": Keep("no subscriber: who drains a node", "who may undo it", None, until="it is undone"),
    "paces": Keep("no person: how fast trunks and programmes went", "no trunk gets more than it bears", None, until="never"),
    "pauses": Keep("no subscriber: who paused a programme", "who may lift it", None, until="it is lifted"),
    "alarms": Keep("no subscriber: numbers are masked", "what is wrong", None, until="never"),
}  # fmt: skip

#: Rows that somebody still works on.
_OPEN: Mapping[str, tuple[str, ...]] = {
    "triggers": ("new", "planned"),
    "contacts": ("due", "dialing", "up"),
    "calls": ("dialing", "up"),
    "registrations": ("due", "asked"),
    "messages": ("due", "sending"),
    "received": ("new",),
}


def expired(tx: Tx, table: str, *, now: datetime, kept_for: timedelta, limit: int) -> list[str]:
    """Ids of rows of this table whose time is over; `kept_for`: the installation's period, at least FLOOR."""
    keep, found = KEEP[table], schema.metadata.tables[table]
    if keep.time is None or "id" not in found.c:
        return []
    before = us(now - (keep.period or max(kept_for, FLOOR)))
    over = found.c[keep.time] < before
    if table == "received":
        over = and_(found.c.kind == "receipt", found.c.at < us(now - RECEIPTS)) | over
    if table == "journal":  # the proof of a refusal that still holds stays with it
        over = and_(over, ~_refusal_holds(found))
    if table in _OPEN:
        over = and_(over, found.c.state.not_in(_OPEN[table]))
    return list(tx.execute(select(found.c.id).where(over).limit(limit)).scalars())


def _refusal_holds(table: Table) -> Any:
    return exists().where(numbers.c.number == table.c.number, numbers.c.refused_at.is_not(None))


def remove(tx: Tx, table: str, ids: list[str]) -> int:
    """Remove these rows, and what belongs to them. Returns how many rows of the table went."""
    found = schema.metadata.tables[table]
    if table == "messages":
        tx.execute(delete(message_parts).where(message_parts.c.message.in_(ids)))
    return tx.execute(delete(found).where(found.c.id.in_(ids))).rowcount


def forgotten_numbers(tx: Tx, *, limit: int) -> list[str]:
    """Numbers that nothing is known of any more but that they were there."""
    anything = [
        exists().where(table.c.number == numbers.c.number)
        for table in (triggers, contacts, calls, registrations, messages, received, journal)
    ]
    nothing = and_(numbers.c.refused_at.is_(None), *(~each for each in anything))
    return list(tx.execute(select(numbers.c.number).where(nothing).limit(limit)).scalars())


def remove_leftovers(tx: Tx, *, now: datetime) -> dict[str, int]:
    """What has no id of its own: parts that were never joined, counters of numbers without a message."""
    incomplete = delete(received_parts).where(received_parts.c.at < us(now - PARTS))
    unused = delete(part_references).where(
        ~exists().where(messages.c.number == part_references.c.destination)
    )
    gone = {
        "received_parts": tx.execute(incomplete).rowcount,
        "part_references": tx.execute(unused).rowcount,
        "tallies": tallies.remove_old(tx, now=now),
    }
    return {name: count for name, count in gone.items() if count}


def remove_numbers(tx: Tx, gone: list[str]) -> int:
    """Remove these rows unless a refusal came meanwhile."""
    still = numbers.c.number.in_(gone) & numbers.c.refused_at.is_(None)
    return tx.execute(delete(numbers).where(still)).rowcount
