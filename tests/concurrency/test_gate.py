"""Hundreds of transactions reserve the same number at once, over several connections: how many may?"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from ari_app.claim import Asks, Claims, claim
from ari_app.rooms import Ways
from core.shares import Shares
from runtime.app import App
from runtime.worker import enlist
from smpp.outbox import mark_next
from store import contacts, messages, parts
from store.database import Tx, open_store
from store.messages import Route
from tests.ari_app.office import SetClock, ways_of
from tests.concurrency.town import NOW, app_on, opened, rows, some_numbers
from tests.smsc.world import new as new_message
from tests.store.server import new_database

NUMBER, OTHER = some_numbers(2)


@pytest.fixture(params=["one process on sqlite", "six connections to postgresql"])
async def apps(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[App]]:
    """Several controllers over one store; SQLite has one, and many tasks."""
    url, count = "sqlite:///mai.db", 1
    if "postgresql" in str(request.param):
        url, count = await new_database(request.getfixturevalue("postgres")), 6
    async with several(url, tmp_path, count) as found:
        await opened(found[0].store, [NUMBER, OTHER])
        yield found


@asynccontextmanager
async def several(url: str, folder: Path, count: int) -> AsyncIterator[list[App]]:
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(open_store(url, folder)) for _ in range(count)]
        names = ["abcdef"] if count == 1 else ["abcdef"[at:] + "abcdef"[:at] for at in range(count)]
        apps = [app_on(store, folder, SetClock(NOW), each) for store, each in zip(stores, names, strict=True)]
        for app, name in zip(apps, names, strict=True):
            app.process = name
            await enlist(app, alone=True)
        yield apps


def contact(programme: str, number: str, at: int) -> contacts.NewContact:
    return contacts.NewContact(
        id=f"{programme}-{number}-{at}",
        programme=programme,
        version="v1",
        class_="advertising",
        unit="CTKV 1",
        number=number,
        due_at=NOW,
    )


async def reserve(app: App) -> Claims:
    """Each controller begins with another programme, so that they do not meet at the same contact.

    Each has trunks of its own, so that they do meet at the number.
    """
    first = next(iter(app.installation.programmes))
    (trunk,) = ways_of(app, 3).trunks
    ways = Ways((trunk.model_copy(update={"name": first}),))
    shares = Shares({name: float(name != first) for name in app.installation.programmes})
    asks = Asks(("ast1",), ways, shares, app.worker.id)
    return await app.store.write(partial(claim, app=app, asks=asks, now=NOW))


async def reserve_again(app: App, times: int) -> list[Claims]:
    """One transaction after the other, as a dialer does."""
    return [await reserve(app) for _ in range(times)]


async def test_hundreds_that_reserve_a_number_reserve_it_once(apps: list[App]) -> None:
    """R7: six programmes, 120 contacts, 120 transactions; the gate alone, nothing dialled."""

    def plan(tx: Tx) -> None:
        for at in range(20):
            for programme in "abcdef":
                contacts.plan(tx, contact(programme, NUMBER, at), now=NOW)

    await apps[0].store.write(plan)
    found_by = await asyncio.gather(*(reserve_again(app, 120 // len(apps)) for app in apps))
    asked = [found for each in found_by for found in each]
    claimed = [each for found in asked for each in found.claimed]
    assert [each.attempt.number for each in claimed] == [NUMBER]
    calls = await rows(apps[0].store, "calls")
    assert [call["id"] for call in calls] == [claimed[0].attempt.id]
    assert sum(found.looked_at for found in asked) >= 120


async def test_locks_taken_crosswise_end_in_one_call_each(apps: list[App]) -> None:
    """R7: two numbers in opposite orders; a deadlock's loser runs again and is told no."""

    def plan(tx: Tx) -> None:
        for at in range(6):
            for place, programme in enumerate("abcdef"):
                for number in (NUMBER, OTHER) if place % 2 else (OTHER, NUMBER):
                    contacts.plan(tx, contact(programme, number, at), now=NOW)

    await apps[0].store.write(plan)
    found_by = await asyncio.gather(*(reserve_again(app, 36 // len(apps)) for app in apps))
    claimed = Counter(one.attempt.number for each in found_by for found in each for one in found.claimed)
    assert claimed == {NUMBER: 1, OTHER: 1}


async def send_all(app: App, sent: list[str]) -> None:
    """A gateway: marks what may leave, the SMSC takes it; until nothing is due any more."""
    (bind,) = app.config.smsc
    mark = partial(mark_next, app=app, bind=bind, route=Route(), room=1, now=NOW)
    looked_at = 1
    while looked_at:
        marked, looked_at = await app.store.write(mark)
        for each in marked:
            sent.append(each.message.number)
            answer = parts.Answer(each.message.id, 1, 1, "accepted", f"smsc-{each.message.id}")
            await app.store.write(lambda tx, answer=answer: parts.answered(tx, [answer], at=NOW))  # type: ignore[misc]


async def test_several_gateways_together_send_three_advertising_messages(apps: list[App]) -> None:
    """R7: twelve wait for one number, of six programmes; by what the SMSC took."""

    def add(tx: Tx) -> None:
        for at in range(12):
            key, programme = f"offer:{at}", "abcdef"[at % 6]
            new = new_message(key, number=NUMBER, class_="advertising", at=NOW, programme=programme)
            messages.add(tx, new, now=NOW)

    await apps[0].store.write(add)
    sent = list[str]()
    await asyncio.gather(*(send_all(app, sent) for app in apps))
    await send_all(apps[0], sent)
    assert sent == [NUMBER] * 3
