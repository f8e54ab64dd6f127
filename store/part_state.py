"""How far is each part of a message, and what is the message's state then? The rows; store/parts.py has the events."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal
from zlib import crc32

from sqlalchemy import bindparam, delete, select, update

from store.prepared import Prepared
from store.schema import message_parts, messages
from store.times import us
from store.tx import Tx, word, words

PartState = Literal["sending", "accepted", "delivered", "failed", "unknown"]


def whole(parts: list[str], expected: int) -> PartState:
    """The message's state by its parts': one failed part makes it failed, else the slowest decides."""
    for state in ("failed", "sending", "unknown"):
        if state in parts:
            return state
    if len(parts) < expected:
        return "sending"
    return "delivered" if all(state == "delivered" for state in parts) else "accepted"


def reference_of(message: str, part: int) -> int:
    """The user_message_reference of a part, 16 bits: a receipt that carries it names its part."""
    return crc32(f"{message}/{part}".encode()) & 0xFFFF


_STATES = Prepared(select(message_parts.c.state).where(message_parts.c.message == bindparam("message")))
_WHOLE = Prepared(
    select(messages.c.state, messages.c.parts, messages.c.accepted_at, messages.c.tries)
    .where(messages.c.id == bindparam("message"))
    .with_for_update()
)


@lru_cache(maxsize=64)
def _change_part(names: tuple[str, ...], before: tuple[str, ...]) -> Prepared:
    which = (
        message_parts.c.message == bindparam("b_message"),
        message_parts.c.part == bindparam("b_part"),
        message_parts.c.state.in_(words(*before)),
    )
    return Prepared(update(message_parts).where(*which), (*names,))


@lru_cache(maxsize=64)
def _change(names: tuple[str, ...]) -> Prepared:
    return Prepared(update(messages).where(messages.c.id == bindparam("b_message")), (*names,))


def set_part(tx: Tx, message: str, part: int, values: dict[str, Any], before: tuple[str, ...]) -> bool:
    """Change a part that is in one of the states `before`. False: it is not."""
    change = _change_part(tuple(values), before)
    return tx.execute(change, {**values, "b_message": message, "b_part": part}).rowcount == 1


def states_of(tx: Tx, message: str) -> list[str]:
    """The states of its parts that were handed to an SMSC."""
    return [row.state for row in tx.execute(_STATES, {"message": message})]


def derive(tx: Tx, message: str, at: datetime, reason: str | None = None) -> PartState:
    """Bring the message's state in line with its parts'; who waited for it is woken."""
    row = tx.execute(_WHOLE, {"message": message}).one()
    states = states_of(tx, message)
    state = whole(states, row.parts or 1)
    if state == "unknown" and len(states) < (row.parts or 1):
        state = "sending"  # the missing part may still complete it at the phone
    values: dict[str, Any] = {"state": state}
    if state in ("accepted", "delivered"):
        values |= {"accepted_at": row.accepted_at or us(at), "reason": None}
    if state == "delivered":
        values |= {"delivered_at": us(at)}
    if reason is not None:
        values |= {"reason": reason}
    if row.state in ("due", "dropped"):  # a part is missing and will be sent again: only its parts changed
        return state
    tx.execute(_change(tuple(values)), {**values, "b_message": message})
    if state == "sending":
        due_when_answered(tx, message)
    else:
        tx.wake("messages")
    return state


_FORGET_ALL = Prepared(
    delete(message_parts).where(
        message_parts.c.message == bindparam("message"), message_parts.c.state == word("sending")
    )
)
_FORGET = Prepared(
    delete(message_parts).where(
        message_parts.c.message == bindparam("message"),
        message_parts.c.part == bindparam("part"),
        message_parts.c.state == word("sending"),
    )
)


def remove(tx: Tx, message: str, parts: Iterable[int] | None = None) -> int:
    """Forget parts that are `sending` (None: all such) and never were taken: they will be sent again."""
    if parts is None:
        return tx.execute(_FORGET_ALL, {"message": message}).rowcount
    return sum(tx.execute(_FORGET, {"message": message, "part": part}).rowcount for part in parts)


def due_when_answered(tx: Tx, message: str) -> None:
    """A message with a missing part is due again once no part of it waits for an answer.

    One of which the SMSC has taken no part was not tried: its tries are as before.
    """
    states = states_of(tx, message)
    if "sending" in states:
        return
    row = tx.execute(_WHOLE, {"message": message}).one()
    if row.state == "sending" and len(states) < (row.parts or 1):
        again = {"state": "due", "tries": row.tries if states else row.tries - 1}
        tx.execute(_change(tuple(again)), {**again, "b_message": message})
        tx.wake("messages")
