"""Is this process still alive to the others? It renews its lease every few seconds, and takes no work without one.

A process that slept, or whose database was away, may have been taken for dead (store/workers.py): its work was closed,
its duties are another's. It learns that from its row before it takes anything, says so, and goes on under a new id.
On SQLite there is no other process, and no lease that could run out.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from runtime.logs import log
from store import settings, workers
from store.tx import PASSING, Tx

if TYPE_CHECKING:
    from runtime.app import App

logger = log("worker")

LEASE_S = workers.LEASE.total_seconds()
_RENEW_S = LEASE_S / 5
#: Between two looks whether a duty has become free.
_LOOK_S = 1.0


def _clock() -> float:
    """Seconds that also pass while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass
class Worker:
    """What this process is to the others. `id`: the fencing token; one that was taken for dead gets a new one."""

    id: str = ""
    until: float = float("inf")  #: of _clock; nobody takes us for dead before
    _replaced: asyncio.Event = field(default_factory=asyncio.Event)

    def sure(self) -> bool:
        """Whether nobody can have taken us for dead: without it no bytes leave for what we took before."""
        return _clock() < self.until

    def becomes(self, id: str, until: float) -> None:
        """Work under another id from now on; what was taken under the last one is nobody's."""
        self.id, self.until = id, until
        self._replaced.set()
        self._replaced = asyncio.Event()

    async def until_replaced(self, id: str) -> None:
        """Returns when this is not our id any more."""
        while self.id == id:
            await self._replaced.wait()


def process_name(app: "App") -> str:
    """Host and run folder: it is locked, so that there is one such process."""
    return app.process or f"{socket.gethostname()}:{app.installation.run_dir}"


@asynccontextmanager
async def working(app: "App") -> AsyncIterator[None]:
    """Be a worker, from here to the end of the process. The run folder must be locked (`control.alone_in`).

    Raises what the store raises when it takes no writes.
    """
    await enlist(app, alone=True)
    renewing = asyncio.create_task(_keep(app), name="lease") if app.installation.shares_store else None
    try:
        yield
    finally:
        if renewing is not None:
            renewing.cancel()
            await asyncio.wait([renewing])
        try:
            await app.store.write(partial(workers.strike_off, id=app.worker.id))
        except PASSING as error:
            logger.warning("not signed off: the others wait for the end of the lease", error=str(error))


async def enlist(app: "App", *, alone: bool) -> None:
    """Become a worker under a new id. `alone`: an earlier one of this run folder is dead, for we have its lock."""
    id, process, began, now = f"worker-{uuid4().hex[:16]}", process_name(app), _clock(), app.now()

    def write(tx: Tx) -> tuple[workers.Worker, ...]:
        settings.clear_alarm(tx, name=_alarm(process), now=now)
        if alone:
            settings.clear_alarm(tx, name=app.own("lease"), now=now)
        return workers.enlist(tx, id=id, process=process, alone=alone)

    gone = await app.store.write(write)
    shared = app.installation.shares_store
    app.worker.becomes(id, began + LEASE_S if shared else float("inf"))
    for each in gone:
        logger.warning("an earlier run did not end well: its work is taken over", process=each.process)


def _alarm(process: str) -> str:
    return f"worker@{process}"


async def _keep(app: "App") -> None:
    """Renew the lease until cancelled. Whoever could not for a while gives the others a lease to come back as well."""
    steady = _clock()
    while True:
        await asyncio.sleep(_RENEW_S)
        try:
            if not app.worker.sure():
                steady = _clock()
            if await _renew(app):
                if _clock() - steady > LEASE_S:
                    await _reap(app)
            else:
                steady = _clock()
        except PASSING as error:
            steady = _clock()
            logger.error("the lease is not renewed, trying again", error=str(error))
        except Exception:  # without a lease nothing is done: no fault may end the renewing
            steady = _clock()
            logger.exception("the lease is not renewed, trying again")


async def _renew(app: "App") -> bool:
    """False: we had been taken for dead, and have a new id now."""
    worker, began = app.worker, _clock()
    if await app.store.write(partial(workers.renew, id=worker.id)):
        worker.until = began + LEASE_S
        return True
    worker.until = 0.0
    logger.error("this process was taken for dead: it goes on under a new id", worker=worker.id)
    await enlist(app, alone=False)
    await app.alarm(
        app.own("lease"),
        f"this process was not heard of for {LEASE_S:.0f} s and taken for dead; it works again. "
        "Does its machine sleep, or does its connection to the database stall?",
    )
    return False


async def _reap(app: "App") -> None:
    now = app.now()

    def reap(tx: Tx) -> tuple[workers.Worker, ...]:
        gone = workers.reap(tx, id=app.worker.id)
        for each in gone:
            text = f"{each.process} has not been heard of for {LEASE_S:.0f} s: others do its work"
            settings.raise_alarm(tx, name=_alarm(each.process), text=text, now=now)
        return gone

    for each in await app.store.write(reap):
        logger.error("a process is taken for dead: its work is taken over", process=each.process)


async def taken(app: "App", duty: str, waits: Callable[[str], None] = lambda process: None) -> str:
    """Wait until this process has a duty that one at a time may have; the id under which it has it.

    `waits` is told who has it meanwhile. It is ours until that id is replaced, or the process ends.
    """
    while True:
        worker = app.worker.id
        try:
            holder = await app.store.write(partial(workers.take_duty, duty=duty, worker=worker))
        except workers.NotStanding:
            waits("nobody: this process was taken for dead")
        except PASSING as error:
            logger.error("the store takes no writes, trying again", duty=duty, error=str(error))
        else:
            if holder is None:
                return worker
            waits(holder.process)
        await asyncio.sleep(_LOOK_S)


async def on_duty(app: "App", duty: str) -> bool:
    """Whether this process has, or now takes, a duty that one at a time may have."""
    try:
        take = partial(workers.take_duty, duty=duty, worker=app.worker.id)
        return await app.store.write(take) is None
    except workers.NotStanding:
        return False


async def kept(app: "App", duty: str, worker: str) -> str | None:
    """Wait until this id of ours is replaced, and take the duty under the new one: that id; None: another has it."""
    await app.worker.until_replaced(worker)
    worker = app.worker.id
    try:
        holder = await app.store.write(partial(workers.take_duty, duty=duty, worker=worker))
    except (workers.NotStanding, *PASSING) as error:
        logger.error("whether a duty is still ours is not known", duty=duty, error=repr(error))
        return None
    return worker if holder is None else None
