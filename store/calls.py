"""What happened in each attempt? A call goes dialing -> up -> done | unknown; its end brings what follows."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Integer, bindparam, case, func, null, select, update

from core.after_call import AfterCall
from core.campaigns import Class
from core.outcomes import Outcome, keeps_slot
from core.phone import Decision
from store import messages, numbers, registrations, triggers
from store.prepared import Prepared
from store.schema import calls, contacts
from store.times import moment, us, us_or_none
from store.tx import Tx, word, words

NOTHING = AfterCall()  #: nothing follows


@dataclass(frozen=True)
class Ended:
    """How an attempt ended, as the line and the flow saw it."""

    call_id: str
    outcome: Outcome
    ended_at: datetime
    rang: bool  #: a SIP 180 or 183 was seen
    answered_at: datetime | None = None
    keys: tuple[tuple[str, datetime], ...] = ()  #: each key and when it was pressed
    text: str | None = None  #: what was really spoken
    offer: tuple[str, ...] | None = None  #: codes that were offered; None: as the claim said
    cause: int | None = None
    sip_code: int | None = None
    trunk: str | None = None  #: None: as the claim said
    node: str | None = None
    reason: str | None = None
    holds_line: bool = False  #: an agent has it: its channel is up until `free_line`
    nothing_sent: bool = False  #: Asterisk was never told to dial it: the event has no fate yet


@dataclass(frozen=True)
class OpenCall:
    """A call that has no end yet: what `recover` asks Asterisk about."""

    id: str
    direction: str
    state: str  #: dialing or up
    number: str
    contact: str | None
    trigger: str | None
    programme: str | None
    version: str | None
    class_: Class | None
    started_at: datetime
    rang_at: datetime | None
    answered_at: datetime | None
    decision: Decision | None
    attempts: int  #: calls of its contact so far, this one included
    pass_no: int
    node: str | None
    trunk: str | None
    worker: str | None  #: who makes it
    offer: tuple[str, ...] = ()  #: codes of the packages offered in this call


_THIS = calls.c.id == bindparam("call_id")
_RUNNING = words("dialing", "up")
_RANG = Prepared(update(calls).where(_THIS, calls.c.rang_at.is_(None)).values(rang_at=bindparam("at")))
_ANSWERED = Prepared(
    update(calls)
    .where(_THIS, calls.c.state == word("dialing"))
    .values(state=word("up"), answered_at=bindparam("at"))
)
_CONTACT_UP = Prepared(
    update(contacts)
    .where(contacts.c.id == select(calls.c.contact).where(_THIS).scalar_subquery())
    .where(contacts.c.state == word("dialing"))
    .values(state=word("up"))
)
_DECIDE = Prepared(
    update(calls)
    .where(_THIS, calls.c.decision.is_(None), calls.c.state.in_(_RUNNING))
    .values(decision=bindparam("what"), decided_at=bindparam("at"))
)
_END_CALL = Prepared(
    update(calls)
    .where(_THIS)
    .values(
        {name: bindparam(f"b_{name}") for name in ("state", "outcome", "keeps_slot", "ended_at", "keys")}
        | {"line": case((bindparam("b_holds_line", type_=Boolean), calls.c.line), else_=null())}
        | {  # what the end does not say stays as it is
            name: func.coalesce(bindparam(f"b_{name}", type_=calls.c[name].type), calls.c[name])
            for name in ("answered_at", "offer", "text", "cause", "sip_code", "trunk", "node", "reason")
        }
    )
)
_THIS_CONTACT = (contacts.c.id == bindparam("contact"), contacts.c.state.in_(_RUNNING))
_END_CONTACT = Prepared(
    update(contacts)
    .where(*_THIS_CONTACT)
    .values(state=bindparam("b_state"), outcome=bindparam("b_outcome"), ended_at=bindparam("b_ended_at"))
)
_CALL_AGAIN = Prepared(
    update(contacts)
    .where(*_THIS_CONTACT)
    .values(
        state=word("due"),
        outcome=bindparam("b_outcome"),
        due_at=bindparam("b_due_at"),
        pass_no=func.coalesce(bindparam("b_pass", type_=Integer), contacts.c.pass_no),
    )
)


_PASS = Prepared(select(contacts.c.pass_no).where(contacts.c.id == bindparam("contact")))
_MOVED = Prepared(
    update(calls)
    .where(_THIS, calls.c.state == word("dialing"))
    .values(trunk=bindparam("b_trunk"), line=bindparam("b_trunk"))
)
_FREED = Prepared(update(calls).where(_THIS).values(line=null()))
_WITH_AGENTS = Prepared(
    select(calls.c.id, calls.c.node, calls.c.line)
    .where(calls.c.line.is_not(None), calls.c.state.not_in(_RUNNING))
    .order_by(calls.c.id)
)


@dataclass(frozen=True)
class WithAgent:
    """A call that is over for us and holds a line: an agent took it over, and nobody has seen it end."""

    id: str
    node: str | None
    trunk: str


def move(tx: Tx, *, call_id: str, trunk: str) -> bool:
    """It goes on over another trunk, and holds a line of that one. False: it is not dialing any more."""
    return tx.execute(_MOVED, {"call_id": call_id, "b_trunk": trunk}).rowcount == 1


def free_line(tx: Tx, *, call_id: str) -> None:
    """The channel of a call that an agent took over is gone."""
    tx.wake("lines")
    tx.execute(_FREED, {"call_id": call_id})


def with_agents(tx: Tx) -> tuple[WithAgent, ...]:
    """The calls that agents took over and that still hold a line, as far as the store knows."""
    return tuple(WithAgent(row.id, row.node, row.line) for row in tx.execute(_WITH_AGENTS))


def rang(tx: Tx, *, call_id: str, at: datetime) -> None:
    """A 180 or 183 was seen; only the first counts."""
    tx.execute(_RANG, {"call_id": call_id, "at": us(at)})


def up(tx: Tx, *, call_id: str, at: datetime) -> bool:
    """Answered: call and contact go from dialing to up. False: the call was not dialing."""
    if tx.execute(_ANSWERED, {"call_id": call_id, "at": us(at)}).rowcount != 1:
        return False
    tx.execute(_CONTACT_UP, {"call_id": call_id})
    return True


def decide(tx: Tx, *, call_id: str, decision: Decision, at: datetime) -> Decision:
    """Keep what a key asked for; the first decision of a call stands. Returns the one that stands.

    A refusal holds from this transaction on, for every programme (R6), also on a call that was closed meanwhile.
    Raises LookupError for any other decision on such a call, since nobody would carry it out, and for no such call.
    """
    first = {"call_id": call_id, "what": asdict(decision), "at": us(at)}
    if tx.execute(_DECIDE, first).rowcount == 1:
        if decision.kind == "refuse":
            _refuse(tx, call_id, at)
        return decision
    row = tx.execute(select(calls.c.decision).where(calls.c.id == call_id)).one_or_none()
    if row is None:
        raise LookupError(f"there is no call {call_id}")
    if row.decision is None and decision.kind != "refuse":
        raise LookupError(f"call {call_id} was closed before the key came")
    if row.decision is None:
        _refuse(tx, call_id, at)
        return decision
    return Decision(**row.decision)


def _refuse(tx: Tx, call_id: str, at: datetime) -> None:
    number = tx.execute(select(calls.c.number).where(calls.c.id == call_id)).scalar_one()
    numbers.refuse(tx, number=number, at=at, via="key", ref=call_id)


_OPEN = (
    select(calls, contacts.c.version, contacts.c.attempts, contacts.c.pass_no)
    .select_from(calls.outerjoin(contacts, contacts.c.id == calls.c.contact))
    .where(calls.c.state.in_(_RUNNING))
)
_ONE_OPEN = Prepared(_OPEN.where(_THIS))
_EVERY_OPEN = Prepared(_OPEN.order_by(calls.c.started_at))
_ENDING = Prepared(select(calls).where(_THIS).with_for_update())


def finish(tx: Tx, ended: Ended, after: AfterCall, *, now: datetime) -> bool:
    """Write the end of an attempt and what follows it, in one transaction, once.

    False: the call is done already, and nothing is changed. Raises LookupError for no such call, ValueError
    when the outcome contradicts a decision that was committed (it outweighs how the call ended).
    """
    row = tx.execute(_ENDING, {"call_id": ended.call_id}).one_or_none()
    if row is None:
        raise LookupError(f"there is no call {ended.call_id}")
    if row.state not in ("dialing", "up"):
        return False
    if row.decision is not None and (decided := Decision(**row.decision).outcome) is not ended.outcome:
        raise ValueError(f"call {row.id} was decided as {decided}: it cannot end as {ended.outcome}")
    _end_call(tx, row, ended)
    tx.wake("lines")
    tx.count(row.programme, "ended", ended.outcome.value)
    if row.contact is not None:
        _end_contact(tx, row, ended, after)
    if row.trigger is not None and not ended.nothing_sent:
        triggers.settle(tx, id=row.trigger, fate="called", programme=row.programme, call=row.id)
    if after.refuse:
        numbers.refuse(tx, number=row.number, at=now, via="key", ref=row.id)
    if after.registration is not None:
        registrations.add(tx, call_id=row.id, new=after.registration, now=now)
    for message in after.messages:
        messages.add(tx, message, now=now)
    return True


def _end_call(tx: Tx, row: Any, ended: Ended) -> None:
    values: dict[str, Any] = {
        "state": "unknown" if ended.outcome is Outcome.UNKNOWN else "done",
        "outcome": ended.outcome.value,
        "keeps_slot": keeps_slot(ended.outcome, ended.rang or row.rang_at is not None),
        "ended_at": us(ended.ended_at),
        "answered_at": us_or_none(ended.answered_at),
        "keys": [{"key": key, "at": us(at)} for key, at in ended.keys],
        "offer": None if ended.offer is None else list(ended.offer),
        "text": ended.text,
        "cause": ended.cause,
        "sip_code": ended.sip_code,
        "trunk": ended.trunk,
        "node": ended.node,
        "reason": ended.reason,
        "holds_line": ended.holds_line,
    }
    tx.execute(_END_CALL, {"call_id": row.id} | {f"b_{name}": value for name, value in values.items()})


def _end_contact(tx: Tx, row: Any, ended: Ended, after: AfterCall) -> None:
    which = {"contact": row.contact, "b_outcome": ended.outcome.value}
    if after.retry_at is not None:
        again = which | {"b_due_at": us(after.retry_at), "b_pass": after.retry_pass}
        changed = tx.execute(_CALL_AGAIN, again).rowcount
        waiting = after.retry_pass or tx.execute(_PASS, which).scalar()
        tx.count(row.programme, "waiting", str(waiting), changed)
        tx.wake("contacts")
    else:
        state = "unknown" if ended.outcome is Outcome.UNKNOWN else "done"
        over = which | {"b_state": state, "b_ended_at": us(ended.ended_at)}
        changed = tx.execute(_END_CONTACT, over).rowcount
    tx.count(row.programme, "outcome", ended.outcome.value, changed)


def open_calls(tx: Tx) -> tuple[OpenCall, ...]:
    """Every call that is dialing or up, the oldest first; those of no worker that stands are orphans."""
    return tuple(_open_call(row) for row in tx.execute(_EVERY_OPEN))


def one_open(tx: Tx, *, call_id: str) -> OpenCall | None:
    """The call, if it is still open."""
    row = tx.execute(_ONE_OPEN, {"call_id": call_id}).one_or_none()
    return _open_call(row) if row else None


def _open_call(row: Any) -> OpenCall:
    return OpenCall(
        id=row.id,
        direction=row.direction,
        state=row.state,
        number=row.number,
        contact=row.contact,
        trigger=row.trigger,
        programme=row.programme,
        version=row.version,
        class_=row.class_,
        started_at=moment(row.started_at),
        rang_at=moment(row.rang_at),
        answered_at=moment(row.answered_at),
        decision=Decision(**row.decision) if row.decision else None,
        attempts=row.attempts or 1,
        pass_no=row.pass_no or 1,
        node=row.node,
        trunk=row.trunk,
        worker=row.worker,
        offer=tuple(row.offer or ()),
    )
