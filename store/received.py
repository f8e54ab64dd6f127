"""What did subscribers send us? Stored before it is acknowledged; the same message twice is one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from store.schema import received
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


def new(tx: Tx, *, limit: int) -> tuple[Incoming, ...]:
    """SMS that nobody has acted on yet, the oldest first."""
    chosen = select(received).where(received.c.kind == "mo", received.c.state == "new")
    rows = tx.execute(chosen.order_by(received.c.at).limit(limit))
    return tuple(Incoming(row.id, row.number, row.to, row.text, row.bind, moment(row.at)) for row in rows)


def done(tx: Tx, *, id: str) -> None:
    """It was acted on."""
    tx.execute(update(received).where(received.c.id == id).values(state="done"))
