"""How is a SQLite store copied while it is written, and put back? One file with the database and its lists.

The copy is SQLite's own backup of one snapshot: a read transaction is held while pages are copied, so the writer
never waits and what is committed meanwhile is not half in it. Of a PostgreSQL store: store/backup_postgres.py.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from sqlalchemy.engine import make_url

from store.archive import LISTS, SQLITE, lists_named, pack, put_lists, refuse_taken, to_disk, unpack
from store.errors import NoStore, StoreError
from store.lock import only_writer

_PAGES = 2_000
#: Pages copied so far, and of how many.
Progress = Callable[[int, int], None]


def database_of(url: str, folder: Path) -> Path | None:
    """The file of a SQLite store; None: the store is in PostgreSQL."""
    parsed = make_url(url)
    return folder / (parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def backup(database: Path, file: Path, progress: Progress | None = None) -> int:
    """Write database and lists in force into `file` (tar, readable to its owner alone); returns its octets.

    Blocks. The file has its name only when it is whole and was checked. Raises NoStore, StoreError, OSError.
    """
    if not database.exists():
        raise NoStore(f"{database} does not exist: nothing has been stored yet")
    refuse_taken(file)
    with TemporaryDirectory(prefix=".backup-", dir=file.parent) as scratch:
        copy = Path(scratch) / SQLITE
        try:
            files = _copy(database, copy, progress)
        except sqlite3.Error as error:
            raise StoreError(f"{database} cannot be copied: {error}") from error
        return pack(file, Path(scratch), {SQLITE: copy} | {f"{LISTS}/{each.name}": each for each in files})


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
            named = [name for (name,) in target.execute("SELECT file FROM lists")]
            newest = [
                name
                for name, _ in target.execute("SELECT file, max(version) FROM lists GROUP BY kind, programme")
            ]
    return lists_named(database.parent / LISTS, named, newest)


def _check(connection: sqlite3.Connection) -> None:
    (said,) = connection.execute("PRAGMA integrity_check").fetchone()
    if said != "ok":
        raise StoreError(f"the copy is damaged: {said}")


def restore(file: Path, database: Path) -> None:
    """Put a backup where no store is. Blocks.

    Raises StoreError when there is a store already or another list under the same name (neither is ever overwritten),
    when another process holds it, or when the file is no backup of ours; then nothing is left behind.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(database):
        if database.exists():
            raise StoreError(f"{database} is there: move it away first, nothing is overwritten")
        with TemporaryDirectory(prefix=".restore-", dir=database.parent) as scratch:
            unpack(file, Path(scratch), SQLITE)
            copy = Path(scratch) / SQLITE
            try:
                with closing(sqlite3.connect(copy)) as connection:
                    _check(connection)
            except sqlite3.Error as error:
                raise StoreError(f"{file} holds no database: {error}") from error
            put_lists(Path(scratch) / LISTS, database.parent / LISTS)
            copy.chmod(0o600)
            to_disk(copy)
            copy.rename(database)
