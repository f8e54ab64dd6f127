"""What do all tests share? One PostgreSQL server for each worker, started when the first test asks for it."""

from collections.abc import Iterator

import pytest

from tests.store import server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Its address, with `{name}` for the database."""
    place = server.programs()
    if place is None:
        pytest.skip("no PostgreSQL on this machine: `make postgresql` gets one")
    with server.running(place) as address:
        yield address
