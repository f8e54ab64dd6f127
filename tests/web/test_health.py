"""GET /health: 200 while the parts do their work, 503 when one does not, and it says which."""

from pathlib import Path

import aiohttp
import pytest

import web.server
from runtime.app import App
from tests.small_app import closed_app, running


async def health(asker: aiohttp.ClientSession) -> tuple[int, dict[str, object]]:
    async with asker.get("/health", headers={"Authorization": ""}) as answer:
        return answer.status, await answer.json()


async def test_it_says_what_each_part_says_of_itself(asker: aiohttp.ClientSession, app: App) -> None:
    app.says["sms"] = lambda: {"smsc1": "bound"}
    status, told = await health(asker)
    assert (status, told["status"]) == (200, "ok")
    assert told["parts"] == {"sms": {"smsc1": "bound"}, "web": app.says["web"]()}


@pytest.mark.parametrize(
    ("alarm", "status"), [("part:dialer", 503), ("asterisk:ast1", 503), ("registration:reg-1", 200)]
)
async def test_a_part_that_failed_makes_it_unwell_a_matter_for_people_does_not(
    alarm: str, status: int, asker: aiohttp.ClientSession, app: App
) -> None:
    await app.alarm(alarm, "it failed")
    told = await health(asker)
    assert (told[0], told[1]["alarms"]) == (status, [alarm])
    await app.clear_alarm(alarm)
    assert (await health(asker))[0] == 200


@pytest.mark.parametrize(("where", "status"), [("box1:/run", 503), ("box2:/run", 200)])
async def test_each_process_over_one_store_is_well_or_not_by_its_own_parts(
    where: str, status: int, asker: aiohttp.ClientSession, app: App
) -> None:
    """Issue 5, 2: a watchdog that restarts what fails must not restart the others."""
    app.process = "box1:/run"
    await app.alarm(f"part:dialer@{where}", "it failed")
    assert (await health(asker))[0] == status


async def test_what_a_part_cannot_say_is_unwell_too(asker: aiohttp.ClientSession, app: App) -> None:
    """One part's fault hides no other's state."""

    def broken() -> dict[str, object]:
        raise LookupError("nothing known")

    app.says["dialer"] = broken
    status, told = await health(asker)
    assert (status, told["parts"]) == (503, {"dialer": {"error": "LookupError"}, "web": app.says["web"]()})


async def test_a_store_that_is_gone_is_unwell(tmp_path: Path) -> None:
    async with (
        closed_app(tmp_path) as app,
        running(web.server.run, app, "web") as says,
        aiohttp.ClientSession(f"http://{says['address']}") as asker,
    ):
        status, told = await health(asker)
    assert (status, told["status"]) == (503, "failing")
    assert told["store"] != "ok"
