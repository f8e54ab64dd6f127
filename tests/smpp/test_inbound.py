"""Is what comes in stored before it is acknowledged, and never lost in between?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from smpp import codec, inbound, pdu, statuses
from smpp.inbound import Inbound
from smpp.pdu import DataSm, DeliverSm
from smpp.session import connect
from tests.smpp.peer import PATIENCE_S, Peer, closed, hurried, smsc

REFUSAL = DeliverSm("84901234567", "8989", b"TC", 1, 1, 3, 0)


@pytest.mark.parametrize(
    ("body", "resp"), [(REFUSAL, pdu.DeliverSmResp), (DataSm("84901234567", "8989"), pdu.DataSmResp)]
)
async def test_a_message_is_acknowledged_only_once_it_is_stored(
    body: Inbound, resp: type[pdu.DeliverSmResp]
) -> None:
    """R6: stored before the message that carried it is acknowledged."""
    stored: list[Inbound] = []
    asked, commit = asyncio.Event(), asyncio.Event()

    async def store(message: Inbound) -> int:
        asked.set()
        await commit.wait()
        stored.append(message)
        return statuses.OK

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        peer.say(body, 5)
        await asked.wait()
        peer.say(pdu.EnquireLink(), 6)
        assert (await peer.expect(pdu.EnquireLinkResp)).sequence == 6  # the link lives on meanwhile
        assert stored == []
        commit.set()
        answer = await peer.expect(resp)
        assert (answer.sequence, answer.status, stored) == (5, 0, [body])
        await peer.accept_unbind()

    async with smsc(script) as link, connect(link, store):
        await asyncio.wait_for(commit.wait(), PATIENCE_S)


async def fails(_: Inbound) -> int:
    raise OSError("disk full: TC from 84901234567")


async def refuses(_: Inbound) -> int:
    return statuses.MESSAGE_QUEUE_FULL


@pytest.mark.parametrize(("store", "status"), [(fails, 0x64), (refuses, 0x14)])
async def test_what_could_not_be_stored_is_asked_for_again(
    store: Callable[[Inbound], Awaitable[int]], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """R6, R14: nothing is lost when the store fails, and no number is logged."""

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        peer.say(REFUSAL, 5)
        assert (await peer.expect(pdu.DeliverSmResp)).status == status
        peer.say(pdu.Unbind(), 6)
        await peer.expect(pdu.UnbindResp)

    async with smsc(script) as link, connect(link, store) as session:
        await closed(session)
    assert "84901234567" not in caplog.text


async def test_an_unreadable_message_is_refused_and_the_link_lives() -> None:
    stored: list[Inbound] = []

    async def store(message: Inbound) -> int:
        stored.append(message)
        return statuses.OK

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        peer.write(codec.HEADER.pack(20, DeliverSm.command, 0, 5) + b"\0\1\1x")
        answer = await peer.expect(pdu.DeliverSmResp)
        assert (answer.sequence, answer.status) == (5, 0x02)
        peer.say(REFUSAL, 6)
        assert (await peer.expect(pdu.DeliverSmResp)).status == 0
        peer.say(pdu.Unbind(), 7)
        await peer.expect(pdu.UnbindResp)

    async with smsc(script) as link, connect(link, store) as session:
        await closed(session)
    assert stored == [REFUSAL]


async def test_a_message_in_the_same_read_as_the_bind_resp_is_taken() -> None:
    async def store(message: Inbound) -> int:
        return statuses.OK

    async def script(peer: Peer) -> None:
        bind = await peer.expect(pdu.BindTransceiver)
        answers = (codec.encode(pdu.BindTransceiverResp("SMSC"), bind.sequence), codec.encode(REFUSAL, 5))
        peer.write(b"".join(answers))
        assert (await peer.expect(pdu.DeliverSmResp)).status == 0
        peer.say(pdu.Unbind(), 6)
        await peer.expect(pdu.UnbindResp)

    async with smsc(script) as link, connect(link, store) as session:
        await closed(session)


async def test_a_flood_is_bounded_and_told_to_come_again() -> None:
    commit = asyncio.Event()

    async def store(message: Inbound) -> int:
        await commit.wait()
        return statuses.OK

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        for sequence in range(inbound.MOST_AT_A_TIME + 10):
            peer.say(REFUSAL, sequence)
        for _ in range(10):
            assert (await peer.expect(pdu.DeliverSmResp)).status == statuses.TEMPORARY_APPLICATION_ERROR
        commit.set()
        for _ in range(inbound.MOST_AT_A_TIME):
            assert (await peer.expect(pdu.DeliverSmResp)).status == 0
        peer.say(pdu.Unbind(), 6)
        await peer.expect(pdu.UnbindResp)

    async with smsc(script) as link, connect(link, store) as session:
        await closed(session)


async def test_leaving_lets_what_is_being_stored_be_acknowledged() -> None:
    asked, commit = asyncio.Event(), asyncio.Event()

    async def store(message: Inbound) -> int:
        asked.set()
        await commit.wait()
        return statuses.OK

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        peer.say(REFUSAL, 5)
        assert (await peer.expect(pdu.DeliverSmResp)).sequence == 5
        await peer.accept_unbind()

    async with smsc(script) as link, connect(link, store):
        await asked.wait()
        asyncio.get_running_loop().call_soon(commit.set)


async def test_a_store_that_hangs_does_not_keep_a_session_from_ending() -> None:
    asked = asyncio.Event()
    ended: list[bool] = []

    async def store(message: Inbound) -> int:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return statuses.OK

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        peer.say(REFUSAL, 5)
        await peer.accept_unbind()

    async with smsc(script) as link, connect(hurried(link, unbind_s=0.05), store):
        await asked.wait()
    assert ended == [True]
