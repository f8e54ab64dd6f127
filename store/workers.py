"""Who is alive, and whose is what? Each process is a worker with a lease; a row in flight carries its worker's id.

A worker is alive while its row stands. Whoever takes work looks for its own row in the same transaction, which keeps
that row until the commit (`stands`); who removes it comes before or after, never between. So what carries the id of
no row was taken before the row went, is all there is of it, and is nobody's: whoever may close it does.

SQLite has one process (store/lock.py): it stands as long as it runs, and at its start all others are gone.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, cast, delete, exists, func, select, update

from store.prepared import Prepared
from store.schema import duties, workers
from store.tx import Tx

#: A worker that has not renewed its lease for so long is dead to the others.
LEASE = timedelta(seconds=15)
_LEASE_US = LEASE // timedelta(microseconds=1)


@dataclass(frozen=True)
class Worker:
    """One process that is alive, or was. `process`: host and run folder."""

    id: str
    process: str


def enlist(tx: Tx, *, id: str, process: str, alone: bool) -> tuple[Worker, ...]:
    """A new worker. Returns those that it proves dead: on SQLite all others; `alone`: those of this very process,
    whose run folder is locked by us. The id must be one that was never used.
    """
    gone: tuple[Worker, ...] = ()
    if alone:
        gone = _remove(tx, workers.c.process == process if tx.on_postgres else workers.c.id != id)
    lease = _clock(tx) + _LEASE_US
    row = {"id": id, "process": process, "started_at": _clock(tx), "lease_until": lease}
    tx.execute(workers.insert().values(row))
    return gone


def _clock(tx: Tx) -> Any:
    """The database's time in microseconds; on SQLite the host's."""
    if tx.on_postgres:
        return cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
    return time.time_ns() // 1000


def renew(tx: Tx, *, id: str) -> bool:
    """Stand for one lease more, also when it has run out unnoticed. False: this worker was taken for dead."""
    standing = update(workers).where(workers.c.id == id)
    return tx.execute(standing.values(lease_until=_clock(tx) + _LEASE_US)).rowcount == 1


def reap(tx: Tx, *, id: str) -> tuple[Worker, ...]:
    """Take every other worker for dead whose lease has run out; returns them. `id`: who looks, still standing.

    To be asked by who has itself been heard of for a whole lease: after a restart of the database nobody has renewed.
    """
    if not stands(tx, id):
        return ()
    return _remove(tx, workers.c.lease_until < _clock(tx), workers.c.id != id)


def _remove(tx: Tx, *which: ColumnElement[bool]) -> tuple[Worker, ...]:
    """Rows that a transaction is just relying on are passed over: their workers live."""
    found = tx.take(select(workers.c.id, workers.c.process).where(*which), {}, of=workers)
    gone = tuple(Worker(row.id, row.process) for row in found)
    if gone:
        tx.execute(delete(workers).where(workers.c.id.in_([each.id for each in gone])))
        tx.wake("contacts", "registrations", "messages")
    return gone


def strike_off(tx: Tx, *, id: str) -> None:
    """A worker ends well: its duties are free at once."""
    tx.execute(delete(workers).where(workers.c.id == id))


_STANDS = Prepared(
    select(workers.c.id)
    .where(workers.c.id == bindparam("worker"))
    .with_for_update(read=True, key_share=True)  # renewing goes on beside it, removing waits
)


def stands(tx: Tx, id: str) -> bool:
    """Whether this worker may take work in this transaction. True: nobody takes it for dead before the commit."""
    return not tx.on_postgres or tx.execute(_STANDS, {"worker": id}).first() is not None


def nobodys(worker: ColumnElement[Any]) -> ColumnElement[bool]:
    """Of a row whose column `worker` this is: no worker that stands works on it."""
    return ~exists().where(workers.c.id == worker)


def standing(tx: Tx) -> tuple[Worker, ...]:
    """Every worker whose row stands."""
    rows = tx.execute(select(workers.c.id, workers.c.process).order_by(workers.c.started_at))
    return tuple(Worker(row.id, row.process) for row in rows)


def take_duty(tx: Tx, *, duty: str, worker: str) -> Worker | None:
    """Take what one worker at a time may do, or keep it; None: it is ours until our row goes. Else who has it.

    Its holder loses it only with its row, so that whoever `stands` has all duties that it took. Raises NotStanding.
    """
    if not stands(tx, worker):
        raise NotStanding(worker)
    tx.insert_new(duties, {"name": duty, "worker": worker})
    this = duties.c.name == duty
    holder = tx.execute(select(duties.c.worker).where(this).with_for_update()).scalar_one()
    if holder == worker:
        return None
    found = tx.execute(select(workers.c.id, workers.c.process).where(workers.c.id == holder)).one_or_none()
    if found is not None:
        return Worker(found.id, found.process)
    tx.execute(update(duties).where(this).values(worker=worker))
    return None


def on_duty(tx: Tx) -> dict[str, Worker]:
    """Who has each duty; one whose holder is gone is not there."""
    joined = duties.join(workers, workers.c.id == duties.c.worker)
    rows = tx.execute(select(duties.c.name, workers.c.id, workers.c.process).select_from(joined))
    return {row.name: Worker(row.id, row.process) for row in rows}


class NotStanding(Exception):
    """This worker was taken for dead, and may take nothing."""
