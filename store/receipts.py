"""Which part does a delivery receipt speak of? By its id; by our reference; or because no other part is left.

A receipt may come before the response to its message, or when no response ever came: then it is kept, and
proves that the part was accepted as soon as that is certain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import bindparam, func, select, update

from store.part_state import derive, reference_of, set_part
from store.prepared import Prepared, among
from store.schema import message_parts, messages, received
from store.times import us
from store.tx import Tx, word, words

Receipt = Literal["delivered", "failed"]

#: A receipt is taken for one of a message that was sent so much later: a clock may have been set back.
_CLOCK_STEP = timedelta(minutes=5)
_STEP_US = _CLOCK_STEP // timedelta(microseconds=1)

_UNMATCHED = (received.c.kind == word("receipt"), received.c.state == word("unmatched"))
_OF_IDS = among(received.c.smsc_id, "forms")
_WAITING = Prepared(
    select(messages.c.id)
    .select_from(messages.join(received, received.c.number == messages.c.number))
    .where(among(messages.c.id, "ids"), *_UNMATCHED, received.c.smsc_id.is_not(None))
)
#: An id that the SMSC uses again after a restart must not find an old receipt: hence number and time.
_EARLY = Prepared(
    select(received.c.id, received.c.status)
    .where(
        *_UNMATCHED,
        _OF_IDS,
        received.c.number == select(messages.c.number).where(messages.c.id == bindparam("message")).scalar_subquery(),
        received.c.at
        >= select(messages.c.sending_at - _STEP_US)
        .where(messages.c.id == bindparam("message"))
        .scalar_subquery(),
    )
    .order_by(received.c.at)
)  # fmt: skip
_OF_NUMBER = message_parts.join(messages, messages.c.id == message_parts.c.message)
_NAMED = Prepared(
    select(message_parts.c.message, message_parts.c.part)
    .select_from(_OF_NUMBER)
    .where(
        among(message_parts.c.smsc_id, "forms"),
        messages.c.number == bindparam("number"),
    )
    .order_by(message_parts.c.at.desc())
    .limit(1)
)
_OPEN = Prepared(
    select(message_parts.c.message, message_parts.c.part, message_parts.c.state, messages.c.sender)
    .add_columns(messages.c.sending_at)
    .select_from(_OF_NUMBER)
    .where(
        messages.c.number == bindparam("number"),
        message_parts.c.state.in_(words("sending", "unknown")),
        func.coalesce(message_parts.c.smsc_id, "") == "",  # not by the index of ids: few are this number's
    )
    .order_by(messages.c.sending_at, message_parts.c.part)
)
_KEPT = Prepared(
    select(received.c.id, received.c.to, received.c.status, received.c.reference)
    .where(*_UNMATCHED, received.c.number == bindparam("number"), received.c.at >= bindparam("since"))
    .order_by(received.c.at)
)


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
    reference: int | None = None,
) -> str | None:
    """Store a delivery receipt and apply it. Returns the message's id, None: it fits none (yet).

    `id`: the hash that names this receipt; one that came before changes nothing. `smsc_ids`: the id it names,
    normalised first, then the other forms. `state` None: on its way, or a word we do not know. `reference`:
    the user_message_reference it carries. One that fits no id proves unknown parts to that number as `prove`
    says.
    """
    row: dict[str, Any] = {"id": id, "hash": id, "kind": "receipt", "bind": bind}
    row |= {"number": number, "to": to, "text": text}
    row |= {"at": us(at), "state": "unmatched", "smsc_id": smsc_ids[0] if smsc_ids else None}
    if not tx.insert_new(received, row | {"status": state, "reference": reference}):
        return None
    found = tx.execute(_NAMED, {"forms": smsc_ids, "number": number}).first() if smsc_ids else None
    if found is not None:
        _apply(tx, id, found.message, found.part, state, at)
        derive(tx, found.message, at)
        return str(found.message)
    proved = prove(tx, number=number, at=at)
    for message in proved:
        derive(tx, message, at)
    return next(iter(proved), None)


def waiting(tx: Tx, messages: Sequence[str]) -> set[str]:
    """To whose numbers there are receipts that fitted nothing: one may have come before its response."""
    return set(tx.execute(_WAITING, {"ids": messages}).scalars())


def apply_early(tx: Tx, message: str, part: int, ids: tuple[str, ...], at: datetime) -> None:
    """Apply the receipts that came before the response which gave the part its id."""
    for row in tx.execute(_EARLY, {"forms": ids, "message": message}):
        _apply(tx, row.id, message, part, row.status, at)


_DONE = Prepared(update(received).where(received.c.id == bindparam("b_id")).values(state=word("done")))


def _apply(tx: Tx, receipt: str, message: str, part: int, state: str | None, at: datetime) -> None:
    set_part(tx, message, part, {"state": "accepted"}, ("sending", "unknown"))
    if state is not None:
        set_part(tx, message, part, {"state": state, "at": us(at)}, ("accepted",))
    tx.execute(_DONE, {"b_id": receipt})


@dataclass(frozen=True, slots=True)
class _Open:
    message: str
    part: int
    sender: str
    sending_at: int


def prove(tx: Tx, *, number: str, at: datetime) -> tuple[str, ...]:
    """Prove unknown parts to this number by receipts that fit no id; returns the messages, not yet derived.

    A receipt with our reference proves its part. Else as many receipts as parts prove all of them, once no
    part to the number waits for its answer: which is which is only known when all receipts say the same.
    """
    rows = tx.execute(_OPEN, {"number": number}).all()
    unknown = [_Open(r.message, r.part, r.sender, r.sending_at or 0) for r in rows if r.state == "unknown"]
    if not unknown:
        return ()
    since = min(each.sending_at for each in unknown) - _STEP_US
    kept = list(tx.execute(_KEPT, {"number": number, "since": since}).all())
    proved = {}
    for row in [row for row in kept if row.reference is not None]:
        named = next((u for u in unknown if reference_of(u.message, u.part) == row.reference), None)
        if named is not None:
            _apply(tx, row.id, named.message, named.part, row.status, at)
            proved[named.message] = True
            kept.remove(row)
            unknown.remove(named)
    if not any(row.state == "sending" for row in rows):
        proved |= dict.fromkeys(_by_count(tx, unknown, kept, at), True)
    return tuple(proved)


def _by_count(tx: Tx, unknown: list[_Open], kept: list[Any], at: datetime) -> list[str]:
    proved = []
    for sender in dict.fromkeys(each.sender for each in unknown):
        mine = [each for each in unknown if each.sender == sender]
        theirs = [row for row in kept if row.to == sender]
        if not theirs and len(mine) == len(unknown):  # an SMSC that writes our sender its own way
            theirs = kept
        if not theirs or len(theirs) != len(mine):
            continue
        same = len({row.status for row in theirs}) == 1
        for part, row in zip(mine, theirs, strict=True):
            _apply(tx, row.id, part.message, part.part, row.status if same else None, at)
            proved.append(part.message)
    return proved
