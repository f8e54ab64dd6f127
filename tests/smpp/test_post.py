"""Is a caller without a future told what became of each message, once, and is nobody hurt by another's fault?"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from smpp import codec, pdu, statuses
from smpp.errors import NotWritten, Rejected, Unanswered
from smpp.pdu import InvalidField
from smpp.session import connect
from smpp.window import End, SubmitResult
from tests.smpp.peer import MESSAGE, PATIENCE_S, Peer, closed, message, outcomes, smsc, store_nothing


async def test_each_message_is_told_its_end_once() -> None:
    """Issue 4, 1: an answer, a refusal, a lost link; an answer doubled is told once."""
    ends: list[tuple[int, End]] = []

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        first, second, _ = await peer.expect_messages(3)
        peer.accept(first, "a")
        peer.accept(first, "a")
        peer.say(pdu.SubmitSmResp(), second.sequence, statuses.THROTTLED)

    async with smsc(script) as link, connect(link, store_nothing) as session:
        for number in range(3):
            session.post(message(number), lambda end, n=number: ends.append((n, end)))  # type: ignore[misc]
        await closed(session)
    assert [number for number, _ in ends] == [0, 1, 2]
    accepted, refused, lost = (end for _, end in ends)
    assert accepted == SubmitResult("a", 0)
    assert isinstance(refused, Rejected)
    assert isinstance(lost, Unanswered)


async def test_a_message_that_is_refused_at_once_has_no_end() -> None:
    ends: list[End] = []

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await peer.expect_messages(1)

    async with smsc(script) as link, connect(replace(link, window=1), store_nothing) as session:
        with pytest.raises(InvalidField):
            session.post(replace(MESSAGE, destination_addr="8" * 30), ends.append)
        assert session.in_flight == 0
        session.post(MESSAGE, ends.append)
        with pytest.raises(NotWritten, match="full"):
            session.post(MESSAGE, ends.append)
        await closed(session)
    assert [type(end) for end in ends] == [Unanswered]


async def test_a_fault_in_one_end_does_not_touch_the_answers_of_the_same_read() -> None:
    """The loop's handler is told of the fault; the next messages still get what the SMSC said."""
    faults: list[object] = []
    ends: list[End] = []
    all_in = asyncio.Event()

    def faulty(end: End) -> None:
        raise ZeroDivisionError

    def taken(end: End) -> None:
        ends.append(end)
        if len(ends) == 2:
            all_in.set()

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        for one in await peer.expect_messages(3):
            peer.accept(one)
        await peer.accept_unbind()

    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    async with smsc(script) as link, connect(link, store_nothing) as session:
        session.post(MESSAGE, taken)
        session.post(MESSAGE, faulty)
        session.post(MESSAGE, taken)
        async with asyncio.timeout(PATIENCE_S):
            await all_in.wait()
    assert [type(end) for end in ends] == [SubmitResult] * 2
    assert [type(fault) for fault in faults] == [ZeroDivisionError]


async def test_the_next_message_may_be_posted_while_an_answer_is_told() -> None:
    """A window of one: each answer makes the room in which the next message leaves."""
    left = list(range(5))
    told: list[str] = []
    done = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        for number in range(5):
            (one,) = await peer.expect_messages(1)
            assert one.body == message(number)
            peer.accept(one, f"id{number}")
        await peer.accept_unbind()

    async with smsc(script) as link, connect(replace(link, window=1), store_nothing) as session:

        def next_one(end: End) -> None:
            assert isinstance(end, SubmitResult)
            told.append(end.message_id)
            if left:
                session.post(message(left.pop(0)), next_one)
            else:
                done.set()

        session.post(message(left.pop(0)), next_one)
        async with asyncio.timeout(PATIENCE_S):
            await done.wait()
    assert told == [f"id{number}" for number in range(5)]


async def test_who_waits_for_room_is_told_how_much_and_an_idle_session_waits_for_nothing() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        for one in await peer.expect_messages(3):
            peer.accept(one)
        await peer.accept_unbind()

    async with smsc(script) as link, asyncio.timeout(PATIENCE_S):
        async with connect(replace(link, window=3), store_nothing) as session:
            assert await session.until_room() == 3
            ends: list[End] = []
            for _ in range(3):
                session.post(MESSAGE, ends.append)
            assert session.room == 0
            assert await session.until_room() >= 1
            await session.until_idle()
            assert ([type(end) for end in ends], session.in_flight) == ([SubmitResult] * 3, 0)
        assert await session.until_room() == 0  # never again


async def test_a_full_window_is_written_without_waiting_for_the_turn_to_end() -> None:
    """So the peer can answer it even if an unbind comes in this very turn."""

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        for one in await peer.expect_messages(2):
            peer.accept(one)
        assert await peer.read_to_the_end()

    async with smsc(script) as link, connect(replace(link, window=2), store_nothing) as session:
        first, second = session.send(message(0)), session.send(message(1))
        session.data_received(codec.encode(pdu.Unbind(), 3))  # as the transport hands it over, this very turn
        assert [type(one) for one in await outcomes(first, second)] == [SubmitResult] * 2
        assert await closed(session) == "the SMSC unbound"


async def test_sequences_begin_again_after_the_last() -> None:
    """SMPP 3.4, 5.1.4: 1…0x7FFFFFFF."""

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        told = await peer.expect_messages(3)
        assert [one.sequence for one in told] == [pdu.LAST_SEQUENCE, 1, 2]
        for one in told:
            peer.accept(one, str(one.sequence))
        await peer.accept_unbind()

    async with smsc(script) as link, connect(link, store_nothing) as session:
        session._sequences = pdu.sequences(pdu.LAST_SEQUENCE)
        found = await outcomes(*(session.send(message(n)) for n in range(3)))
        assert found == [SubmitResult(str(pdu.LAST_SEQUENCE), 0), SubmitResult("1", 0), SubmitResult("2", 0)]


async def test_an_end_told_by_a_lost_link_cannot_post_into_it() -> None:
    refused: list[NotWritten] = []

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await peer.expect_messages(1)
        peer.reset()

    async with smsc(script) as link, connect(link, store_nothing) as session:

        def again(end: End) -> None:
            assert isinstance(end, Unanswered)
            try:
                session.post(MESSAGE, again)
            except NotWritten as error:
                refused.append(error)

        session.post(MESSAGE, again)
        await closed(session)
        assert len(refused) == 1
        assert session.in_flight == 0
