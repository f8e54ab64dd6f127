"""How do the rows of an import, in the order of their file, become one list sorted by number?

A number that comes twice: its last row counts (targets: its first; dnc: both channels). Few columns at a time are
in memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.imports import KINDS, Column
from store.columns import digits_of, writing

if TYPE_CHECKING:
    from store.columns import Codes, Numbers


class Gathered(Protocol):
    """The rows of an import, in the order of their file, column by column."""

    @property
    def numbers(self) -> Numbers:
        """Digits of each row's number; 0: the row is not taken."""

    def column(self, column: Column) -> tuple[Codes, Iterable[str] | None]:
        """Amounts plus one and None; or places in the texts plus one and the texts. 0: unknown."""


class FromRows:
    """Rows that Python made, one dict each with `number` and the kind's columns."""

    def __init__(self, kind: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self._numbers = array("I")
        self._codes: dict[str, array[int]] = {column.name: array("I") for column in KINDS[kind]}
        self._texts: dict[str, dict[str, int]] = {c.name: {} for c in KINDS[kind] if not c.amount}
        for row in rows:
            self._numbers.append(_digits(row["number"]))
            for name in self._codes:
                self._append(name, row.get(name))

    def _append(self, name: str, value: Any) -> None:
        texts, codes = self._texts.get(name), self._codes[name]
        if value is None:
            codes.append(0)
        elif texts is not None:
            codes.append(texts.setdefault(value, len(texts) + 1))
        else:
            code = int(value) + 1
            if code >> 32 and codes.typecode == "I":
                codes = self._codes[name] = array("Q", codes)
            codes.append(code)

    @property
    def numbers(self) -> Numbers:
        import numpy as np

        return np.frombuffer(self._numbers, np.uint32)

    def column(self, column: Column) -> tuple[Codes, Iterable[str] | None]:
        import numpy as np

        codes = self._codes[column.name]
        return np.frombuffer(codes, np.dtype(f"u{codes.itemsize}")), self._texts.get(column.name)


def _digits(number: str) -> int:
    digits = digits_of(number)
    if digits is None:
        raise ValueError(f"{number!r} cannot stand in a list: +84 and nine digits")
    return digits


def write_list(path: Path, kind: str, gathered: Gathered) -> int:
    """Write the list; returns how many numbers it has. Blocking, seconds for millions."""
    import numpy as np

    numbers = gathered.numbers
    order = np.argsort(numbers, kind="stable").astype(np.uint32)
    ordered = numbers[order]
    taken = int(np.searchsorted(ordered, 1))  # rows with number 0 are not taken; they come first
    order, ordered = order[taken:], ordered[taken:]
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    last = np.roll(first, -1)
    which = order[first] if kind == "targets" else order[last]
    with writing(path) as file:
        file.array("number", ordered[first])
        if kind == "targets":
            file.array("order", numbers[np.sort(which)])
        starts = np.flatnonzero(first)
        del ordered, first, last
        for column, codes, texts in _columns(gathered, KINDS[kind]):
            if kind == "dnc":
                named = list(texts or ())
                file.array(column.name, _both(codes[order], starts, named))
                texts = named
            else:
                file.array(column.name, codes[which])
            if texts is not None:
                file.texts(column.name, texts)
        file.written(len(which))
    return len(which)


def _columns(
    gathered: Gathered, columns: Sequence[Column]
) -> Iterator[tuple[Column, Codes, Iterable[str] | None]]:
    """Each column; the next one is fetched while its reader puts this one in order. Two are in memory."""
    with ThreadPoolExecutor(1) as ahead:
        coming = [ahead.submit(gathered.column, column) for column in columns[:1]]
        for place, column in enumerate(columns, start=1):
            codes, texts = coming.pop().result()
            coming += [ahead.submit(gathered.column, following) for following in columns[place : place + 1]]
            yield column, codes, texts


def _both(codes: Codes, starts: Codes, texts: list[str]) -> Codes:
    """R2: a number that is listed for calls and, in another row, for messages is listed for both."""
    import numpy as np

    if not len(starts):
        return codes
    least, most = np.minimum.reduceat(codes, starts), np.maximum.reduceat(codes, starts)
    if "both" not in texts and bool((least != most).any()):
        texts.append("both")
    both = texts.index("both") + 1 if "both" in texts else 0
    return np.where(least == most, least, both)
