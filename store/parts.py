"""What did the SMSC say to each part of a message, and what is the message's state then?"""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, delete, select, update

from store.schema import message_parts, messages, received
from store.times import us
from store.tx import Tx, word, words

PartState = Literal["sending", "accepted", "delivered", "failed", "unknown"]
Receipt = Literal["delivered", "failed"]


def whole(parts: list[str], expected: int) -> PartState:
    """The message's state by its parts': one failed part makes it failed, else the slowest decides."""
    for state in ("failed", "sending", "unknown"):
        if state in parts:
            return state
    if len(parts) < expected:
        return "sending"
    return "delivered" if all(state == "delivered" for state in parts) else "accepted"


# Built once: building a statement costs more than running it.
_EARLY = select(received.c.id, received.c.status).where(
    received.c.kind == word("receipt"),
    received.c.state == word("unmatched"),
    received.c.smsc_id.in_(bindparam("forms", expanding=True)),
)
_STATES = select(message_parts.c.state).where(message_parts.c.message == bindparam("message"))
_WHOLE = (
    select(messages.c.state, messages.c.parts, messages.c.accepted_at)
    .where(messages.c.id == bindparam("message"))
    .with_for_update()
)


def accepted(
    tx: Tx, *, message: str, part: int, smsc_id: str, at: datetime, forms: tuple[str, ...] = ()
) -> PartState | None:
    """submit_sm_resp said yes. `smsc_id` normalised; `forms`: other ways a receipt may write it.

    A receipt that came before its response is applied now. Returns the message's state, None: no such part.
    """
    values = {"state": "accepted", "smsc_id": smsc_id, "at": us(at)}
    if not _set(tx, message, part, values, ("sending", "unknown")):
        return None
    for row in tx.execute(_EARLY, {"forms": [smsc_id, *forms]}).all():
        if row.status is not None:
            _set(tx, message, part, {"state": row.status, "at": us(at)}, ("accepted",))
        tx.execute(update(received).where(received.c.id == row.id).values(state="done"))
    return _derive(tx, message, at)


def failed(tx: Tx, *, message: str, part: int, status: str, at: datetime) -> PartState | None:
    """The SMSC refused the part for good; `status` is its reason. Returns the message's state."""
    if not _set(
        tx, message, part, {"state": "failed", "status": status, "at": us(at)}, ("sending", "unknown")
    ):
        return None
    return _derive(tx, message, at, reason=status)


def unknown(tx: Tx, *, message: str, part: int, reason: str, at: datetime) -> PartState | None:
    """Written, but never answered. Returns the message's state."""
    if not _set(tx, message, part, {"state": "unknown", "status": reason, "at": us(at)}, ("sending",)):
        return None
    return _derive(tx, message, at, reason=reason)


def postponed(tx: Tx, *, message: str, part: int, due_at: datetime, reason: str) -> bool:
    """The SMSC refused the part for now (throttled, queue full): due again at `due_at`.

    The message goes on with its other parts' answers; a part that is not accepted is sent again.
    """
    gone = delete(message_parts).where(
        message_parts.c.message == message, message_parts.c.part == part, message_parts.c.state == "sending"
    )
    if tx.execute(gone).rowcount != 1:
        return False
    later = update(messages).where(messages.c.id == message, messages.c.state.in_(words("sending", "due")))
    tx.execute(later.values(due_at=us(due_at), reason=reason))
    _due_when_answered(tx, message)
    return True


def _due_when_answered(tx: Tx, message: str) -> None:
    """A message with a missing part is due again once no part of it waits for an answer."""
    states = _states(tx, message)
    if "sending" in states:
        return
    row = tx.execute(select(messages.c.state, messages.c.parts).where(messages.c.id == message)).one()
    if row.state == "sending" and len(states) < (row.parts or 1):
        tx.execute(update(messages).where(messages.c.id == message).values(state="due"))
        tx.wake("messages")


def receipt(
    tx: Tx,
    *,
    id: str,
    bind: str,
    smsc_ids: tuple[str, ...],
    state: Receipt | None,
    at: datetime,
    number: str,
    to: str = "",
    text: str = "",
) -> str | None:
    """Store a delivery receipt and apply it. Returns the message's id, None: it fits none (yet).

    `id`: the hash that names this receipt; one that came before changes nothing. `smsc_ids`: the id it names,
    normalised first, then the other forms. `state` None: on its way, or a word we do not know. One that fits
    no id but the only unanswered part to that number proves that this part was accepted.
    """
    row = {
        "id": id,
        "hash": id,
        "kind": "receipt",
        "number": number,
        "to": to,
        "text": text,
        "bind": bind,
        "at": us(at),
    }
    row |= {"state": "unmatched", "smsc_id": smsc_ids[0] if smsc_ids else None, "status": state}
    if not tx.insert_new(received, row):
        return None
    found = _part_of(tx, smsc_ids, number, bind)
    if found is None:
        return None
    message, part = found
    _set(tx, message, part, {"state": "accepted"}, ("sending", "unknown"))
    if state is not None:
        _set(tx, message, part, {"state": state, "at": us(at)}, ("accepted",))
    tx.execute(update(received).where(received.c.id == id).values(state="done"))
    _derive(tx, message, at)
    return message


def _part_of(tx: Tx, smsc_ids: tuple[str, ...], number: str, bind: str) -> tuple[str, int] | None:
    of_number = message_parts.join(messages, messages.c.id == message_parts.c.message)
    chosen = select(message_parts.c.message, message_parts.c.part).select_from(of_number)
    named = chosen.where(message_parts.c.smsc_id.in_(smsc_ids), messages.c.number == number)
    rows = tx.execute(named.order_by(message_parts.c.at.desc()).limit(1)).all()
    if not rows:
        lost = message_parts.c.state == "unknown", message_parts.c.smsc_id.is_(None)
        rows = tx.execute(
            chosen.where(messages.c.number == number, message_parts.c.bind == bind, *lost).limit(2)
        ).all()
    return (rows[0].message, rows[0].part) if len(rows) == 1 else None


def _set(tx: Tx, message: str, part: int, values: dict[str, Any], before: tuple[str, ...]) -> bool:
    which = (
        message_parts.c.message == message,
        message_parts.c.part == part,
        message_parts.c.state.in_(words(*before)),
    )
    return tx.execute(update(message_parts).where(*which).values(values)).rowcount == 1


def _states(tx: Tx, message: str) -> list[str]:
    return [row.state for row in tx.execute(_STATES, {"message": message})]


def _derive(tx: Tx, message: str, at: datetime, reason: str | None = None) -> PartState:
    """Bring the message's state in line with its parts; who waited for it is woken."""
    row = tx.execute(_WHOLE, {"message": message}).one()
    state = whole(_states(tx, message), row.parts or 1)
    values: dict[str, Any] = {"state": state}
    if state in ("accepted", "delivered"):
        values |= {"accepted_at": row.accepted_at or us(at), "reason": None}
    if state == "delivered":
        values |= {"delivered_at": us(at)}
    if reason is not None:
        values |= {"reason": reason}
    if row.state in ("due", "dropped"):  # a part is missing and will be sent again: only its parts changed
        return state
    tx.execute(update(messages).where(messages.c.id == message).values(values))
    if state == "sending":
        _due_when_answered(tx, message)
    else:
        tx.wake("messages")
    return state


def is_sending(tx: Tx, *, message: str) -> bool:
    """Whether any part of the message waits for its answer."""
    chosen = select(messages.c.id).where(messages.c.id == message, messages.c.state == word("sending"))
    return tx.execute(chosen).first() is not None
