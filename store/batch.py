"""How do many callers' functions share one transaction without sharing each other's failures?

The first is the transaction: when it fails, that is rolled back and nothing else was in it. Each that follows has a
savepoint. Over PostgreSQL every word about transactions is a way there and back, as dear as a statement.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from store import direct, tallies
from store.tx import Counts, Kind, Tx

#: A transaction is closed when it holds this many functions, or when it has been open for this long
#: (seconds): whoever came first waits for the last.
MOST_JOBS = 500
LONGEST = 0.05
#: What a process that makes calls gives as `gather_s`: a call's ten writes wait so long each, which nobody notices, and
#: at 50 calls/s a commit (0.4 ms of CPU, and an fsync) carries several of them instead of one.
GATHER_S = 0.005


class Alone(Exception):
    """The first function failed: the transaction is to be rolled back, and its caller is told his own failure."""


@dataclass(slots=True)
class Job:
    """One caller's function, and what became of it."""

    run: Callable[[Tx], Any]
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    tries: int = field(default=0)

    def land(self) -> None:
        """Tell the caller; a caller that has gone away is not told (its work stands all the same)."""
        if self.done.done():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


def run_batch(
    connection: Connection, lists: Path, first: Job, more: Callable[[], Job | None], taken: list[Job]
) -> set[Kind]:
    """Run `first` and what `more` gives, in order, in the open transaction; a failure undoes its own function only.

    Appends each job to `taken` before it runs. Returns the kinds to wake after the commit. Raises Alone: `first` failed,
    nothing else was run. Whatever else is raised makes the whole transaction void (a lost connection, a full disk):
    then no job of `taken` is in the store.
    """
    kinds: set[Kind] = set()
    counts: Counts = {}
    say = _driver_of(connection)
    until = time.monotonic() + LONGEST
    job: Job | None = first
    while job is not None:
        taken.append(job)
        job.result, job.error = None, None
        if job is not first:
            say("SAVEPOINT job") if len(taken) == 2 else say("RELEASE SAVEPOINT job", "SAVEPOINT job")
        tx = Tx(connection, lists)
        try:
            job.result = job.run(tx)
        except Exception as error:
            if connection.invalidated:
                raise
            job.error = error
            if job is first:
                raise Alone from error
            say("ROLLBACK TO SAVEPOINT job")
        else:
            kinds |= tx.kinds
            for key, by in tx.counts.items():
                counts[key] = counts.get(key, 0) + by
        full = tx.commit_soon or len(taken) >= MOST_JOBS or time.monotonic() > until
        job = None if full else more()
    if counts:
        tallies.add(Tx(connection, lists), counts)
    return kinds


def _driver_of(connection: Connection) -> Callable[..., None]:
    """What says words of ours about transactions: the driver itself, at a tenth or a third of the cost."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        return partial(direct.say, connection)

    def say(*words: str) -> None:
        for word in words:
            driver.execute(word)

    return say


def new_job(run: Callable[[Tx], Any]) -> Job:
    done = asyncio.get_running_loop().create_future()
    done.add_done_callback(_look)
    return Job(run, done)


def _look(done: asyncio.Future[Any]) -> None:
    """Nobody may be waiting any more for a failure: asyncio is not to complain about that."""
    if not done.cancelled():
        done.exception()
