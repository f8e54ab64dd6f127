"""One suite on both engines: every test that takes `store` runs on SQLite and on PostgreSQL."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from store.database import Store, open_store
from store.schema import metadata
from tests.store import server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    place = server.programs()
    if place is None:
        pytest.skip("no PostgreSQL on this machine: `make postgresql` gets one")
    with server.running(place) as address:
        yield address


async def _database(address: str) -> str:
    """A new, empty database; its address."""
    name = f"mai_{next(_numbers)}"
    await _execute(address.format(name="postgres"), f"CREATE DATABASE {name}")
    return address.format(name=name)


async def _execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def shared(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a database with the schema, which tests use one after the other."""

    async def migrate() -> str:
        url = await _database(postgres)
        async with open_store(url, tmp_path_factory.mktemp("shared")):
            return url

    with ThreadPoolExecutor(1) as elsewhere:  # a loop runs in this thread
        return elsewhere.submit(asyncio.run, migrate()).result()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def url(engine: str, request: pytest.FixtureRequest) -> str:
    """The address of a store that does not exist yet."""
    if engine == "sqlite":
        return "sqlite:///mai.db"
    address: str = request.getfixturevalue("postgres")
    return await _database(address)


@pytest.fixture
async def store(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An open store with nothing in it."""
    url = "sqlite:///mai.db"
    if engine == "postgresql":
        url = request.getfixturevalue("shared")
        await _execute(url, ";".join(f'DELETE FROM "{table}"' for table in metadata.tables))
    async with open_store(url, tmp_path) as opened:
        yield opened
