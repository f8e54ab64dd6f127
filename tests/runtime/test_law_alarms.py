"""Is a person told in time that the law is about to stop us?"""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from core.facts import Grant
from runtime import law_alarms
from runtime.app import App
from store import settings
from tests.core.sample import programme
from tests.runtime.town import NOW, FixedClock, put_list, town


async def standing(app: App) -> dict[str, str]:
    await app.store.write(partial(law_alarms.bring_up_to_date, installation=app.installation, now=app.now()))
    return {each.name: each.text for each in await app.store.read(settings.standing_alarms)}


async def test_an_old_do_not_call_list_is_an_alarm_until_the_next_import(tmp_path: Path) -> None:
    """R2: all advertising stops, with an alarm that says so."""
    async with town(tmp_path) as app:
        assert await standing(app) == {}
        app.clock = FixedClock(at=NOW + timedelta(hours=25))
        said = await standing(app)
        assert said.keys() == {"R2:do_not_call"}
        assert "all advertising stops" in said["R2:do_not_call"]
        assert "mai import dnc FILE" in said["R2:do_not_call"]
        await put_list(app, "dnc", [{"number": "+84900000000", "channel": "both"}], at=app.now())
        assert await standing(app) == {}


async def test_without_advertising_nobody_is_bothered_about_the_list(tmp_path: Path) -> None:
    """R2 binds advertising alone."""
    async with town(tmp_path, programme(enabled=False), do_not_call=()) as app:
        app.clock = FixedClock(at=NOW + timedelta(hours=25))
        assert await standing(app) == {}


async def test_a_grant_is_warned_of_thirty_days_ahead_and_after_its_end(tmp_path: Path) -> None:
    """R10: by name, with its day."""
    async with town(tmp_path) as app:
        ends = NOW.date() + timedelta(days=31)
        law = replace(app.installation.law, granted=(Grant("MOBIFONE", ends, "GP 12/2026"),))
        app.installation = replace(app.installation, law=law)
        await put_list(app, "dnc", [{"number": "+84900000000", "channel": "both"}], at=NOW)
        assert await standing(app) == {}
        for later, word in ((1, "30 days"), (31, "0 days"), (32, "ended on")):
            app.clock = FixedClock(at=NOW + timedelta(days=later))
            await put_list(app, "dnc", [{"number": "+84900000000", "channel": "both"}], at=app.now())
            (said,) = (await standing(app)).items()
            assert said[0] == "R10:MOBIFONE"
            assert word in said[1]
        law = replace(law, granted=(Grant("MOBIFONE", date(2040, 1, 1), "GP 13/2026"),))
        app.installation = replace(app.installation, law=law)
        assert await standing(app) == {}


async def test_an_import_is_seen_at_once(tmp_path: Path) -> None:
    """R2: nobody waits for the next minute to see that the alarm is over."""
    async with town(tmp_path) as app:
        app.clock = FixedClock(at=NOW + timedelta(hours=25))
        stopping = asyncio.Event()
        watching = asyncio.create_task(law_alarms.watch(app, stopping))
        await _until(app, {"R2:do_not_call"})
        await put_list(app, "dnc", [{"number": "+84900000000", "channel": "both"}], at=app.now())
        await _until(app, set())
        stopping.set()
        await watching


async def _until(app: App, names: set[str]) -> None:
    async with asyncio.timeout(60):
        while {each.name for each in await app.store.read(settings.standing_alarms)} != names:
            await app.store.write(lambda tx: None)
