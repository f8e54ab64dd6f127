"""What do all tests share? One PostgreSQL server for each worker, and how hypothesis is to look.

A slow machine fails no test: no example has a deadline. MAI_FUZZ=20 looks at twenty times as many histories
(tests/invariants); `make fuzz` does.
"""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.store import server

settings.register_profile("mai", deadline=None)
settings.load_profile("mai")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Its address, with `{name}` for the database."""
    place = server.programs()
    if place is None:
        pytest.skip("no PostgreSQL on this machine: `make postgresql` gets one")
    with server.running(place) as address:
        yield address
