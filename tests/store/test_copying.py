"""Does a store arrive whole on the other engine, or not at all?"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, Table

from store import lists, logs, settings
from store.copying import BATCH, Copy, copy_store
from store.copying_sqlite import json_text
from store.database import open_store
from store.errors import NoStore, StoreError, StoreLocked
from store.schema import metadata
from store.tx import Tx
from tests.store.sample import AN, NOW, dialing
from tests.store.server import execute, new_database

SQLITE = "sqlite:///mai.db"
#: JSON as our programs write it, and what SQLite's column of that name turns into a number.
JSONS: list[Any] = [
    None,
    {"a": "Đăng ký", "b": [1, None, True]},
    [],
    "Nguyễn",
    0,
    7,
    2**53,
    1.5,
    5.0,
    True,
    False,
    "12",
    "null",
]


def _value(table: Table, name: str, row: int) -> Any:
    """A value for each column: NULL where there may be one, big integers, Vietnamese, quotes, line ends."""
    column = table.columns[name]
    if column.nullable and row % 3 == 0:
        return None
    kind = type(column.type).__name__
    if kind == "JSON":
        return JSONS[row % len(JSONS)]
    if isinstance(column.type, Boolean):
        return row % 2 == 0
    if kind == "BigInteger":
        return (2**63 - 1 - row) * (-1) ** row
    if kind == "Integer":
        return (2**31 - 1 - row) * (-1) ** row
    return f"{name} {row}: Quý khách đã lựa chọn gói cước 90.000đ ạ, “C90N”\n\t'\"\\N 🎉 ỹ"


async def _fill(url: str, folder: Path, rows: int) -> None:
    """Rows with every kind of value in every table."""

    def fill(tx: Tx) -> None:
        for table in metadata.sorted_tables:
            values = [{c.name: _value(table, c.name, row) for c in table.columns} for row in range(rows)]
            tx.execute(table.insert(), values)

    async with open_store(url, folder) as store:
        await store.write(fill)


async def _all(url: str, folder: Path) -> Mapping[str, list[dict[str, Any]]]:
    """Every row as our programs read it."""

    def look(tx: Tx) -> dict[str, list[dict[str, Any]]]:
        found = {}
        for table in metadata.sorted_tables:
            rows = [dict(row._mapping) for row in tx.execute(table.select())]
            found[table.name] = sorted(rows, key=lambda row: repr([row[c.name] for c in table.primary_key]))
        return found

    async with open_store(url, folder, readonly=True) as store:
        return await store.read(look)


def _counts(copy: Copy) -> set[int]:
    return {each.rows for each in copy.tables}


def _without_lists(folder: Path) -> None:
    """The rows of `lists` that were made up name no files."""
    with closing(sqlite3.connect(folder / "mai.db")) as connection:
        connection.execute("DELETE FROM lists")
        connection.commit()


async def test_every_kind_of_value_comes_through_postgresql_and_back(postgres: str, tmp_path: Path) -> None:
    """Issue 5, 2: `mai store copy`, both ways: JSON, NULL, booleans, big integers, Vietnamese text."""
    url = await new_database(postgres)
    (tmp_path / "there").mkdir()
    await _fill(SQLITE, tmp_path, 30)
    _without_lists(tmp_path)
    there = await copy_store(SQLITE, url, tmp_path)
    assert _counts(there) == {0, 30}
    before = await _all(SQLITE, tmp_path)
    assert await _all(url, tmp_path) == before
    back = await copy_store(url, SQLITE, tmp_path / "there")
    assert back.tables == there.tables
    assert await _all(SQLITE, tmp_path / "there") == before


async def _a_day(folder: Path) -> None:
    """A contact that is being dialled, and a DoNotCall list."""
    async with open_store(SQLITE, folder) as store:
        built = lists.build(store.lists, "dnc", [{"number": AN, "channel": "both"}])
        await store.write(lambda tx: lists.switch(tx, built, source="dnc.csv", now=NOW))
        await store.write(dialing)


async def test_work_and_lists_go_on_where_they_were(postgres: str, tmp_path: Path) -> None:
    """Issue 5, 2: the lists' files lie beside the store; those that are there already are left as they are."""
    url, small = await new_database(postgres), tmp_path / "run"
    small.mkdir()
    await _a_day(small)
    done = await copy_store("sqlite:///run/mai.db", url, tmp_path)
    assert (done.lists, done.list_files) == (tmp_path / "lists", 1)
    assert [file.name for file in done.lists.iterdir()] == ["dnc--1.list"]
    async with open_store(url, tmp_path) as store:
        (call,) = await store.read(lambda tx: list(logs.calls(tx, number=AN)))
        in_force = await store.read(lambda tx: lists.in_force(tx)["dnc", ""])
        assert await store.read(lambda tx: lists.look_up(tx, in_force, number=AN)) == ("both",)
        await store.write(lambda tx: dialing(tx, "c2", "call-2", number="+84907654321"))
    assert (call["id"], call["number"]) == ("call-1", AN)
    again = await new_database(postgres)
    assert (await copy_store("sqlite:///run/mai.db", again, tmp_path)).list_files == 0


async def test_a_list_in_force_without_its_file_stops_the_copy(postgres: str, tmp_path: Path) -> None:
    """Without its DoNotCall register the new store would call nobody; the old one would not either."""
    url, small = await new_database(postgres), tmp_path / "run"
    small.mkdir()
    await _a_day(small)
    (small / "lists" / "dnc--1.list").unlink()
    with pytest.raises(StoreError, match=r"dnc--1\.list is not in .*run/lists"):
        await copy_store("sqlite:///run/mai.db", url, tmp_path)
    assert _counts(await copy_store(url, SQLITE, tmp_path)) == {0}


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
async def test_a_target_that_holds_anything_is_refused_and_left_as_it_is(
    target: str, postgres: str, tmp_path: Path
) -> None:
    """A second copy into the same store would double every row."""
    small, other = tmp_path / "small", tmp_path / "other"
    small.mkdir()
    other.mkdir()
    await _fill(SQLITE, small, 1)
    _without_lists(small)
    url = await new_database(postgres) if target == "postgresql" else "sqlite:///../other/mai.db"
    await copy_store(SQLITE, url, small)
    before = await _all(url, small)
    with pytest.raises(StoreError, match=r"is not empty: [a-z_]+ has 1 rows"):
        await copy_store(SQLITE, url, small)
    assert await _all(url, small) == before


async def test_a_store_that_is_in_use_is_not_copied(postgres: str, tmp_path: Path) -> None:
    """Issue 5, 2: what is written meanwhile would be missing from the copy."""
    url, other = await new_database(postgres), tmp_path / "other"
    other.mkdir()
    async with open_store(SQLITE, tmp_path):
        with pytest.raises(StoreLocked, match="is written by process"):
            await copy_store(SQLITE, url, tmp_path)
    async with open_store(url, tmp_path):
        with pytest.raises(StoreError, match=r"is in use \([0-9]+ connections of `mai`\)"):
            await copy_store(SQLITE, url, tmp_path)
        with pytest.raises(StoreError, match=r"is in use \([0-9]+ connections of `mai`\)"):
            await copy_store(url, SQLITE, other)


async def test_a_copy_that_is_cut_off_leaves_nothing_and_the_next_one_is_whole(
    postgres: str, tmp_path: Path
) -> None:
    """Issue 5, 2: restartable without doubles."""
    url = await new_database(postgres)
    await _fill(SQLITE, tmp_path, 4)
    _without_lists(tmp_path)

    def cut_off(did: str, table: str, done: int, of: int) -> None:
        if did == "checked":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await copy_store(SQLITE, url, tmp_path, cut_off)
    assert _counts(await copy_store(SQLITE, url, tmp_path)) == {0, 4}


async def test_a_value_that_the_target_cannot_keep_is_named_and_nothing_is_kept(
    postgres: str, tmp_path: Path
) -> None:
    """PostgreSQL keeps no NUL in a text."""
    url = await new_database(postgres)
    async with open_store(SQLITE, tmp_path) as store:
        await store.write(lambda tx: settings.raise_alarm(tx, name="a", text="x\x00y", now=NOW))
        await store.write(lambda tx: settings.put(tx, name="b", value=1))
    with pytest.raises(StoreError, match=r"^alarms cannot be copied: .*0x00.*line 1, column text"):
        await copy_store(SQLITE, url, tmp_path)
    assert all(not rows for rows in (await _all(url, tmp_path)).values())


async def test_a_target_that_changes_a_row_on_its_way_is_found_out(postgres: str, tmp_path: Path) -> None:
    """The checksum: counts alone would not tell."""
    url = await new_database(postgres)
    await _fill(SQLITE, tmp_path, 2)
    _without_lists(tmp_path)
    async with open_store(url, tmp_path):
        pass
    await execute(
        url,
        """
        CREATE FUNCTION louder() RETURNS trigger AS 'BEGIN NEW.text = upper(NEW.text); RETURN NEW; END'
        LANGUAGE plpgsql;
        CREATE TRIGGER louder BEFORE INSERT ON alarms FOR EACH ROW EXECUTE FUNCTION louder()
        """,
    )
    with pytest.raises(StoreError, match="alarms: 2 rows were copied and 2 are there, with another checksum"):
        await copy_store(SQLITE, url, tmp_path)
    assert all(not rows for rows in (await _all(url, tmp_path)).values())


async def test_more_rows_than_one_batch_arrive_and_are_counted_on_the_way(
    postgres: str, tmp_path: Path
) -> None:
    """The progress of the bar goes up to the number of rows."""
    url, told = await new_database(postgres), list[tuple[str, str, int, int]]()
    of = 2 * BATCH + 1

    def fill(tx: Tx) -> None:
        tx.execute(metadata.tables["settings"].insert(), [{"name": f"n{i}", "value": i} for i in range(of)])

    async with open_store(SQLITE, tmp_path) as store:
        await store.write(fill)
    done = await copy_store(SQLITE, url, tmp_path, lambda *seen: told.append(seen))
    assert {each.table: each.rows for each in done.tables}["settings"] == of
    steps = [BATCH, 2 * BATCH, of]
    assert told == [(did, "settings", step, of) for did in ("copied", "checked") for step in steps]


async def test_a_store_that_is_not_there_or_an_address_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    """A person's mistakes; a password in an address is not shown."""
    with pytest.raises(NoStore, match="does not exist"):
        await copy_store("sqlite:///none.db", SQLITE, tmp_path)
    with pytest.raises(StoreError, match="addresses are the same"):
        await copy_store(SQLITE, SQLITE, tmp_path)
    for wrong in ("mysql://u:geheim@h/x", "postgresql://u:geheim@h:x/y"):
        with pytest.raises(StoreError, match="is no store: write it like") as said:
            await copy_store(wrong, SQLITE, tmp_path)
        assert "geheim" not in str(said.value)


async def test_no_table_counts_its_rows_by_a_sequence(postgres: str, tmp_path: Path) -> None:
    """A sequence would begin anew after a copy, and give keys that are taken."""
    url = await new_database(postgres)
    async with open_store(url, tmp_path):
        pass
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM information_schema.sequences") == 0
    finally:
        await connection.close()


_SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()


@given(_SCALARS | st.lists(_SCALARS, max_size=3))
def test_json_text_means_what_it_meant(value: Any) -> None:
    """Also where SQLite made a number of it."""
    text = json.dumps(value)
    assert json.loads(json_text(text)) == value
    if isinstance(value, int) and not isinstance(value, bool):
        assert json_text(float(text)) == json_text(text) == json_text(int(text))
