"""Which SMS are to go out, and how far is each?

due -> sending -> accepted -> delivered | failed | unknown | dropped.

A message's state is what its parts say (store/parts.py). Each arrow is committed before the bytes leave.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Text,
    and_,
    bindparam,
    delete,
    literal_column,
    or_,
    select,
    update,
)

from core.after_call import NewMessage
from core.routes import Route
from store import receipts, workers
from store.due import Message, due, next_due_at
from store.part_state import derive, due_when_answered, remove
from store.prepared import Prepared, among, pairs
from store.schema import message_parts, messages, part_references
from store.times import us, us_or_none
from store.tx import Tx, word, words

__all__ = [
    "Mark",
    "Message",
    "Route",
    "add",
    "again_after_hold",
    "drop",
    "due",
    "id_of",
    "left_sending",
    "mark_all",
    "mark_sending",
    "next_due_at",
    "next_reference",
    "postpone",
    "requeue",
]


class Mark(NamedTuple):
    """A due message that is about to be sent in so many parts; `new`: those without a row yet."""

    id: str
    parts: int
    new: tuple[int, ...]
    reference: int | None

    @property
    def alone(self) -> bool:
        return self.new == _FIRST and self.parts == 1


_FIRST = (1,)


def id_of(key: str) -> str:
    """The id of the message with this key; a key may name a number, an id stands in every log."""
    return "sms-" + hashlib.sha256(key.encode()).hexdigest()[:20]


def add(tx: Tx, new: NewMessage, *, now: datetime) -> bool:
    """Write a message as due, or as dropped when `new` says so. False: its key is there already."""
    values = {
        "id": id_of(new.key),
        "key": new.key,
        "programme": new.programme,
        "class": new.class_,
        "kind": new.kind,
        "policy": new.policy,
        "number": new.number,
        "sender": new.sender,
        "text": new.text,
        "state": new.state,
        "reason": new.reason,
        "after": None if new.after is None else id_of(new.after),
        "at": us(now),
        "due_at": us(new.due_at),
        "valid_until": us_or_none(new.valid_until),
    }
    if not tx.insert_new(messages, values):
        return False
    tx.wake("messages")
    return True


def mark_sending(tx: Tx, *, id: str, parts: int, bind: str, at: datetime) -> bool:
    """due -> sending: the bytes may leave after the commit. False: it is not due any more (withdrawn, taken).

    Parts that an earlier try had written stay as they are.
    """
    marked = update(messages).where(messages.c.id == id, messages.c.state == word("due"))
    values = {"state": "sending", "sending_at": us(at), "bind": bind, "parts": parts}
    if tx.execute(marked.values(values | {"tries": messages.c.tries + 1})).rowcount != 1:
        return False
    for part in range(1, parts + 1):
        row = {"message": id, "part": part, "state": "sending", "bind": bind, "at": us(at)}
        tx.insert_new(message_parts, row)
    return True


# `b_` names what is bound: a column's own name would be taken for a value to set.
_ALONE = Prepared(
    update(messages)
    .where(among(messages.c.id, "b_ids"))
    .values(
        state=word("sending"),
        sending_at=bindparam("b_at"),
        bind=bindparam("b_bind"),
        parts=1,
        tries=messages.c.tries + 1,
        worker=bindparam("b_worker"),
    )
)
_NEW = pairs("b_new")  #: by message; the value says nothing
_THEIR_PARTS = Prepared(
    message_parts.insert().from_select(
        ["message", "part", "state", "bind", "at"],
        select(
            _NEW.c.key,
            literal_column("1"),
            word("sending"),
            bindparam("b_bind", type_=Text()),
            bindparam("b_at", type_=BigInteger()),
        ),
    )
)
_MARK = Prepared(
    update(messages)
    .where(messages.c.id == bindparam("b_id"), messages.c.state == word("due"))
    .values(
        state=word("sending"),
        sending_at=bindparam("b_at"),
        bind=bindparam("b_bind"),
        parts=bindparam("b_parts"),
        reference=bindparam("b_reference"),
        tries=messages.c.tries + 1,
        worker=bindparam("b_worker"),
    )
)


_NEW_PART = Prepared(message_parts.insert(), ("message", "part", "state", "bind", "at"))


def mark_all(tx: Tx, marks: Sequence[Mark], *, bind: str, at: datetime, worker: str | None = None) -> None:
    """due -> sending, by `worker`, for messages that `due` gave in this same transaction."""
    alone = [mark.id for mark in marks if mark.alone]
    if alone:
        tx.execute(_ALONE, {"b_ids": alone, "b_at": us(at), "b_bind": bind, "b_worker": worker})
        tx.execute(_THEIR_PARTS, {"b_new": dict.fromkeys(alone, ""), "b_at": us(at), "b_bind": bind})
    if len(alone) == len(marks):
        return
    marks = [mark for mark in marks if not mark.alone]
    common = {"b_at": us(at), "b_bind": bind, "b_worker": worker}
    tx.execute(
        _MARK, [common | {"b_id": m.id, "b_parts": m.parts, "b_reference": m.reference} for m in marks]
    )
    rows = [
        {"message": m.id, "part": part, "state": "sending", "bind": bind, "at": us(at)}
        for m in marks
        for part in m.new
    ]
    if rows:
        tx.execute(_NEW_PART, rows)


def next_reference(tx: Tx, *, source: str, destination: str) -> int:
    """The next reference of a message in parts between these two, 0...65535, then from 0 again."""
    first = {"source": source, "destination": destination, "last": 0}
    if tx.insert_new(part_references, first):
        return 0
    which = (part_references.c.source == source, part_references.c.destination == destination)
    tx.execute(update(part_references).where(*which).values(last=(part_references.c.last + 1) % 65536))
    return int(tx.execute(select(part_references.c.last).where(*which)).scalar_one())


def requeue(
    tx: Tx, *, id: str, unwritten: tuple[int, ...] | None = None, due_at: datetime | None = None
) -> bool:
    """Marked, but these parts (None: all) were not written to any connection: due again, as if never tried.

    Parts that were written keep what is known of them; the message is due once none of them waits for its
    answer. False: the message is not in sending.
    """
    again = update(messages).where(messages.c.id == id, messages.c.state == word("sending"))
    values: dict[str, Any] = {} if due_at is None else {"due_at": us(due_at)}
    if unwritten is None:
        values |= {"state": "due", "tries": messages.c.tries - 1}
        if tx.execute(again.values(values)).rowcount != 1:
            return False
        remove(tx, id)
        tx.wake("messages")
        return True
    if remove(tx, id, unwritten) == 0:
        return False
    if values:
        tx.execute(again.values(values))
    due_when_answered(tx, id)
    return True


def postpone(tx: Tx, *, id: str, due_at: datetime) -> bool:
    """Not now, but later (outside its window, paused, cap reached). False: it is not due any more."""
    later = update(messages).where(messages.c.id == id, messages.c.state == word("due"))
    return tx.execute(later.values(due_at=us(due_at))).rowcount == 1


def drop(tx: Tx, *, id: str, reason: str) -> bool:
    """It will not be sent, and why. False: it is not due any more."""
    dropped = update(messages).where(messages.c.id == id, messages.c.state == word("due"))
    if tx.execute(dropped.values(state="dropped", reason=reason)).rowcount != 1:
        return False
    tx.wake("messages")  # one may have waited for it
    return True


def left_sending(tx: Tx, *, now: datetime, tries: int, by: str | None = None) -> tuple[int, int]:
    """What nobody sends any more, since its worker is gone: its fate is not known.

    Policy `once` becomes unknown and stays so; `at_least_once` goes again while it was tried fewer than
    `tries` times. `by`: what this worker sent as well; it is the caller itself, which has just begun.
    Returns how many (became unknown, are due again).
    """
    gone = workers.nobodys(messages.c.worker)
    left = gone if by is None else or_(gone, messages.c.worker == by)
    which = and_(messages.c.state == word("sending"), left)
    return _fate_unknown(tx, which, now, tries, "the program ended meanwhile")


def again_after_hold(tx: Tx, *, now: datetime, before: datetime, tries: int) -> int:
    """Unknown `at_least_once` messages sent before `before` without a receipt: due again. How many."""
    held = and_(
        messages.c.state == word("unknown"),
        messages.c.sending_at < us(before),
        messages.c.policy == "at_least_once",
        messages.c.tries < tries,
    )
    return _fate_unknown(tx, held, now, tries, "no proof within the hold time")[1]


def _fate_unknown(tx: Tx, which: Any, now: datetime, tries: int, reason: str) -> tuple[int, int]:
    chosen = select(messages.c.id, messages.c.policy, messages.c.tries, messages.c.number).where(which)
    rows = tx.take(chosen, {}, of=messages).all()  # another gateway may be looking too
    again = {row.id for row in rows if row.policy == "at_least_once" and row.tries < tries}
    lost = {row.id: row.number for row in rows if row.id not in again}
    for id in again:
        values = {"state": "due", "due_at": us(now), "reason": f"sent again: {reason}"}
        tx.execute(update(messages).where(messages.c.id == id).values(values))
        tx.execute(delete(message_parts).where(_open_parts(id)))
    for id in lost:
        values = {"state": "unknown", "reason": reason}
        tx.execute(update(messages).where(messages.c.id == id).values(values))
        tx.execute(update(message_parts).where(_open_parts(id)).values(state="unknown", at=us(now)))
    for number in dict.fromkeys(lost.values()):  # a receipt may have come before the end
        for message in receipts.prove(tx, number=number, at=now):
            derive(tx, message, now)
    if rows:
        tx.wake("messages")
    return len(lost), len(again)


def _open_parts(message: str) -> Any:
    return and_(message_parts.c.message == message, message_parts.c.state.in_(words("sending", "unknown")))
