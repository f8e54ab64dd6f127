"""One suite on both engines: every test that takes `store` runs on SQLite and on PostgreSQL."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from store.database import Store, open_store
from tests.store import server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    place = server.programs()
    if place is None:
        pytest.skip("no PostgreSQL on this machine: `make postgresql` gets one")
    with server.running(place) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest) -> str:
    """The address of a store that does not exist yet."""
    if request.param == "sqlite":
        return "sqlite:///mai.db"
    address: str = request.getfixturevalue("postgres")
    name = f"mai_{next(_numbers)}"
    connection = await asyncpg.connect(address.format(name="postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return address.format(name=name)


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(url, tmp_path) as opened:
        yield opened
