"""A subscriber calls back 9090: our FastAGI server, our dialplan, a real Asterisk, the agent's phone on the wire."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import agi.server
from core.outcomes import Outcome
from runtime.app import App
from runtime.asterisk import ManagedNode
from simulator.ports import free_port
from store import logs
from store.database import open_store
from tests.asterisk.callee import Callee, Leg, answers
from tests.asterisk.caller import Caller
from tests.asterisk.conftest import asterisk, make_config
from tests.small_app import app_on, running
from tests.store import sample

pytestmark = pytest.mark.asterisk


@dataclass(frozen=True)
class Centre:
    """What stands around 9090."""

    app: App
    callee: Callee  #: the trunk's far side and the agent's phone
    sip: tuple[str, int]

    async def call_that_ended(self, number: str = sample.AN) -> dict[str, Any]:
        """The incoming call of this number in the log, once its end is there."""
        async with asyncio.timeout(60):
            while True:
                rows = await self.app.store.read(lambda tx: list(logs.calls(tx, number=number)))
                if ended := [row for row in rows if row["direction"] == "in" and row["ended_at"]]:
                    return ended[0]


@pytest.fixture
async def centre(tmp_path: Path) -> AsyncIterator[Centre]:
    trunk = free_port(socket.SOCK_DGRAM)
    config = make_config(trunk_port=trunk, agi_port=free_port(), rtp="42000-42199")
    limits = config.limits.model_copy(update={"blocked_inbound": ("0907654321",)})
    config = config.model_copy(update={"limits": limits})
    node = ManagedNode(config, config.asterisk.nodes[0], tmp_path / "node", asterisk())
    host, _, port = config.asterisk.nodes[0].sip_bind.rpartition(":")
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store("sqlite:///mai.db", tmp_path))
        app = app_on(store, config, tmp_path)
        await stack.enter_async_context(running(agi.server.run, app, "agi"))
        callee = await stack.enter_async_context(Callee(trunk))
        stack.push_async_callback(node.stop)
        await node.start()
        yield Centre(app, callee, (host, int(port)))
        assert callee.faults == []


async def picks_up(leg: Leg) -> None:
    """The agent answers."""
    leg.reply(180)
    await leg.answer()


async def test_the_agent_reads_what_the_caller_was_offered_and_both_calls_are_in_the_log(
    centre: Centre,
) -> None:
    """O15: programme and offer in the caller name; the call beside the campaign's call."""
    app = centre.app
    await app.store.write(lambda tx: sample.dialing(tx, at=app.now()))
    await app.store.write(lambda tx: sample.end(tx, "call-1", Outcome.NO_KEY, at=app.now()))
    centre.callee.behaves["an"] = picks_up
    async with Caller(centre.sip) as caller:
        caller.invite("9090", caller="0901234567")
        agent = await centre.callee.leg("an")
        assert agent.header("From").startswith('"C90N BL5G topup" <sip:0901234567@')
        assert await caller.final() == 200
        await agent.wait_for("ACK")
        caller.bye()
        call = await centre.call_that_ended()
    assert (call["programme"], call["offer"], call["outcome"]) == ("topup", ["C90N", "BL5G"], "transferred")
    assert call["id"].startswith("in-ast1-")


async def test_a_caller_whom_nobody_answered_has_hung_up(centre: Centre) -> None:
    """O15: music on hold is no conversation."""
    centre.callee.behaves["an"] = answers(180)
    async with Caller(centre.sip) as caller:
        caller.invite("9090", caller="0901234567")
        await centre.callee.leg("an")
        assert await caller.final() == 200
        caller.bye()
        assert (await centre.call_that_ended())["outcome"] == "hung_up"


async def test_a_blocked_number_is_refused_and_in_the_log(centre: Centre) -> None:
    """O15: 403, no agent rings."""
    async with Caller(centre.sip) as caller:
        caller.invite("9090", caller="+84907654321")
        assert await caller.final() == 403
        assert (await centre.call_that_ended(sample.BINH))["outcome"] == "rejected"
    assert centre.callee.legs == []
