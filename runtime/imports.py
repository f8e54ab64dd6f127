"""How does a file become a list in force? Read row by row, built beside the store, switched by one committed row.

The reading process may be any command: only the switch goes through the one that writes the store, so an import
is atomic and stalls no call (DESIGN.md §4).
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.imports import KINDS, BadRow
from runtime.failed import CommandFailed

#: Refused rows kept for the report; all are counted, and all are written beside the file.
_SHOWN = 20
#: A header is not longer.
_LONGEST = 64 * 1024
#: Octets that are no UTF-8 (as surrogateescape keeps them), and signs that no cell has.
_NOT_TEXT = re.compile("[\udc80-\udcff\x00]")


class BadFile(CommandFailed):
    """A file that cannot be taken as a whole; one sentence for a person."""


@dataclass
class Report:
    """What became of a file's rows."""

    accepted: int = 0
    refused: int = 0
    first_refused: list[tuple[int, str]] = field(default_factory=list)  #: line, reason


def _header(columns: list[str] | None, kind: str, file: Path) -> list[str]:
    known, needed, _ = KINDS[kind]
    if not columns:
        raise BadFile(f"{file}: is empty; its first line must name the columns: {', '.join(needed)}")
    names = [column.strip().lower() for column in columns]
    for name in names:
        if name not in known:
            raise BadFile(f"{file}:1: {name!r} is not a column of {kind}; known are {', '.join(known)}")
        if names.count(name) > 1:
            raise BadFile(f"{file}:1: the column {name!r} stands there twice")
    for name in needed:
        if name not in names:
            raise BadFile(f"{file}:1: the column {name!r} is missing")
    return names


def rows_of(
    file: Path,
    kind: str,
    report: Report,
    refused: Callable[[int, list[str], str], None],
    at: Callable[[int], None],
) -> Iterator[dict[str, Any]]:
    """The good rows of a CSV file (UTF-8, with or without BOM; comma, semicolon or tab between columns).

    A bad row goes to `refused(line, cells, reason)` and does not stop the rest. `at(bytes read)` moves a progress bar.
    A row is one line, so that a quote that is never closed costs its own row only.
    Raises BadFile for a header that is not one of this kind, and OSError.
    """
    parse = KINDS[kind][2]
    with file.open("rb") as raw:
        first = _first_line(raw.readline(_LONGEST), file)
        delimiter = max(",;\t", key=first.count)
        names = _header(next(csv.reader([first], delimiter=delimiter), None), kind, file)
        for line, octets in enumerate(raw, start=2):
            if line % 2000 == 0:
                at(raw.tell())
            text = octets.decode("utf-8", "surrogateescape").rstrip("\r\n")
            if not text.strip(" \t,;"):
                continue
            cells = [text[:200]]
            try:
                cells = _cells(text, delimiter)
                if len(cells) != len(names):
                    raise BadRow(f"has {len(cells)} cells, the header has {len(names)}")
                row = parse({name: cell.strip() for name, cell in zip(names, cells, strict=True)})
            except BadRow as error:
                report.refused += 1
                if len(report.first_refused) < _SHOWN:
                    report.first_refused.append((line, str(error)))
                refused(line, cells, str(error))
                continue
            report.accepted += 1
            yield row


def _first_line(octets: bytes, file: Path) -> str:
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadFile(f"{file}: is UTF-16; save it as CSV UTF-8 and import it again")
    try:
        return octets.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadFile(f"{file}:1: is not UTF-8; save it as CSV UTF-8 and import it again") from None


def _cells(text: str, delimiter: str) -> list[str]:
    if _NOT_TEXT.search(text):
        raise BadRow("is not UTF-8 text; save the file as CSV UTF-8")
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise BadRow(f"its quotes are wrong ({error})") from None


@dataclass
class RefusedRows:
    """The refused rows, written beside the file as FILE.refused.csv; no file when there are none."""

    file: Path
    _writer: Any = None
    _opened: Any = None

    @property
    def path(self) -> Path:
        return self.file.with_name(self.file.name + ".refused.csv")

    def add(self, line: int, cells: list[str], reason: str) -> None:
        if self._writer is None:
            self._opened = self.path.open("w", encoding="utf-8-sig", errors="replace", newline="")
            self._writer = csv.writer(self._opened)
            self._writer.writerow(["line", "reason", "row"])
        self._writer.writerow([line, reason, *cells])

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        else:
            self.path.unlink(missing_ok=True)  # of an earlier try of the same file
