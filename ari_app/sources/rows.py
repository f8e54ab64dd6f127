"""What events are in a CSV file of a watched folder? Read a batch of lines at a time: a file may have millions.

One line is one row: a quote that is never closed costs its own row, and a line of a gigabyte is no row.
"""

import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TextIO

from core.arriving import Look, event_fields, place_id
from core.imports import BadRow, cells_of
from core.sources import FolderSource
from runtime.topups import Arrived
from runtime.transcribing import encoding_of

#: Signs of a line.
_LONGEST = 64 * 1024
_DELIMITERS = ",;\t|"


class BadFile(Exception):
    """A file none of whose rows can be read; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file and the event that it describes."""

    line: int  #: from 1
    text: str
    arrived: Arrived


class Rows:
    """The rows of an open file, in order. Blocks as files do: for a thread."""

    def __init__(self, file: Path, source: FolderSource, happened: Callable[[float], datetime]) -> None:
        """Open it and read its header. `happened`: a time of the host on the decision clock. Raises BadFile, OSError."""
        self._file = file
        self._source = source
        self._encoding = encoding_of(file)
        self._open = file.open(encoding=self._encoding, errors="surrogateescape" if self._utf8 else "replace")
        try:
            self._stamp = _stamp(self._open)
            self._written = happened(self._stamp[2] / 1e9)
            self._lines = _lines(self._open)
            self._columns: dict[str, int] = {}  #: of the header, by folded name
            self._places: dict[str, int] = {}  #: of the fields, by the name that is looked up
            self._delimiter: str = source.delimiter or ""
            self._rows = self._read()
            if source.header:
                self._header()
        except BaseException:
            self._open.close()
            raise

    @property
    def _utf8(self) -> bool:
        return self._encoding == "utf-8"

    def next(self, most: int) -> list[Row]:
        """The next rows; none: that was the last. Raises OSError, UnicodeError."""
        return list(islice(self._rows, most))

    def changed(self) -> bool:
        """Whether somebody wrote the file, or put another in its place, since it was opened."""
        now = os.stat(self._file, follow_symlinks=False)
        return _stamp(self._open) != self._stamp or now.st_ino != self._stamp[0]

    def close(self) -> None:
        self._open.close()

    def _header(self) -> None:
        _, text = next(self._lines, (1, ""))
        try:
            names = [_folded(cell) for cell in self._cells(text.removeprefix("\ufeff"))]
        except BadRow as error:
            raise BadFile(f"its first line: {error}") from error
        self._columns = {name: place for place, name in reversed([*enumerate(names)])}
        fields = self._source.fields
        for name in ("number", "id", "amount", "at"):
            written = getattr(fields, name) or (("number",) if name == "number" else ())
            for field in (written,) if isinstance(written, str) else written:
                if _folded(field) not in self._columns and not _place(field):
                    known = ", ".join(filter(None, names))
                    if not known:
                        raise BadFile("has no header: its first line is empty")
                    raise BadFile(f"has no column {field!r} for {name}: its first line names {known}")

    def _cells(self, text: str) -> list[str]:
        if not self._delimiter:
            self._delimiter = max(_DELIMITERS, key=text.count)
        return cells_of(text, self._delimiter)

    def _read(self) -> Iterator[Row]:
        for line, text in self._lines:
            if text.strip(" \t,;|"):
                yield Row(line, text, self._arrived(line, text))

    def _arrived(self, line: int, text: str) -> Arrived:
        place = place_id(self._source.name, line, says=f"{self._file.name}\0{text}")
        if len(text) >= _LONGEST:
            return Arrived({}, place, self._written, wrong=f"the line is longer than {_LONGEST} signs")
        try:
            cells = self._cells(text.removeprefix("\ufeff") if line == 1 else text)
        except BadRow as error:
            return Arrived({}, place, self._written, wrong=str(error))
        fields = self._source.fields
        raw = event_fields(fields, self._source.time, self._look(cells))
        if fields.id is None and "id" not in raw:
            raw["id"] = place
        return Arrived(raw, place, self._written)

    def _look(self, cells: list[str]) -> Look:
        def look(name: str) -> str | None:
            place = self._places.get(name)
            if place is None:
                place = self._places[name] = self._columns.get(_folded(name), _place(name) - 1)
            return (cells[place].strip() or None) if 0 <= place < len(cells) else None

        return look


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; one that is too long is cut there."""
    line = 0
    while text := file.readline(_LONGEST):
        line += 1
        rest = text
        while len(rest) == _LONGEST and not rest.endswith("\n"):
            rest = file.readline(_LONGEST)
        yield line, text.rstrip("\r\n")


def _place(field: str) -> int:
    """A column written as its place, from 1; 0: it is a name."""
    return int(field) if field.isascii() and field.isdecimal() else 0


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()


def _stamp(file: TextIO) -> tuple[int, int, int]:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns
