"""What becomes of the contacts of a node that says nothing any more? Dialer and connection against a fake Asterisk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from ari_app.ari import Ari
from ari_app.dialer import Dialer
from ari_app.lines import Lines
from ari_app.phone import Phone
from tests.ari_app.fake_ari import PATIENCE_S, FakeAri, fake_ari
from tests.ari_app.office import AN, BINH, Office
from tests.ari_app.test_dialer import dialling, done, planned, until


def _answers(method: str, path: str, _: dict[str, str]) -> web.Response | None:
    return web.json_response([]) if (method, path) == ("GET", "/ari/channels") else None


@asynccontextmanager
async def _running(office: Office) -> AsyncIterator[tuple[FakeAri, Dialer]]:
    """The dialer over one fake Asterisk; what was left there is recovered."""
    async with (
        fake_ari(_answers) as fake,
        Ari(fake.url, "u", "p", name="ast1", deadline_s=1, silent_s=0.2) as ari,
    ):
        await ari.ready(PATIENCE_S)
        phone = Phone(office.app.config, {"ast1": ari}, office.app.sound, office.app.now)
        one = Dialer(office.app, phone, [ari], Lines(office.app.config.trunks))
        async with dialling(one):
            await fake.was_asked("GET", "/ari/channels")
            yield fake, one
        await phone.close()


async def _attempts(office: Office, number: str) -> list[dict[str, Any]]:
    return await office.rows("calls", number=number)


async def _busy(fake: FakeAri, call: str) -> None:
    """Asterisk has made the channel; it is dialled, and the subscriber is busy."""
    await fake.send({"type": "StasisStart", "channel": {"id": call, "state": "Down"}})
    await fake.was_asked("POST", f"/ari/channels/{call}/dial")
    await fake.send({"type": "ChannelDestroyed", "cause": 17, "channel": {"id": call}})


async def test_what_a_silent_node_was_asked_for_is_called_when_it_speaks(office: Office) -> None:
    """R7: create rings nobody. Slot and event are as before the claim, nothing more is claimed meanwhile, the channel
    that comes late is ended, and each is dialled once."""
    async with _running(office) as (fake, one):
        fake.answering.clear()
        await planned(office, AN)

        async def is_over() -> bool:
            return [row["outcome"] for row in await _attempts(office, AN)] == ["failed"]

        await until(office, is_over)
        (first,) = await _attempts(office, AN)
        assert not first["keeps_slot"]
        assert "no answer within" in first["reason"]
        assert await office.trigger_fate("t0") == (None, None)

        await office.topup("t9", BINH)
        await office.plan()
        office.clock.move(seconds=6)

        async def says_so() -> bool:
            return "says nothing" in one.reason

        await until(office, says_so)
        assert {row["state"] for row in await office.rows("contacts")} == {"due"}

        fake.answering.set()

        async def are_claimed() -> bool:
            return len(await office.rows("contacts", state="dialing")) == 2

        await until(office, are_claimed)
        await fake.send({"type": "StasisStart", "channel": {"id": first["id"], "state": "Down"}})
        await fake.was_asked("DELETE", f"/ari/channels/{first['id']}")
        again = await office.rows("calls", state="dialing")
        await asyncio.gather(*(_busy(fake, row["id"]) for row in again))
        await done(office, 2)
    dialled = sorted(path for method, path in fake.asked if path.endswith("/dial"))
    assert dialled == sorted(f"/ari/channels/{row['id']}/dial" for row in again)
    assert {row["number"] for row in again} == {AN, BINH}
    assert await office.trigger_fate("t0") == ("called", None)
