"""What do many receipts say at once? That messages in one part were delivered: a handful of statements for all of them.

Every other receipt (of a long message, a failed one, one that fits no id yet) is taken by itself: store/receipts.py.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, exists, func, literal_column, select, update

from store.prepared import Prepared, among
from store.receipts import Receipt, receipt
from store.schema import message_parts, messages, received
from store.times import us
from store.tx import Tx, word


class Came(NamedTuple):
    """A delivery receipt as it came; see `receipts.receipt`."""

    id: str
    bind: str
    smsc_ids: tuple[str, ...]
    state: Receipt | None
    number: str
    to: str = ""
    text: str = ""
    reference: int | None = None


_KNOWN = Prepared(select(received.c.id).where(among(received.c.id, "ids")))
_ONE_PART: Any = literal_column("1")
#: Parts that wait for their receipt, by the ids that the SMSC gave them.
_NAMED = Prepared(
    select(message_parts.c.smsc_id, messages.c.number, messages.c.id, message_parts.c.state)
    .add_columns(messages.c.state.label("whole"), func.coalesce(messages.c.parts, _ONE_PART).label("parts"))
    .select_from(message_parts.join(messages, messages.c.id == message_parts.c.message))
    .where(among(message_parts.c.smsc_id, "forms"))
)
_PARTS_DELIVERED = Prepared(
    update(message_parts)
    .where(
        among(message_parts.c.message, "b_ids"),
        message_parts.c.part == _ONE_PART,
        message_parts.c.state == word("accepted"),
    )
    .values(state=word("delivered"), at=bindparam("b_at"))
)
#: Only those whose one part is delivered.
_DELIVERED = Prepared(
    update(messages)
    .where(
        among(messages.c.id, "b_ids"),
        messages.c.state == word("accepted"),
        exists().where(
            message_parts.c.message == messages.c.id,
            message_parts.c.part == _ONE_PART,
            message_parts.c.state == word("delivered"),
        ),
    )
    .values(
        state=word("delivered"),
        accepted_at=func.coalesce(messages.c.accepted_at, bindparam("b_at")),
        delivered_at=bindparam("b_at"),
        reason=None,
    )
)


def take_receipts(tx: Tx, came: Sequence[Came], *, at: datetime) -> None:
    """Store these receipts and apply them, as `receipts.receipt` would one after the other."""
    plain = _plain(tx, came) if len(came) > 1 else {}
    if plain:
        ids = {"b_ids": [*plain.values()], "b_at": us(at)}
        tx.execute(_PARTS_DELIVERED, ids)
        tx.execute(_DELIVERED, ids)
        tx.insert_new_ones(received, [_row(each, at) for each in came if each.id in plain])
        tx.wake("messages")
    for each in came:
        if each.id not in plain:
            receipt(tx, at=at, **each._asdict())


def _plain(tx: Tx, came: Sequence[Came]) -> dict[str, str]:
    """Those that say of one accepted message in one part that it was delivered, and are new: its id by theirs.

    Neither the receipt nor its message is among the others: what comes twice is taken in its order.
    """
    known = set(tx.execute(_KNOWN, {"ids": [each.id for each in came]}).scalars())
    forms = sorted({form for each in came for form in each.smsc_ids})
    named: dict[tuple[str, str], list[Any]] = {}
    for row in tx.execute(_NAMED, {"forms": forms}) if forms else ():
        named.setdefault((row.smsc_id, row.number), []).append(row)
    fits = [
        (each, [row for form in each.smsc_ids for row in named.get((form, each.number), ())]) for each in came
    ]
    times = Counter(each.id for each in came)
    told = Counter(row.id for _, rows in fits for row in rows)
    return {
        each.id: rows[0].id
        for each, rows in fits
        if each.state == "delivered"
        and each.id not in known
        and times[each.id] == 1
        and len(rows) == 1
        and told[rows[0].id] == 1
        and (rows[0].state, rows[0].whole, rows[0].parts) == ("accepted", "accepted", 1)
    }


def _row(came: Came, at: datetime) -> dict[str, Any]:
    return {
        "id": came.id,
        "hash": came.id,
        "kind": "receipt",
        "bind": came.bind,
        "number": came.number,
        "to": came.to,
        "text": came.text,
        "at": us(at),
        "state": "done",
        "smsc_id": came.smsc_ids[0],
        "status": came.state,
        "reference": came.reference,
    }
