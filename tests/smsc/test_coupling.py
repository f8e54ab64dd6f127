"""Does the dialer slow with a slow SMSC, stop with one that is away, and go on when it is back?"""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.coupling import Coupling
from core.sending import pace_left
from runtime.clock import Clock
from runtime.why import why_idle
from simulator.smsc import Faults, Smsc
from store import settings
from store.database import open_store
from tests.smsc.world import AN, BINH, TEN, World, app_in, bind, config, gateway, new, numbers, world


def later(running: World, minutes: float) -> None:
    """The decision clock moves on."""
    running.app.clock = Clock(running.app.clock.offset + timedelta(minutes=minutes))


async def looked(coupling: Coupling) -> float:
    """What it says when it looks again."""
    coupling._next = 0.0
    return await coupling.look(1.0)


async def test_calls_slow_with_a_slow_smsc_and_go_on_when_it_has_caught_up(tmp_path: Path) -> None:
    """Issue 4, 4: the dialer is told how full the outbox is and slows with it."""
    async with world(tmp_path, response_s=60, window=2, per_second=50) as running:
        coupling = Coupling(running.app)
        assert await looked(coupling) == 1
        await running.smsc.wait_until(lambda lines: any(line["event"] == "bind" for line in lines))
        running.smsc.freeze()
        await running.send(*(new(f"thanks:{n}", n, number=n) for n in numbers(40)))
        await running.until(lambda rows: sum(row["state"] == "sending" for row in rows.values()) > 0)
        assert (await looked(coupling), coupling.why) == (1, "")
        later(running, 8)
        assert await looked(coupling) == pytest.approx(0.4, abs=0.05)
        assert "40 parts of SMS wait for the SMSC, the oldest for 8 min" in coupling.why
        later(running, 3)
        assert await looked(coupling) == 0
        assert coupling.why.startswith("no call starts: 40 parts of SMS wait")
        running.smsc.thaw()
        await running.settled(*(f"thanks:{n}" for n in numbers(40)))
        assert (await looked(coupling), coupling.why) == (1, "")


async def test_a_full_outbox_stops_calls_before_anything_is_old(tmp_path: Path) -> None:
    """DESIGN §4: what would take ten minutes to leave is enough; near 22:00 less is."""
    async with world(tmp_path, start=False, per_second=1) as running:
        coupling = Coupling(running.app)
        await running.send(*(new(f"thanks:{n}", "đ" * 100, number=n) for n in numbers(150)))
        assert await looked(coupling) == pytest.approx(1.0, abs=0.01)
        running.app.clock = Clock(running.app.clock.offset + timedelta(hours=11, minutes=52))
        assert await looked(coupling) == 0  # 21:52, and they have waited since ten


async def test_calls_stop_when_every_smsc_is_away_for_long(tmp_path: Path) -> None:
    """Issue 4, 4: nobody is called whose SMS cannot follow; `mai status` says so."""
    async with (
        Smsc(record=tmp_path / "smsc.jsonl") as smsc,
        open_store("sqlite:///mai.db", tmp_path) as store,
    ):
        app = app_in(store, config(bind(smsc, password="wrong")), tmp_path)
        running = World(app, smsc)
        coupling = Coupling(app)
        async with gateway(app):
            await running.alarms(lambda said: "smsc:smsc1" in said)
            assert await looked(coupling) == 1
            later(running, 11)
            assert await looked(coupling) == 0
            assert coupling.why.startswith("no call starts: no SMS can leave; SMSC smsc1 at 127.0.0.1:")
            found: dict[str, Any] = {
                "paused": [], "lists": [], "contacts": {"later": 0, "due": 1},
            }  # fmt: skip
            said = why_idle(found, {"dialer": {"reason": coupling.why}}, app.installation, app.now())
            assert said[0] == f"dialer: {coupling.why}"
    async with Smsc(record=tmp_path / "b.jsonl") as good, open_store("sqlite:///mai.db", tmp_path) as store:
        app.store, app.installation = store, app_in(store, config(bind(good)), tmp_path).installation
        async with gateway(app):
            await running.alarms(lambda said: not said)
            assert await looked(coupling) == 1


async def test_one_smsc_of_two_that_is_away_stops_nothing(tmp_path: Path) -> None:
    async with (
        Smsc(record=tmp_path / "smsc.jsonl") as smsc,
        open_store("sqlite:///mai.db", tmp_path) as store,
    ):
        binds = bind(smsc, name="good"), bind(smsc, name="bad", password="wrong")
        running = World(app_in(store, config(*binds), tmp_path), smsc)
        async with gateway(running.app):
            await running.alarms(lambda said: "smsc:bad" in said)
            later(running, 30)
            assert await looked(Coupling(running.app)) == 1


async def test_what_cannot_leave_anyway_slows_no_other_call(tmp_path: Path) -> None:
    """Advertising of a paused programme, and what no bind takes, wait for people, not for the SMSC."""
    async with world(tmp_path, start=False, senders=["8989"]) as running:
        await running.send(
            new("offer:1", "[QC] A", class_="advertising"), new("link:1", number=BINH, sender="MOBIFONE.AI")
        )
        await running.store.write(lambda tx: settings.pause(tx, programme="topup", by="x", now=TEN))
        later(running, 60)
        coupling = Coupling(running.app)
        assert await looked(coupling) == 1
        await running.store.write(lambda tx: settings.resume(tx, programme="topup"))
        assert await looked(coupling) == 0


async def test_a_slow_smsc_catches_up_by_itself(tmp_path: Path) -> None:
    """Nothing is lost on the way: what waited is delivered, whatever the pace."""
    faults = Faults(response_delay_s=0.05)
    async with world(tmp_path, faults=faults, window=1) as running:
        await running.send(
            *(new(f"thanks:{n}", n, number=n) for n in numbers(20)), new("thanks:1", number=AN)
        )
        later(running, 20)
        coupling = Coupling(running.app)
        assert await looked(coupling) == 0
        await running.settled("thanks:1", *(f"thanks:{n}" for n in numbers(20)))
        assert await looked(coupling) == 1


@given(st.floats(0, 5), st.floats(0, 5))
def test_a_fuller_outbox_never_leaves_more(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert 0 <= pace_left(more) <= pace_left(less) <= 1
    assert (pace_left(0.5), pace_left(1)) == (1, 0)


async def test_without_an_smsc_nothing_is_taken_away(tmp_path: Path) -> None:
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        running = World(app_in(store, config(), tmp_path), SimpleNamespace())  # type: ignore[arg-type]
        await running.send(new("thanks:1"))
        later(running, 60)
        assert await looked(Coupling(running.app)) == 1
