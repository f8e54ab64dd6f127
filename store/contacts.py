"""Who is to be called next? A contact goes due -> dialing -> up -> done | unknown; an arrow is a function."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, bindparam, exists, func, literal_column, select, update

from core.campaigns import Class
from store import tallies, triggers
from store.prepared import Prepared, pairs
from store.schema import calls, contacts
from store.times import moment, us, us_or_none
from store.tx import Tx, word, words


@dataclass(frozen=True)
class NewContact:
    """A contact to be planned. An id made of the event and the programme makes planning twice harmless."""

    id: str
    programme: str
    version: str
    class_: Class
    unit: str
    number: str
    due_at: datetime
    trigger: str | None = None  #: None: from a target list
    stale_at: datetime | None = None  #: O20: not dialled at or after this moment
    test: bool = False


@dataclass(frozen=True)
class Contact:
    """A contact as the dialer sees it."""

    id: str
    programme: str
    version: str
    class_: Class
    unit: str
    number: str
    trigger: str | None
    due_at: datetime
    stale_at: datetime | None
    test: bool
    pass_no: int
    attempts: int  #: calls made so far


@dataclass(frozen=True)
class NewCall:
    """The attempt that a claim begins. `id` is the channel id that we chose."""

    id: str
    wall_at: datetime  #: host UTC, whatever clock the programme runs on
    node: str | None = None
    trunk: str | None = None
    offer: tuple[str, ...] = ()  #: codes of the packages that will be offered
    text: str | None = None
    prompt_version: str | None = None
    worker: str | None = None  #: who makes it


#: A number in the text of a statement: see the partial index `contacts_stale`.
_FIRST = "1"
_FIRST_PASS: Any = literal_column(_FIRST)
_ONE = Prepared(select(contacts).where(contacts.c.id == bindparam("contact")))
_DUE = (
    select(contacts)
    .where(contacts.c.state == word("due"), contacts.c.programme == bindparam("programme"))
    .where(contacts.c.pass_no == bindparam("pass_no"), contacts.c.due_at <= bindparam("now"))
    .order_by(contacts.c.due_at)
    .limit(bindparam("most"))
)
_LOOK_DUE = Prepared(_DUE)
_TAKE_DUE = Prepared(_DUE.with_for_update(skip_locked=True))
_EARLIEST = select(func.min(contacts.c.pass_no)).where(contacts.c.programme == bindparam("programme"))
_EARLIEST_DUE = Prepared(_EARLIEST.where(contacts.c.state == word("due")))
_EARLIEST_RUNNING = Prepared(_EARLIEST.where(contacts.c.state.in_(words("dialing", "up"))))
_LAST_DUE = Prepared(
    select(func.max(contacts.c.due_at))
    .where(contacts.c.state == word("due"), contacts.c.programme == bindparam("programme"))
    .where(contacts.c.pass_no == bindparam("pass_no"))
)
_NEXT_PASS = Prepared(
    _EARLIEST.where(contacts.c.state == word("due"), contacts.c.pass_no > bindparam("after"))
)
_STILL_DUE = (contacts.c.id == bindparam("contact"), contacts.c.state == word("due"))
_TAKE = Prepared(
    update(contacts)
    .where(*_STILL_DUE)
    .values(
        state=word("dialing"),
        attempts=contacts.c.attempts + 1,
        version=func.coalesce(bindparam("called_with", type_=Text), contacts.c.version),
    )
    .returning(contacts)
)
_SETTLED = Prepared(
    update(contacts)
    .where(*_STILL_DUE)
    .values(state=word("done"), reason=bindparam("why"), ended_at=bindparam("at"))
    .returning(contacts)
)
_POSTPONED = Prepared(update(contacts).where(*_STILL_DUE).values(due_at=bindparam("at")))
#: The columns of an attempt that the claim knows.
_ATTEMPT = (
    "id", "direction", "contact", "trigger", "programme", "class", "unit", "number", "state", "started_at",
    "wall_at", "offer", "text", "prompt_version", "node", "trunk", "line", "worker",
)  # fmt: skip
_NEW_CALL = Prepared(calls.insert(), _ATTEMPT)


def plan(tx: Tx, new: NewContact, *, now: datetime) -> bool:
    """Write a contact as due. False: this id was planned before, and nothing is changed."""
    row = {
        "id": new.id,
        "trigger": new.trigger,
        "programme": new.programme,
        "version": new.version,
        "class": new.class_,
        "unit": new.unit,
        "number": new.number,
        "state": "due",
        "test": new.test,
        "created_at": us(now),
        "due_at": us(new.due_at),
        "stale_at": us_or_none(new.stale_at),
    }
    if not tx.insert_new(contacts, row):
        return False
    tx.count(new.programme, "planned")
    tx.count(new.programme, "waiting", _FIRST)
    tx.wake("contacts")
    return True


_ASKED = pairs("programmes")
_FIRST_DUE = (
    select(func.min(contacts.c.pass_no))
    .where(contacts.c.state == word("due"), contacts.c.programme == _ASKED.c.key)
    .correlate(_ASKED)
    .scalar_subquery()
)
_SOME_DUE = Prepared(
    select(_ASKED.c.key)
    .where(
        exists(
            select(contacts.c.id)
            .where(contacts.c.state == word("due"), contacts.c.programme == _ASKED.c.key)
            .where(contacts.c.pass_no == _FIRST_DUE, contacts.c.due_at <= bindparam("now"))
            .correlate(_ASKED)
        )
    )
    .limit(literal_column("1"))
)


def some_due(tx: Tx, *, programmes: Iterable[str], now: datetime) -> bool:
    """Whether one of these programmes has a contact that is due now: one short look, nothing is taken."""
    wanted = {"programmes": dict.fromkeys(programmes, ""), "now": us(now)}
    return tx.execute(_SOME_DUE, wanted).first() is not None


def due(
    tx: Tx, *, programme: str, now: datetime, limit: int, list_exhausted: bool = True
) -> tuple[Contact, ...]:
    """Contacts to dial now, the longest due first. Those that another dialer has at this moment are passed over.

    A later pass begins only when the programme has no contact of an earlier one that is due (also later
    today), dialing or up, and its target list is exhausted (B3: the others first).
    """
    first = _earliest_pass(tx, programme)
    if first is None or (first > 1 and not list_exhausted):
        return ()
    wanted = {"programme": programme, "pass_no": first, "now": us(now), "most": limit}
    return tuple(_contact(row) for row in tx.execute(_LOOK_DUE if tx.reading else _TAKE_DUE, wanted))


def _earliest_pass(tx: Tx, programme: str) -> int | None:
    """The earliest pass that has an open contact. Two queries: each has its own partial index."""
    waiting = tx.execute(_EARLIEST_DUE, {"programme": programme}).scalar()
    if waiting is None or waiting == 1:
        return None if waiting is None else 1
    running = tx.execute(_EARLIEST_RUNNING, {"programme": programme}).scalar()
    return int(waiting if running is None else min(waiting, running))


def last_due_at(tx: Tx, *, programme: str) -> datetime | None:
    """When the last contact of a programme that waits will be due; None: none waits."""
    passes = ({"programme": programme, "pass_no": each} for each in passes_waiting(tx, programme=programme))
    return moment(max((tx.execute(_LAST_DUE, each).scalar() for each in passes), default=None))


def passes_waiting(tx: Tx, *, programme: str) -> tuple[int, ...]:
    """The passes that have contacts due, now or later. A step of the index for each: there are few."""
    found: list[int] = []
    wanted = {"programme": programme, "after": 0}
    while (after := tx.execute(_NEXT_PASS, wanted).scalar()) is not None:
        found.append(after)
        wanted["after"] = after
    return tuple(found)


def claim(tx: Tx, contact: str, call: NewCall, *, now: datetime) -> bool:
    """Begin an attempt: the contact goes to dialing, the call's row is written, the slot is taken (R7).

    False: the contact is no longer due (another took it, or it was withdrawn). `numbers.lock` and
    `may_contact` come before it, in the same transaction. The contact takes the version that the call is made
    with: its file may have been edited since it was planned.
    """
    taken = {"contact": contact, "called_with": call.prompt_version or None}
    row = tx.execute(_TAKE, taken).one_or_none()
    if row is None:
        return False
    _count_claimed(tx, row, now)
    attempt = {
        "id": call.id,
        "direction": "out",
        "contact": contact,
        "trigger": row.trigger,
        "programme": row.programme,
        "class": row.class_,
        "unit": row.unit,
        "number": row.number,
        "state": "dialing",
        "started_at": us(now),
        "wall_at": us(call.wall_at),
        "offer": list(call.offer),
        "text": call.text,
        "prompt_version": call.prompt_version,
        "node": call.node,
        "trunk": call.trunk,
        "worker": call.worker,
        "line": call.trunk,
    }
    tx.execute(_NEW_CALL, attempt)
    return True


def _count_claimed(tx: Tx, row: Any, now: datetime) -> None:
    tx.count(row.programme, "waiting", str(row.pass_no), -1)
    tx.count(row.programme, "started", tallies.began(now))
    if row.attempts == 1:
        tx.count(row.programme, "called")
    if row.outcome is not None:
        tx.count(row.programme, "outcome", row.outcome, -1)


def settle_undialled(tx: Tx, *, contact: str, fate: triggers.Fate, reason: str, now: datetime) -> bool:
    """A due contact that will not be dialled (any more): done; its event gets this fate unless it has one.

    A contact that was called before keeps the outcome of that call. False: it was not due.
    """
    row = tx.execute(_SETTLED, {"contact": contact, "why": reason, "at": us(now)}).one_or_none()
    if row is None:
        return False
    count_withdrawn(tx, row, reason)
    if row.trigger is not None:
        triggers.settle(tx, id=row.trigger, fate=fate, rule=reason, programme=row.programme)
    return True


def count_withdrawn(tx: Tx, row: Any, reason: str) -> None:
    """A contact (programme, pass_no, attempts) was due and is done for this reason."""
    tx.count(row.programme, "waiting", str(row.pass_no), -1)
    if not row.attempts:
        tx.count(row.programme, "refused", tallies.rule_in(reason))


def postpone(tx: Tx, *, contact: str, due_at: datetime) -> bool:
    """Not now, but later; False: the contact is not due any more."""
    return tx.execute(_POSTPONED, {"contact": contact, "at": us(due_at)}).rowcount == 1


def one(tx: Tx, *, contact: str) -> Contact | None:
    row = tx.execute(_ONE, {"contact": contact}).one_or_none()
    return _contact(row) if row else None


_STALE = Prepared(
    select(contacts.c.id, contacts.c.stale_at)
    .where(contacts.c.state == word("due"), contacts.c.programme == bindparam("programme"))
    .where(contacts.c.pass_no == _FIRST_PASS, contacts.c.stale_at <= bindparam("now"))
    .limit(bindparam("most"))
)
_SOME_WAITING = (
    select(contacts.c.pass_no)
    .where(contacts.c.state == word("due"), contacts.c.programme == bindparam("programme"))
    .where(contacts.c.pass_no == _FIRST_PASS, contacts.c.due_at <= bindparam("now"))
    .limit(bindparam("most"))
)
_WAITING = Prepared(select(func.count()).select_from(_SOME_WAITING.subquery()))
_NEXT_PROGRAMME = Prepared(
    select(func.min(contacts.c.programme)).where(
        contacts.c.state == word("due"), contacts.c.programme > bindparam("after")
    )
)


def stale(tx: Tx, *, programme: str, now: datetime, limit: int) -> tuple[tuple[str, datetime], ...]:
    """Due contacts of this programme that are past their freshness limit (O20): their ids and that limit."""
    rows = tx.execute(_STALE, {"programme": programme, "now": us(now), "most": limit})
    return tuple((row.id, moment(row.stale_at)) for row in rows)


def waiting(tx: Tx, *, programme: str, now: datetime, most: int) -> int:
    """How many contacts of the first pass are due now, counted up to `most`: what the dialer can still take."""
    wanted = {"programme": programme, "now": us(now), "most": most}
    return int(tx.execute(_WAITING, wanted).scalar_one())


def programmes_waiting(tx: Tx) -> frozenset[str]:
    """The programmes that have contacts due, also those whose file is gone. A step of the index for each."""
    found: set[str] = set()
    after: str | None = ""
    while (after := tx.execute(_NEXT_PROGRAMME, {"after": after}).scalar()) is not None:
        found.add(after)
    return frozenset(found)


def running(tx: Tx, *, programme: str) -> dict[str, int]:
    """Contacts of a programme that are being called, by state: dialing, up (absent: none)."""
    counted = (
        select(contacts.c.state, func.count().label("counted"))
        .where(contacts.c.programme == programme, contacts.c.state.in_(words("dialing", "up")))
        .group_by(contacts.c.state)
    )
    return {row.state: row.counted for row in tx.execute(counted)}


def _contact(row: Any) -> Contact:
    return Contact(
        id=row.id,
        programme=row.programme,
        version=row.version,
        class_=row.class_,
        unit=row.unit,
        number=row.number,
        trigger=row.trigger,
        due_at=moment(row.due_at),
        stale_at=moment(row.stale_at),
        test=bool(row.test),
        pass_no=row.pass_no,
        attempts=row.attempts,
    )
