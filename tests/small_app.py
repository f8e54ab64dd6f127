"""A small App for tests of the programs: a real store, no Asterisk, no campaigns; and the parts that run on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.config import Config
from core.facts import law_of
from core.packages import Catalogue
from runtime.app import App, Installation, Says
from runtime.clock import Clock
from runtime.parts import Run
from simulator.ports import free_port
from store.database import open_store

TOKEN = "a-token-of-tests"


def small_config(**sections: Any) -> Config:
    """The smallest installation, on free loopback ports."""
    usual = {
        "asterisk": {"nodes": ({"password": "x"},)},
        "trunks": ({"name": "t", "address": "127.0.0.1:5070", "caller_id": "9090"},),
        "web": {"port": 0, "token": TOKEN},
        "agi": {"port": free_port()},
    }
    return Config.model_validate(usual | sections, strict=False)


def app_on(store: Any, config: Config, folder: Path) -> App:
    catalogue = Catalogue.model_construct(packages={}, spoken={})
    installation = Installation(
        config=config,
        folder=folder,
        catalogue=catalogue,
        programmes={},
        files={},
        held_back={},
        law=law_of(config),
    )
    return App(installation, store, Clock(), lambda piece: folder / piece)


@asynccontextmanager
async def small_app(folder: Path, **sections: Any) -> AsyncIterator[App]:
    """An App with an empty store in `folder`."""
    async with open_store("sqlite:///mai.db", folder) as store:
        yield app_on(store, small_config(**sections), folder)


@asynccontextmanager
async def closed_app(folder: Path, **sections: Any) -> AsyncIterator[App]:
    """An App whose store is gone: nothing can be stored or read."""
    async with small_app(folder, **sections) as app:
        pass
    yield app


@asynccontextmanager
async def running(run: Run, app: App, name: str) -> AsyncIterator[dict[str, Any]]:
    """A part while it runs; what it says of itself. It must end well when it is told to stop."""
    stopping = asyncio.Event()
    began = asyncio.Event()
    app.says = _Telling(name, began)
    task, begun = asyncio.ensure_future(run(app, stopping)), asyncio.ensure_future(began.wait())
    try:
        await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        yield app.says[name]() if began.is_set() else {}
    finally:
        stopping.set()
        await task


class _Telling(dict[str, Says]):
    """`app.says` that tells when a part has begun to say something of itself: then it listens."""

    def __init__(self, name: str, began: asyncio.Event) -> None:
        super().__init__()
        self._name, self._began = name, began

    def __setitem__(self, name: str, says: Says) -> None:
        super().__setitem__(name, says)
        if name == self._name:
            self._began.set()
