"""How does a file become a list in force? Read row by row, built beside the store, switched by one committed row.

The reading process may be any command: only the switch goes through the one that writes the store, so an import
is atomic and stalls no call (DESIGN.md §4).
"""

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.imports import KINDS, BadRow

#: Refused rows kept for the report; all are counted, and all are written beside the file.
_SHOWN = 20


class BadFile(ValueError):
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
    Raises BadFile for a header that is not one of this kind, and for bytes that are not UTF-8.
    """
    with file.open("rb") as raw:
        first = raw.readline(64 * 1024).decode("utf-8-sig", "replace")
    delimiter = max(",;\t", key=first.count)
    parse = KINDS[kind][2]
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        try:
            names = _header(next(reader, None), kind, file)
            for cells in reader:
                line = reader.line_num
                if line % 2000 == 0:
                    at(os.lseek(text.fileno(), 0, os.SEEK_CUR))
                if not any(cell.strip() for cell in cells):
                    continue
                try:
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
        except UnicodeDecodeError as error:
            raise BadFile(
                f"{file}: is not UTF-8 at byte {error.start}; save it as UTF-8 and import it again"
            ) from error
        except csv.Error as error:
            raise BadFile(f"{file}:{reader.line_num}: {error}") from error


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
            self._opened = self.path.open("w", encoding="utf-8-sig", newline="")
            self._writer = csv.writer(self._opened)
            self._writer.writerow(["line", "reason", "row"])
        self._writer.writerow([line, reason, *cells])

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        else:
            self.path.unlink(missing_ok=True)  # of an earlier try of the same file
