"""One suite on both engines: every test that takes `store` runs on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from store import workers
from store.database import Store, open_store
from store.schema import metadata
from tests.store.sample import WORKER
from tests.store.server import execute, new_database


@pytest.fixture(scope="session")
def shared(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a database with the schema, which tests use one after the other."""

    async def migrate() -> str:
        url = await new_database(postgres)
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
    return await new_database(address)


@pytest.fixture
async def store(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An open store with nothing in it but one worker, WORKER."""
    url = "sqlite:///mai.db"
    if engine == "postgresql":
        url = request.getfixturevalue("shared")
        await execute(url, ";".join(f'DELETE FROM "{table}"' for table in metadata.tables))
    async with open_store(url, tmp_path) as opened:
        await opened.write(partial(workers.enlist, id=WORKER, process="test", alone=True))
        yield opened
