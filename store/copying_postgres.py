"""A PostgreSQL store as one end of a copy: nobody else's while it lasts, read or written in one transaction."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
from sqlalchemy import JSON, Table
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from store import migrate
from store.copying import BATCH, Row
from store.copying_sqlite import json_text
from store.errors import StoreError
from store.schema import metadata

#: How long a lock on the tables is waited for: somebody who holds one for longer uses the store.
_LOCK = "5s"
#: Our programs say this name; a copy says another.
_IN_USE = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'mai' AND pid <> pg_backend_pid()
"""


@asynccontextmanager
async def postgres_end(url: URL, *, writing: bool) -> AsyncIterator["PostgresEnd"]:
    """The store in this database; its tables are made when they are not there and `writing`. Raises StoreError."""
    where = url.render_as_string(hide_password=True)
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        json_deserializer=str,  # JSON stays the text that it is
        connect_args={"server_settings": {"application_name": "mai store copy", "timezone": "UTC"}},
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate.bring_up_to_date if writing else migrate.check_readable)
            driver: Any = (await connection.get_raw_connection()).driver_connection
            with _in_words(where):
                async with driver.transaction(isolation="read_committed" if writing else "repeatable_read"):
                    await _alone(driver, where, writing=writing)
                    yield PostgresEnd(driver)
                if writing:
                    await driver.execute("ANALYZE")  # else the first queries read whole tables
    except (OSError, DBAPIError) as error:
        raise StoreError(f"{where}: {error}") from error
    finally:
        await engine.dispose()


async def _alone(driver: Any, where: str, *, writing: bool) -> None:
    """Nobody writes until the transaction ends. The locks come first: then the snapshot is younger than they."""
    tables = ", ".join(f'"{table}"' for table in metadata.tables)
    await driver.execute(f"SET LOCAL lock_timeout = '{_LOCK}'")
    await driver.execute(f"LOCK TABLE {tables} IN {'EXCLUSIVE' if writing else 'SHARE'} MODE")
    if programs := await driver.fetchval(_IN_USE):
        raise StoreError(f"{where} is in use ({programs} connections of `mai`): stop every program first")


@contextmanager
def _in_words(where: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise StoreError(f"{where} is in use: its tables are locked by another program") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StoreError(f"{where}: {error}") from error


class PostgresEnd:
    """An End (store/copying.py) over one connection of asyncpg."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def count(self, table: Table) -> int:
        return int(await self._driver.fetchval(f'SELECT count(*) FROM "{table.name}"'))

    async def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        numbers = [place for place, column in enumerate(table.columns) if isinstance(column.type, JSON)]
        found = await self._driver.cursor(f'SELECT {names} FROM "{table.name}"')
        while records := await found.fetch(BATCH):
            rows = [tuple(record) for record in records]
            yield [_plain_json(row, numbers) for row in rows] if numbers else rows

    async def add(self, table: Table, rows: Sequence[Row]) -> None:
        names = [column.name for column in table.columns]
        try:
            await self._driver.copy_records_to_table(table.name, records=rows, columns=names)
        except (asyncpg.PostgresError, ValueError, OverflowError) as error:
            told = getattr(error, "context", None)  # which row and column, as the server counts them
            raise StoreError(
                f"{table.name} cannot be copied: {error}{f' ({told})' if told else ''}"
            ) from error


def _plain_json(row: Row, places: Sequence[int]) -> Row:
    values = list(row)
    for place in places:
        if values[place] is not None:
            values[place] = json_text(values[place])
    return tuple(values)
