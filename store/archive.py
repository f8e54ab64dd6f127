"""What is a backup of a store? One tar: what was stored, and the files of the lists in force. Whole, or not there.

Every name in it is checked before anything is written: nothing lands outside the folder it is unpacked into.
"""

import filecmp
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from store.errors import StoreError

LISTS = "lists"
#: What a backup of each engine holds, beside its lists, in its own folder or at the top.
SQLITE = "store.db"
POSTGRES = "tables.json"
_OF = {SQLITE: "a SQLite store", POSTGRES: "a PostgreSQL store"}


def refuse_taken(file: Path) -> None:
    """Raises StoreError for a name that is taken: no backup is written over."""
    if file.exists():
        raise StoreError(f"{file} is there already: name a new file")


def pack(file: Path, scratch: Path, members: Mapping[str, Path]) -> int:
    """Write the members (name -> file) into `file`, readable to its owner alone; returns its octets.

    It is built in `scratch`, a folder on the same disk, and has its name only when it is whole.
    """
    building = scratch / "building"
    with tarfile.open(building, "w") as tar:
        for name, content in members.items():
            tar.add(content, name)
    building.chmod(0o600)
    to_disk(building)
    os.link(building, file)  # unlike rename: never over a file that came meanwhile
    return file.stat().st_size


def unpack(file: Path, folder: Path, needed: str, folders: Iterable[str] = ()) -> None:
    """Only what a backup of ours holds, and nowhere else than into this folder. Raises StoreError."""
    inside = (LISTS, *folders)
    for name in inside:
        (folder / name).mkdir()
    with _opened(file) as tar:
        members = tar.getmembers()
        names = [member.name for member in members]
        if (other := POSTGRES if needed == SQLITE else SQLITE) in names:
            raise StoreError(f"{file} is a backup of {_OF[other]}, and store.url names {_OF[needed]}")
        for member in members:
            above, _, name = member.name.rpartition("/")
            plain = member.name == needed or (above in inside and name not in ("", ".", ".."))
            if not member.isfile() or not plain:
                raise StoreError(f"{file} is no backup of this program: it holds {member.name!r}")
        if needed not in names:
            raise StoreError(f"{file} is no backup of this program: it holds no {needed}")
        for member in members:
            _copy_out(tar, member, folder / member.name)


def _copy_out(tar: tarfile.TarFile, member: tarfile.TarInfo, to: Path) -> None:
    """A member's content, and nothing that the archive says of owner or mode. Raises StoreError for a name given twice.

    Debian 12's Python (3.11.2) has no `filter` of `extractall` that would see to it.
    """
    try:
        target = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise StoreError(f"it is no backup of this program: it holds {member.name!r} twice") from error
    with open(target, "wb") as written, cast(IO[bytes], tar.extractfile(member)) as content:
        shutil.copyfileobj(content, written)


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise StoreError(f"{file} is no backup of this program: {error}") from error


def to_disk(file: Path) -> None:
    """Returns when the file is on the disk."""
    with open(file, "rb") as written:
        os.fsync(written.fileno())


def lists_named(folder: Path, named: Iterable[str], newest: Iterable[str]) -> list[Path]:
    """The files of these lists; those of `newest` must be there. Raises StoreError."""
    for name in newest:
        if not (folder / name).exists():
            raise StoreError(f"{name} is gone: a list was imported meanwhile, or removed; try again")
    stems = sorted({Path(name).stem for name in named})
    return sorted(path for stem in stems for path in folder.glob(f"{stem}.*") if path.suffix != ".building")


def put_lists(came: Path, lists: Path) -> None:
    """Put unpacked lists where the store looks for them; nothing is overwritten. Raises StoreError.

    A list that lies there already must be the same: the folder may have outlived the database.
    """
    lists.mkdir(mode=0o700, exist_ok=True)
    files = sorted(came.iterdir())
    for each in files:
        there = lists / each.name
        if there.exists() and not filecmp.cmp(each, there, shallow=False):
            raise StoreError(f"{there} is another file than in the backup: move it away first")
    for each in files:
        if not (lists / each.name).exists():
            shutil.move(each, lists / each.name)
