"""A SQLite store as one end of a copy: locked against every other program, read or written in one transaction."""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import JSON, Boolean, Table
from sqlalchemy.engine import URL

from store.copying import BATCH, Row
from store.database import open_store
from store.errors import StoreError
from store.lock import only_writer


@asynccontextmanager
async def sqlite_end(url: URL, folder: Path, *, writing: bool) -> AsyncIterator["SqliteEnd"]:
    """The store in this file; made when it is not there and `writing`.

    Raises StoreLocked, StoreError."""
    database = folder / (url.database or "")
    async with open_store(str(url), folder, readonly=not writing):
        pass  # it is there and of our revision, or is made so
    address = f"file:{quote(str(database))}?mode={'rw' if writing else 'ro'}"
    with (
        only_writer(database),
        _in_words(database),
        closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
        yield SqliteEnd(connection)
        connection.execute("COMMIT")  # what failed before is rolled back when the connection closes


@contextmanager
def _in_words(database: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{database}: {error}") from error


class SqliteEnd:
    """An End (store/copying.py). Its statements block: nothing else runs in a program that copies."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def count(self, table: Table) -> int:
        (count,) = self._connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()
        return int(count)

    async def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        found = self._connection.execute(f'SELECT {names} FROM "{table.name}"')
        converted = _converters(table)
        while rows := found.fetchmany(BATCH):
            yield [_converted(row, converted) for row in rows] if converted else rows

    async def add(self, table: Table, rows: Sequence[Row]) -> None:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        marks = ", ".join("?" * len(table.columns))
        try:
            self._connection.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', rows)
        except (sqlite3.Error, OverflowError) as error:
            raise StoreError(f"{table.name} cannot be copied: {error}") from error


Converters = list[tuple[int, Callable[[Any], Any]]]


def _converters(table: Table) -> Converters:
    """By place, what SQLite does not tell apart: it has no booleans, and keeps a JSON number as a number."""
    found: Converters = []
    for place, column in enumerate(table.columns):
        if isinstance(column.type, Boolean):
            found.append((place, bool))
        elif isinstance(column.type, JSON):
            found.append((place, json_text))
    return found


def _converted(row: Row, converters: Converters) -> Row:
    values = list(row)
    for place, convert in converters:
        if values[place] is not None:
            values[place] = convert(values[place])
    return tuple(values)


def json_text(value: str | int | float) -> str:
    """JSON as both engines give it back: texts as they are written, a bare number in one form (5.0 is 5)."""
    if isinstance(value, str):
        if value[:1] in ("{", "[", '"', "t", "f", "n"):
            return value
        value = json.loads(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)
