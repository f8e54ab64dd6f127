"""How is a PostgreSQL store written and read? One writing task with group commit; NOTIFY wakes the others.

The functions are the same as on SQLite: SQLAlchemy runs them over asyncpg (`run_sync`). Several programs
write: whoever decides about a number locks its row (numbers.py), queues are taken with SKIP LOCKED.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store import direct, migrate
from store.batch import Alone, Job, new_job, run_batch
from store.errors import CommitFailed, StoreAway, StoreClosed, StoreError
from store.tx import KINDS, Kind, Tx
from store.waking import Wakes, Watch

T = TypeVar("T")
logger = logging.getLogger(__name__)

READERS = 4
#: A program that sleeps in the middle of a transaction holds its locks no longer than this (less than a lease).
_MOST_IDLE = "10s"
MOST_WAITING = 20_000
#: A commit costs three ways there and back here (BEGIN, NOTIFY, COMMIT) and wakes every program: it waits for more
#: functions than one of SQLite. At 20 calls/s two programs commit 4.5 times a call instead of 9.2.
_GATHER_TIMES = 3
_CHANNEL = "mai"
#: Two programs locked two numbers crosswise, or a snapshot is too old: the loser may simply run again.
_RUN_AGAIN = frozenset(("40001", "40P01"))
_TRIES = 5
_RECONNECT_S = 1.0
_LEAVE_S = 5.0
_SETTINGS = {"application_name": "mai", "timezone": "UTC", "jit": "off"}


@asynccontextmanager
async def open_postgres(
    url: URL, folder: Path, *, readonly: bool, gather_s: float = 0.0
) -> AsyncIterator["PostgresStore"]:
    """The store in this database; lists lie in `folder`/lists. Raises StoreError when nobody answers."""
    engine = _engine(url, READERS + 1, _SETTINGS)
    writing = _engine(url, 1, _SETTINGS | {"idle_in_transaction_session_timeout": _MOST_IDLE})
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        stack.push_async_callback(writing.dispose)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(migrate.check_readable if readonly else migrate.bring_up_to_date)
        except (OSError, DBAPIError) as error:
            where = url.render_as_string(hide_password=True)
            raise StoreError(f"{where} cannot be opened: {error}") from error
        store = PostgresStore(engine, writing, folder / "lists", readonly=readonly, gather_s=gather_s)
        stack.push_async_callback(store.close)
        yield store


def _engine(url: URL, connections: int, settings: dict[str, str]) -> AsyncEngine:
    """A pool of so many connections; one that is lost is replaced where it is taken."""
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        pool_size=connections,
        max_overflow=0,
        connect_args={"server_settings": settings},
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def _replace_if_lost(adapted: Any, _record: Any, _proxy: Any) -> None:
        if direct.is_lost(adapted):
            raise DisconnectionError("the connection was lost meanwhile")

    return engine


class PostgresStore:
    """A Store in a PostgreSQL database."""

    def __init__(
        self, engine: AsyncEngine, writing: AsyncEngine, lists: Path, *, readonly: bool, gather_s: float
    ) -> None:
        self.lists = lists
        self._gather_s = _GATHER_TIMES * gather_s
        self._hurry = asyncio.Event()
        self._engine = engine
        self._writing = writing
        self._readonly = readonly
        self._wakes = Wakes()
        self._room = asyncio.Semaphore(MOST_WAITING)
        self._queue: asyncio.Queue[Job | None] = asyncio.Queue()
        self._again: deque[Job] = deque()
        self._closed = False
        self._reading = asyncio.Semaphore(READERS)
        self._writer = asyncio.create_task(self._work(), name="store-writer")
        self._listener = asyncio.create_task(self._listen(), name="store-listener")

    async def write(self, fn: Callable[[Tx], T], *, at_once: bool = False) -> T:
        if self._readonly:
            raise StoreError("the store was opened read-only")
        await self._room.acquire()
        if self._closed:
            self._room.release()
            raise StoreClosed("the store is closed")
        job = new_job(fn)
        self._queue.put_nowait(job)
        if at_once:
            self._hurry.set()
        result: T = await asyncio.shield(job.done)
        return result

    async def read(self, fn: Callable[[Tx], T]) -> T:
        there = False
        try:
            async with self._reading, self._engine.connect() as connection:
                there = True
                await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                async with connection.begin():
                    return await connection.run_sync(self._read, fn)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if there:
                raise
            raise StoreAway(f"the database does not answer: {error}") from error
        except DBAPIError as error:
            if there and not error.connection_invalidated:
                raise
            raise StoreAway(f"the database does not answer: {error.orig}") from error

    def _read(self, connection: Connection, fn: Callable[[Tx], T]) -> T:
        direct.begin(connection)
        return fn(Tx(connection, self.lists, reading=True))

    def watch(self, *kinds: Kind) -> Watch:
        return Watch(self._wakes, kinds)

    async def wait_for(self, kind: Kind, timeout: float) -> bool:  # noqa: ASYNC109 an end, not a failure
        return await self.watch(kind).wait(timeout)

    async def close(self) -> None:
        """Finish what was handed over, then close every connection."""
        self._closed = True
        self._queue.put_nowait(None)
        self._hurry.set()
        await asyncio.wait([self._writer])
        while not self._listener.done():
            self._listener.cancel()  # again: a connection that breaks while it is being left hides one
            await asyncio.wait([self._listener], timeout=_LEAVE_S)

    async def _work(self) -> None:
        while True:
            first = self._again.popleft() if self._again else await self._queue.get()
            if first is None:
                return
            if self._gather_s:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._gather_s):
                        await self._hurry.wait()
                self._hurry.clear()
            await self._commit(first)

    async def _commit(self, first: Job) -> None:
        """One transaction; its callers resume after COMMIT was answered."""
        taken: list[Job] = []
        kinds: set[Kind] = set()
        cancelled: asyncio.CancelledError | None = None
        try:
            with suppress(Alone):  # its caller is told below
                async with self._writing.begin() as connection:
                    kinds = await connection.run_sync(self._run, first, taken)
        except BaseException as error:  # whatever it is: nobody waits for ever for what became of his work
            if isinstance(error, asyncio.CancelledError):
                cancelled = error
            kinds = set()
            taken = taken or [first]
            for job in taken:
                job.error = CommitFailed(f"the commit was not confirmed: {error}")
                job.error.__cause__ = error
        for job in taken:
            job.tries += 1
            if job.tries < _TRIES and _may_run_again(job.error):
                self._again.append(job)
            else:
                if _may_run_again(job.error):  # what a caller takes for passing, and tries again later
                    lost, job.error = (
                        job.error,
                        CommitFailed(f"in the way of others {_TRIES} times: {job.error}"),
                    )
                    job.error.__cause__ = lost
                self._room.release()
                job.land()
        self._wakes.wake(kinds)
        if cancelled:
            raise cancelled

    def _run(self, connection: Connection, first: Job, taken: list[Job]) -> set[Kind]:
        direct.begin(connection)
        kinds = run_batch(connection, self.lists, first, self._next, taken)
        if kinds:
            direct.say(
                connection, f"NOTIFY {_CHANNEL}, '{','.join(sorted(kinds))}'"
            )  # words of ours: no quotes
        return kinds

    def _next(self) -> Job | None:
        if self._again:
            return self._again.popleft()
        if self._queue.empty():
            return None
        job = self._queue.get_nowait()
        if job is None:  # the end: this batch is committed, then the task sees it again
            self._queue.put_nowait(None)
        return job

    async def _listen(self) -> None:
        """Hear what other programs write. After a lost connection everybody looks: something was missed."""
        while True:
            try:
                await self._hear()
            except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logger.warning("the store's notices are not heard, trying again: %s", error)
            await asyncio.sleep(_RECONNECT_S)
            self._wakes.wake(KINDS)

    async def _hear(self) -> None:
        """Until the connection is lost."""
        lost = asyncio.Event()
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_termination_listener(lambda _: lost.set())
            await driver.add_listener(_CHANNEL, self._heard)
            self._wakes.wake(KINDS)  # what was written before we listened
            try:
                await lost.wait()
            finally:
                if not driver.is_closed():
                    await driver.remove_listener(_CHANNEL, self._heard)

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        self._wakes.wake(kind for kind in KINDS if kind in payload.split(","))


def _may_run_again(error: BaseException | None) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _RUN_AGAIN
