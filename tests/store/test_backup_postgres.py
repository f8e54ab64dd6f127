"""Is a copy of a PostgreSQL store that is made while it is written whole, and can a system go on from it?"""

import asyncio
import json
import stat
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.outcomes import Outcome
from store import backup as of_sqlite
from store import lists, settings
from store.backup_postgres import backup, restore
from store.database import open_store
from store.errors import NoStore, StoreError
from store.migrate import HEAD
from store.schema import metadata
from store.tx import Tx
from tests.store import server
from tests.store.backups import import_dnc, put_pair, read_back, tar_of
from tests.store.sample import REGISTER, dialing, end


@pytest.fixture
async def new(postgres: str) -> str:
    """The address of an empty database."""
    return await server.new_database(postgres)


@pytest.fixture
async def other(postgres: str) -> str:
    """The address of another one."""
    return await server.new_database(postgres)


def _everything(tx: Tx) -> dict[str, list[Any]]:
    return {
        table.name: sorted(map(repr, tx.execute(select(table)).all())) for table in metadata.sorted_tables
    }


async def test_a_copy_made_while_the_store_is_written_is_one_moment_of_it(
    new: str, other: str, tmp_path: Path
) -> None:
    """Issue 3, 10: backup while running, and a tested restore."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    async with open_store(new, here) as store:
        await import_dnc(store)
        await store.write(partial(put_pair, count=0))
        copying = asyncio.create_task(backup(new, here, tmp_path / "b.tar"))
        written = 0
        while not copying.done():
            written += 1
            await store.write(partial(put_pair, count=written))
        assert await copying == (tmp_path / "b.tar").stat().st_size
        await store.write(partial(put_pair, count=-1))
    await restore(other, there, tmp_path / "b.tar")
    async with open_store(other, there) as store:
        left, right, listed = await store.read(read_back)
        await store.write(partial(put_pair, count=7))
    assert left == right
    assert 0 <= left <= written
    assert listed


async def test_every_row_comes_back_as_it_was(new: str, other: str, tmp_path: Path) -> None:
    """Vietnamese, JSON, NULL, booleans: nothing of a call and what followed it is lost."""

    def run(tx: Tx) -> None:
        dialing(tx)
        end(tx, "call-1", Outcome.ACCEPTED, REGISTER)
        settings.put(tx, name="câu\\t\n", value={"x": [1, None, "ệ\\N"]})

    async with open_store(new, tmp_path) as store:
        await store.write(run)
        before = await store.read(_everything)
    told: list[tuple[int, int]] = []
    await backup(new, tmp_path, tmp_path / "b.tar", lambda done, of: told.append((done, of)))
    assert told[-1] == (len(metadata.sorted_tables), len(metadata.sorted_tables))
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600
    await restore(other, tmp_path, tmp_path / "b.tar")
    async with open_store(other, tmp_path) as store:
        assert await store.read(_everything) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


async def test_what_is_there_is_never_overwritten(new: str, other: str, tmp_path: Path) -> None:
    """A database with anything in it, a file of that name, another list under the same name."""
    async with open_store(new, tmp_path) as store:
        await import_dnc(store)
    await backup(new, tmp_path, tmp_path / "b.tar")
    with pytest.raises(StoreError, match="is there already"):
        await backup(new, tmp_path, tmp_path / "b.tar")
    with pytest.raises(StoreError, match="nothing is overwritten"):
        await restore(new, tmp_path, tmp_path / "b.tar")
    listed = next(path for path in (tmp_path / "lists").iterdir() if path.is_file() and path.stat().st_size)
    listed.chmod(0o600)
    listed.write_bytes(b"another")
    with pytest.raises(StoreError, match="is another file"):
        await restore(other, tmp_path, tmp_path / "b.tar")
    listed.unlink()
    await restore(other, tmp_path, tmp_path / "b.tar")  # what failed left nothing in the database
    async with open_store(other, tmp_path) as store:
        assert await store.read(lambda tx: ("dnc", "") in lists.in_force(tx))


KEPT = {"revision": HEAD, "tables": {"settings": ["name", "value"]}}


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({}, "no backup of this program"),
        ({"../x": b""}, "no backup of this program"),
        ({"tables.json": b"{"}, "is damaged"),
        ({"tables.json": b"[]"}, "is damaged"),
        ({"tables.json": json.dumps(KEPT).encode()}, "a table is missing"),
        (
            {"tables.json": json.dumps({**KEPT, "revision": "9999"}).encode(), "tables/settings": b""},
            "newer program",
        ),
        ({"tables.json": json.dumps(KEPT).encode(), "tables/settings": b"a\tb\tc\n"}, "cannot be put into"),
        ({"store.db": b"x"}, "is a backup of a SQLite store"),
    ],
)
async def test_a_file_that_is_no_backup_leaves_nothing_behind(
    new: str, tmp_path: Path, members: dict[str, bytes], says: str
) -> None:
    with pytest.raises(StoreError, match=says):
        await restore(new, tmp_path, tar_of(tmp_path / "x.tar", **members))
    async with open_store(new, tmp_path) as store:
        assert not any((await store.read(_everything)).values())


async def test_a_database_without_a_store_or_without_an_answer_is_said_so(new: str, tmp_path: Path) -> None:
    """The password of the address is never shown."""
    with pytest.raises(NoStore):
        await backup(new, tmp_path, tmp_path / "b.tar")
    nowhere = f"postgresql://mai:geheim@/x?host={tmp_path}"
    for trying in (
        backup(nowhere, tmp_path, tmp_path / "b.tar"),
        restore(nowhere, tmp_path, tmp_path / "b.tar"),
    ):
        with pytest.raises((StoreError, OSError)) as wrong:
            await trying
        assert "geheim" not in str(wrong.value)
    assert not (tmp_path / "b.tar").exists()


def test_a_backup_of_postgresql_is_not_put_into_sqlite(tmp_path: Path) -> None:
    file = tar_of(tmp_path / "x.tar", **{"tables.json": b"{}"})
    with pytest.raises(StoreError, match="is a backup of a PostgreSQL store"):
        of_sqlite.restore(file, tmp_path / "mai.db")
