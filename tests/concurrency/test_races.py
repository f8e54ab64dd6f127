"""The loops of one process and people's commands at the same time: who is called, and who is not any more?"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ari_app import planner
from ari_app.dialer import Dialer
from core.question import RECHECK
from runtime.app import App
from runtime.requests import REQUESTS
from runtime.worker import enlist
from store import settings
from store.database import open_store
from tests.ari_app.office import FakePhone, SetClock
from tests.concurrency.town import NOW, app_on, dialer_of, opened, phone_of, rows, some_numbers, top_up
from tests.store.server import new_database

NUMBERS = some_numbers(40)


@pytest.fixture(params=["sqlite", "postgresql"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[App]:
    url = "sqlite:///mai.db"
    if request.param == "postgresql":
        url = await new_database(request.getfixturevalue("postgres"))
    async with open_store(url, tmp_path) as store:
        await opened(store, NUMBERS)
        app = app_on(store, tmp_path, SetClock(NOW))
        await enlist(app, alone=True)
        yield app


@asynccontextmanager
async def working(app: App, phone: FakePhone) -> AsyncIterator[Dialer]:
    """Planner and dialer, as the program runs them."""
    stopping, dialer = asyncio.Event(), dialer_of(app, phone)
    async with asyncio.TaskGroup() as group:
        group.create_task(planner.run(app, stopping))
        group.create_task(dialer.dial(stopping))
        try:
            yield dialer
        finally:
            stopping.set()
    await dialer.finish_calls()


async def fates(app: App) -> dict[str, Counter[str]]:
    """Of each number, how many of its top-ups had which fate; a refusal with its rule."""
    found: dict[str, Counter[str]] = {number: Counter() for number in NUMBERS}
    for row in await rows(app.store, "triggers"):
        fate = str(row["rule"]).partition(":")[0] if row["fate"] == "refused_by_rule" else str(row["fate"])
        found[row["number"]][fate] += 1
    return found


async def unplanned(app: App) -> int:
    """How many top-ups no programme has taken yet."""
    return sum(row["state"] not in ("planned", "done") for row in await rows(app.store, "triggers"))


async def until_all_have_a_fate(app: App) -> None:
    watch = app.store.watch("triggers", "contacts")
    async with asyncio.timeout(60):
        while any(row["fate"] is None for row in await rows(app.store, "triggers")):
            await watch.wait(0.2)


async def test_two_programmes_that_want_the_same_numbers_call_each_once(app: App) -> None:
    """R7, O1: top-ups of both come while planner and dialer work."""
    phone = phone_of(app.clock)  # type: ignore[arg-type]
    async with working(app, phone):
        await asyncio.gather(*(top_up(app.store, NUMBERS, each, each) for each in ("a", "b")))
        await until_all_have_a_fate(app)
    assert Counter(attempt.number for attempt in phone.dialled) == dict.fromkeys(NUMBERS, 1)
    assert await fates(app) == {number: Counter(called=1, R7=1) for number in NUMBERS}


async def test_a_refusal_that_races_the_dialer_comes_before_the_call_or_after_it(app: App) -> None:
    """R6: never both refused before and called; each refusal is confirmed once, all others are called."""
    phone, refusing = phone_of(app.clock), NUMBERS[::2]  # type: ignore[arg-type]

    async def refuse(number: str) -> None:
        await REQUESTS["refuse"](app, number=number, undo=False, by="An")

    async with working(app, phone):
        await asyncio.gather(top_up(app.store, NUMBERS, None), *(refuse(number) for number in refusing))
        await until_all_have_a_fate(app)
    called = Counter(attempt.number for attempt in phone.dialled)
    assert set(called.values()) == {1}
    assert set(NUMBERS) - set(refusing) <= called.keys()
    assert await fates(app) == {n: Counter(["called" if n in called else "R6"]) for n in NUMBERS}
    confirmed = Counter(row["number"] for row in await rows(app.store, "messages"))
    assert confirmed == dict.fromkeys(refusing, 1)
    for call in await rows(app.store, "calls"):
        assert call["outcome"] == "declined", "a call that began is made and recorded"


async def test_a_pause_that_races_the_dialer_lets_no_call_begin_after_it(app: App) -> None:
    """`mai pause`: what was claimed before is called, the rest when it is lifted; nobody twice, nobody lost."""
    phone = phone_of(app.clock)  # type: ignore[arg-type]
    async with working(app, phone) as dialer:
        await top_up(app.store, NUMBERS, None)
        await app.store.watch("contacts").wait(5)
        await REQUESTS["pause"](app, programme="*", by="An")
        paused = await rows(app.store, "calls")
        async with asyncio.timeout(60):
            while dialer.calls or "paused" not in dialer.reason or await unplanned(app):
                await app.store.write(lambda tx: None)
        assert {row["id"] for row in await rows(app.store, "calls")} == {row["id"] for row in paused}
        assert {attempt.id for attempt in phone.dialled} == {row["id"] for row in paused}
        assert [each.by for each in await app.store.read(settings.paused)] == ["An"]
        app.clock.move(NOW + RECHECK)  # type: ignore[attr-defined]  # what was planned during the pause is due
        await REQUESTS["resume"](app, programme="*")
        await until_all_have_a_fate(app)
    assert Counter(attempt.number for attempt in phone.dialled) == dict.fromkeys(NUMBERS, 1)
