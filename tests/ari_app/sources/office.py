"""A store and one source that runs on it, for tests of the sources."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ari_app import intake
from runtime.app import App
from store import logs, settings
from store.database import Store
from store.errors import CommitFailed
from store.tx import Kind, Tx
from store.waking import Watch
from tests.small_app import small_app, small_config

T = TypeVar("T")

#: How long anything may take to be seen, and between two looks.
_SEEN_S, _LOOK_S = 60.0, 0.02


@dataclass
class Office:
    """The running part, what it says and what is stored."""

    app: App
    stopping: asyncio.Event
    task: asyncio.Task[None]

    def row(self, place: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = self.app.says["intake"]()["sources"][place]
        return found

    async def until(self, holds: Callable[[], bool]) -> None:
        """Look again whenever events are stored, until it holds."""
        async with asyncio.timeout(_SEEN_S):
            while not holds():
                if self.task.done():
                    await self.task
                    raise AssertionError("the part ended by itself")
                await self.app.store.wait_for("triggers", _LOOK_S)

    async def until_alarm(self, *names: str) -> list[str]:
        """Until exactly these alarms stand; their texts."""
        async with asyncio.timeout(_SEEN_S):
            while True:
                alarms = await self.app.store.read(settings.standing_alarms)
                if {each.name for each in alarms} == set(names):
                    return [each.text for each in alarms]
                await self.app.store.wait_for("triggers", _LOOK_S)

    async def stored(self) -> list[dict[str, Any]]:
        """The log of triggers, by id."""
        rows = await self.app.store.read(lambda tx: [*logs.triggers(tx, number=None)])
        return sorted(rows, key=lambda row: str(row["id"]))

    async def stop(self) -> None:
        self.stopping.set()
        await self.task


@asynccontextmanager
async def running(app: App) -> AsyncIterator[Office]:
    """The part while it runs on this store."""
    stopping = asyncio.Event()
    task = asyncio.create_task(intake.run(app, stopping))
    office = Office(app, stopping, task)
    try:
        await asyncio.sleep(0)  # it says something of itself from its first step on
        yield office
    finally:
        await office.stop()


@asynccontextmanager
async def office(folder: Path, *sources: dict[str, Any]) -> AsyncIterator[Office]:
    """The part on an empty store in `folder`."""
    async with small_app(folder, sources=sources) as app, running(app) as found:
        yield found


@asynccontextmanager
async def office_on(app: App, *sources: dict[str, Any]) -> AsyncIterator[Office]:
    """A second process, as it were: the part with other sources, on the same store."""
    other = copy(app)
    other.says, other.measures = {}, {}
    other.installation = replace(app.installation, config=small_config(sources=sources))
    async with running(other) as found:
        yield found


class FullStore:
    """A store that takes no writes until there is room: a disk that is full."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.lists = store.lists
        self.room = asyncio.Event()
        self.refused = 0

    async def write(self, fn: Callable[[Tx], T], *, at_once: bool = False) -> T:
        if not self.room.is_set():
            self.refused += 1
            raise CommitFailed("not stored: database or disk is full")
        return await self._store.write(fn)

    async def read(self, fn: Callable[[Tx], T]) -> T:
        return await self._store.read(fn)

    def watch(self, *kinds: Kind) -> Watch:
        return self._store.watch(*kinds)

    async def wait_for(self, kind: Kind, timeout: float) -> bool:  # noqa: ASYNC109 as the Store's
        return await self._store.wait_for(kind, timeout)
