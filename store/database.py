"""Where do the rows live, and who may write them? One store, two engines; functions run inside transactions.

async with open_store("sqlite:///mai.db", folder) as store:
    await store.write(lambda tx: triggers.add(tx, event, received_at=now))
    watch = store.watch("messages")
    rows = await store.read(lambda tx: messages.due(tx, now=now, limit=50))
    await watch.wait(1.0)
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from store.errors import StoreError
from store.tx import Kind, Tx
from store.waking import Watch

T = TypeVar("T")

__all__ = ["Store", "Tx", "open_store"]


class Store(Protocol):
    """What programs see of the store."""

    @property
    def lists(self) -> Path:
        """The folder of the big read-only files (store/lists.py)."""

    async def write(self, fn: Callable[[Tx], T], *, at_once: bool = False) -> T:
        """Run `fn` in the writer, in order; returns its result after the commit, raises what it raised.

        `fn` is plain and quick: it reads, decides and writes through its Tx, and returns values, not cursors.
        If it raises, only its own work is rolled back. Once handed over it runs even if the caller is
        cancelled. On PostgreSQL it may run again after a deadlock, so it changes nothing but the store.
        Raises CommitFailed when the transaction could not be committed, StoreClosed after the end. `at_once`: it and
        what waits is not held back for others (`gather_s`), as by who hands over much at a time himself.
        """

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` on a snapshot that cannot be written; beside the writer, never waiting for it."""

    def watch(self, *kinds: Kind) -> Watch:
        """A watch that misses nothing written from now on; see Watch.wait."""

    async def wait_for(self, kind: Kind, timeout: float) -> bool:  # noqa: ASYNC109 an end, not a failure
        """Until something of this kind is committed, at most `timeout` seconds; True: it was.

        What is committed before the call is not seen: a loop keeps a `watch` instead.
        """


@asynccontextmanager
async def open_store(
    url: str, folder: Path, *, readonly: bool = False, gather_s: float = 0.0
) -> AsyncIterator[Store]:
    """Open the store of `url` (`sqlite:///mai.db`, `postgresql://…`); relative paths start at `folder`.

    Brings the schema up to date first. Raises StoreLocked when another process writes it, StoreTooNew when
    it was made by a newer program; with `readonly` NoStore or StoreTooOld when there is nothing to read.
    `gather_s`: so many seconds a write waits for others that share its commit (store/batch.py); three
    times as long on PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        # the address may hold a password: it is not shown
        raise StoreError("store.url is not an address: sqlite:///mai.db or postgresql://host/name") from error
    engine = parsed.get_backend_name()
    if engine == "sqlite":
        from store.sqlite import open_sqlite

        if parsed.database in (None, "", ":memory:"):
            raise StoreError("store.url names no file: sqlite:///mai.db")
        file = folder / parsed.database
        with _in_words(parsed):
            async with open_sqlite(file, readonly=readonly, gather_s=gather_s) as store:
                yield store
    elif engine == "postgresql":
        from store.postgres import open_postgres

        with _in_words(parsed):
            async with open_postgres(parsed, folder, readonly=readonly, gather_s=gather_s) as grown:
                yield grown
    else:
        raise StoreError(f"store.url begins with {engine!r}: only sqlite:/// and postgresql:// are known")


@contextmanager
def _in_words(url: URL) -> Iterator[None]:
    """What the database itself refuses (a full disk, a file that is none) as a StoreError."""
    try:
        yield
    except DBAPIError as error:
        shown = url.render_as_string(hide_password=True)
        raise StoreError(f"the store {shown} cannot be used: {error.orig}") from error


def lists_folder(url: str, folder: Path) -> Path:
    """Where the big read-only files of this store lie, for who builds one without opening the store."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return (folder / (parsed.database or "")).parent / "lists"
    return folder / "lists"
