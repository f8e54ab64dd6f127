"""What does a process do about its lease: when it begins, when it has run out, when it was taken for dead?"""

import asyncio
from functools import partial
from pathlib import Path

from runtime.app import App
from runtime.worker import LEASE_S, Worker, enlist, kept, on_duty, taken, working
from store import settings, workers
from tests.small_app import small_app


async def alarms(app: App) -> list[str]:
    return [each.name for each in await app.store.read(settings.standing_alarms)]


async def standing(app: App) -> list[str]:
    return [each.id for each in await app.store.read(workers.standing)]


async def test_a_process_is_a_worker_from_its_start_to_its_good_end(tmp_path: Path) -> None:
    """Struck off: the others need not wait for the end of its lease."""
    async with small_app(tmp_path) as app:
        async with working(app):
            assert await standing(app) == [app.worker.id]
            assert app.worker.sure()
        assert await standing(app) == []


async def test_a_good_start_ends_the_alarms_about_the_run_before(tmp_path: Path) -> None:
    """`mai status` shows what is wrong now."""
    async with small_app(tmp_path) as app:
        app.process = "box2:/run"
        for name in ("lease@box2:/run", "worker@box2:/run", "lease@box3:/run"):
            await app.alarm(name, "x")
        await enlist(app, alone=False)
        assert await alarms(app) == ["lease@box2:/run", "lease@box3:/run"]
        await enlist(app, alone=True)
        assert await alarms(app) == ["lease@box3:/run"]


async def test_a_lease_that_has_run_out_makes_nothing_sure() -> None:
    """By a clock that goes on while the machine sleeps."""
    worker = Worker()
    assert worker.sure()
    worker.becomes("worker-1", until=0.0)
    assert not worker.sure()
    assert workers.LEASE.total_seconds() == LEASE_S


async def test_a_duty_is_kept_under_a_new_id_unless_another_took_it_meanwhile(tmp_path: Path) -> None:
    """Taken for dead, and back before anybody noticed, or too late."""
    async with small_app(tmp_path) as app:
        await enlist(app, alone=True)
        first = await taken(app, "bind:smsc1")
        keeping = asyncio.ensure_future(kept(app, "bind:smsc1", first))
        await enlist(app, alone=True)
        assert await keeping == app.worker.id != first
        keeping = asyncio.ensure_future(kept(app, "bind:smsc1", app.worker.id))
        await app.store.write(partial(workers.strike_off, id=app.worker.id))
        await app.store.write(partial(workers.enlist, id="other", process="box3", alone=False))
        assert await app.store.write(partial(workers.take_duty, duty="bind:smsc1", worker="other")) is None
        await enlist(app, alone=False)
        assert await keeping is None
        assert not await on_duty(app, "bind:smsc1")
