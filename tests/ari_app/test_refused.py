"""Does a call that is up end when its subscriber refuses advertising by SMS or through a person? (R6)"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ari_app.ari import Ari
from ari_app.attempt import make_call
from ari_app.phone import Phone
from ari_app.refused import end_refused_calls, ended_with
from core.phone import Decision
from store import calls, numbers
from tests.ari_app.fake_ari import FakeAri, fake_ari
from tests.ari_app.office import AN, Office, OnlyLine, topup_programme


@dataclass
class OnTheLine:
    """One call that is answered and listens to its first prompt."""

    office: Office
    fake: FakeAri
    id: str
    task: asyncio.Task[None]

    async def send(self, kind: str, **fields: Any) -> None:
        await self.fake.send({"type": kind, "channel": {"id": self.id, "state": "Up"}, **fields})

    async def refuses(self, via: str) -> None:
        now, ref = self.office.clock.now(), f"{via}-1"
        await self.office.store.write(lambda tx: numbers.refuse(tx, number=AN, at=now, via=via, ref=ref))

    async def is_ended(self) -> dict[str, Any]:
        """When we hang up Asterisk ends the channel; the call as it is recorded."""
        async with asyncio.timeout(30):
            await self.fake.was_asked("DELETE", f"/ari/channels/{self.id}")
            await self.send("ChannelDestroyed", cause=16)
            await self.task
        return await self.office.one("calls")


@asynccontextmanager
async def on_the_line(office: Office, folder: Path) -> AsyncIterator[OnTheLine]:
    """A claimed call over a node that a test plays, and who ends refused calls."""
    sound = folder / "sound.wav"
    sound.write_bytes(bytes(16000 * 60))
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim(places=1)).claimed
    async with fake_ari() as fake, Ari(fake.url, "u", "p", name="ast1") as ari:
        await ari.ready(5)
        phone = Phone(office.app.config, {"ast1": ari}, lambda piece: sound, office.clock.now)
        watching = asyncio.create_task(end_refused_calls(office.app, phone))
        call = asyncio.create_task(make_call(office.app, phone, claimed, OnlyLine()))
        one = OnTheLine(office, fake, claimed.attempt.id, call)
        try:
            await fake.was_asked("POST", "/ari/channels/create")
            await one.send("StasisStart")
            await one.send("ChannelStateChange")
            await fake.was_asked("POST", f"/ari/channels/{one.id}/play")
            yield one
        finally:
            call.cancel()
            await asyncio.wait([call])
            await ended_with(watching)


@pytest.mark.parametrize("via", ["sms", "cli", "console"])
async def test_a_refusal_by_another_way_ends_the_call_that_is_up(
    office: Office, tmp_path: Path, via: str
) -> None:
    """R6: running calls end, at once; the reason names the way, the slot is kept, nothing follows."""
    async with on_the_line(office, tmp_path) as call:
        await call.refuses(via)
        ended = await call.is_ended()
    assert (ended["state"], ended["outcome"], bool(ended["keeps_slot"])) == ("done", "refused", True)
    assert f"refused by {via} during the call" in ended["reason"]
    assert await office.rows("messages") == []
    assert await office.rows("registrations") == []
    assert (await office.one("numbers"))["refused_via"] == via


async def test_a_decision_that_was_committed_stands_when_the_call_is_ended(
    office: Office, tmp_path: Path
) -> None:
    """R6, DESIGN §1.1: key 1 came first, so it is registered; the call ends all the same."""
    async with on_the_line(office, tmp_path) as call:
        yes, now = Decision("register", "1", "C90N", "1"), office.clock.now()
        await office.store.write(lambda tx: calls.decide(tx, call_id=call.id, decision=yes, at=now))
        await call.refuses("sms")
        assert (await call.is_ended())["outcome"] == "accepted"
    assert (await office.one("registrations"))["package"] == "C90N"


async def test_a_call_of_care_goes_on(office: Office, tmp_path: Path) -> None:
    """R6 binds advertising: who refuses it still gets the call that cares."""
    office.programmes(topup_programme(**{"class": "care"}))
    async with on_the_line(office, tmp_path) as call:
        await call.refuses("sms")
        assert await office.store.read(numbers.refused_while_called) == ()
        assert not call.task.done()


async def test_the_key_of_the_call_itself_lets_the_script_say_that_it_was_noted(
    office: Office, tmp_path: Path
) -> None:
    """R6, O21: key 9 is confirmed in the call before it ends."""
    async with on_the_line(office, tmp_path) as call:
        now = office.clock.now()
        no = Decision("refuse", "9")
        await office.store.write(lambda tx: calls.decide(tx, call_id=call.id, decision=no, at=now))
        assert await office.store.read(numbers.refused_while_called) == ()
