"""What does the gateway lose when the store is full or away for a moment? Nothing that the SMSC said, and no alarm."""

import asyncio
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import smpp.gateway
from runtime.parts import Part, run_parts
from runtime.worker import enlist
from simulator.smsc import Faults
from smpp.news import News
from smpp.outbox import mark_next
from store import settings
from store.messages import Route
from store.parts import Answer
from tests.smsc.unsteady import Unsteady
from tests.smsc.world import AN, PATIENCE_S, TEN, gateway, new, numbers, world


def _is(wanted: Any) -> Any:
    return lambda fn: getattr(fn, "__func__", fn) is wanted


async def test_an_alarm_that_cannot_be_stored_ends_nothing_and_is_stored_later(tmp_path: Path) -> None:
    """Issue 5, 6: a full store; the gateway carries on, and the alarm stands once there is room."""
    async with world(tmp_path, start=False, password="wrong") as running:
        fails = Unsteady(running.store, _is(settings.raise_alarm), times=1)
        running.app.store = fails
        async with gateway(running.app):
            said = await running.alarms(lambda found: "smsc:smsc1" in found)
        assert "password" in said["smsc:smsc1"]
        assert fails.left == 0


@pytest.mark.parametrize("done", [False, True], ids=["not committed", "committed and not told"])
@pytest.mark.parametrize("statuses", [(), (0x58,) * 5], ids=["accepts", "throttles at first"])
async def test_what_the_smsc_said_outlives_a_store_that_is_away(
    tmp_path: Path, statuses: tuple[int, ...], done: bool
) -> None:
    """Idea 6: stored once it can be; nothing is unknown for that, and nothing is sent twice."""
    async with world(tmp_path, faults=Faults(statuses=[*statuses]), start=False) as running:
        who = numbers(30)
        await running.send(*(new(f"thanks:{n}", number=n) for n in who))
        fails = Unsteady(running.store, _is(News.record), times=3, done=done)
        running.app.store = fails
        await enlist(running.app, alone=True)
        stop = asyncio.Event()
        working = asyncio.create_task(run_parts(running.app, [Part("sms", smpp.gateway.run)], stop))
        try:
            await running.settled(*(f"thanks:{n}" for n in who))
        finally:
            stop.set()
            async with asyncio.timeout(PATIENCE_S):
                await working
        assert fails.left == 0
        sent = [message.number for message in running.smsc.records()]
        assert len(sent) == len(set(sent)) == 30


#: who marked it again, what had been said, what it must be after that was recorded a second time
AGAIN = [
    (None, "not written", "due"),
    (None, "postponed", "due"),
    ("other", "not written", "sending"),
    ("other", "postponed", "sending"),
    ("other", "accepted", "accepted"),
]


@pytest.mark.parametrize(("marked_by", "said", "state"), AGAIN)
async def test_news_recorded_twice_takes_nothing_from_who_marked_it_meanwhile(
    tmp_path: Path, marked_by: str | None, said: str, state: str
) -> None:
    """At most once: the first COMMIT was carried out and not told; another bind sends the message by now."""
    async with world(tmp_path, start=False) as running:
        app, store = running.app, running.store
        await enlist(app, alone=True)
        bind = app.config.smsc[0]
        mark = partial(mark_next, app=app, route=Route(), room=5, now=TEN)
        await running.send(new("thanks:1", number=AN))
        ((marked, *_), _) = await store.write(partial(mark, bind=bind))
        news = News(app, bind, Counter(), lambda: None)
        if said == "not written":
            news.not_written(marked.message.id, None)
        else:
            news.say(Answer(marked.message.id, 1, 1, said, "1", "queue full", TEN))  # type: ignore[arg-type]
        taken = news.take()
        assert taken is not None
        await store.write(partial(news.record, taken=taken))
        if marked_by is not None:
            await store.write(partial(mark, bind=bind.model_copy(update={"name": marked_by})))
        await store.write(partial(news.record, taken=taken))
        assert (await running.log())["thanks:1"]["state"] == state


async def test_news_that_was_not_stored_is_taken_again_first(tmp_path: Path) -> None:
    async with world(tmp_path, start=False) as running:
        happened: list[None] = []
        news = News(running.app, running.app.config.smsc[0], Counter(), lambda: happened.append(None))
        assert news.take() is None
        news.not_written("one", None)
        first = news.take()
        news.not_written("two", None)
        assert first is not None
        news.put_back(first)
        assert len(happened) == 3
        assert news.take() is first
        second = news.take()
        assert second is not None
        assert second.unwritten == [("two", None)]
        assert news.take() is None
