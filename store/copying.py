"""How does a store move from one engine to the other? Every row of every table, in one transaction of the target.

Nothing is ever half copied: rows are read in batches of one snapshot, and the target commits only when each table
read back there has the same count and the same checksum. Neither store may be in use meanwhile.
"""

import asyncio
import filecmp
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Table
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from store.database import lists_folder
from store.errors import StoreError
from store.schema import metadata

#: Rows in memory at once.
BATCH = 5_000
#: What is done, with which table, and how many rows of how many.
Told = Callable[[str, str, int, int], None]
Row = tuple[Any, ...]


class End(Protocol):
    """One of the two stores of a copy, in a transaction that lasts until both are left."""

    async def count(self, table: Table) -> int:
        """How many rows the table has."""

    def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        """Every row in batches, in any order; the same values whatever the engine: see `engine_free`."""

    async def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows. Raises StoreError where the engine cannot keep a value, naming the table."""


@dataclass(frozen=True)
class Copied:
    """A table that is in the target as it is in the source."""

    table: str
    rows: int
    checksum: str  #: of all its rows in any order, the same on both engines


@dataclass(frozen=True)
class Copy:
    """What was copied, and where the lists are now."""

    tables: tuple[Copied, ...]
    lists: Path
    list_files: int  #: copied there; those that were there already are not counted


def _parsed(which: str, url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the address may hold a password: it is not shown
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"{which} is no store: write it like sqlite:///mai.db or postgresql://host/name")
    return parsed


async def copy_store(source: str, target: str, folder: Path, told: Told | None = None) -> Copy:
    """Copy one store into another that is empty, and the lists beside it; relative paths start at `folder`.

    Raises StoreLocked or StoreError when either is in use, when the target holds anything, when a list in force is
    gone or a value cannot be kept; then the target has no row.
    """
    say = told or (lambda *_: None)
    whence, whither = _parsed("FROM", source), _parsed("TO", target)
    if whence == whither:
        raise StoreError("the two addresses are the same: a store is copied into another one")
    lists = lists_folder(source, folder), lists_folder(target, folder)
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(_opened(whence, folder, writing=False))
        new = await stack.enter_async_context(_opened(whither, folder, writing=True))
        await _refuse_rows(new, whither.render_as_string(hide_password=True))
        files = await _copy_lists(old, *lists)
        tables = [await _copy_table(old, new, table, say) for table in metadata.sorted_tables]
        for each in tables:
            found = await _checksum(new, metadata.tables[each.table], say)
            if found != each:
                raise StoreError(
                    f"{each.table}: {each.rows} rows were copied and {found.rows} are there, with "
                    f"{'the same' if found.checksum == each.checksum else 'another'} checksum; nothing was kept"
                )
    return Copy(tuple(tables), lists[1], files)


@asynccontextmanager
async def _opened(url: URL, folder: Path, *, writing: bool) -> AsyncIterator[End]:
    if url.get_backend_name() == "sqlite":
        from store.copying_sqlite import sqlite_end

        async with sqlite_end(url, folder, writing=writing) as small:
            yield small
    else:
        from store.copying_postgres import postgres_end

        async with postgres_end(url, writing=writing) as grown:
            yield grown


async def _refuse_rows(new: End, where: str) -> None:
    for table in metadata.sorted_tables:
        if count := await new.count(table):
            raise StoreError(f"{where} is not empty: {table.name} has {count} rows; name an empty one")


async def _copy_table(old: End, new: End, table: Table, say: Told) -> Copied:
    sum_, done, of = _Sum(), 0, await old.count(table)
    async for rows in old.rows(table):
        sum_.add(rows)
        await new.add(table, rows)
        done += len(rows)
        say("copied", table.name, done, of)
    return Copied(table.name, done, sum_.text)


async def _checksum(end: End, table: Table, say: Told) -> Copied:
    sum_, done, of = _Sum(), 0, await end.count(table)
    async for rows in end.rows(table):
        sum_.add(rows)
        done += len(rows)
        say("checked", table.name, done, of)
    return Copied(table.name, done, sum_.text)


class _Sum:
    """A checksum of rows that does not depend on their order, and tells a row that is there twice."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, rows: Sequence[Row]) -> None:
        for row in rows:
            digest = blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            self._sum += int.from_bytes(digest, "big")

    @property
    def text(self) -> str:
        return f"{self._sum % (1 << 128):032x}"


async def _copy_lists(old: End, source: Path, target: Path) -> int:
    """Copy the files that the store's lists name, before their rows are there; returns how many.

    Files are never overwritten: another of the same name is an error. Blocks: nothing else runs in this program.
    """
    if source.resolve() == target.resolve():
        return 0
    table = metadata.tables["lists"]
    names = [column.name for column in table.columns]
    versions = [dict(zip(names, row, strict=True)) async for rows in old.rows(table) for row in rows]
    newest = {(each["kind"], each["programme"]): each["file"] for each in sorted(versions, key=_version)}
    copied = 0
    for name in sorted({each["file"] for each in versions}):
        if (source / name).exists():
            copied += await asyncio.to_thread(_copy_file, source / name, target / name)
        elif name in newest.values():
            raise StoreError(f"{name} is not in {source}: the list is in force, import it again first")
    return copied


def _version(row: dict[str, Any]) -> int:
    return int(row["version"])


def _copy_file(source: Path, target: Path) -> bool:
    """False: it is there already, the same."""
    if target.exists():
        if not filecmp.cmp(source, target, shallow=False):
            raise StoreError(f"{target} is there and differs from {source}: move it away first")
        return False
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    building = target.with_suffix(".copying")
    shutil.copyfile(source, building)
    building.chmod(0o600)
    with building.open("rb") as written:
        os.fsync(written.fileno())
    building.replace(target)
    return True
