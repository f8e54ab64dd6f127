"""Parts start in order, stop in reverse; one that fails is told, started again, and ends nobody else."""

import asyncio
from pathlib import Path

from runtime.app import App
from runtime.parts import Part, Run, run_parts
from store import settings
from tests.small_app import small_app


def _noted(name: str, notes: list[str]) -> Run:
    async def run(app: App, stopping: asyncio.Event) -> None:
        notes.append(f"{name} starts")
        await stopping.wait()
        notes.append(f"{name} stops")

    return run


async def _alarms(app: App) -> dict[str, str]:
    return {alarm.name: alarm.text for alarm in await app.store.read(settings.standing_alarms)}


async def test_what_takes_work_in_starts_last_and_stops_first(tmp_path: Path) -> None:
    """DESIGN §2: start in order and stop in reverse."""
    notes: list[str] = []
    stop, up = asyncio.Event(), asyncio.Event()

    async def last(app: App, stopping: asyncio.Event) -> None:
        up.set()
        await _noted("web", notes)(app, stopping)

    async with small_app(tmp_path) as app:
        parts = [
            Part("sms", _noted("sms", notes)),
            Part("dialer", _noted("dialer", notes)),
            Part("web", last),
        ]
        running = asyncio.create_task(run_parts(app, parts, stop))
        await up.wait()
        stop.set()
        await running
    assert notes == [
        "sms starts", "dialer starts", "web starts", "web stops", "dialer stops", "sms stops",
    ]  # fmt: skip


async def test_a_part_that_fails_raises_an_alarm_and_is_started_again_until_it_holds(tmp_path: Path) -> None:
    """Bad input: port taken: the rest goes on; the alarm goes when the part is well again."""
    stop, again, other = asyncio.Event(), asyncio.Event(), asyncio.Event()
    seen: list[dict[str, str]] = []

    async def shaky(app: App, stopping: asyncio.Event) -> None:
        seen.append(await _alarms(app))
        if len(seen) == 1:
            raise RuntimeError("cannot listen on 127.0.0.1:80") from OSError(98, "Address already in use")
        if len(seen) == 2:
            return
        again.set()
        await stopping.wait()

    async def steady(app: App, stopping: asyncio.Event) -> None:
        await stopping.wait()
        other.set()

    async with small_app(tmp_path) as app:
        parts = [Part("web", shaky, again_s=0.01, steady_s=0.05), Part("sms", steady)]
        running = asyncio.create_task(run_parts(app, parts, stop))
        await again.wait()
        while await _alarms(app):  # each look waits for the store, which lets the part go on
            pass
        stop.set()
        await running
        assert await _alarms(app) == {}
    assert seen == [
        {},
        {"part:web": "web cannot listen on 127.0.0.1:80; it is started again"},
        {"part:web": "web ended by itself; it is started again"},
    ]
    assert other.is_set()


async def test_a_part_that_does_not_end_in_time_is_cancelled_after_it_has_cleaned_up(tmp_path: Path) -> None:
    """A stop ends, whatever a part does."""
    stop, up, cleaned = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def deaf(app: App, stopping: asyncio.Event) -> None:
        up.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    async with small_app(tmp_path) as app:
        running = asyncio.create_task(run_parts(app, [Part("web", deaf, stop_s=0.01)], stop))
        await up.wait()
        stop.set()
        await running
    assert cleaned.is_set()
