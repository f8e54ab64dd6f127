"""Does every message end as what it is when a link ends: answered, written, or still ours?"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from smpp import codec, pdu
from smpp.errors import NotWritten, Unanswered
from smpp.pdu import Pdu
from smpp.session import Session, connect
from smpp.window import SubmitResult
from tests.smpp.peer import MESSAGE, PATIENCE_S, Peer, closed, hurried, message, outcomes, smsc, store_nothing


async def fill_the_buffers(session: Session) -> list[asyncio.Future[SubmitResult]]:
    """Large messages, each in a write of its own, until nothing more fits between us and who does not read."""
    big = replace(MESSAGE, short_message=b"", tlvs=((pdu.TAG_MESSAGE_PAYLOAD, bytes(60_000)),))
    answers = []
    for _ in range(300):
        answers.append(session.send(big))
        await asyncio.sleep(0)
    return answers


@pytest.mark.parametrize("reset", [False, True])
async def test_a_dropped_connection_leaves_what_was_written_unanswered(reset: bool) -> None:
    """Issue 4, 7: connection dropped after N."""

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await peer.expect_messages(5)
        if reset:
            peer.reset()

    async with smsc(script) as link, connect(link, store_nothing) as session:
        found = await outcomes(*(session.send(message(n)) for n in range(5)))
        assert [type(one) for one in found] == [Unanswered] * 5
        assert len({one.sequence for one in found}) == 5
        await closed(session)
        with pytest.raises(NotWritten):
            session.send(MESSAGE)
        with pytest.raises(NotWritten):
            await session.submit(MESSAGE)


async def test_the_answers_before_the_drop_count() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        for one in (await peer.expect_messages(5))[:3]:
            peer.accept(one)

    async with smsc(script) as link, connect(link, store_nothing) as session:
        found = await outcomes(*(session.send(message(n)) for n in range(5)))
    assert [type(one) for one in found] == [SubmitResult] * 3 + [Unanswered] * 2


async def test_what_waits_for_room_when_the_link_ends_was_not_written() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await peer.expect_messages(2)

    async with smsc(script) as link, connect(replace(link, window=2), store_nothing) as session:
        tasks = [asyncio.create_task(session.submit(message(n))) for n in range(6)]
        found = await outcomes(*tasks)
    assert [type(one) for one in found] == [Unanswered] * 2 + [NotWritten] * 4


async def test_a_frozen_peer_is_noticed_and_what_it_never_got_is_told_apart() -> None:
    """Issue 4, 7: frozen peer. No message that the peer could read is called NotWritten."""
    gone = asyncio.Event()
    reached: list[Pdu] = []

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await gone.wait()
        reached.extend(await peer.read_to_the_end())

    async with smsc(script) as link:
        link = hurried(replace(link, window=1_000), enquire_s=0.2, enquire_answer_s=0.2)
        async with connect(link, store_nothing) as session:
            answers = await fill_the_buffers(session)
            found = await outcomes(*answers)
            assert "silent" in await closed(session)
        gone.set()
    unanswered = {one.sequence for one in found if isinstance(one, Unanswered)}
    assert unanswered
    assert [type(one) for one in found].count(NotWritten) == len(found) - len(unanswered) > 0
    assert {one.sequence for one in reached if isinstance(one.body, pdu.SubmitSm)} <= unanswered


async def test_a_message_held_back_beyond_its_deadline_was_not_written() -> None:
    done = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await done.wait()
        peer.reset()

    async with smsc(script) as link:
        link = hurried(replace(link, window=1_000), response_s=0.3)
        async with connect(link, store_nothing) as session:
            answers = await fill_the_buffers(session)
            kinds = [type(one) for one in await outcomes(*answers)]
            assert session.in_flight == 0
            done.set()
            await closed(session)
    assert kinds == sorted(kinds, key=lambda kind: kind is NotWritten)  # written first, in order
    assert set(kinds) == {Unanswered, NotWritten}


async def test_a_silent_peer_that_answers_enquire_link_stays_bound() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        for _ in range(3):
            asked = await peer.expect(pdu.EnquireLink)
            peer.say(pdu.EnquireLinkResp(), asked.sequence)
        peer.say(pdu.Unbind(), 5)
        kinds = [type(one.body) for one in await peer.read_to_the_end()]
        assert kinds[-1] is pdu.UnbindResp  # one more enquire_link may have crossed our unbind

    async with smsc(script) as link, connect(hurried(link, enquire_s=0.02), store_nothing) as session:
        assert await closed(session) == "the SMSC unbound"


async def test_an_unbind_mid_window_still_takes_the_answers_that_come() -> None:
    """Issue 4, 7: unbind mid-window."""

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        told = await peer.expect_messages(4)
        peer.accept(told[0])
        peer.say(pdu.Unbind(), 900)
        assert (await peer.expect(pdu.UnbindResp)).sequence == 900
        for one in told[1:]:
            peer.accept(one)
        assert await peer.read() is None

    async with smsc(script) as link, connect(link, store_nothing) as session:
        found = await outcomes(*(session.send(message(n)) for n in range(4)))
        assert [type(one) for one in found] == [SubmitResult] * 4
        assert await closed(session) == "the SMSC unbound"
        with pytest.raises(NotWritten):
            session.send(MESSAGE)


async def test_an_unbind_mid_window_without_answers_leaves_them_unanswered() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await peer.expect_messages(2)
        peer.say(pdu.Unbind(), 900)
        await peer.expect(pdu.UnbindResp)
        assert await peer.read() is None

    async with smsc(script) as link, connect(hurried(link, unbind_s=0.05), store_nothing) as session:
        found = await outcomes(session.send(MESSAGE), session.send(MESSAGE))
    assert [type(one) for one in found] == [Unanswered] * 2


async def test_messages_of_the_turn_in_which_an_unbind_comes_are_not_written() -> None:
    """What is not handed over is taken back: after an unbind it would only be refused."""

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        said = [type(one.body) for one in await peer.read_to_the_end()]
        assert said == [pdu.UnbindResp]

    async with smsc(script) as link, connect(link, store_nothing) as session:
        answer = session.send(MESSAGE)
        session.data_received(codec.encode(pdu.Unbind(), 3))  # as the transport hands it over, this very turn
        assert [type(one) for one in await outcomes(answer)] == [NotWritten]
        await closed(session)


async def test_leaving_waits_for_the_answers_due() -> None:
    leaving = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        (one,) = await peer.expect_messages(1)
        await leaving.wait()
        peer.accept(one)
        await peer.accept_unbind()

    async with smsc(script) as link:
        async with connect(link, store_nothing) as session:
            answer = session.send(MESSAGE)
            leaving.set()
        assert answer.result().status == 0


async def test_leaving_a_frozen_peer_ends_all_the_same() -> None:
    left = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await left.wait()

    async with smsc(script) as link:
        async with connect(hurried(link, unbind_s=0.05), store_nothing) as session:
            answer = session.send(MESSAGE)
        left.set()
        assert [type(one) for one in await outcomes(answer)] == [Unanswered]


async def test_leaving_a_peer_that_does_not_read_ends_although_octets_are_left() -> None:
    left = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await left.wait()
        peer.reset()

    async with smsc(script) as link, asyncio.timeout(PATIENCE_S):
        link = hurried(replace(link, window=1_000), unbind_s=0.05)
        async with connect(link, store_nothing) as session:
            answers = await fill_the_buffers(session)
        left.set()
        assert {type(one) for one in await outcomes(*answers)} == {Unanswered, NotWritten}


async def test_a_cancelled_owner_still_unbinds() -> None:
    bound = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await peer.accept_unbind()

    async def owner() -> None:
        async with connect(link, store_nothing) as session:
            bound.set()
            await session.wait_closed()

    async with smsc(script) as link:
        task = asyncio.create_task(owner())
        await asyncio.wait_for(bound.wait(), PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("junk", [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(16), b"\xff" * 16])
async def test_a_stream_that_is_not_smpp_is_ended_after_what_was_good(junk: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        first, _ = await peer.expect_messages(2)
        peer.write(codec.encode(pdu.SubmitSmResp("good"), first.sequence) + junk)
        said = await peer.read_to_the_end()
        assert [(type(one.body), one.status) for one in said] == [(pdu.GenericNack, 0x02)]

    async with smsc(script) as link, connect(link, store_nothing) as session:
        found = await outcomes(session.send(MESSAGE), session.send(MESSAGE))
        assert found[0] == SubmitResult("good", 0)
        assert isinstance(found[1], Unanswered)
        assert "the stream is lost" in await closed(session)


async def test_requests_that_we_do_not_know_are_nacked_and_change_nothing() -> None:
    """Notes: unknown requests get generic_nack, never an exception out of the reader."""

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        for command in (0x21, 0x07, 0x04, 0x0D):
            peer.write(codec.HEADER.pack(16, command, 0, command))
            nack = await peer.expect(pdu.GenericNack)
            assert nack.sequence == command
            assert nack.status != 0
        peer.say(pdu.AlertNotification(source_addr="84901234567"), 1)
        peer.say(pdu.Outbind("SMSC"), 2)
        for stray in (pdu.SubmitSmResp("x"), pdu.UnbindResp(), pdu.QuerySmResp(), pdu.GenericNack()):
            peer.say(stray, 4711)
        peer.say(pdu.Unbind(), 5)
        await peer.expect(pdu.UnbindResp)

    async with smsc(script) as link, connect(link, store_nothing) as session:
        assert await closed(session) == "the SMSC unbound"
