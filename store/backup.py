"""How is a SQLite store copied while it is written, and put back? One file with the database and its lists.

The copy is SQLite's own backup of one snapshot: a read transaction is held while pages are copied, so the writer
never waits and what is committed meanwhile is not half in it. A PostgreSQL store has `pg_dump`.
"""

import os
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from sqlalchemy.engine import make_url

from store.errors import NoStore, StoreError
from store.lock import only_writer

_DATABASE = "store.db"
_LISTS = "lists"
_PAGES = 2_000
#: Pages copied so far, and of how many.
Progress = Callable[[int, int], None]


def database_of(url: str, folder: Path) -> Path:
    """The file of a SQLite store. Raises StoreError for another engine."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise StoreError("a PostgreSQL store is copied with pg_dump, and its folder lists/ beside it")
    return folder / (parsed.database or "")


def backup(database: Path, file: Path, progress: Progress | None = None) -> int:
    """Write database and lists in force into `file` (tar, readable to its owner alone); returns its octets.

    Blocks. The file has its name only when it is whole and was checked. Raises NoStore, StoreError, OSError.
    """
    if not database.exists():
        raise NoStore(f"{database} does not exist: nothing has been stored yet")
    if file.exists():
        raise StoreError(f"{file} is there already: name a new file")
    with TemporaryDirectory(prefix=".backup-", dir=file.parent) as scratch:
        copy, building = Path(scratch) / _DATABASE, Path(scratch) / "building"
        try:
            files = _copy(database, copy, progress)
        except sqlite3.Error as error:
            raise StoreError(f"{database} cannot be copied: {error}") from error
        with tarfile.open(building, "w") as tar:
            tar.add(copy, _DATABASE)
            for each in files:
                tar.add(each, f"{_LISTS}/{each.name}")
        building.chmod(0o600)
        _to_disk(building)
        os.link(building, file)  # unlike rename: never over a file that came meanwhile
    return file.stat().st_size


def _copy(database: Path, copy: Path, progress: Progress | None) -> list[Path]:
    """Copy one snapshot and check the copy; returns the files of the lists that it names."""
    address = f"file:{quote(str(database))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as source:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the snapshot begins here
        with closing(sqlite3.connect(copy)) as target:
            told = None if progress is None else lambda _, left, of: progress(of - left, of)
            source.backup(target, pages=_PAGES, progress=told)
            target.execute("PRAGMA journal_mode=DELETE").fetchone()
            _check(target)
            stems = [Path(name).stem for (name,) in target.execute("SELECT file FROM lists")]
            newest = target.execute(
                "SELECT file, max(version) FROM lists GROUP BY kind, programme"
            ).fetchall()
    folder = database.parent / _LISTS
    for name, _ in newest:
        if not (folder / name).exists():
            raise StoreError(f"{name} is gone: a list was imported meanwhile, or removed; try again")
    return sorted(path for stem in stems for path in folder.glob(f"{stem}.*") if path.suffix != ".building")


def _check(connection: sqlite3.Connection) -> None:
    (said,) = connection.execute("PRAGMA integrity_check").fetchone()
    if said != "ok":
        raise StoreError(f"the copy is damaged: {said}")


def restore(file: Path, database: Path) -> None:
    """Put a backup where no store is. Blocks.

    Raises StoreError when there is a store already (it is never overwritten), when another process holds it, or
    when the file is no backup of ours; then nothing is left behind.
    """
    lists = database.parent / _LISTS
    database.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(database):
        if database.exists():
            raise StoreError(f"{database} is there: move it away first, nothing is overwritten")
        with TemporaryDirectory(prefix=".restore-", dir=database.parent) as scratch:
            _unpack(file, Path(scratch))
            copy = Path(scratch) / _DATABASE
            try:
                with closing(sqlite3.connect(copy)) as connection:
                    _check(connection)
            except sqlite3.Error as error:
                raise StoreError(f"{file} holds no database: {error}") from error
            lists.mkdir(mode=0o700, exist_ok=True)
            for each in sorted((Path(scratch) / _LISTS).glob("*")):
                each.replace(lists / each.name)
            copy.chmod(0o600)
            _to_disk(copy)
            copy.rename(database)


def _unpack(file: Path, folder: Path) -> None:
    """Only what a backup of ours holds, and nowhere else than into this folder."""
    (folder / _LISTS).mkdir()
    with _opened(file) as tar:
        members = tar.getmembers()
        for member in members:
            plain = member.name == _DATABASE or (
                member.name.startswith(f"{_LISTS}/") and "/" not in member.name.removeprefix(f"{_LISTS}/")
            )
            if not member.isfile() or not plain:
                raise StoreError(f"{file} is no backup of this program: it holds {member.name!r}")
        if _DATABASE not in [member.name for member in members]:
            raise StoreError(f"{file} is no backup of this program: it holds no {_DATABASE}")
        tar.extractall(folder, filter="data")


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise StoreError(f"{file} is no backup of this program: {error}") from error


def _to_disk(file: Path) -> None:
    with open(file, "rb") as written:
        os.fsync(written.fileno())
