"""Two real Asterisks: ours calls the simulated mobile network, a subscriber calls back, an agent's phone rings."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from ari_app.ari import Ari
from ari_app.call import AriCall
from ari_app.phone import Phone
from core.config import Config
from runtime.asterisk import ManagedNode
from simulator.mobile_network import AgentPhone, MobileNetwork
from simulator.ports import free_port
from tests.asterisk.conftest import PASSWORD, asterisk, attempt, line, make_config, now, place

pytestmark = pytest.mark.asterisk

#: By the last digits of the number, as simulator/README.md says: the key that a menu takes, or the outcome.
BEHAVIOURS = {
    "00": "no_answer", "01": "1", "02": "2", "03": "busy", "04": "rejected", "05": "hung_up", "06": "failed",
    "07": "None", "08": "invalid_number", "09": "None", "11": "9", "31": "1",
}  # fmt: skip


@pytest_asyncio.fixture
async def network(tmp_path: Path) -> AsyncIterator[tuple[MobileNetwork, Config]]:
    sip = free_port(socket.SOCK_DGRAM)
    config = make_config(trunk_port=sip, rtp="44000-44999")
    agent = config.agents[0].model_copy(update={"contact": None})  # this phone registers
    config = config.model_copy(update={"agents": (agent,)})
    phone = AgentPhone("an", agent.password.get_secret_value(), config.asterisk.nodes[0].sip_bind)
    node = ManagedNode(config, config.asterisk.nodes[0], tmp_path, asterisk())
    peer = config.asterisk.nodes[0].sip_bind
    await node.start()
    try:
        async with MobileNetwork(
            tmp_path / "network", sip, ring_s=5, peer=peer, agents=(phone,), rtp_ports=(45000, 45999)
        ) as mobile:
            yield mobile, config
    finally:
        await node.stop()


async def menu(call: AriCall) -> str:
    key = await call.ask((line("3"),), "129", timedelta(seconds=4))
    await call.say(line("0.5"))
    return str(key)


async def test_every_behaviour_of_the_network_is_seen_as_what_it_is(
    network: tuple[MobileNetwork, Config], prompts: Callable[[str], Path]
) -> None:
    """O11, O13, O14, O21: what the network did stands in its own record and in our outcome alike."""
    mobile, config = network
    node = config.asterisk.nodes[0]
    async with Ari(node.ari_url, node.user, PASSWORD) as ari:
        await ari.ready(10)
        phone = Phone(config, {"ast1": ari}, prompts, now)
        calls = [place(phone, attempt(f"09012340{last}"), menu) for last in BEHAVIOURS]
        placed = await asyncio.gather(*calls)
        seen = {last: str(p.outcome or p.said) for last, p in zip(BEHAVIOURS, placed, strict=True)}
        assert seen == BEHAVIOURS
        records = await mobile.wait_for(lambda calls: all(call.ended_at for call in calls))
        assert sorted(call.number for call in records) == sorted(f"09012340{last}" for last in BEHAVIOURS)
        assert {call.keys for call in records if call.number[-2:] in ("01", "31")} == {"1"}
        assert {call.caller_number for call in records} == {"090"}


async def test_a_voicemail_of_the_network_is_a_machine_and_a_person_who_speaks_first_is_none(
    network: tuple[MobileNetwork, Config], prompts: Callable[[str], Path]
) -> None:
    """Issue 5, point 7: over two Asterisks, with speech that is no tone."""

    async def listens_first(call: AriCall) -> str:
        await call.expect_person()
        return await menu(call)

    _, config = network
    node = config.asterisk.nodes[0]
    async with Ari(node.ari_url, node.user, PASSWORD) as ari:
        await ari.ready(10)
        phone = Phone(config, {"ast1": ari}, prompts, now)
        calls = [place(phone, attempt(f"09012340{last}"), listens_first) for last in ("07", "71", "09")]
        placed = await asyncio.gather(*calls)
        assert [str(p.outcome or p.said) for p in placed] == ["machine", "1", "None"]


async def test_a_subscriber_who_calls_back_reaches_the_phone_of_an_agent(
    network: tuple[MobileNetwork, Config],
) -> None:
    """O15: over two Asterisks, with a phone that registered; FastAGI is away, the call goes on without it."""
    mobile, _ = network
    await mobile.call("0901234567", "9090", talk_s=3)
    records = await mobile.wait_for(lambda calls: any(c.role == "agent" and c.ended_at for c in calls), 30)
    agent = next(call for call in records if call.role == "agent")
    assert agent.caller_number == "0901234567"
    assert agent.answered_at is not None
