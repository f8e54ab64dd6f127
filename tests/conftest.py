"""What do all tests share? One PostgreSQL server for each worker, how hypothesis is to look, and an end to what hangs.

A slow machine fails no test: no example has a deadline. MAI_FUZZ=20 looks at twenty times as many histories
(tests/invariants); `make fuzz` does. A test that waits for what never comes fails, and says where each of its tasks waits.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Generator, Iterator
from types import FrameType

import pytest
from hypothesis import settings

from tests.store import server

settings.register_profile("mai", deadline=None)
settings.load_profile("mai")

#: The longest test with its fixture (tests/crash) takes a quarter of it on a busy machine; a hang is not "slow".
_HUNG_AFTER_S = 1200 * max(1, int(os.environ.get("MAI_FUZZ", "1")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that hangs fails with its name instead of taking the whole run with it."""

    def hung(_signal: int, _frame: FrameType | None) -> None:
        sys.stderr.write(f"{item.nodeid} hangs; what its tasks wait for:\n")
        for task in _tasks():
            task.print_stack(file=sys.stderr)
        pytest.fail(f"{item.nodeid} hangs: no end after {_HUNG_AFTER_S} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(_HUNG_AFTER_S)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _tasks() -> set["asyncio.Task[object]"]:
    try:
        return asyncio.all_tasks()
    except RuntimeError:  # no loop runs: the traceback of the failure says it all
        return set()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Its address, with `{name}` for the database."""
    place = server.programs()
    if place is None:
        pytest.skip("no PostgreSQL on this machine: `make postgresql` gets one")
    with server.running(place) as address:
        yield address
