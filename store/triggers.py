"""Which events came, and what became of each? Stored before they are acknowledged; repeating is harmless."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Text, bindparam, func, select, update

from core.facts import Event
from core.triggers import KINDS, TriggerKind
from store.prepared import Prepared, among
from store.schema import triggers
from store.times import moment, us
from store.tx import Tx, word

Stored = Literal["stored", "repeated", "conflict"]
Fate = Literal["called", "refused_by_rule", "stale", "out_of_window", "unknown_number", "invalid"]


@dataclass(frozen=True)
class Trigger:
    """An event that is still to be planned. `only_programme`: for one programme (a test call, a list)."""

    event: Event
    kind: str  #: of core/triggers.py, or test
    received_at: datetime
    only_programme: str | None


_OF_ID = Prepared(select(triggers).where(triggers.c.id == bindparam("trigger")))
_OF_IDS = Prepared(select(triggers).where(among(triggers.c.id, "ids")))
_WAITING = (
    select(triggers)
    .where(triggers.c.state == word("new"))
    .order_by(triggers.c.received_at)
    .limit(bindparam("most"))
)
_NEW = Prepared(_WAITING)
_TAKE_NEW = Prepared(_WAITING.with_for_update(skip_locked=True))
_PLANNED = Prepared(
    update(triggers)
    .where(triggers.c.id == bindparam("trigger"), triggers.c.state == word("new"))
    .values(state=word("planned"), programme=bindparam("taken_by"))
)
_FATE = Prepared(
    update(triggers)
    .where(triggers.c.id == bindparam("trigger"), triggers.c.fate.is_(None))
    .values(
        {"state": word("done"), "fate": bindparam("b_fate")}
        | {  # what is not said stays as it is
            name: func.coalesce(bindparam(f"b_{name}", type_=Text), triggers.c[name])
            for name in ("rule", "programme", "call")
        }
    )
)


def add(
    tx: Tx,
    *,
    event: Event,
    received_at: datetime,
    only_programme: str | None = None,
    kind: str | None = None,
    own_time: bool = True,
) -> Stored:
    """Store an event under its id. "conflict": this id came before with another content, and that one stands.

    An event whose own time is the time of receipt had none: then times are not compared, nor where its time is
    not its own (`own_time`). A row that was invalid is replaced: its sender has put it right.
    """
    row = {
        "id": event.id,
        "kind": kind or event.kind,
        "number": event.number,
        "amount": event.amount,
        "at": us(event.at),
        "received_at": us(received_at),
        "state": "new",
        "only_programme": only_programme,
    }
    if tx.insert_new(triggers, row):
        tx.wake("triggers")
        return "stored"
    old = tx.execute(_OF_ID, {"trigger": event.id}).one()
    if old.fate == "invalid":
        tx.execute(
            update(triggers).where(triggers.c.id == event.id).values(row | {"fate": None, "rule": None})
        )
        tx.wake("triggers")
        return "stored"
    return "repeated" if _same(old, row, own_time) else "conflict"


def _same(old: Any, row: dict[str, Any], own_time: bool) -> bool:
    timed = own_time and old.at != old.received_at and row["at"] != row["received_at"]
    compared = ("kind", "number", "amount", "only_programme", *(("at",) if timed else ()))
    return all(getattr(old, name) == row[name] for name in compared)


def add_invalid(
    tx: Tx,
    *,
    id: str,
    kind: str,
    number: str,
    amount: int | None,
    at: datetime,
    received_at: datetime,
    reason: str,
) -> Stored:
    """Store an event that cannot be one (a malformed number, a negative amount), for the log of triggers.

    An id that is already there is left alone ("repeated").
    """
    row = {
        "id": id,
        "kind": kind,
        "number": number[:40],
        "amount": amount,
        "at": us(at),
        "received_at": us(received_at),
        "state": "done",
        "fate": "invalid",
        "rule": reason,
    }
    return "stored" if tx.insert_new(triggers, row) else "repeated"


def new(tx: Tx, *, limit: int) -> tuple[Trigger, ...]:
    """Events that nobody has planned yet, the oldest receipt first. Those that another planner has are passed over:
    it alone says what becomes of them.
    """
    rows = tx.execute(_NEW if tx.reading else _TAKE_NEW, {"most": limit})
    return tuple(_trigger(row) for row in rows)


def _trigger(row: Any) -> Trigger:
    kind = cast(TriggerKind, row.kind) if row.kind in KINDS else "topup"  # a test call
    event = Event(row.id, kind, row.number, moment(row.at), row.amount)
    return Trigger(event, row.kind, moment(row.received_at), row.only_programme)


def event_of(tx: Tx, *, id: str) -> Event | None:
    """The event of a contact, for the rules that look at it."""
    row = tx.execute(_OF_ID, {"trigger": id}).one_or_none()
    return _trigger(row).event if row else None


def events_of(tx: Tx, ids: Sequence[str]) -> dict[str, Event]:
    """The same of several, by id."""
    return {row.id: _trigger(row).event for row in tx.execute(_OF_IDS, {"ids": ids})} if ids else {}


def planned(tx: Tx, *, id: str, programme: str) -> bool:
    """A contact of this programme was made of it. False: it was not new any more."""
    return tx.execute(_PLANNED, {"trigger": id, "taken_by": programme}).rowcount == 1


def settle(
    tx: Tx,
    *,
    id: str,
    fate: Fate,
    rule: str | None = None,
    programme: str | None = None,
    call: str | None = None,
) -> bool:
    """What became of it, once: the first fate stands. False: it had one."""
    values = {"trigger": id, "b_fate": fate, "b_rule": rule, "b_programme": programme, "b_call": call}
    return tx.execute(_FATE, values).rowcount == 1
