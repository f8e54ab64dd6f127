"""What becomes of calls on a real Asterisk whose controller died? A second one takes over and closes them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ari_app.ari import Ari
from ari_app.machine import LISTEN
from ari_app.phone import Phone
from ari_app.recover import recover
from core.phone import Decision
from runtime.app import App
from store import calls, contacts
from store.schema import calls as calls_table
from store.tx import Tx
from tests.asterisk.callee import Callee, Leg
from tests.asterisk.conftest import PASSWORD, World, attempt
from tests.small_app import small_app
from tests.store.sample import contacts_of

pytestmark = pytest.mark.asterisk

_NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # 10:00 in Vietnam


async def listens(leg: Leg) -> None:
    leg.reply(180)
    await leg.answer()


async def rings(leg: Leg) -> None:
    leg.reply(180)


@asynccontextmanager
async def controller(world: World) -> AsyncIterator[Ari]:
    """A connection that is lost at the end of the block as by a kill: nothing is hung up."""
    async with Ari(world.node.ari_url, world.node.user, PASSWORD) as ari:
        await ari.ready(10)
        yield ari


async def claimed(app: App, call: str, number: str) -> None:
    """The rows of a call as they are committed before its INVITE leaves."""
    new = contacts.NewContact(
        id=f"of-{call}",
        programme="p",
        version="v",
        class_="advertising",
        unit="u",
        number=number,
        due_at=_NOW,
    )

    def write(tx: Tx) -> None:
        contacts.plan(tx, new, now=_NOW)
        contacts.claim(
            tx, new.id, contacts.NewCall(id=call, wall_at=_NOW, node="ast1", trunk="viettel"), now=_NOW
        )

    await app.store.write(write)


async def dialled(ari: Ari, call: str, number: str, until: str) -> None:
    """Place a call as the dead controller did; returns when its channel is in the state `until`."""
    with ari.listen(call) as events:
        body = {"endpoint": f"PJSIP/{number}@trunk-viettel", "app": "mai", "channelId": call}
        await ari.request("POST", "channels", "create", body=body)
        while (await events.get())["type"] != "StasisStart":
            pass
        await ari.request("POST", "channels", call, "dial", params={"timeout": "30"})
        while (event := await events.get())["type"] != "ChannelStateChange" or event["channel"][
            "state"
        ] != until:
            pass


def row(tx: Tx, call: str) -> dict[str, Any]:
    return dict(tx.execute(calls_table.select().where(calls_table.c.id == call)).one()._mapping)


async def recovered(world: World, app: App, prompts: Callable[[str], Path]) -> tuple[int, set[str]]:
    """A new controller comes; how many calls it closed, and which channels are left."""
    async with controller(world) as ari:
        phone = Phone(world.config, {"ast1": ari}, prompts, app.now)
        closed = await recover(app, phone)
        left = await phone.live_channels()
        async with asyncio.timeout(10):  # Asterisk answers a hang-up before the channel is gone
            while any(channel.in_app for channel in left):
                left = await phone.live_channels()
        await phone.close()
    return closed, {channel.id for channel in left}


@pytest.mark.parametrize(
    ("state", "behaviour", "ends"), [("Up", listens, "BYE"), ("Ringing", rings, "CANCEL")]
)
async def test_a_call_left_in_stasis_is_ended_and_called_unknown(
    world: World,
    callee: Callee,
    prompts: Callable[[str], Path],
    tmp_path: Path,
    state: str,
    behaviour: Callable[[Leg], Any],
    ends: str,
) -> None:
    """DESIGN §3, recover: the orphan is hung up, its fate is unknown, it keeps its slot and is not due again."""
    chosen = attempt("0901000101")
    callee.behaves["0901000101"] = behaviour
    async with small_app(tmp_path) as app:
        await claimed(app, chosen.id, chosen.number)
        async with controller(world) as ari:
            await dialled(ari, chosen.id, "0901000101", state)
        assert await recovered(world, app, prompts) == (1, set())
        await (await callee.leg("0901000101")).wait_for(ends)
        ended = await app.store.read(lambda tx: row(tx, chosen.id))
        assert (ended["outcome"], ended["state"], bool(ended["keeps_slot"])) == ("unknown", "unknown", True)
        assert await app.store.read(lambda tx: contacts_of(tx, programme="p")) == {"unknown": 1}
        assert await recovered(world, app, prompts) == (0, set())


async def test_a_decision_outlives_the_controller(
    world: World, callee: Callee, prompts: Callable[[str], Path], tmp_path: Path
) -> None:
    """DESIGN §1.1: a key that was committed before the kill is the outcome."""
    chosen = attempt("0901000102")
    callee.behaves["0901000102"] = listens
    decision = Decision("register", "1", "C90N", "1")
    async with small_app(tmp_path) as app:
        await claimed(app, chosen.id, chosen.number)
        async with controller(world) as ari:
            await dialled(ari, chosen.id, "0901000102", "Up")
            await app.store.write(lambda tx: calls.up(tx, call_id=chosen.id, at=_NOW))
            await app.store.write(lambda tx: calls.decide(tx, call_id=chosen.id, decision=decision, at=_NOW))
        assert await recovered(world, app, prompts) == (1, set())
        ended = await app.store.read(lambda tx: row(tx, chosen.id))
        assert (ended["outcome"], ended["state"]) == ("accepted", "done")


async def test_a_call_that_an_agent_took_goes_on(
    world: World, callee: Callee, prompts: Callable[[str], Path], tmp_path: Path
) -> None:
    """DESIGN §3, recover: handed over to the dialplan just before the kill; it stays up and is transferred."""
    chosen = attempt("0901000103")
    callee.behaves |= {"0901000103": listens, "an": listens}
    async with small_app(tmp_path) as app:
        await claimed(app, chosen.id, chosen.number)
        async with controller(world) as ari:
            await dialled(ari, chosen.id, "0901000103", "Up")
            await app.store.write(lambda tx: calls.up(tx, call_id=chosen.id, at=_NOW))
            to = {"context": "agents", "extension": "s", "priority": "1"}
            await ari.request("POST", "channels", chosen.id, "continue", params=to)
            agent = await callee.leg("an")
            await agent.wait_for("ACK")
        closed, left = await recovered(world, app, prompts)
        assert closed == 1
        assert chosen.id in left
        subscriber = await callee.leg("0901000103")
        assert "BYE" not in subscriber.requests + agent.requests
        ended = await app.store.read(lambda tx: row(tx, chosen.id))
        assert (ended["outcome"], ended["state"]) == ("transferred", "done")
        subscriber.bye()
        await agent.wait_for("BYE")


async def test_a_call_that_was_being_listened_to_is_ended(
    world: World, callee: Callee, prompts: Callable[[str], Path], tmp_path: Path
) -> None:
    """DESIGN §3, recover: killed while AMD listened; the dialplan has it for now, and no agent."""
    chosen = attempt("0901000105")
    callee.behaves["0901000105"] = listens
    async with small_app(tmp_path) as app:
        await claimed(app, chosen.id, chosen.number)
        async with controller(world) as ari:
            await dialled(ari, chosen.id, "0901000105", "Up")
            await ari.request("POST", "channels", chosen.id, "continue", params=LISTEN)
        assert await recovered(world, app, prompts) == (1, set())
        await (await callee.leg("0901000105")).wait_for("BYE")
        ended = await app.store.read(lambda tx: row(tx, chosen.id))
        assert (ended["outcome"], ended["state"]) == ("unknown", "unknown")


async def test_a_call_that_asterisk_does_not_know_is_unknown(
    world: World, callee: Callee, prompts: Callable[[str], Path], tmp_path: Path
) -> None:
    """DESIGN §3: killed between the commit and the INVITE; nobody can know, so it is not placed again."""
    chosen = attempt("0901000104")
    async with small_app(tmp_path) as app:
        await claimed(app, chosen.id, chosen.number)
        assert (await recovered(world, app, prompts))[0] == 1
        assert await app.store.read(lambda tx: contacts_of(tx, programme="p")) == {"unknown": 1}
        assert [leg.number for leg in callee.legs] == []


async def test_a_channel_of_ours_that_no_row_knows_is_ended(
    world: World, callee: Callee, prompts: Callable[[str], Path], tmp_path: Path
) -> None:
    """DESIGN §3: nobody else will ever end a channel in our application."""
    callee.behaves["0901000105"] = listens
    async with small_app(tmp_path) as app:
        async with controller(world) as ari:
            await dialled(ari, attempt("0901000105").id, "0901000105", "Up")
        assert await recovered(world, app, prompts) == (0, set())
        await (await callee.leg("0901000105")).wait_for("BYE")
