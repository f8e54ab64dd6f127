"""How are the big bases kept (subscribers, DoNotCall, exclusions, targets)? As versioned read-only files.

A file is built beside the store, outside the writer (a million rows stall no call); an import ends by one row
that switches the version, so it is atomic. Look-ups are by number; targets are read in order by a cursor.
"""

import os
import re
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sqlalchemy import bindparam, delete, func, literal_column, or_, select

from core.facts import ListState
from store import settings
from store.schema import lists
from store.times import moment, us
from store.tx import Tx

ListKind = Literal["subscribers", "dnc", "exclusions", "targets"]

#: Columns after the number. Subscribers: DESIGN §5; sets are written with ";".
COLUMNS: dict[ListKind, tuple[str, ...]] = {
    "subscribers": (
        "payment", "device", "region", "status", "vlr", "segment", "tariff", "activated_on",
        "arpu_1", "arpu_2", "arpu_3", "arpu_data_1", "arpu_data_2", "arpu_data_3",
        "arpu_voice_1", "arpu_voice_2", "arpu_voice_3", "balance", "packages", "flags", "consent",
    ),
    "dnc": ("channel",),
    "exclusions": ("reason",),
    "targets": (),
}  # fmt: skip

_PROGRAMME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
#: Versions kept beside the one in force, for readers that still look at them.
KEPT = 2
_BATCH = 5_000


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
    """Write a version's file from rows with `number` and COLUMNS[kind]; blocking, for a thread of its own.

    A number that comes twice: its last row counts (targets: its first; dnc: both channels). The file has its
    name only when it is complete.
    """
    if programme and not _PROGRAMME.match(programme):
        raise ValueError(f"{programme!r} is not a programme's name")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    version, handle, building = _reserve(folder, kind, programme)
    os.close(handle)
    try:
        count = _fill(building, kind, rows)
        final = building.with_suffix(".sqlite")
        os.replace(building, final)
    except BaseException:
        building.unlink(missing_ok=True)
        raise
    return Built(kind, programme, version, final.name, count)


def _reserve(folder: Path, kind: str, programme: str) -> tuple[int, int, Path]:
    """The next version's number, taken by making its file; two imports at once take two numbers."""
    stem = f"{kind}-{programme}-"
    taken = [
        int(path.stem.removeprefix(stem))
        for path in folder.glob(f"{kind}-*")
        if path.stem.startswith(stem) and path.stem.removeprefix(stem).isdigit()
    ]
    version = max(taken, default=0) + 1
    while True:
        building = folder / f"{stem}{version}.building"
        try:
            return version, os.open(building, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), building
        except FileExistsError:
            version += 1


def _fill(file: Path, kind: ListKind, rows: Iterable[Mapping[str, Any]]) -> int:
    columns = ("number", *COLUMNS[kind])
    places = ", ".join(f":{name}" for name in columns)
    action = {"targets": "OR IGNORE", "dnc": ""}.get(kind, "OR REPLACE")
    also = " ON CONFLICT (number) DO UPDATE SET channel = 'both' WHERE channel <> excluded.channel"
    insert = (
        f"INSERT {action} INTO list ({', '.join(columns)}) VALUES ({places}){also if kind == 'dnc' else ''}"
    )
    others = "".join(f", {name}" for name in columns[1:])
    # targets keep their order; the others are looked up by number alone
    table = (
        "CREATE TABLE list (row INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE)"
        if kind == "targets"
        else f"CREATE TABLE list (number TEXT PRIMARY KEY{others}) WITHOUT ROWID"
    )
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}").close()
        connection.execute(table)
        connection.execute("BEGIN")
        for batch in _batches(rows):
            connection.executemany(insert, batch)
        connection.execute("COMMIT")
        count: int = connection.execute("SELECT count(*) FROM list").fetchone()[0]
    with open(file, "rb") as written:
        os.fsync(written.fileno())
    return count


def _batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    batch: list[Mapping[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


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
    for path in tx.lists.glob(f"{built.kind}-*.sqlite"):
        number = path.stem.removeprefix(stem)
        ours = path.stem.startswith(stem) and number.isdigit() and int(number) < built.version - KEPT
        if ours and path.name not in known:
            path.unlink(missing_ok=True)
    old = (*_same(built.kind, built.programme), lists.c.version < built.version - KEPT)
    tx.execute(delete(lists).where(*old))


_EVERY = select(lists).order_by(lists.c.version)
_CONCERNING = _EVERY.where(
    or_(lists.c.programme == literal_column("''"), lists.c.programme == bindparam("programme"))
)


def in_force(tx: Tx, *, programme: str | None = None) -> dict[tuple[str, str], InForce]:
    """The version in force of every list by (kind, programme); with `programme` those that concern it."""
    found: dict[tuple[str, str], InForce] = {}
    every = programme is None
    for row in tx.execute(_EVERY) if every else tx.execute(_CONCERNING, {"programme": programme}):
        state = ListState(row.version, moment(row.imported_at), row.rows, row.rows_before)
        found[row.kind, row.programme] = InForce(row.kind, row.programme, row.file, state, row.source)
    return found


class _Open(threading.local):
    """Open files of this thread; a version's file never changes, so a connection to it is good for ever."""

    def __init__(self) -> None:
        self.files: OrderedDict[str, sqlite3.Connection] = OrderedDict()


_open = _Open()
_MOST_OPEN = 16


def _file(tx: Tx, name: str) -> sqlite3.Connection:
    path = str(tx.lists / name)
    connection = _open.files.get(path)
    if connection is None:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro&immutable=1", uri=True)
        _open.files[path] = connection
        while len(_open.files) > _MOST_OPEN:
            _open.files.popitem(last=False)[1].close()
    else:
        _open.files.move_to_end(path)
    return connection


def look_up(tx: Tx, version: InForce | None, *, number: str) -> tuple[Any, ...] | None:
    """The columns after the number of a number's row; None: not on the list, or no list."""
    if version is None:
        return None
    row: tuple[Any, ...] | None = (
        _file(tx, version.file).execute("SELECT * FROM list WHERE number = ?", (number,)).fetchone()
    )
    return row[1:] if row else None


def next_targets(tx: Tx, *, programme: str, limit: int) -> tuple[str, ...]:
    """The next numbers of a programme's target list, in its order; the cursor moves with this transaction.

    Empty: no list, or all have been taken. A new version of the list is read from its beginning.
    """
    version = in_force(tx, programme=programme).get(("targets", programme))
    if version is None:
        return ()
    after = _cursor(tx, version)
    rows = _file(tx, version.file).execute(
        "SELECT row, number FROM list WHERE row > ? ORDER BY row LIMIT ?", (after, limit)
    )
    taken = rows.fetchall()
    if taken:
        place = {"version": version.state.version, "row": taken[-1][0]}
        settings.put(tx, name=f"targets:{programme}", value=place)
    return tuple(number for _, number in taken)


def exhausted(tx: Tx, *, programme: str) -> bool:
    """Whether every number of the programme's target list has been taken; True without a list."""
    version = in_force(tx, programme=programme).get(("targets", programme))
    if version is None:
        return True
    last = _file(tx, version.file).execute("SELECT max(row) FROM list").fetchone()[0]
    return last is None or _cursor(tx, version) >= last


def _cursor(tx: Tx, version: InForce) -> int:
    place = settings.get(tx, name=f"targets:{version.programme}")
    return int(place["row"]) if place and place["version"] == version.state.version else 0


def count_versions(tx: Tx, *, kind: ListKind) -> int:
    """How many versions of a list the store knows."""
    return int(tx.execute(select(func.count()).where(lists.c.kind == kind)).scalar_one())
