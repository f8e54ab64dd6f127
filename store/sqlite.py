"""How is a SQLite store written and read? One thread with the one writing connection, and readers beside it.

SQLite before 3.51.3 can corrupt a WAL when several connections write or checkpoint: there is one process
(store/lock.py) and one connection that does either. Readers open the file read-only.
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from store import migrate
from store.batch import Alone, Job, new_job, run_batch
from store.errors import CommitFailed, NoStore, StoreClosed, StoreError
from store.lock import only_writer
from store.tx import Kind, Tx
from store.waking import Wakes, Watch

T = TypeVar("T")

READERS = 4
#: Callers wait for room when this many functions wait for the writer.
MOST_WAITING = 20_000
_BUSY_MS = 10_000
#: Of the writer: ids are random, and each statement looks some up.
_CACHE_KIB = 32 * 1024


@asynccontextmanager
async def open_sqlite(
    database: Path, *, readonly: bool, gather_s: float = 0.0
) -> AsyncIterator["SqliteStore"]:
    """The store in this file; made when it is not there, unless `readonly`. `gather_s`: see `open_store`."""
    async with AsyncExitStack() as stack:
        if readonly:
            _must_exist(database)
            store = SqliteStore(database, writer=None)
            stack.push_async_callback(store.close)
            await store.read(lambda tx: migrate.check(tx.connection))
        else:
            _private(database)
            stack.enter_context(only_writer(database))
            writer = await Writer.start(database, gather_s)
            store = SqliteStore(database, writer)
            stack.push_async_callback(store.close)
        yield store


def _must_exist(database: Path) -> None:
    if not database.exists():
        raise NoStore(f"{database} does not exist: nothing has been stored yet")


def _private(database: Path) -> None:
    """The file holds subscribers' numbers: made readable to its owner alone (-wal and -shm follow it)."""
    database.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))


class SqliteStore:
    """A Store in one SQLite file."""

    def __init__(self, database: Path, writer: "Writer | None") -> None:
        self.lists = database.parent / "lists"
        self._writer = writer
        self._wakes = writer.wakes if writer else Wakes()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._reading = _reading_engine(database)

    async def write(self, fn: Callable[[Tx], T], *, at_once: bool = False) -> T:
        if self._writer is None:
            raise StoreError("the store was opened read-only")
        result: T = await self._writer.run(fn, at_once=at_once)
        return result

    async def read(self, fn: Callable[[Tx], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, fn)

    def _read(self, fn: Callable[[Tx], T]) -> T:
        with self._reading.connect() as connection, connection.begin():
            return fn(Tx(connection, self.lists, reading=True))

    def watch(self, *kinds: Kind) -> Watch:
        return Watch(self._wakes, kinds)

    async def wait_for(self, kind: Kind, timeout: float) -> bool:  # noqa: ASYNC109 an end, not a failure
        return await self.watch(kind).wait(timeout)

    async def close(self) -> None:
        """Finish what was handed over, then close every connection."""
        await asyncio.to_thread(self._readers.shutdown)
        self._reading.dispose()
        if self._writer is not None:  # the last to close its connection folds the WAL into the file
            await self._writer.close()


class Writer:
    """The one writing thread. Its queue is bounded: `run` waits for room."""

    def __init__(self, database: Path, gather_s: float) -> None:
        self.wakes = Wakes()
        self._database = database
        self._gather_s = gather_s
        self._hurry = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(MOST_WAITING)
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._ready: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def start(cls, database: Path, gather_s: float = 0.0) -> "Writer":
        """Open the connection and bring the schema up to date; returns when functions may be run."""
        writer = cls(database, gather_s)
        writer._thread.start()
        await asyncio.shield(writer._ready)
        return writer

    async def run(self, fn: Callable[[Tx], Any], *, at_once: bool = False) -> Any:
        await self._room.acquire()
        if self._closed:
            self._room.release()
            raise StoreClosed("the store is closed")
        job = new_job(fn)
        self._queue.put(job)
        if at_once:
            self._hurry.set()
        return await asyncio.shield(job.done)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._hurry.set()
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        """The thread: open, migrate, commit batch after batch, close."""
        with ExitStack() as stack:
            try:
                engine = _writing_engine(self._database)
                stack.callback(engine.dispose)
                connection = stack.enter_context(engine.connect())
                migrate.bring_up_to_date(connection)
            except BaseException as error:
                self._loop.call_soon_threadsafe(self._ready.set_exception, error)
                return
            self._loop.call_soon_threadsafe(self._ready.set_result, None)
            while (first := self._queue.get()) is not None:
                if self._gather_s:
                    self._hurry.wait(self._gather_s)
                    self._hurry.clear()
                self._commit(connection, first)

    def _commit(self, connection: Connection, first: Job) -> None:
        """One transaction; its callers resume after it is on the disk, all in one step of the loop."""
        taken: list[Job] = []
        kinds: set[Kind] = set()
        try:
            with suppress(Alone), connection.begin():  # alone: its caller is told below
                kinds = run_batch(connection, self._database.parent / "lists", first, self._next, taken)
                if not _in_transaction(connection):  # a full disk makes SQLite roll back by itself
                    raise CommitFailed("SQLite gave the transaction up by itself: is the disk full?")
        except BaseException as error:
            kinds = set()
            for job in taken or [first]:
                job.error = CommitFailed(f"not stored: {error}")
                job.error.__cause__ = error
            taken = taken or [first]
        self._loop.call_soon_threadsafe(self._land, taken, kinds)

    def _next(self) -> Job | None:
        try:
            job = self._queue.get_nowait()
        except queue.Empty:
            return None
        if job is None:  # the end: this batch is committed, then the thread sees it again
            self._queue.put(None)
        return job

    def _land(self, taken: list[Job], kinds: set[Kind]) -> None:
        for job in taken:
            self._room.release()
            job.land()
        self.wakes.wake(kinds)


def _in_transaction(connection: Connection) -> bool:
    driver = connection.connection.driver_connection
    return isinstance(driver, sqlite3.Connection) and driver.in_transaction


def _writing_engine(database: Path) -> Engine:
    engine = create_engine("sqlite://", creator=_opener(database, "rw"), poolclass=NullPool)
    _own_transactions(
        engine,
        "BEGIN IMMEDIATE",  # a deferred one that reads first and writes later loses updates or fails
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
        "PRAGMA temp_store=MEMORY",  # what a savepoint keeps to undo it went through a file: half of all writes
        f"PRAGMA cache_size=-{_CACHE_KIB}",
    )
    return engine


def _reading_engine(database: Path) -> Engine:
    pool = QueuePool(_opener(database, "ro"), pool_size=READERS, max_overflow=0)
    engine = create_engine("sqlite://", pool=pool)
    _own_transactions(
        engine,
        "BEGIN",
        "PRAGMA query_only=ON",
        "PRAGMA wal_autocheckpoint=0",
        f"PRAGMA cache_size=-{_CACHE_KIB}",
        "PRAGMA mmap_size=1073741824",  # pages are read where they lie: a quarter faster for a batch of numbers
    )
    return engine


def _opener(database: Path, mode: str) -> Callable[[], Any]:
    address = f"file:{quote(str(database))}?mode={mode}"
    return lambda: sqlite3.connect(address, uri=True, check_same_thread=False)


def _own_transactions(engine: Engine, begin: str, *pragmas: str) -> None:
    """Take transactions out of the driver's hands: it begins them late and not around every statement."""

    def connect(driver: Any, _record: Any) -> None:
        driver.isolation_level = None
        for pragma in (f"PRAGMA busy_timeout={_BUSY_MS}", *pragmas):
            driver.execute(pragma).close()

    def start(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.execute(begin).close()

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", start)
