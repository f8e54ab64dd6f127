"""Does one process at a time drive a node, and the next one only when the first is gone?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from ari_app.ari import Ari
from ari_app.driving import Driving
from core.config import Node
from runtime.app import App
from runtime.worker import enlist
from store import workers
from store.database import Store, open_store
from tests.ari_app.fake_ari import PATIENCE_S, FakeAri, fake_ari
from tests.ari_app.office import SetClock
from tests.concurrency.town import NOW, app_on
from tests.store.server import new_database


@pytest.fixture
async def store(postgres: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(await new_database(postgres), tmp_path) as opened:
        yield opened


@asynccontextmanager
async def process(store: Store, folder: Path, name: str, fake: FakeAri) -> AsyncIterator[tuple[App, Driving]]:
    """What a process does about its one node."""
    app = app_on(store, folder, SetClock(NOW))
    app.process = name
    await enlist(app, alone=True)
    driving = Driving(app)
    task = asyncio.create_task(driving.drive(Node(name="ast1", ari_url=fake.url, password=SecretStr("x"))))
    try:
        yield app, driving
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(holds: Callable[[], bool], store: Store) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await store.read(lambda tx: None)


def connected(driving: Driving) -> bool:
    client = driving.clients.get("ast1")
    return client is not None and client.state == "connected" and driving.drives("ast1")


async def dies(store: Store, app: App) -> None:
    await store.write(partial(workers.strike_off, id=app.worker.id))


async def test_the_second_stands_by_and_takes_the_node_when_the_first_is_gone(
    store: Store, tmp_path: Path
) -> None:
    """A second client of our application would silently take the events of the first."""
    async with fake_ari() as fake, process(store, tmp_path, "box1", fake) as (first, one):
        await until(lambda: connected(one), store)
        async with process(store, tmp_path, "box2", fake) as (_, two):
            await until(lambda: bool(two.why_none), store)
            assert two.why_none == "standing by: box1 drives ast1"
            assert (fake.connections, two.clients) == (1, {})
            await dies(store, first)
            await until(lambda: connected(two), store)
            assert two.why_none == ""


async def test_who_was_taken_for_dead_lets_the_node_go_when_another_has_it(
    store: Store, tmp_path: Path
) -> None:
    """It woke: it does not connect again, and takes nobody's events."""
    async with fake_ari() as fake, process(store, tmp_path, "box1", fake) as (first, one):
        await until(lambda: connected(one), store)
        async with process(store, tmp_path, "box2", fake) as (_, two):
            await dies(store, first)
            first.worker.until = 0.0
            await until(lambda: connected(two), store)
            await enlist(first, alone=False)
            await until(lambda: one.why_none == "standing by: box2 drives ast1", store)
            assert one.clients == {}
            assert not one.drives("ast1")


async def test_who_was_taken_for_dead_goes_on_with_a_node_that_nobody_took(
    store: Store, tmp_path: Path
) -> None:
    """Its calls are up, and its connection stands."""
    async with fake_ari() as fake, process(store, tmp_path, "box1", fake) as (app, driving):
        await until(lambda: connected(driving), store)
        client = driving.clients["ast1"]
        await dies(store, app)
        await enlist(app, alone=False)
        assert not driving.drives("ast1")
        await until(lambda: connected(driving), store)
        assert driving.clients["ast1"] is client
        assert fake.connections == 1


async def test_nothing_connects_while_another_may_have_taken_the_node() -> None:
    """A lease that has run out, a websocket that was lost: the events may be another's by now."""
    asked: list[int] = []
    async with fake_ari() as fake:

        def allowed() -> bool:
            asked.append(fake.connections)
            return len(asked) != 2

        async with Ari(fake.url, "u", "p", allowed=allowed) as ari:
            await ari.ready(PATIENCE_S)
            await fake.drop()
            await fake.connected(2)
    assert asked == [0, 1, 1]
