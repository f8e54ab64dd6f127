"""What did subscribers send us? Stored before it is acknowledged; the same message twice is one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, delete, func, select, update

from store.schema import received, received_parts
from store.times import moment, us
from store.tx import Tx


@dataclass(frozen=True)
class Incoming:
    """An SMS from a subscriber that nobody has acted on yet."""

    id: str
    number: str
    to: str
    text: str
    bind: str | None
    at: datetime


def add(
    tx: Tx,
    *,
    id: str,
    number: str,
    to: str,
    text: str,
    bind: str | None,
    at: datetime,
    same_within: timedelta = timedelta(minutes=10),
) -> str | None:
    """Store an SMS. `id`: hash of source, destination, esm_class, data_coding and octets.

    The same hash again within `same_within` is a redelivery: None. Later it is a new message.
    Returns the id it was stored under.
    """
    row = {
        "kind": "mo",
        "hash": id,
        "number": number,
        "to": to,
        "text": text,
        "bind": bind,
        "state": "new",
        "at": us(at),
    }
    last = tx.execute(
        select(received.c.at)
        .where(received.c.hash == id, received.c.kind == "mo")
        .order_by(received.c.at.desc())
        .limit(1)
    ).scalar()
    if last is not None and us(at) - last < same_within // timedelta(microseconds=1):
        return None
    own = id if last is None else f"{id}-{us(at)}"
    return own if tx.insert_new(received, row | {"id": own}) else None


def sent_to(tx: Tx, *, id: str) -> str | None:
    """The short code that a received SMS was sent to; None: there is no such SMS any more."""
    chosen = select(received.c.to).where(received.c.id == id)
    return tx.execute(chosen).scalar_one_or_none()


def new(tx: Tx, *, limit: int) -> tuple[Incoming, ...]:
    """SMS that nobody has acted on yet, the oldest first."""
    chosen = select(received).where(received.c.kind == "mo", received.c.state == "new")
    rows = tx.execute(chosen.order_by(received.c.at).limit(limit))
    return tuple(Incoming(row.id, row.number, row.to, row.text, row.bind, moment(row.at)) for row in rows)


Understood = Literal["refusal", "help", "order", "not_on_sale"]


def done(tx: Tx, *, id: str, as_: Understood) -> None:
    """It was acted on, as what it was understood to be."""
    tx.execute(update(received).where(received.c.id == id).values(state="done", status=as_))


@dataclass(frozen=True)
class LongPart:
    """One part of a long SMS, as it came."""

    number: str
    to: str
    method: str
    reference: int
    total: int
    part: int  #: 1...total
    octets: bytes
    data_coding: int
    hash: str


def _message_of(part: LongPart) -> tuple[Any, ...]:
    """Which long SMS: parts are told apart by addresses, method, reference and total."""
    c = received_parts.c
    return (
        c.number == part.number,
        c.to == part.to,
        c.method == part.method,
        c.reference == part.reference,
        c.total == part.total,
    )


def add_part(
    tx: Tx, part: LongPart, *, bind: str | None, at: datetime, same_within: timedelta = timedelta(hours=1)
) -> tuple[LongPart, ...] | None:
    """Store a part; returns all parts in order once the last is there, else None.

    A part that came before is a redelivery. Another text under the same reference is a new message: the
    sender counts from 0 again. What was joined is kept `same_within`, to recognise redeliveries.
    """
    mine = _message_of(part)
    tx.execute(
        delete(received_parts).where(
            received_parts.c.joined, received_parts.c.at < us(at - same_within), *mine
        )
    )
    rows = {row.part: row for row in tx.execute(select(received_parts).where(*mine))}
    same = rows.get(part.part)
    if same is not None and same.hash == part.hash:
        return None
    if same is not None or any(row.joined for row in rows.values()):
        tx.execute(delete(received_parts).where(*mine))
        rows = {}
    values = {
        "number": part.number, "to": part.to, "method": part.method, "reference": part.reference,
        "total": part.total, "part": part.part, "hash": part.hash, "octets": part.octets.hex(),
        "data_coding": part.data_coding, "bind": bind, "at": us(at), "joined": False,
    }  # fmt: skip
    tx.execute(received_parts.insert(), values)
    if len(rows) + 1 < part.total:
        return None
    tx.execute(update(received_parts).where(*mine).values(joined=True))
    found = [*(_long_part(row) for row in rows.values()), part]
    return tuple(sorted(found, key=lambda each: each.part))


def forget_joined(tx: Tx, *, before: datetime) -> None:
    """Parts of whole messages that are too old to be delivered again."""
    tx.execute(delete(received_parts).where(received_parts.c.joined, received_parts.c.at < us(before)))


def incomplete(tx: Tx, *, before: datetime, limit: int = 100) -> tuple[tuple[LongPart, ...], ...]:
    """Long SMS whose newest part is older than `before`: taken out, in the parts that came."""
    c = received_parts.c
    same = (c.number, c.to, c.method, c.reference, c.total)
    old = select(*same).where(~c.joined).group_by(*same).having(func.max(c.at) < us(before)).limit(limit)
    taken = []
    for row in tx.execute(old).all():
        mine = tuple(column == value for column, value in zip(same, row, strict=True))
        parts = tx.execute(select(received_parts).where(*mine).order_by(c.part)).all()
        tx.execute(delete(received_parts).where(*mine))
        taken.append(tuple(_long_part(part) for part in parts))
    return tuple(taken)


def _long_part(row: Row[Any]) -> LongPart:
    return LongPart(
        number=row.number,
        to=row.to,
        method=row.method,
        reference=row.reference,
        total=row.total,
        part=row.part,
        octets=bytes.fromhex(row.octets),
        data_coding=row.data_coding,
        hash=row.hash,
    )
