"""Is a copy that is made while the store is written whole, and can a system go on from it?"""

import asyncio
import io
import sqlite3
import stat
import tarfile
from functools import partial
from pathlib import Path

import pytest

from store.archive import unpack
from store.backup import backup, database_of, restore
from store.database import open_store
from store.errors import NoStore, StoreError, StoreLocked
from tests.store.backups import import_dnc, put_pair, read_back, tar_of

URL = "sqlite:///mai.db"


async def test_a_copy_made_while_the_store_is_written_is_one_moment_of_it(tmp_path: Path) -> None:
    """Issue 3, 10: backup while running, and a tested restore."""
    async with open_store(URL, tmp_path) as store:
        await import_dnc(store)
        await store.write(partial(put_pair, count=0))
        copying = asyncio.create_task(asyncio.to_thread(backup, tmp_path / "mai.db", tmp_path / "b.tar"))
        written = 0
        while not copying.done():
            written += 1
            await store.write(partial(put_pair, count=written))
        assert await copying == (tmp_path / "b.tar").stat().st_size
        await store.write(partial(put_pair, count=-1))
    elsewhere = tmp_path / "elsewhere"
    restore(tmp_path / "b.tar", elsewhere / "mai.db")
    async with open_store(URL, elsewhere) as store:
        left, right, listed = await store.read(read_back)
        await store.write(partial(put_pair, count=7))
    assert left == right
    assert 0 <= left <= written
    assert listed


async def test_a_backup_is_for_its_owner_and_is_not_written_over(tmp_path: Path) -> None:
    async with open_store(URL, tmp_path):
        pass
    file = tmp_path / "b.tar"
    backup(tmp_path / "mai.db", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    with pytest.raises(StoreError, match="is there already"):
        backup(tmp_path / "mai.db", file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".backup")] == []


async def test_a_store_that_is_there_or_held_is_never_overwritten(tmp_path: Path) -> None:
    async with open_store(URL, tmp_path) as store:
        await store.write(partial(put_pair, count=1))
        backup(tmp_path / "mai.db", tmp_path / "b.tar")
        with pytest.raises(StoreLocked):
            restore(tmp_path / "b.tar", tmp_path / "mai.db")
    with pytest.raises(StoreError, match="move it away first"):
        restore(tmp_path / "b.tar", tmp_path / "mai.db")


async def test_another_list_under_the_same_name_is_never_overwritten(tmp_path: Path) -> None:
    """The lists of a store whose database was moved away: it names them still."""
    async with open_store(URL, tmp_path) as store:
        await import_dnc(store)
        await store.write(partial(put_pair, count=1))
    backup(tmp_path / "mai.db", tmp_path / "b.tar")
    (tmp_path / "mai.db").rename(tmp_path / "away.db")
    (listed,) = (tmp_path / "lists").glob("*.list")
    was = listed.read_bytes()
    listed.chmod(0o600)
    listed.write_bytes(b"another")
    with pytest.raises(StoreError, match="is another file than in the backup"):
        restore(tmp_path / "b.tar", tmp_path / "mai.db")
    assert listed.read_bytes() == b"another"
    assert not (tmp_path / "mai.db").exists()
    listed.write_bytes(was)
    restore(tmp_path / "b.tar", tmp_path / "mai.db")
    async with open_store(URL, tmp_path) as store:
        assert await store.read(read_back) == (1, 1, True)


@pytest.mark.parametrize(
    "members",
    [
        {"../x": b""},
        {"lists/../../x": b""},
        {"/etc/x": b""},
        {"lists/a": b""},
        {"store.db": b"no database"},
        {},
    ],
)
def test_a_file_that_is_no_backup_leaves_nothing_behind(tmp_path: Path, members: dict[str, bytes]) -> None:
    file, place = tar_of(tmp_path / "x.tar", **members), tmp_path / "new" / "mai.db"
    with pytest.raises(StoreError, match=r"no backup of this program|no database"):
        restore(file, place)
    assert not place.exists()
    assert sorted(path.name for path in place.parent.iterdir()) == ["mai.db.lock"]
    assert not (tmp_path / "x").exists()


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"hello" * 400)
    with pytest.raises(StoreError, match="is no backup of this program"):
        restore(tmp_path / "x.tar", tmp_path / "mai.db")


def test_there_must_be_a_store_to_copy(tmp_path: Path) -> None:
    with pytest.raises(NoStore):
        backup(tmp_path / "mai.db", tmp_path / "b.tar")
    assert database_of("postgresql://x/mai", tmp_path) is None
    (tmp_path / "mai.db").write_bytes(b"x" * 5000)
    with pytest.raises(StoreError, match="cannot be copied"):
        backup(tmp_path / "mai.db", tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()


def test_a_damaged_copy_is_not_put_back(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as made:
        made.execute("CREATE TABLE t (x)")
        made.executemany("INSERT INTO t VALUES (?)", [("y" * 500,)] * 200)
    made.close()
    content = bytearray((tmp_path / "a.db").read_bytes())
    content[8192:12288] = bytes(4096)
    file = tar_of(tmp_path / "x.tar", **{"store.db": bytes(content)})
    with pytest.raises(StoreError, match=r"damaged|no database"):
        restore(file, tmp_path / "new" / "mai.db")
    assert not (tmp_path / "new" / "mai.db").exists()


def test_a_backup_that_names_a_file_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two would be put back?"""
    file = tmp_path / "x.tar"
    with tarfile.open(file, "w") as tar:
        for content in (b"one", b"other"):
            member = tarfile.TarInfo("store.db")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    (tmp_path / "into").mkdir()
    with pytest.raises(StoreError, match="twice"):
        unpack(file, tmp_path / "into", "store.db")
