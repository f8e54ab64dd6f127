"""Which SMS are to go out, and how far is each?

due -> sending -> accepted -> delivered | failed | unknown | dropped.

A message's state is what its parts say (store/parts.py). Each arrow is committed before the bytes leave.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    update,
)

from core.after_call import NewMessage
from core.campaigns import Class
from store import receipts
from store.part_state import derive, due_when_answered, remove
from store.prepared import Prepared, among, pairs
from store.schema import message_parts, messages, part_references
from store.times import moment, us, us_or_none
from store.tx import Tx, word, words

#: A message that waits for another one (`after`) goes once that one is in one of these.
SETTLED = ("accepted", "delivered", "failed", "unknown", "dropped")


class Message(NamedTuple):
    """A message as the gateway sees it, in the order of _COLUMNS. Moments are microseconds, as stored."""

    id: str
    key: str
    programme: str | None
    class_: Class
    number: str
    sender: str
    text: str
    at_us: int
    valid_until_us: int | None
    tries: int  #: times handed to an SMSC so far
    parts: int | None
    reference: int | None = None  #: of its parts, once it has one
    sent_parts: frozenset[int] = frozenset()  #: of an earlier try, perhaps felt: not to be sent again

    @property
    def at(self) -> datetime:
        return moment(self.at_us)

    @property
    def valid_until(self) -> datetime | None:
        return moment(self.valid_until_us)


@dataclass(frozen=True, slots=True)
class Route:
    """Which messages a bind takes; empty: of every sender, every programme. `but`: what better binds take."""

    senders: tuple[str, ...] = ()
    programmes: tuple[str, ...] = ()
    but: tuple["Route", ...] = ()


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


#: An earlier message to the same number that was refused for now goes first, if it does within this time.
_SOON = timedelta(minutes=1)

_BEFORE = messages.alias("before")
_WAITS = exists().where(_BEFORE.c.id == messages.c.after, _BEFORE.c.state.not_in(words(*SETTLED)))
#: Order within a destination: one message at a time, the earlier first.
_OVERTAKES = exists().where(
    _BEFORE.c.number == messages.c.number,
    _BEFORE.c.id != messages.c.id,
    or_(
        _BEFORE.c.state == word("sending"),
        and_(
            _BEFORE.c.state == word("due"),
            _BEFORE.c.at < messages.c.at,
            _BEFORE.c.sending_at.is_not(None),
            _BEFORE.c.due_at <= bindparam("soon"),
        ),
    ),
)


_NONE: frozenset[int] = frozenset()


def _unsent(row: Any) -> Message:
    return tuple.__new__(Message, (*row, _NONE))


@lru_cache(maxsize=256)
def _due(route: Route, programmes_held: tuple[str, ...], looking: bool) -> Prepared:
    """The statement. Rows that another program has taken are passed over, unless one is just `looking`."""
    chosen = select(*(messages.c[name] for name in _COLUMNS)).where(
        messages.c.state == word("due"), messages.c.due_at <= bindparam("now"), ~_WAITS, ~_OVERTAKES
    )
    if route != Route():
        chosen = chosen.where(_taken_by(route))
    if programmes_held:
        advertising = messages.c["class"] == "advertising"
        held = advertising if "*" in programmes_held else and_(advertising, _of(programmes_held))
        chosen = chosen.where(~held)
    chosen = chosen.order_by(messages.c.due_at, messages.c.at, messages.c.id).limit(bindparam("most"))
    chosen = chosen if looking else chosen.with_for_update(skip_locked=True, of=messages)
    return Prepared(chosen, row=_unsent)


def _taken_by(route: Route) -> Any:
    mine: list[Any] = [true()]
    if route.senders:
        mine.append(or_(*(messages.c.sender == sender for sender in route.senders)))
    if route.programmes:
        mine.append(_of(route.programmes))
    return and_(*mine, *(not_(_taken_by(better)) for better in route.but))


def due(
    tx: Tx,
    *,
    now: datetime,
    limit: int,
    programmes_held: tuple[str, ...] = (),
    route: Route = Route(),
) -> tuple[Message, ...]:
    """Messages that may be looked at for sending now, in order within each number.

    Left out: those that wait for another message, those whose number has one under way, advertising of the
    programmes that a pause holds ("*": all), and what `route` does not take. The caller asks `may_send` for
    each and answers with mark_sending, postpone or drop in this transaction.
    """
    wanted = {"now": us(now), "soon": us(now + _SOON), "most": limit}
    found: list[Message] = tx.execute(_due(route, programmes_held, tx.reading), wanted).all()
    tried = [message.id for message in found if message.parts is not None]
    if tried:
        sent = _sent_parts(tx, tried)
        found = [each._replace(sent_parts=sent.get(each.id, each.sent_parts)) for each in found]
    return tuple(found)


def _of(programmes: tuple[str, ...]) -> Any:
    return or_(*(func.coalesce(messages.c.programme, "") == programme for programme in programmes))


_PARTS_OF = Prepared(
    select(message_parts.c.message, message_parts.c.part).where(among(message_parts.c.message, "ids"))
)


def _sent_parts(tx: Tx, ids: list[str]) -> dict[str, frozenset[int]]:
    """Parts that were written before: accepted, or of a fate unknown. What is to be sent again has no row."""
    if not ids:
        return {}
    rows = tx.execute(_PARTS_OF, {"ids": ids})
    found: dict[str, set[int]] = {}
    for row in rows:
        found.setdefault(row.message, set()).add(row.part)
    return {message: frozenset(parts) for message, parts in found.items()}


def next_due_at(tx: Tx) -> datetime | None:
    """When the next message will be due."""
    return moment(
        tx.execute(select(func.min(messages.c.due_at)).where(messages.c.state == word("due"))).scalar()
    )


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
    )
)


_NEW_PART = Prepared(message_parts.insert(), ("message", "part", "state", "bind", "at"))


def mark_all(tx: Tx, marks: Sequence[Mark], *, bind: str, at: datetime) -> None:
    """due -> sending for messages that `due` gave in this same transaction."""
    alone = [mark.id for mark in marks if mark.alone]
    if alone:
        tx.execute(_ALONE, {"b_ids": alone, "b_at": us(at), "b_bind": bind})
        tx.execute(_THEIR_PARTS, {"b_new": dict.fromkeys(alone, ""), "b_at": us(at), "b_bind": bind})
    if len(alone) == len(marks):
        return
    marks = [mark for mark in marks if not mark.alone]
    common = {"b_at": us(at), "b_bind": bind}
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


def sending_after_crash(
    tx: Tx, *, now: datetime, tries: int, binds: Sequence[str] | None = None
) -> tuple[int, int]:
    """What was being sent by a process that is no more: its fate is not known.

    Policy `once` becomes unknown and stays so; `at_least_once` goes again while it was tried fewer than
    `tries` times. `binds`: only what these were sending (several gateways on one PostgreSQL). Returns how
    many (became unknown, are due again).
    """
    which = messages.c.state == word("sending")
    if binds is not None:
        which = and_(which, messages.c.bind.in_(binds))
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
    rows = tx.execute(chosen).all()
    again = [row.id for row in rows if row.policy == "at_least_once" and row.tries < tries]
    lost = {row.id: row.number for row in rows if row.id not in set(again)}
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


#: In the order of the fields of Message: what the gateway needs to know, for each costs something.
_COLUMNS = (
    "id", "key", "programme", "class", "number", "sender", "text", "at", "valid_until", "tries", "parts", "reference",
)  # fmt: skip
