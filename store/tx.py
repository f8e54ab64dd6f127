"""What does a function see that reads or writes the store? One transaction, the same on both engines."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args, overload

from sqlalchemy import Connection, CursorResult, Executable, Select, Table, literal_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError

from store.errors import CommitFailed, StoreAway
from store.prepared import Prepared, Rows

#: What a program can wait for; a writer says `tx.wake("messages")` and the sleepers look after the commit.
Kind = Literal["triggers", "contacts", "registrations", "messages", "lists", "pauses", "refusals", "lines"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: What a transaction adds to a programme's sums (store/tallies.py): by programme, what and value.
Counts = dict[tuple[str, str, str], int]

#: What may go well a moment later: the database is away, locked or full.
PASSING = (CommitFailed, StoreAway, OperationalError, InterfaceError)


class Tx:
    """One function's view of a transaction. `lists`: the folder of the big read-only files."""

    __slots__ = ("_driver", "commit_soon", "connection", "counts", "kinds", "lists", "reading")

    def __init__(self, connection: Connection, lists: Path, *, reading: bool = False) -> None:
        self.connection = connection
        driver = connection.connection.driver_connection
        self._driver = driver if isinstance(driver, sqlite3.Connection) else None
        self.lists = lists
        self.reading = reading
        self.kinds: set[Kind] = set()
        self.counts: Counts = {}
        self.commit_soon = False  #: others wait for what this function has locked: no more functions after it

    @property
    def on_postgres(self) -> bool:
        return self._driver is None

    @overload
    def execute(self, statement: Prepared, values: Any = None) -> Rows: ...
    @overload
    def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]: ...
    def execute(self, statement: Executable | Prepared, values: Any = None) -> CursorResult[Any] | Rows:
        if isinstance(statement, Prepared):
            return statement.run(self.connection, self._driver, values)
        return self.connection.execute(statement, values)

    def take(self, rows: Select[Any], values: Mapping[str, Any], *, of: Table) -> CursorResult[Any]:
        """Select rows to work on: those that another program has taken are passed over. Readers just look."""
        locked = (
            rows if self.reading or not self.on_postgres else rows.with_for_update(skip_locked=True, of=of)
        )
        return self.execute(locked, dict(values))

    def wake(self, *kinds: Kind) -> None:
        """Wake who waits for these kinds, after the commit; nothing when this function fails."""
        self.kinds.update(kinds)

    def count(self, programme: str | None, what: str, value: str = "", by: int = 1) -> None:
        """Add to one of a programme's sums, with this transaction; nothing when this function fails."""
        if programme is not None:
            key = programme, what, value
            self.counts[key] = self.counts.get(key, 0) + by

    def insert_new(self, table: Table, values: Mapping[str, Any]) -> bool:
        """Insert a row unless one of its unique keys is taken. Returns whether it was inserted."""
        new = _new(self.on_postgres, table, tuple(values))
        return new.run(self.connection, self._driver, values).rowcount == 1

    def insert_new_ones(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """The same for many rows with the same columns, without telling which were new."""
        _new(self.on_postgres, table, tuple(rows[0])).run(self.connection, self._driver, rows)

    def put(self, table: Table, values: Mapping[str, Any], *, key: Iterable[str]) -> None:
        """Insert a row, or overwrite these values of the row that has this key."""
        put = _put(self.on_postgres, table, tuple(values), tuple(key))
        put.run(self.connection, self._driver, values)


def _insert(on_postgres: bool, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if on_postgres else sqlite.insert(table)


@lru_cache(maxsize=256)
def _new(on_postgres: bool, table: Table, columns: tuple[str, ...]) -> Prepared:
    return Prepared(_insert(on_postgres, table).on_conflict_do_nothing(), columns)


@lru_cache(maxsize=256)
def _put(on_postgres: bool, table: Table, columns: tuple[str, ...], key: tuple[str, ...]) -> Prepared:
    insert = _insert(on_postgres, table)
    changed = {name: insert.excluded[name] for name in columns if name not in key}
    return Prepared(insert.on_conflict_do_update(index_elements=list(key), set_=changed), columns)


@lru_cache(maxsize=256)
def word(constant: str) -> Any:
    """One of our own state words as a literal in the SQL text.

    A partial index (`WHERE state = 'due'`) serves only a query that names the word, not a parameter.
    """
    if not constant.isidentifier():
        raise ValueError(f"{constant!r} is not one of our words")
    return literal_column(f"'{constant}'")


@lru_cache(maxsize=256)
def words(*constants: str) -> tuple[Any, ...]:
    return tuple(word(each) for each in constants)
