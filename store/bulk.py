"""How are millions of rows read in a moment? DuckDB takes what is written plainly; Python judges the rest.

Rows are cells of text, one row a line. A number or an amount in its plain form becomes an integer in the engine;
any other row goes to `core.imports.row_of`. Texts are judged once per different text. So every rule about a cell
stands in core/imports.py alone, and this file only has to know which forms are beyond doubt.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.imports import KINDS, NO_EVIDENCE, NOT_UTF8, BadRow, Column, cell_of, cells_of, row_of_cells
from store.columns import digits_of

if TYPE_CHECKING:
    import duckdb

    from store.columns import Codes, Numbers

#: A column with more different texts than this is kept text by text, not judged by its different texts.
MANY = 200_000
#: What the engine may hold; what is more goes to the disk beside the list.
MEMORY = "400MB"
_PLAIN_NUMBER = r"^(?:\+?84|0)?([35789][0-9]{8})(?:\.0)?$"

_MOST = 999_999_999_999  # đồng
_BITS = (1 << 40) - 1  # that hold it

Told = Callable[[int, list[str], str], None]
#: What is said of a row: its line, its place in the table (None: it has none), its cells, why, and whether it is taken
#: all the same, with another value in the place of a cell. Without a reason: it is empty.
_Doubt = tuple[int, int | None, list[str], str, bool]


class NotPlain(Exception):
    """The engine cannot tell this file's lines apart as the plain reader does; that one reads it."""


@dataclass(frozen=True)
class Source:
    """A table in a file: UTF-8 CSV whose first line is the header, or Parquet."""

    file: Path
    names: list[str]  #: our column names, in the file's order
    delimiter: str | None  #: None: Parquet
    lines: int | None = None  #: of a CSV file, its header too; None: not counted

    def relation(self, connection: duckdb.DuckDBPyConnection) -> str:
        """The SQL of its rows: texts c0, c1, …"""
        place = str(self.file).replace("'", "''")
        if self.delimiter is None:
            found = connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{place}')").fetchall()
            cells = ", ".join(_as_text(str(row[0]), str(row[1]), at) for at, row in enumerate(found))
            return f"(SELECT {cells} FROM read_parquet('{place}'))"
        columns = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(len(self.names)))
        return (
            f"read_csv('{place}', header=false, skip=1, delim='{self.delimiter}', quote='\"', escape='\"', "
            f"columns={{{columns}}}, auto_detect=false, store_rejects=true, rejects_limit=0)"
        )


def _as_text(name: str, type_: str, at: int) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    if type_.endswith("[]"):
        return f"nullif(array_to_string({quoted}, ';'), '') AS c{at}"
    return f"nullif(CAST({quoted} AS VARCHAR), '') AS c{at}"  # as CSV comes


@dataclass
class _Judged:
    """A column of texts: what each different text means."""

    meaning: dict[str, int]  #: text as written -> place of what it means, plus one; 0: unknown
    texts: list[str]
    bad: set[str]  #: texts that no row may have
    changed: set[str]  #: texts that something else counts for
    different: list[str]  #: the texts as written, in the order of the engine's codes


@dataclass
class Table:
    """An import as DuckDB read it: `store.building.Gathered`."""

    connection: duckdb.DuckDBPyConnection
    kind: str
    names: list[str]
    cells: str  #: the engine's table: number, amounts, texts, and `raw` where Python must judge
    rows: int
    rejected: list[tuple[int, str, str]]  #: line, why and text of rows with too few or too many cells
    delimiter: str
    accepted: int = 0
    _numbers: Any = None
    _mended: dict[str, array[int]] = field(default_factory=dict)
    _judged: dict[str, _Judged | None] = field(default_factory=dict)

    def close(self) -> None:
        self.connection.close()

    # --- who is taken ---

    def judge(self, refused: Told, changed: Told) -> None:
        """Decide on every row; `refused(line, cells, reason)` is told of the bad ones, in the order of lines, and
        `changed` of those that are taken with another value in the place of a cell.

        Raises NotPlain before anything is told.
        """
        misshapen = list(self._misshapen())
        for column in self._texts():
            self._judged[column.name] = self._different(column)
        self._numbers = self._fetch("number").astype("u4")
        bad = heapq.merge(misshapen, self._doubtful(), self._bad_texts(), key=lambda each: each[0])
        for line, ordinal, cells, reason, taken in bad:
            if taken:
                changed(line, cells, reason)
                continue
            if ordinal is not None:
                self._numbers[ordinal] = 0
            if reason:
                refused(line, cells, reason)
        self.accepted = int((self._numbers != 0).sum())

    def _texts(self) -> list[Column]:
        return [c for c in KINDS[self.kind] if not c.amount and c.name in self.names]

    def _line(self, ordinal: int) -> int:
        """A row's line: rows with a wrong number of cells are lines too."""
        return ordinal + 2 + bisect_right(self._rows_before, ordinal)

    @cached_property
    def _rows_before(self) -> list[int]:
        """How many rows stand before each line with a wrong number of cells."""
        return [line - 2 - at for at, (line, *_) in enumerate(self.rejected)]

    def _misshapen(self) -> Iterator[_Doubt]:
        for line, kind, text in self.rejected:
            if kind == "INVALID ENCODING":
                yield line, None, [text[:200]], NOT_UTF8, False
                continue
            if not text:  # wrong quotes: the engine does not show the line
                raise NotPlain(f"line {line} is not shown")
            cells = [text[:200]]
            try:
                cells = cells_of(text, self.delimiter)
                row_of_cells(self.kind, self.names, cells)
            except BadRow as error:
                yield line, None, cells, str(error), False
            else:
                raise NotPlain(f"line {line} is read in two ways")

    def _doubtful(self) -> Iterator[_Doubt]:
        """The rows that Python judges; what it takes is mended in the arrays."""
        amounts = [c.name for c in KINDS[self.kind] if c.amount and c.name in self.names]
        self._mended = {name: array("q") for name in ("ordinal", *amounts)}
        found = self.connection.cursor().execute(
            f"SELECT ordinal, raw FROM {self.cells} WHERE raw IS NOT NULL ORDER BY ordinal"
        )
        for ordinal, raw in _streamed(found):
            cells = [cell or "" for cell in raw]
            line = self._line(ordinal)
            if not any(cell.strip() for cell in cells):
                yield line, ordinal, cells, "", False
                continue
            changed: list[str] = []
            try:
                row = row_of_cells(self.kind, self.names, cells, changed)
            except BadRow as error:
                yield line, ordinal, cells, str(error), False
                continue
            if changed:
                yield line, ordinal, cells, "; ".join(changed), True
            self._numbers[ordinal] = digits_of(str(row["number"]))
            self._mended["ordinal"].append(ordinal)
            for name in amounts:
                value = row[name]
                self._mended[name].append(0 if value is None else int(value) + 1)

    def _bad_texts(self) -> Iterator[_Doubt]:
        """Rows that are plain but for a text that its column does not know."""
        bad = [np.zeros(0, np.int64)]
        for name, judged in self._judged.items():
            if judged and (doubted := judged.bad | judged.changed):
                wrong = np.array([text in doubted for text in judged.different])
                bad.append(np.flatnonzero(wrong[self._places(name)]))
        cursor = self.connection.cursor()
        cursor.register("bad", {"ordinal": np.unique(np.concatenate(bad))})
        shown = ", ".join(_shown_again(self.kind, name) for name in self.names)
        found = cursor.execute(
            f"SELECT ordinal, [{shown}] FROM {self.cells} SEMI JOIN bad USING (ordinal) "
            "WHERE raw IS NULL ORDER BY ordinal"
        )
        for ordinal, cells in _streamed(found):
            changed: list[str] = []
            try:
                row_of_cells(self.kind, self.names, cells, changed)
            except BadRow as error:
                yield self._line(ordinal), ordinal, cells, str(error), False
            else:
                yield self._line(ordinal), ordinal, cells, "; ".join(changed), True

    # --- what they say: store.building.Gathered ---

    @property
    def numbers(self) -> Numbers:
        return self._numbers  # type: ignore[no-any-return]

    def column(self, column: Column) -> tuple[Codes, Iterable[str] | None]:
        if column.name not in self.names:
            return np.zeros(self.rows, "u1"), None if column.amount else ()
        if column.amount:
            codes = self._amounts(column.name)
            if self._mended["ordinal"]:
                codes[np.array(self._mended["ordinal"])] = np.array(self._mended[column.name])
            return codes, None
        judged = self._judged[column.name]
        return self._text_by_text(column) if judged is None else self._by_different(column, judged)

    def _fetch(self, expression: str) -> Codes:
        found = self.connection.execute(f"SELECT {expression} AS x FROM {self.cells}").fetchnumpy()["x"]
        return np.ma.getdata(found)

    def _amounts(self, name: str) -> Codes:
        """An amount of every row, in half the memory where that holds the largest."""
        most = max(int(self._fetch(f"max({name})").max(initial=0)), max(self._mended[name], default=0))
        return self._fetch(f"{name}::{'UINTEGER' if most < 1 << 32 else 'UBIGINT'}")

    def _different(self, column: Column) -> _Judged | None:
        """Judge a column's different texts; None: too many."""
        name = column.name
        run = self.connection.execute
        run(f"CREATE TEMP TABLE texts_{name} AS SELECT DISTINCT {name} FROM {self.cells} LIMIT {MANY + 1}")
        different = [text for (text,) in run(f"FROM texts_{name}").fetchall()]
        if len(different) > MANY:
            if name == "consent" and self._says_no(name):
                raise NotPlain("consent has cells that say no")
            if name in ("region", "segment", "tariff", "packages", "consent", "reason"):
                return None
            raise NotPlain(f"{name} has more than {MANY} different texts")
        meaning, bad, changed = dict[str, int](), set[str](), set[str]()
        places = dict[str, int]()
        for text in sorted(different):
            try:
                value, why = cell_of(column, text.strip())
            except BadRow:
                bad.add(text)
                continue
            if why is not None:
                changed.add(text)
            meaning[text] = 0 if value is None else places.setdefault(str(value), len(places) + 1)
        run(f"CREATE TYPE {name}_text AS ENUM (FROM texts_{name})")
        ordered = run(f"SELECT unnest(enum_range(NULL::{name}_text))::VARCHAR").fetchall()
        return _Judged(meaning, list(places), bad, changed, [text for (text,) in ordered])

    def _says_no(self, name: str) -> bool:
        """Whether a cell is one of NO_EVIDENCE: then each row is judged by itself."""
        words = ", ".join(f"'{word}'" for word in NO_EVIDENCE)
        found = self.connection.execute(
            f"SELECT 1 FROM {self.cells} WHERE lower(trim({name})) IN ({words}) LIMIT 1"
        )
        return found.fetchone() is not None

    def _by_different(self, column: Column, judged: _Judged) -> tuple[Codes, list[str]]:
        means = np.array([judged.meaning.get(text, 0) for text in judged.different], "u4")
        return means[self._places(column.name)], judged.texts

    def _places(self, name: str) -> Codes:
        """A column as places in the list of its different texts."""
        return self._fetch(f"enum_code({name}::{name}_text)::UINTEGER")

    def _text_by_text(self, column: Column) -> tuple[Codes, Iterable[str]]:
        """Each row has a text of its own: the row's place is the text's."""
        known = self._fetch(f"trim({column.name}) <> ''").astype(bool)
        codes = np.where(known, np.arange(1, self.rows + 1, dtype="u4"), np.uint32(0))
        found = self.connection.cursor().execute(f"SELECT {column.name} FROM {self.cells}")
        return codes, (str(column.cell(text.strip() or "x")) for (text,) in _streamed(found))


def _streamed(found: Any) -> Iterator[tuple[Any, ...]]:
    while rows := found.fetchmany(10_000):
        yield from rows


def _shown_again(kind: str, name: str) -> str:
    """A cell as it may have been written."""
    if name == "number":
        return "'0' || number::VARCHAR"
    amount = any(column.amount for column in KINDS[kind] if column.name == name)
    return f"CASE {name} WHEN 0 THEN '' ELSE ({name} - 1)::VARCHAR END" if amount else name


def _selected(kind: str, names: list[str]) -> tuple[str, str, str]:
    """What the engine makes of the cells first; its columns; and when a row is in doubt.

    What it says of a cell in doubt does not matter: Python judges the row.
    """
    known = {column.name: column for column in KINDS[kind]}
    made, selected, doubts = [], [], []
    for at, name in enumerate(names):
        cell, value = f"c{at}", f"v{at}"
        if name == "number":
            made.append(f"TRY_CAST({cell} AS UINTEGER) AS {value}")
            usual = f"'0' || {value}::VARCHAR = {cell} AND {value} // 100000000 IN (3, 5, 7, 8, 9)"
            other = f"coalesce(TRY_CAST(regexp_extract({cell}, '{_PLAIN_NUMBER}', 1) AS UINTEGER), 0)"
            selected.append(f"CASE WHEN {usual} THEN {value} ELSE {other} END::UINTEGER AS number")
            doubts.append("number = 0")
        elif known[name].amount:
            most = 1 if name == "vlr" else _MOST
            made.append(f"TRY_CAST({cell} AS BIGINT) AS {value}")
            selected.append(f"coalesce(({value} & {_BITS}) + 1, 0)::UBIGINT AS {name}")
            doubts.append(f"{value}::VARCHAR IS DISTINCT FROM {cell} OR {value} NOT BETWEEN 0 AND {most}")
        else:
            selected.append(f"coalesce({cell}, '') AS {name}")
    return ", ".join(made), ", ".join(selected), " OR ".join(doubts)


def read(source: Source, kind: str, work: Path) -> Table:
    """The rows of a file in an engine of its own, which lives in the folder `work`.

    Raises NotPlain for a file whose lines the engine may tell apart otherwise than the plain reader.
    """
    import duckdb

    connection = duckdb.connect(work / "import.duckdb", config={"memory_limit": MEMORY, "threads": 2})
    connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    connection.execute(f"SET temp_directory = '{str(work / 'spilt').replace(chr(39), chr(39) * 2)}'")
    made, selected, doubt = _selected(kind, source.names)
    cells = f"'{str(work / 'cells.parquet').replace(chr(39), chr(39) * 2)}'"
    every = ", ".join(f"c{at}" for at in range(len(source.names)))
    try:
        connection.execute(
            f"COPY (SELECT {selected}, CASE WHEN {doubt} THEN [{every}] END AS raw "
            f"FROM (SELECT {made}, * FROM {source.relation(connection)})) "
            f"TO {cells} (FORMAT parquet, COMPRESSION uncompressed)"
        )
        rows = int(connection.execute(f"SELECT count(*) FROM {cells}").fetchall()[0][0])
        rejected = _rejected(connection) if source.delimiter else []
    except duckdb.Error as error:
        connection.close()
        raise NotPlain(str(error).splitlines()[0]) from error
    if source.lines is not None and 1 + rows + len(rejected) != source.lines:
        connection.close()
        raise NotPlain(f"{source.lines} lines, {rows} rows")
    place = f"(SELECT *, file_row_number AS ordinal FROM read_parquet({cells}, file_row_number=true))"
    return Table(connection, kind, source.names, place, rows, rejected, source.delimiter or ",")


def _rejected(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str, str]]:
    found = connection.execute(
        "SELECT line, max(error_type), any_value(csv_line) FROM reject_errors GROUP BY line ORDER BY line"
    )
    return [(int(line), str(why), str(text).strip("\r\n")) for line, why, text in found.fetchall()]


def parquet_columns(file: Path) -> list[str]:
    """The names of a Parquet file's columns. Raises NotPlain for a file that is none."""
    import duckdb

    with duckdb.connect() as connection:
        try:
            found = connection.execute("SELECT * FROM read_parquet(?) LIMIT 0", [str(file)]).description
        except duckdb.Error as error:
            raise NotPlain(str(error).splitlines()[0]) from error
    return [str(column[0]) for column in found or ()]
