"""What did the SMSC say to each part of a message? Its answers, one by one or many in one transaction."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import bindparam, exists, func, literal_column, select, update

from store import receipts
from store.part_state import PartState, derive, due_when_answered, reference_of, remove, set_part, whole
from store.prepared import Prepared, among, pairs
from store.receipts import Receipt, receipt
from store.schema import message_parts, messages
from store.times import us
from store.tx import Tx, word, words

__all__ = [
    "Answer",
    "PartState",
    "Receipt",
    "accepted",
    "answered",
    "failed",
    "postponed",
    "receipt",
    "reference_of",
    "unknown",
    "whole",
]


class Answer(NamedTuple):
    """What became of one part that was written."""

    message: str
    part: int
    of: int  #: parts of the message
    said: Literal["accepted", "failed", "unknown", "postponed"]
    smsc_id: str = ""  #: of accepted, normalised
    reason: str = ""  #: of the others
    due_at: datetime | None = None  #: of postponed: when to try again


# `b_` names what is bound: a column's own name would be taken for a value to set.
_IDS = pairs("b_ids")  #: the SMSC's id by the message's
_ACCEPT = Prepared(
    update(message_parts)
    .where(
        message_parts.c.message == _IDS.c.key,
        message_parts.c.part == literal_column("1"),
        message_parts.c.state.in_(words("sending", "unknown")),
    )
    .values(state=word("accepted"), smsc_id=_IDS.c.value, at=bindparam("b_at"))
)
_ACCEPTED: dict[str, Any] = {
    "state": word("accepted"),
    "accepted_at": func.coalesce(messages.c.accepted_at, bindparam("b_at")),
    "reason": None,
}
#: Only those whose one part really was accepted by the statement before.
_ACCEPT_WHOLE = Prepared(
    update(messages)
    .where(
        among(messages.c.id, "b_ids"),
        messages.c.state.in_(words("sending", "unknown")),
        exists().where(
            message_parts.c.message == messages.c.id,
            message_parts.c.part == literal_column("1"),
            message_parts.c.state == word("accepted"),
        ),
    )
    .values(**_ACCEPTED)
)
#: When that statement found them all.
_ACCEPT_ALL = Prepared(
    update(messages)
    .where(among(messages.c.id, "b_ids"), messages.c.state.in_(words("sending", "unknown")))
    .values(**_ACCEPTED)
)
_NUMBER = Prepared(select(messages.c.number).where(messages.c.id == bindparam("message")))


FormsOf = Callable[[str], tuple[str, ...]]


def _as_it_is(smsc_id: str) -> tuple[str, ...]:
    return (smsc_id,)


def answered(tx: Tx, answers: Sequence[Answer], *, at: datetime, forms_of: FormsOf = _as_it_is) -> None:
    """Take what the SMSC said to many parts, in order. Receipts that came before it are applied.

    `forms_of`: all ways in which a receipt may write an id.
    """
    alone = [each for each in answers if each.of == 1 and each.said == "accepted"]
    if alone:
        _accepted_alone(tx, alone, at, forms_of)
    if len(alone) == len(answers):
        return
    for each in answers:
        if each.said != "accepted":
            _take(tx, each, at)
        elif each.of > 1:
            forms = forms_of(each.smsc_id)
            accepted(tx, message=each.message, part=each.part, smsc_id=each.smsc_id, at=at, forms=forms)


def _accepted_alone(tx: Tx, answers: Sequence[Answer], at: datetime, forms_of: FormsOf) -> None:
    """Messages in one part each, all accepted."""
    given = {each.message: each.smsc_id for each in answers}
    found = tx.execute(_ACCEPT, {"b_ids": given, "b_at": us(at)}).rowcount
    whole = _ACCEPT_ALL if found == len(given) else _ACCEPT_WHOLE
    tx.execute(whole, {"b_ids": [*given], "b_at": us(at)})
    tx.wake("messages")
    early = receipts.waiting(tx, [*given])
    for each in answers:
        if each.message in early:
            receipts.apply_early(tx, each.message, each.part, forms_of(each.smsc_id), at)
            derive(tx, each.message, at)


def marked_by(tx: Tx, ids: Sequence[str], *, bind: str, worker: str) -> set[str]:
    """Those of these messages that are in sending as this worker marked them for this bind."""
    chosen = select(messages.c.id).where(
        messages.c.id.in_(ids),
        messages.c.state == word("sending"),
        messages.c.bind == bind,
        messages.c.worker == worker,
    )
    return {row.id for row in tx.execute(chosen)}


def _take(tx: Tx, answer: Answer, at: datetime) -> None:
    message, part, reason = answer.message, answer.part, answer.reason
    if answer.said == "failed":
        failed(tx, message=message, part=part, status=reason, at=at)
    elif answer.said == "unknown":
        unknown(tx, message=message, part=part, reason=reason, at=at)
    else:
        postponed(tx, message=message, part=part, due_at=answer.due_at or at, reason=reason)


def accepted(
    tx: Tx, *, message: str, part: int, smsc_id: str, at: datetime, forms: tuple[str, ...] = ()
) -> PartState | None:
    """submit_sm_resp said yes. `smsc_id` normalised; `forms`: other ways a receipt may write it.

    A receipt that came before its response is applied now. Returns the message's state, None: no such part.
    """
    values = {"state": "accepted", "smsc_id": smsc_id, "at": us(at)}
    if not set_part(tx, message, part, values, ("sending", "unknown")):
        return None
    receipts.apply_early(tx, message, part, (smsc_id, *forms), at)
    return _settled(tx, message, at)


def failed(tx: Tx, *, message: str, part: int, status: str, at: datetime) -> PartState | None:
    """The SMSC refused the part for good; `status` is its reason. Returns the message's state."""
    values = {"state": "failed", "status": status, "at": us(at)}
    if not set_part(tx, message, part, values, ("sending", "unknown")):
        return None
    return _settled(tx, message, at, reason=status)


def unknown(tx: Tx, *, message: str, part: int, reason: str, at: datetime) -> PartState | None:
    """Written, but never answered. Returns the message's state: a receipt that waits may prove it accepted."""
    values = {"state": "unknown", "status": reason, "at": us(at)}
    if not set_part(tx, message, part, values, ("sending",)):
        return None
    return _settled(tx, message, at, reason=reason)


def _settled(tx: Tx, message: str, at: datetime, reason: str | None = None) -> PartState:
    state = derive(tx, message, at, reason)
    if state == "unknown":
        number = tx.execute(_NUMBER, {"message": message}).scalar_one()
        if message in receipts.prove(tx, number=number, at=at):
            state = derive(tx, message, at)
    return state


def postponed(tx: Tx, *, message: str, part: int, due_at: datetime, reason: str) -> bool:
    """The SMSC refused the part for now (throttled, queue full): due again at `due_at`.

    The message goes on with its other parts' answers; a part that is not accepted is sent again.
    """
    if remove(tx, message, (part,)) != 1:
        return False
    later = update(messages).where(messages.c.id == message, messages.c.state.in_(words("sending", "due")))
    tx.execute(later.values(due_at=us(due_at), reason=reason))
    due_when_answered(tx, message)
    return True
