"""The SMSC, the store and the gateway of each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.smsc.world import World, world


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that is bound to an SMSC that behaves well."""
    async with world(tmp_path) as running:
        yield running
