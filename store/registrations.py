"""What was asked of the package system, and with what result?

due -> asked -> registered | refused | failed | unknown.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Literal

from sqlalchemy import Row, bindparam, func, or_, select, update

from core.after_call import NewMessage, NewRegistration
from store import messages, workers
from store.prepared import Prepared, among
from store.schema import calls, contacts, registrations
from store.times import moment, us
from store.tx import Tx, word, words

Result = Literal["registered", "refused", "failed", "unknown"]


@dataclass(frozen=True)
class Registration:
    """A registration that is to be asked for. `id` is the idempotency key."""

    id: str
    call: str  #: what decided it: a call, or the SMS that ordered it
    contact: str | None
    programme: str  #: "": ordered by SMS, of no programme
    version: str
    number: str
    package: str
    offer: str  #: key of the offer in the campaign
    state: str
    tries: int  #: times asked, a claimed one included
    at: datetime
    due_at: datetime
    worker: str | None = None  #: who asks, or asked last


def id_of(call_id: str) -> str:
    """One call, or one SMS, registers at most once: its registration is named after it."""
    return f"reg-{call_id}"


_CALL = Prepared(
    select(calls.c.programme, calls.c.number, contacts.c.version)
    .select_from(calls.join(contacts, contacts.c.id == calls.c.contact))
    .where(calls.c.id == bindparam("call_id"))
)


def add(tx: Tx, *, call_id: str, new: NewRegistration, now: datetime) -> bool:
    """Write what a call decided as due. False: this call has its registration already."""
    row = tx.execute(_CALL, {"call_id": call_id}).one()
    values = {
        "id": id_of(call_id),
        "call": call_id,
        "programme": row.programme,
        "version": row.version,
        "number": row.number,
        "package": new.package,
        "offer": new.offer,
        "state": "due",
        "at": us(now),
        "due_at": us(now),
    }
    tx.wake("registrations")
    return tx.insert_new(registrations, values)


def add_order(tx: Tx, *, received: str, number: str, package: str, now: datetime) -> bool:
    """Write what a received SMS orders as due. False: this SMS has its registration already."""
    values = {
        "id": id_of(received),
        "call": received,
        "programme": "",
        "version": "",
        "number": number,
        "package": package,
        "offer": "",
        "state": "due",
        "at": us(now),
        "due_at": us(now),
    }
    tx.wake("registrations")
    return tx.insert_new(registrations, values)


_SELECTED = select(registrations, calls.c.contact).select_from(
    registrations.outerjoin(calls, calls.c.id == registrations.c.call)
)
_DUE = (
    _SELECTED.where(registrations.c.state == word("due"), registrations.c.due_at <= bindparam("now"))
    .order_by(registrations.c.due_at)
    .limit(bindparam("most"))
)
_LOOK_DUE = Prepared(_DUE)
_TAKE_DUE = Prepared(_DUE.with_for_update(skip_locked=True, of=registrations))
_ASKED = Prepared(
    update(registrations)
    .where(among(registrations.c.id, "b_ids"))
    .values(
        state=word("asked"),
        asked_at=bindparam("b_at"),
        tries=registrations.c.tries + 1,
        worker=bindparam("b_worker"),
    )
)


def claim_due(tx: Tx, *, now: datetime, limit: int, worker: str) -> tuple[Registration, ...]:
    """Take what is due for asking: due -> asked, one try more. Committed before the bytes leave.

    Nothing for a worker that was taken for dead.
    """
    if not workers.stands(tx, worker):
        return ()
    rows = tx.execute(_LOOK_DUE if tx.reading else _TAKE_DUE, {"now": us(now), "most": limit}).all()
    if rows:
        tx.execute(_ASKED, {"b_ids": [row.id for row in rows], "b_at": us(now), "b_worker": worker})
    return tuple(_registration(row, asked_by=worker) for row in rows)


def again(tx: Tx, *, asked: Registration, due_at: datetime, reason: str) -> bool:
    """It was asked and may be asked again with the same key, not before `due_at`.

    False: it is not asked any more, or by another worker, who knows what became of it.
    """
    this = update(registrations).where(registrations.c.id == asked.id, _asked_by(asked.worker))
    if tx.execute(this.values(state="due", due_at=us(due_at), reason=reason)).rowcount != 1:
        return False
    tx.wake("registrations")
    return True


_PUT_OFF = select(registrations.c.id).where(
    registrations.c.state == word("due"),
    registrations.c.tries > 0,
    registrations.c.due_at > bindparam("now"),
)
_HURRIED = Prepared(
    update(registrations).where(among(registrations.c.id, "b_ids")).values(due_at=bindparam("b_now"))
)


def hurry(tx: Tx, *, now: datetime) -> None:
    """What was to be asked again later is due now: the package system answers again."""
    ids = [row.id for row in tx.take(_PUT_OFF, {"now": us(now)}, of=registrations)]
    if ids:
        tx.execute(_HURRIED, {"b_ids": ids, "b_now": us(now)})
        tx.wake("registrations")


def _asked_by(worker: str | None) -> Any:
    whose = registrations.c.worker.is_(None) if worker is None else registrations.c.worker == worker
    return (registrations.c.state == word("asked")) & whose


def give_up(
    tx: Tx, *, asked: Registration, reason: str, new_messages: tuple[NewMessage, ...], now: datetime
) -> bool:
    """Asked, without a clear answer, and not to be asked again: unknown. False: as of `again`."""
    this = update(registrations).where(registrations.c.id == asked.id, _asked_by(asked.worker))
    if tx.execute(this.values(state="unknown", ended_at=us(now), reason=reason)).rowcount != 1:
        return False
    for each in new_messages:
        messages.add(tx, each, now=now)
    return True


_SETTLED = Prepared(
    update(registrations).where(
        registrations.c.id == bindparam("b_id"),
        registrations.c.state.in_(words("due", "asked", "unknown")),
        registrations.c.state != bindparam("b_state"),
    ),
    ("state", "ended_at", "reference", "reason", "message"),
)


def settle(
    tx: Tx,
    *,
    id: str,
    state: Result,
    reference: str | None = None,
    reason: str | None = None,
    message: str | None = None,
    new_messages: tuple[NewMessage, ...] = (),
    now: datetime,
) -> bool:
    """Write the result and the messages that follow it, once. False: it had a result, nothing is changed.

    `message`: the registration system's own text (SMS2). An `unknown` may later become known.
    """
    values = {
        "state": state,
        "ended_at": us(now),
        "reference": reference,
        "reason": reason,
        "message": message,
    }
    if tx.execute(_SETTLED, {"b_id": id, "b_state": state, **values}).rowcount != 1:
        return False
    for each in new_messages:
        messages.add(tx, each, now=now)
    return True


def left_asked(tx: Tx, *, by: str | None = None) -> tuple[Registration, ...]:
    """What nobody asks any more, since its worker is gone: the caller asks again with its key or says unknown.

    `by`: what this worker asked as well; it is the caller itself, which has just begun.
    """
    gone = workers.nobodys(registrations.c.worker)
    left = gone if by is None else or_(gone, registrations.c.worker == by)
    chosen = _SELECTED.where(registrations.c.state == word("asked"), left).order_by(registrations.c.asked_at)
    return tuple(_registration(row) for row in tx.take(chosen, {}, of=registrations))


@dataclass(frozen=True)
class Backlog:
    """How the package system keeps up."""

    waiting: int  #: due now, and not asked
    oldest_due_at: datetime | None  #: of those
    unclear: (
        int  #: asked without a clear answer, and none was clear since: to be asked again, or given up lately
    )
    reason: str  #: the last unclear answer; empty: there is none


_WAITING = Prepared(
    select(
        func.count().filter(registrations.c.due_at <= bindparam("now")).label("waiting"),
        func.min(registrations.c.due_at).label("oldest"),
        func.count().filter(registrations.c.tries > 0).label("again"),
    ).where(registrations.c.state == word("due"))
)
_REASON = Prepared(
    select(registrations.c.reason)
    .where(registrations.c.state == word("due"), registrations.c.tries > 0)
    .order_by(registrations.c.asked_at.desc())
    .limit(1)
)
#: Answers looked at: more than any process asks at once.
_LATEST = 200
_ENDED = Prepared(
    select(registrations.c.state, registrations.c.reason)
    .where(registrations.c.ended_at >= bindparam("since"))
    .order_by(registrations.c.ended_at.desc())
    .limit(_LATEST)
)


def backlog(tx: Tx, *, now: datetime, lately: timedelta) -> Backlog:
    """What waits for the package system, and what it has not answered clearly; what ended `lately` counts."""
    row = tx.execute(_WAITING, {"now": us(now)}).one()
    ended = tx.execute(_ENDED, {"since": us(now - lately)}).all()
    given_up = list(takewhile(lambda each: each.state == "unknown", ended))
    reasons = [row.reason for row in (*tx.execute(_REASON, {}), *given_up) if row.reason]
    waits = moment(row.oldest) if row.waiting else None
    return Backlog(row.waiting, waits, row.again + len(given_up), reasons[0] if reasons else "")


def next_due_at(tx: Tx) -> datetime | None:
    """When the next registration will be due."""
    waiting = select(registrations.c.due_at).where(registrations.c.state == word("due"))
    return moment(tx.execute(waiting.order_by(registrations.c.due_at).limit(1)).scalar())


def _registration(row: Row[Any], *, asked_by: str | None = None) -> Registration:
    asked_now = asked_by is not None
    return Registration(
        id=row.id,
        call=row.call,
        contact=row.contact,
        programme=row.programme,
        version=row.version,
        number=row.number,
        package=row.package,
        offer=row.offer,
        state="asked" if asked_now else row.state,
        tries=row.tries + asked_now,
        at=moment(row.at),
        due_at=moment(row.due_at),
        worker=asked_by if asked_now else row.worker,
    )
