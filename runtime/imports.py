"""How does a file become a list in force? Read into columns, built beside the store, switched by one committed row.

The reading process may be any command: only the switch goes through the one that writes the store, so an import
is atomic and stalls no call (DESIGN.md §4). Two readers say the same of every file: the engine of store/bulk.py,
which takes millions in a moment, and `rows_of` below, line by line, for files whose lines the engine cannot tell
apart as we do.
"""

import csv
import heapq
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from core.headers import column_of
from core.imports import KINDS, BadRow, cells_of, row_of_cells
from runtime.failed import CommandFailed
from runtime.transcribing import SHEETS, as_utf8, encoding_of, sheet_as_csv
from store import bulk  # numpy and, when it reads, the engine
from store.building import FromRows, Gathered
from store.bulk import NotPlain, Source

#: Refused rows kept for the report; all are counted, and all are written beside the file.
_SHOWN = 20
#: A header is not longer.
_LONGEST = 64 * 1024
_CHUNK = 8 << 20
#: Lines of title that may stand above a header.
_MOST_TITLES = 10

#: Told of a row: its line, its cells, why.
Told = Callable[[int, list[str], str], None]
At = Callable[[float], None]


class BadFile(CommandFailed):
    """A file that cannot be taken as a whole; one sentence for a person."""


@dataclass
class Report:
    """What became of a file's rows."""

    accepted: int = 0
    changed: int = 0  #: of the accepted: taken with another value in the place of a cell
    refused: int = 0
    first_refused: list[tuple[int, str]] = field(default_factory=list)  #: line, reason
    read_as: str = ""  #: the alphabet, where it is not UTF-8
    difference: dict[str, int] | None = None  #: new, changed, unchanged, gone; None: no version before

    def change(self, line: int, reason: str) -> None:
        self.changed += 1

    def refuse(self, line: int, reason: str) -> None:
        self.refused += 1
        heapq.heappush(self.first_refused, (-line, reason))
        if len(self.first_refused) > _SHOWN:
            heapq.heappop(self.first_refused)

    @property
    def shown(self) -> list[tuple[int, str]]:
        """The first refused rows, in the order of their lines."""
        return sorted((-line, reason) for line, reason in self.first_refused)


@dataclass(frozen=True)
class Opened:
    """A file that can be read as a table."""

    source: Source
    above: int = 0  #: lines above the header that the table does not have


def opened(file: Path, kind: str, work: Path, report: Report) -> Opened:
    """The table in a file of any form; `work`: a folder for what must be written anew. Raises BadFile, OSError."""
    if file.suffix.lower() == ".parquet":
        try:
            return Opened(Source(file, _header(bulk.parquet_columns(file), kind, file), None))
        except NotPlain as error:
            raise BadFile(f"{file}: is not a Parquet file that can be read: {error}") from error
    above, plain = 0, file
    if file.suffix.lower() in SHEETS:
        plain = work / "sheet.csv"
        try:
            above = sheet_as_csv(file, plain)
        except ValueError as error:
            raise BadFile(f"{file}: is not a workbook that can be read: {error}") from error
    elif (encoding := encoding_of(file)) != "utf-8":
        plain = as_utf8(file, encoding, work / "text.csv")
        report.read_as = {"cp1258": "Windows-1258", "utf-16": "UTF-16"}[encoding]
    if titles := _titles(plain, kind):
        plain = _below(plain, titles, work / "table.csv")
        above += titles
    with plain.open("rb") as raw:
        octets = raw.readline(_LONGEST)
    try:
        first = octets.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadFile(f"{file}:1: is not UTF-8; save it as CSV UTF-8 and import it again") from None
    delimiter = _delimiter(first)
    try:
        names = _header(cells_of(first, delimiter), kind, file)
    except BadRow as error:
        raise BadFile(f"{file}:1: {error}") from error
    return Opened(Source(plain, names, delimiter, _lines(plain)), above)


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _titles(plain: Path, kind: str) -> int:
    """How many lines of title stand above the header: lines that name no column, over one that names the number."""
    known = ("number", *(column.name for column in KINDS[kind]))
    with plain.open("rb") as raw:
        for place in range(_MOST_TITLES + 1):
            line = raw.readline(_LONGEST).decode("utf-8-sig", "replace").rstrip("\r\n")
            named = [column_of(cell.strip('" '), known) for cell in line.split(_delimiter(line))]
            if "number" in named and len([name for name in named if name]) > len(named) // 2:
                return place
            if any(named):
                return 0
    return 0


def _below(plain: Path, titles: int, table: Path) -> Path:
    """The same file without its lines of title."""
    with plain.open("rb") as raw, table.open("wb") as out:
        for _ in range(titles):
            raw.readline(_LONGEST)
        shutil.copyfileobj(raw, out, _CHUNK)
    return table


def _header(columns: list[str], kind: str, file: Path) -> list[str]:
    """Our name of each column. One that is not known is refused: it may be one of ours, mistyped."""
    known = ("number", *(column.name for column in KINDS[kind]))
    needed = ("number", *(column.name for column in KINDS[kind] if column.needed))
    if not any(column.strip() for column in columns):
        raise BadFile(f"{file}: is empty; its first line must name the columns: {', '.join(needed)}")
    names = []
    for column in columns:
        name = column_of(column, known)
        if name is None:
            raise BadFile(
                f"{file}:1: {column.strip()!r} is not a column of {kind}; known are {', '.join(known)}. "
                "The first line, or one below a title, must name the columns"
            )
        if name in names:
            raise BadFile(f"{file}:1: the column {name!r} stands there twice")
        names.append(name)
    for name in needed:
        if name not in names:
            raise BadFile(f"{file}:1: the column {name!r} is missing")
    return names


def _lines(file: Path) -> int:
    """Lines of a file, without empty ones at its end; -1: it has line ends of several kinds."""
    feeds = returns = both = 0
    last = b""
    with file.open("rb") as raw:
        while chunk := raw.read(_CHUNK):
            feeds += chunk.count(b"\n")
            if here := chunk.count(b"\r"):
                returns += here
                both += chunk.count(b"\r\n")
            both += last.endswith(b"\r") and chunk.startswith(b"\n")
            last = chunk[-4096:] if len(chunk) >= 4096 else (last + chunk)[-4096:]
    if returns != both or both not in (0, feeds):
        return -1
    ending = last[len(last.rstrip(b"\r\n")) :]
    return feeds - ending.count(b"\n") + 1


def rows_of(
    found: Opened, kind: str, report: Report, refused: Told, changed: Told, at: At
) -> Iterator[dict[str, Any]]:
    """The good rows of a CSV file, read line by line.

    A bad row goes to `refused` and does not stop the rest; `changed` is told of one that is taken with another value
    in the place of a cell. `at(share read)` moves a progress bar.
    A row is one line, so that a quote that is never closed costs its own row only.
    """
    source = found.source
    delimiter = source.delimiter or ","
    size = max(1, source.file.stat().st_size)
    with source.file.open("rb") as raw:
        raw.readline(_LONGEST)
        for line, octets in enumerate(raw, start=2 + found.above):
            if line % 2000 == 0:
                at(raw.tell() / size)
            text = octets.decode("utf-8", "surrogateescape").rstrip("\r\n")
            if not text.strip(" \t,;"):
                continue
            cells, instead = [text[:200]], list[str]()
            try:
                cells = cells_of(text, delimiter)
                row = row_of_cells(kind, source.names, cells, instead)
            except BadRow as error:
                refused(line, cells, str(error))
                continue
            if instead:
                changed(line, cells, "; ".join(instead))
            report.accepted += 1
            yield row


def gathered(
    found: Opened,
    kind: str,
    work: Path,
    report: Report,
    refused: Told,
    changed: Told,
    at: At,
    held: ExitStack,
) -> Gathered:
    """The rows of a file, by the engine, or line by line where it cannot. `held` ends the engine."""
    try:
        if found.source.lines == -1:
            raise NotPlain("line ends of several kinds")
        table = bulk.read(found.source, kind, work)
        held.callback(table.close)
        at(0.5)
        table.judge(
            lambda line, cells, reason: refused(line + found.above, cells, reason),
            lambda line, cells, reason: changed(line + found.above, cells, reason),
        )
    except NotPlain as error:
        if found.source.delimiter is None:
            raise BadFile(f"{found.source.file}: cannot be read: {error}") from error
        return FromRows(kind, rows_of(found, kind, report, refused, changed, at))
    report.accepted = table.accepted
    at(0.7)
    return table


@dataclass
class RowsBeside:
    """Rows with what is said of them, written beside the file as FILE.<what>.csv; no file when there are none."""

    file: Path
    what: str  #: refused or changed
    count: Callable[[int, str], None]  #: line, reason
    _writer: Any = None
    _opened: Any = None

    @property
    def path(self) -> Path:
        return self.file.with_name(f"{self.file.name}.{self.what}.csv")

    def add(self, line: int, cells: list[str], reason: str) -> None:
        self.count(line, reason)
        if self._writer is None:
            self._opened = self.path.open("w", encoding="utf-8-sig", errors="replace", newline="")
            self._writer = csv.writer(self._opened)
            self._writer.writerow(["line", "reason", "row"])
        self._writer.writerow(chain([line, reason], cells))

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        else:
            self.path.unlink(missing_ok=True)  # of an earlier try of the same file
