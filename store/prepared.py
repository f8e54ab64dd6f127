"""How does a statement of the hot path cost what the database costs? It is compiled once for each engine.

SQLAlchemy spends 60-100 µs on looking a statement up, binding it and wrapping its rows; SQLite runs it in 5.
A statement that is part of a call or a message is therefore prepared: written with SQLAlchemy as all others,
compiled at its first use, and then handed to the driver as it is.
"""

from __future__ import annotations

import json
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    TableValuedAlias,
    Text,
    TypeDecorator,
    bindparam,
    column,
)
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from store import direct

if TYPE_CHECKING:
    from sqlalchemy import Executable

_Process = Callable[[Any], Any]


class Rows:
    """What a prepared statement answered: all of its rows, each with its columns as attributes (class: `class_`)."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        return self._rows

    def scalars(self) -> list[Any]:
        """The first column of each row."""
        return [row[0] for row in self._rows]

    def first(self) -> Any:
        """The first row; None: there is none."""
        return self._rows[0] if self._rows else None

    def scalar(self) -> Any:
        """The first column of the first row; None: there is no row."""
        return self._rows[0][0] if self._rows else None

    def one_or_none(self) -> Any:
        """The row; None: there is none. Raises MultipleResultsFound."""
        if len(self._rows) > 1:
            raise MultipleResultsFound(f"{len(self._rows)} rows where one was expected")
        return self.first()

    def one(self) -> Any:
        """The row. Raises NoResultFound, MultipleResultsFound."""
        row = self.one_or_none()
        if row is None:
            raise NoResultFound("no row where one was expected")
        return row

    def scalar_one(self) -> Any:
        """The first column of the row. Raises NoResultFound, MultipleResultsFound."""
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        """The first column of the row; None: there is none. Raises MultipleResultsFound."""
        row = self.one_or_none()
        return None if row is None else row[0]


class Prepared:
    """A statement with `bindparam`s, to be made once, as a constant of its module; `Tx.execute` takes it.

    Values are given by name; those written in the statement stay as they are. Lists: `among`, mappings:
    `pairs`. `keys`: the columns of an insert or the values of an update, which are then given by the columns'
    names. `row`: what is made of a row's values, instead of a row with its columns as attributes.
    """

    __slots__ = ("_for", "_keys", "_row", "_statement")

    def __init__(
        self, statement: Executable, keys: Sequence[str] = (), row: Callable[[Any], Any] | None = None
    ) -> None:
        self._statement = statement
        self._keys = tuple(keys)
        self._row = row
        self._for: dict[str, _Compiled] = {}

    def run(self, connection: Connection, driver: sqlite3.Connection | None, values: Any) -> Rows:
        """Run it; `values`: one mapping, or a sequence of them (then no rows are answered).

        Raises sqlalchemy.exc.DBAPIError as every statement does.
        """
        compiled = self._for.get(connection.dialect.name)
        if compiled is None:
            compiled = self._for[connection.dialect.name] = _Compiled(
                self._statement, self._keys, self._row, connection.dialect
            )
        if driver is None:
            return compiled.run(connection, values)
        return compiled.run_on_sqlite(driver, values)


def _named(columns: Sequence[str]) -> Callable[[Any], Any]:
    """A row of these columns; a keyword of Python gets a `_` behind it."""
    names = [name + "_" * iskeyword(name) for name in columns]
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
    return partial(tuple.__new__, row)  # half the time of its `_make`


class _Compiled:
    """A statement for one engine: its text, how values become parameters, and rows become ours."""

    def __init__(
        self,
        statement: Executable,
        keys: Sequence[str],
        row: Callable[[Any], Any] | None,
        dialect: Dialect,
    ) -> None:
        made = statement.compile(dialect=dialect, column_keys=list(keys) or None)  # type: ignore[attr-defined]
        assert isinstance(made, SQLCompiler)
        if made.post_compile_params:
            raise TypeError("a list is bound with `among`: the text of a prepared statement does not change")
        self.sql = made.string
        self._names: list[str] = list(made.positiontup or ())
        self._written = {n: v for n, v in made.params.items() if not made.binds[n].required and n not in keys}
        processors: Mapping[str, Any] = made._bind_processors  # as every execution of SQLAlchemy uses them
        self._processors: list[tuple[int, _Process]] = [
            (at, processors[name]) for at, name in enumerate(self._names) if name in processors
        ]
        columns = made._result_columns
        self._row: Callable[[Any], Any] | None = None
        self._results: list[tuple[int, _Process]] = []
        if columns:
            self._row = row or _named([column.keyname for column in columns])
            for at, each in enumerate(columns):
                process = each.type.dialect_impl(dialect).result_processor(dialect, None)
                if process is not None:
                    self._results.append((at, process))

    def _parameters(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        known = {**self._written, **values} if self._written else values
        found = [known[name] for name in self._names]
        for at, process in self._processors:
            found[at] = process(found[at])
        return tuple(found)

    def _rows(self, fetched: Sequence[Any]) -> list[Any]:
        assert self._row is not None
        if self._results:
            return [self._row(self._converted(row)) for row in fetched]
        return [*map(self._row, fetched)]

    def _converted(self, row: Any) -> list[Any]:
        cells = list(row)
        for at, process in self._results:
            cells[at] = process(cells[at])
        return cells

    def run_on_sqlite(self, driver: sqlite3.Connection, values: Any) -> Rows:
        try:
            if isinstance(values, list | tuple):
                return Rows([], driver.executemany(self.sql, map(self._parameters, values)).rowcount)
            cursor = driver.execute(self.sql, self._parameters(values or {}))
            return Rows(self._rows(cursor.fetchall()) if self._row else [], cursor.rowcount)
        except sqlite3.Error as error:
            raise DBAPIError.instance(self.sql, None, error, sqlite3.Error, hide_parameters=True) from error

    def run(self, connection: Connection, values: Any) -> Rows:
        many = isinstance(values, list | tuple)
        if many and not values:
            return Rows([], 0)
        parameters: Any = [*map(self._parameters, values)] if many else self._parameters(values or {})
        if direct.has_begun(connection):
            return self._run_directly(connection, parameters, many=many)
        cursor = connection.exec_driver_sql(self.sql, parameters)
        return Rows(self._rows(cursor.fetchall()) if self._row and not many else [], cursor.rowcount)

    def _run_directly(self, connection: Connection, parameters: Any, *, many: bool) -> Rows:
        if many:
            direct.change_many(connection, self.sql, parameters)
            return Rows([], -1)
        if self._row is None:
            return Rows([], direct.change(connection, self.sql, parameters))
        found = self._rows(direct.fetch(connection, self.sql, parameters))
        return Rows(found, len(found))


class _Texts(TypeDecorator[Sequence[str]]):
    """A list of texts as one value."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))


class _Each(ColumnElement[Any]):
    """The members of a list that is bound as one value, as a subquery."""

    inherit_cache = False

    def __init__(self, name: str) -> None:
        self.bound = listed(name)


@compiles(_Each, "sqlite")
def _each_of_json(element: _Each, compiler: Any, **kw: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.bound, **kw)}))"


@compiles(_Each, "postgresql")
def _each_of_array(element: _Each, compiler: Any, **kw: Any) -> str:
    return f"(SELECT unnest({compiler.process(element.bound, **kw)}))"


def listed(name: str) -> BindParameter[Any]:
    """The texts that are bound under this name as one list."""
    return bindparam(name, type_=_Texts(), required=True)


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`column IN` the texts that are bound under this name as one list: the statement's text stays the same."""
    return column.op("IN", is_comparison=True)(_Each(name))


class _Mapping(TypeDecorator[Mapping[str, str]]):
    """Texts by text as one value."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return json.dumps(value)


class _Pairs(FunctionElement[Any]):
    """The members of a mapping that is bound as one value, as rows."""

    inherit_cache = False

    def __init__(self, name: str) -> None:
        super().__init__(bindparam(name, type_=_Mapping(), required=True))


@compiles(_Pairs, "sqlite")
def _pairs_of_json(element: _Pairs, compiler: Any, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(_Pairs, "postgresql")
def _pairs_of_cast(element: _Pairs, compiler: Any, **kw: Any) -> str:
    return f"json_each_text(CAST({compiler.process(element.clauses, **kw)} AS JSON))"


def pairs(name: str) -> TableValuedAlias:
    """The mapping of texts that is bound under this name, as a table of columns `key` and `value`.

    One statement then changes many rows, each with its own value: a step of the driver for each costs as
    much as the row, and a turn of the interpreter's lock besides.
    """
    return _Pairs(name).table_valued(column("key", Text), column("value", Text), name=name)
