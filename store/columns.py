"""How does one file hold a list of millions, so that a number is found in microseconds and all are scanned in a moment?

Column by column, sorted by number, mapped into memory and never changed: any thread may read it without a lock.
A number is its nine digits as an integer, found by bisection. An amount is kept plus one (0: unknown); a text is
the place of it in a list of texts plus one (0: unknown). Each array has the narrowest width that holds it.

    magic | arrays and texts, each aligned to 8 bytes | JSON of what lies where | its length | magic
"""

from __future__ import annotations

import json
import mmap
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # numpy is loaded by who builds or scans; a look-up does without
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.uint32]
    Codes = NDArray[Any]

MAGIC = b"mailist1"
_WIDTHS: dict[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}
_KEPT_AS_LIST = 65_536  # texts of a column that are read once and kept


class BadList(OSError):
    """Not a list file of this program."""


def digits_of(number: str) -> int | None:
    """`+84901234567` -> 901234567; None: cannot stand in a list."""
    bare = number[3:]
    return int(bare) if number.startswith("+84") and len(bare) == 9 and bare.isdecimal() else None


def number_of(digits: int) -> str:
    """901234567 -> `+84901234567`."""
    return f"+84{digits:09d}"


class Writer:
    """Writes the arrays of one file, one after the other; `written` ends it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._where: dict[str, Any] = {}
        file.write(MAGIC)

    def array(self, name: str, values: Codes) -> None:
        """An array of non-negative integers, as narrow as it may be."""
        import numpy as np

        most = int(values.max()) if len(values) else 0
        width = next(width for width in _WIDTHS if most < 1 << 8 * width)
        at = self._align()
        values.astype(np.dtype(f"<u{width}"), copy=False).tofile(self._file)
        self._where[name] = {"at": at, "width": width, "count": len(values)}

    def texts(self, name: str, texts: Iterable[str]) -> None:
        """A list of texts: where each ends, and all of them joined. May be a long stream."""
        from array import array

        at, ends, end = self._align(), array("Q"), 0
        for batch in _batches(texts):
            encoded = [text.encode("utf-8", "surrogatepass") for text in batch]
            for text in encoded:
                end += len(text)
                ends.append(end)
            self._file.write(b"".join(encoded))
        here = self._align()
        ends.tofile(self._file)
        self._where[f"{name}:texts"] = {"at": at, "size": end, "ends": here, "count": len(ends)}

    def _align(self) -> int:
        self._file.write(bytes(-self._file.tell() % 8))
        return self._file.tell()

    def written(self, rows: int) -> None:
        self._align()
        tail = json.dumps({"rows": rows, "where": self._where}).encode()
        self._file.write(tail + len(tail).to_bytes(8, "little") + MAGIC)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == 50_000:
            yield batch
            batch = []
    yield batch


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A file's writer; on the disk when the block ends."""
    import os

    with path.open("wb") as file:
        yield Writer(file)
        file.flush()
        os.fsync(file.fileno())


@dataclass(frozen=True)
class Texts(Sequence["str | None"]):
    """The texts of one column; place 0 is None."""

    data: memoryview
    ends: memoryview

    def __len__(self) -> int:
        return len(self.ends) + 1

    def __getitem__(self, code: Any) -> Any:
        if code == 0:
            return None
        start = self.ends[code - 2] if code > 1 else 0
        return str(self.data[start : self.ends[code - 1]], "utf-8", "surrogatepass")


class ListFile:
    """An open list. Raises BadList for a file that is none, FileNotFoundError."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._bytes = memoryview(self._map)
        if self._bytes[:8] != MAGIC or self._bytes[-8:] != MAGIC:
            raise BadList(f"{path.name} is not a list file of this program; import the list again")
        length = int.from_bytes(self._bytes[-16:-8], "little")
        described = json.loads(bytes(self._bytes[-16 - length : -16]))
        self.rows: int = described["rows"]
        self._where: dict[str, Any] = described["where"]
        self._arrays: dict[str, Codes] = {}

    @cached_property
    def numbers(self) -> memoryview:
        """The digits of the numbers, ascending."""
        return self.plain("number")

    def plain(self, name: str) -> memoryview:
        """A column's array, as it is kept."""
        place = self._where[name]
        end = place["at"] + place["width"] * place["count"]
        return self._bytes[place["at"] : end].cast(_WIDTHS[place["width"]])

    def array(self, name: str) -> Codes:
        """The same as a numpy array over the file."""
        import numpy as np

        if (found := self._arrays.get(name)) is None:
            place = self._where[name]
            found = np.frombuffer(self._map, np.dtype(f"<u{place['width']}"), place["count"], place["at"])
            self._arrays[name] = found
        return found

    def has_texts(self, name: str) -> bool:
        return f"{name}:texts" in self._where

    def texts(self, name: str) -> Sequence[str | None]:
        """The texts of a column by their code."""
        place = self._where[f"{name}:texts"]
        ends = self._bytes[place["ends"] : place["ends"] + 8 * place["count"]].cast("Q")
        texts = Texts(self._bytes[place["at"] : place["at"] + place["size"]], ends)
        return [texts[code] for code in range(len(texts))] if len(texts) <= _KEPT_AS_LIST else texts

    @property
    def columns(self) -> list[str]:
        """The columns after the number."""
        return [name for name in self._where if ":" not in name and name not in ("number", "order")]

    @cached_property
    def _columns(self) -> list[tuple[memoryview, Sequence[str | None] | None]]:
        return [
            (self.plain(name), self.texts(name) if self.has_texts(name) else None) for name in self.columns
        ]

    def place(self, digits: int) -> int | None:
        """The row of a number; None: not in the list."""
        at = bisect_left(self.numbers, digits)
        return at if at < self.rows and self.numbers[at] == digits else None

    def row(self, place: int) -> tuple[Any, ...]:
        """The columns after the number, as the list's kind orders them."""
        return tuple(
            _amount(codes[place]) if texts is None else texts[codes[place]] for codes, texts in self._columns
        )

    def places(self, digits: Numbers) -> NDArray[np.intp]:
        """The row of each of these numbers; -1: not in the list. Numbers in ascending order are found sooner."""
        import numpy as np

        if not self.rows:
            return np.full(len(digits), -1, np.intp)
        known = self.array("number")
        if len(digits) == len(known) and np.array_equal(digits, known):
            return np.arange(len(known))
        # of the width in which they are kept: else all of the known ones are widened first
        wanted = digits.astype(known.dtype, copy=False)
        place = known.searchsorted(wanted).clip(max=self.rows - 1)
        return np.where(known[place] == digits, place, -1)

    def rows_at(self, places: NDArray[np.intp]) -> Iterator[tuple[Any, ...]]:
        """The rows of these places, one after the other, each as `row` gives it."""
        cells: list[list[Any]] = []
        for name, (_, texts) in zip(self.columns, self._columns, strict=True):
            codes = self.array(name)[places].tolist()
            if texts is None:
                cells.append([code - 1 if code else None for code in codes])
            else:
                cells.append([*map(texts.__getitem__, codes)])
        return zip(*cells, strict=True) if cells else iter([()] * len(places))


def _amount(code: int) -> int | None:
    return code - 1 if code else None


def compared(old: ListFile, new: ListFile) -> tuple[int, int]:
    """How many numbers of both say the same in both, and how many not. Blocking, seconds for millions."""
    import numpy as np

    was, now = old.array("number"), new.array("number")
    place = np.searchsorted(was, now).clip(max=max(0, len(was) - 1))
    here = np.flatnonzero(was[place] == now) if len(was) else np.zeros(0, np.intp)
    there = place[here]
    differs = np.zeros(len(here), bool)
    for name in new.columns:
        before, after = old.array(name)[there], new.array(name)[here]
        if not new.has_texts(name):
            differs |= before != after
            continue
        old_texts, new_texts = old.texts(name), new.texts(name)
        if isinstance(old_texts, list) and isinstance(new_texts, list):
            codes = {text: code for code, text in enumerate(old_texts)}
            means = np.array([codes.get(text, -1) for text in new_texts], np.int64)
            differs |= before != means[after]
        else:  # too many different texts to keep: one by one
            differs |= np.fromiter(
                (old_texts[a] != new_texts[b] for a, b in zip(before.tolist(), after.tolist(), strict=True)),
                bool, len(here),
            )  # fmt: skip
    changed = int(differs.sum())
    return len(here) - changed, changed
