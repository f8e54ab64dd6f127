"""How are the big bases kept (subscribers, DoNotCall, exclusions, targets)? As versioned read-only files.

A file is built beside the store, outside the writer (a million rows stall no call); an import ends by one row
that switches the version, so it is atomic. Look-ups are by number; targets are read in order by a cursor.
"""

import fcntl
import os
import re
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from sqlalchemy import bindparam, delete, literal_column, or_, select

from core.facts import ListState
from core.imports import KINDS
from store import settings
from store.building import FromRows, Gathered, write_list
from store.columns import ListFile, compared, digits_of, number_of
from store.prepared import Prepared
from store.schema import lists
from store.times import moment, us
from store.tx import Tx

ListKind = Literal["subscribers", "dnc", "exclusions", "targets"]

#: Columns after the number. Subscribers: DESIGN §5; sets are written with ";".
COLUMNS: dict[str, tuple[str, ...]] = {
    kind: tuple(column.name for column in columns) for kind, columns in KINDS.items()
}

_PROGRAMME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
#: Versions kept beside the one in force, for readers that still look at them.
KEPT = 2
SUFFIX = ".list"
_WORK = "import-"
_JUST_MADE_S = 60.0


@dataclass(frozen=True)
class Built:
    """A finished file that is not in force yet."""

    kind: ListKind
    programme: str  #: "": for all
    version: int
    file: str
    rows: int


@dataclass(frozen=True)
class InForce:
    """The version of a list that look-ups use."""

    kind: str
    programme: str
    file: str
    state: ListState
    source: str


def build(folder: Path, kind: ListKind, rows: Iterable[Mapping[str, Any]], *, programme: str = "") -> Built:
    """Write a version's file from rows with `number` and COLUMNS[kind]; blocking, for a thread of its own."""
    return build_from(folder, kind, lambda: FromRows(kind, rows), programme=programme)


def build_from(
    folder: Path, kind: ListKind, gather: Callable[[], Gathered], *, programme: str = "", after: int = 0
) -> Built:
    """Write a version's file from what `gather` reads; blocking, for a thread of its own.

    `after`: the version in force, as the store has it: its file may be missing in this folder.

    A number that comes twice: its last row counts (targets: its first; dnc: both channels). The file has its
    name only when it is complete.
    """
    if programme and not _PROGRAMME.match(programme):
        raise ValueError(f"{programme!r} is not a programme's name")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    version, handle, building = _reserve(folder, kind, programme, after)
    try:
        count = write_list(building, kind, gather())
        final = building.with_suffix(SUFFIX)
        os.replace(building, final)
    except BaseException:
        building.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    return Built(kind, programme, version, final.name, count)


def _reserve(folder: Path, kind: str, programme: str, after: int) -> tuple[int, int, Path]:
    """The next version's number, taken by making its file; two imports at once take two numbers.

    The file is locked as long as its handle is open: `remove_left` knows by it which ones are nobody's.
    """
    stem = f"{kind}-{programme}-"
    taken = [
        int(path.stem.removeprefix(stem))
        for path in folder.glob(f"{kind}-*")
        if path.stem.startswith(stem) and path.stem.removeprefix(stem).isdigit()
    ]
    version = max(after, *taken, 0) + 1
    while True:
        building = folder / f"{stem}{version}.building"
        try:
            handle = os.open(building, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            return version, handle, building
        except FileExistsError:
            version += 1


@contextmanager
def working_in(folder: Path) -> Iterator[Path]:
    """A folder beside the lists for what an import must write; gone when the block ends, or by `remove_left`."""
    with TemporaryDirectory(prefix=_WORK, dir=folder) as work:
        handle = os.open(work, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(work)
        finally:
            os.close(handle)


def remove_left(folder: Path) -> int:
    """Remove what imports that were killed have left in the folder; returns how many files and folders."""
    removed = 0
    for left in (*folder.glob(f"{_WORK}*"), *folder.glob("*.building")):
        try:
            if time.time() - left.stat().st_mtime < _JUST_MADE_S:  # perhaps not locked yet
                continue
            handle = os.open(left, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # its import runs
        else:
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
            removed += 1
        finally:
            os.close(handle)
    return removed


def switch(tx: Tx, built: Built, *, source: str, now: datetime, accept_shrink: bool = False) -> ListState:
    """Put a built version in force; files older than the last KEPT before it are removed.

    accept_shrink: a person says that it is right as it is, however many rows there were before (R2).
    """
    before = select(lists.c.version, lists.c.rows).where(*_same(built.kind, built.programme))
    last = tx.execute(before.order_by(lists.c.version.desc()).limit(1)).one_or_none()
    if last is not None and last.version >= built.version:
        raise ValueError(f"{built.file} is older than version {last.version}, which is in force")
    rows_before = last.rows if last and not accept_shrink else None
    row = {
        "kind": built.kind,
        "programme": built.programme,
        "version": built.version,
        "file": built.file,
        "rows": built.rows,
        "rows_before": rows_before,
        "source": source,
        "imported_at": us(now),
    }
    tx.execute(lists.insert(), row)
    tx.wake("lists")
    _remove_old(tx, built)
    return ListState(built.version, now, built.rows, rows_before)


def _same(kind: str, programme: str) -> tuple[Any, Any]:
    return lists.c.kind == kind, lists.c.programme == programme


def _remove_old(tx: Tx, built: Built) -> None:
    """The rows go now; the files of versions whose rows went at an earlier switch go with them.

    A file is only removed when its row has been gone since a committed transaction before this one.
    """
    kept = select(lists.c.file).where(*_same(built.kind, built.programme), lists.c.version <= built.version)
    known = {file for (file,) in tx.execute(kept)}
    stem = f"{built.kind}-{built.programme}-"
    for path in tx.lists.glob(f"{built.kind}-*{SUFFIX}"):
        number = path.stem.removeprefix(stem)
        ours = path.stem.startswith(stem) and number.isdigit() and int(number) < built.version - KEPT
        if ours and path.name not in known:
            path.unlink(missing_ok=True)
    old = (*_same(built.kind, built.programme), lists.c.version < built.version - KEPT)
    tx.execute(delete(lists).where(*old))


_VERSIONS = select(lists).order_by(lists.c.version)
_EVERY = Prepared(_VERSIONS)
_CONCERNING = Prepared(
    _VERSIONS.where(
        or_(lists.c.programme == literal_column("''"), lists.c.programme == bindparam("programme"))
    )
)


def in_force(tx: Tx, *, programme: str | None = None) -> dict[tuple[str, str], InForce]:
    """The version in force of every list by (kind, programme); with `programme` those that concern it."""
    found: dict[tuple[str, str], InForce] = {}
    every = programme is None
    for row in tx.execute(_EVERY) if every else tx.execute(_CONCERNING, {"programme": programme}):
        state = ListState(row.version, moment(row.imported_at), row.rows, row.rows_before)
        found[row.kind, row.programme] = InForce(row.kind, row.programme, row.file, state, row.source)
    return found


_open: OrderedDict[str, ListFile] = OrderedDict()
_opening = threading.Lock()
_MOST_OPEN = 16


@dataclass(frozen=True)
class Difference:
    """How a list differs from another: numbers by what became of them."""

    new: int
    changed: int
    unchanged: int
    gone: int


def difference(folder: Path, before: str, after: str) -> Difference | None:
    """How one file of a list differs from another; blocking. None: the older cannot be read any more."""
    try:
        old, new = ListFile(folder / before), ListFile(folder / after)
    except OSError:
        return None
    same, changed = compared(old, new)
    return Difference(new.rows - same - changed, changed, same, old.rows - same - changed)


def file_of(tx: Tx, version: InForce) -> ListFile:
    """A version's file, open: it never changes, so one is good for every thread and for ever. Raises OSError."""
    path = f"{tx.lists}/{version.file}"  # for every look-up; joining paths costs more than the look-up
    with _opening:
        found = _open.get(path)
        if found is None:
            found = _open[path] = ListFile(Path(path))
            while len(_open) > _MOST_OPEN:
                _open.popitem(last=False)  # closed when its last reader lets it go
        else:
            _open.move_to_end(path)
    return found


def look_up(tx: Tx, version: InForce | None, *, number: str) -> tuple[Any, ...] | None:
    """The columns after the number of a number's row; None: not on the list, or no list."""
    digits = digits_of(number)
    if version is None or digits is None:
        return None
    file = file_of(tx, version)
    place = file.place(digits)
    return None if place is None else file.row(place)


def next_targets(tx: Tx, *, programme: str, limit: int) -> tuple[str, ...]:
    """The next numbers of a programme's target list, in its order; the cursor moves with this transaction.

    Empty: no list, or all have been taken. A new version of the list is read from its beginning.
    """
    version = in_force(tx, programme=programme).get(("targets", programme))
    if version is None:
        return ()
    settings.lock(tx, name=f"targets:{programme}")  # two planners take turns
    after = _cursor(tx, version)
    taken = file_of(tx, version).plain("order")[after : after + limit]
    if taken:
        place = {"version": version.state.version, "row": after + len(taken)}
        settings.put(tx, name=f"targets:{programme}", value=place)
    return tuple(number_of(digits) for digits in taken)


def exhausted(tx: Tx, *, programme: str) -> bool:
    """Whether every number of the programme's target list has been taken; True without a list."""
    version = in_force(tx, programme=programme).get(("targets", programme))
    if version is None:
        return True
    return _cursor(tx, version) >= version.state.rows


def place_in_targets(tx: Tx, *, programme: str) -> tuple[int, int] | None:
    """How many numbers of the programme's target list have been taken, and how many it has; None: no list."""
    version = in_force(tx, programme=programme).get(("targets", programme))
    return None if version is None else (_cursor(tx, version), version.state.rows)


def _cursor(tx: Tx, version: InForce) -> int:
    place = settings.get(tx, name=f"targets:{version.programme}")
    return int(place["row"]) if place and place["version"] == version.state.version else 0
