"""How is a PostgreSQL store copied while it is written, and put back? One snapshot of every table, and its lists.

The copy is our own: COPY of each table in one read-only transaction, so that no program of PostgreSQL's is needed, no
password leaves this process, and the copy can be put into a server of another version.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
from sqlalchemy import Connection, inspect, literal, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from store import migrate
from store.archive import LISTS, POSTGRES, lists_named, pack, put_lists, refuse_taken, unpack
from store.errors import NoStore, StoreError
from store.schema import metadata

_TABLES = "tables"
#: Tables copied so far, and of how many.
Progress = Callable[[int, int], None]
_FAILS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


async def backup(url: str, folder: Path, file: Path, progress: Progress | None = None) -> int:
    """Write every table and the lists in force into `file` (tar, readable to its owner alone); returns its octets.

    `folder`: where the store's lists/ lies. Raises NoStore, StoreError, OSError.
    """
    refuse_taken(file)
    with TemporaryDirectory(prefix=".backup-", dir=file.parent) as place:
        scratch = Path(place)
        async with (
            _connected(url) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            kept = await _copied(connection, scratch, progress)
            named = [row["file"] for row in await connection.fetch("SELECT file FROM lists")]
            newest = await connection.fetch(
                "SELECT DISTINCT ON (kind, programme) file FROM lists ORDER BY kind, programme, version DESC"
            )
        lists = lists_named(folder / LISTS, named, [row["file"] for row in newest])
        (scratch / POSTGRES).write_text(json.dumps(kept))
        members = {POSTGRES: scratch / POSTGRES}
        members |= {f"{_TABLES}/{name}": scratch / name for name in kept["tables"]}
        members |= {f"{LISTS}/{each.name}": each for each in lists}
        return await asyncio.to_thread(pack, file, scratch, members)


async def _copied(connection: Any, scratch: Path, progress: Progress | None) -> dict[str, Any]:
    """Copy every table into a file of its name; returns the revision and the columns of each."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        raise NoStore("nothing has been stored in this database yet")
    revision = await connection.fetchval("SELECT version_num FROM alembic_version")
    if revision != migrate.HEAD:
        raise StoreError(
            f"the store is at revision {revision}, {migrate.HEAD} is wanted: start the system once"
        )
    tables = {table.name: [column.name for column in table.columns] for table in metadata.sorted_tables}
    for done, (name, columns) in enumerate(tables.items(), start=1):
        await connection.copy_from_table(name, columns=columns, output=str(scratch / name))
        if progress is not None:
            progress(done, len(tables))
    return {"revision": revision, "tables": tables}


async def restore(url: str, folder: Path, file: Path) -> None:
    """Put a backup into an empty database. Raises StoreError, OSError; then nothing is left behind in it.

    Also where nothing was ever stored: the schema is made first, as it was, and brought up to date afterwards.
    """
    with TemporaryDirectory(prefix=".restore-", dir=folder) as place:
        scratch = Path(place)
        await asyncio.to_thread(unpack, file, scratch, POSTGRES, (_TABLES,))
        kept = _kept(file, scratch)
        engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
        try:
            async with engine.begin() as transaction:
                await transaction.run_sync(_prepare, kept["revision"])
                driver: Any = (await transaction.get_raw_connection()).driver_connection
                for name, columns in kept["tables"].items():
                    await driver.copy_to_table(name, columns=columns, source=str(scratch / _TABLES / name))
                await transaction.run_sync(migrate.upgrade)
                put_lists(scratch / LISTS, folder / LISTS)  # the last: before the commit, so both are there
        except (*_FAILS, DBAPIError) as error:
            raise StoreError(f"the backup cannot be put into {shown(url)}: {error}") from error
        finally:
            await engine.dispose()


def _kept(file: Path, scratch: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads((scratch / POSTGRES).read_text())
        whole = all((scratch / _TABLES / name).exists() for name in kept["tables"])
        known = kept["revision"] in migrate.KNOWN
    except (ValueError, LookupError, TypeError) as error:
        raise StoreError(f"{file} is no backup of this program: {POSTGRES} is damaged") from error
    if not whole or not known:
        what = "a table is missing" if known else f"it is of a newer program ({kept['revision']})"
        raise StoreError(f"{file} cannot be restored: {what}")
    return kept


def _prepare(connection: Connection, revision: str) -> None:
    """The schema as it was, with nothing in it, held against everybody else until the end of the transaction."""
    found = migrate.revision(connection)
    if found is None:
        migrate.upgrade(connection, revision)
    elif found != revision:
        raise StoreError(
            f"the database is at revision {found}, the backup at {revision}: name a new, empty one"
        )
    there = set(inspect(connection).get_table_names())
    tables = [table for table in metadata.sorted_tables if table.name in there]
    names = ", ".join(f'"{table.name}"' for table in tables)
    connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
    for table in tables:
        if connection.execute(select(literal(1)).select_from(table).limit(1)).first() is not None:
            raise StoreError(
                "something is stored in this database: name an empty one, nothing is overwritten"
            )


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    """A connection of asyncpg; what goes wrong with it is said without the password."""
    address = make_url(url).set(drivername="postgresql")
    tls = address.query.get("ssl")  # as SQLAlchemy names it; asyncpg knows it in an address as libpq does
    if tls is not None:
        address = address.difference_update_query(["ssl"]).update_query_dict({"sslmode": tls})
    try:
        connection = await asyncpg.connect(address.render_as_string(False))
    except _FAILS as error:
        raise StoreError(f"{shown(url)} cannot be opened: {error}") from error
    try:
        yield connection
    except _FAILS as error:
        raise StoreError(f"{shown(url)} cannot be copied: {error}") from error
    finally:
        await connection.close()


def shown(url: str) -> str:
    """The address without its password."""
    return make_url(url).render_as_string(hide_password=True)
