"""Our own HTTP, served for real on loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

import web.server
from runtime.app import App
from tests.small_app import TOKEN, running, small_app


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with small_app(tmp_path) as app:
        yield app


@pytest.fixture
async def address(app: App) -> AsyncIterator[str]:
    """host:port where the web part listens."""
    async with running(web.server.run, app, "web") as says:
        yield says["address"]


@pytest.fixture
async def asker(address: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that knows the token."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(f"http://{address}", headers=headers) as session:
        yield session
