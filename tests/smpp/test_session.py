"""Does a session keep its word with an SMSC that does not?"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from smpp import codec, pdu, statuses
from smpp.errors import BindRefused, NotConnected, NotWritten, Rejected, Unanswered
from smpp.link import BindAs, Link
from smpp.pdu import DeliverSm, InvalidField
from smpp.session import State, connect
from smpp.statuses import Verdict
from smpp.window import Answer, SubmitResult
from tests.smpp.peer import MESSAGE, PATIENCE_S, Peer, closed, hurried, message, outcomes, smsc, store_nothing

# --- binding ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bind", "request_kind"),
    [
        (BindAs.TRANSCEIVER, pdu.BindTransceiver),
        (BindAs.TRANSMITTER, pdu.BindTransmitter),
        (BindAs.RECEIVER, pdu.BindReceiver),
    ],
)
async def test_each_kind_of_bind_is_asked_for_and_ended_by_an_unbind(
    bind: BindAs, request_kind: type[pdu.BindTransceiver]
) -> None:
    """Issue 4, 1: transmitter, receiver, transceiver; unbind both ways."""

    async def script(peer: Peer) -> None:
        assert await peer.accept_bind() == request_kind("us", "secret")
        await peer.accept_unbind()

    async with smsc(script) as link, connect(replace(link, bind=bind), store_nothing) as session:
        assert session.state is State.BOUND
    assert await closed(session) == "we unbound"


@pytest.mark.parametrize(
    ("status", "credentials"), [(0x0E, True), (0x0F, True), (0x0D, False), (0x05, False)]
)
async def test_a_refused_bind_says_whether_a_person_must_look(status: int, credentials: bool) -> None:
    """Issue 4, 1: wrong password retried slowly with an alarm."""

    async def script(peer: Peer) -> None:
        bind = await peer.expect(pdu.BindTransceiver)
        peer.say(pdu.BindTransceiverResp(), bind.sequence, status)
        assert await peer.read() is None

    async with smsc(script) as link:
        with pytest.raises(BindRefused) as refused:
            async with connect(link, store_nothing):
                pass
    assert (refused.value.status, refused.value.credentials) == (status, credentials)
    assert "secret" not in str(refused.value) + repr(link)


async def test_a_bind_may_be_refused_by_generic_nack() -> None:
    async def script(peer: Peer) -> None:
        bind = await peer.expect(pdu.BindTransceiver)
        peer.say(pdu.GenericNack(), bind.sequence, 0x03)
        assert await peer.read() is None

    async with smsc(script) as link:
        with pytest.raises(BindRefused, match="RINVCMDID"):
            async with connect(link, store_nothing):
                pass


async def test_nobody_at_the_port_is_not_connected() -> None:
    with pytest.raises(NotConnected):
        async with connect(Link("127.0.0.1", 1, "us", "secret"), store_nothing):
            pass


async def test_a_bind_that_is_not_answered_is_given_up() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect(pdu.BindTransceiver)
        assert await peer.read() is None

    async with smsc(script) as link:
        with pytest.raises(NotConnected, match="not answered"):
            async with connect(hurried(link, bind_s=0.05), store_nothing):
                pass


async def test_a_connection_closed_during_the_bind_is_not_connected() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect(pdu.BindTransceiver)

    async with smsc(script) as link:
        with pytest.raises(NotConnected, match="during the bind"):
            async with connect(link, store_nothing):
                pass


async def test_enquire_link_is_answered_before_the_bind_is() -> None:
    """Notes: enquire_link is answered in every state, also before bind_resp."""

    async def script(peer: Peer) -> None:
        bind = await peer.expect(pdu.BindTransceiver)
        peer.say(pdu.EnquireLink(), 77)
        assert (await peer.expect(pdu.EnquireLinkResp)).sequence == 77
        peer.say(DeliverSm(), 78)
        assert (await peer.expect(pdu.DeliverSmResp)).status == statuses.INVALID_BIND_STATUS
        peer.say(pdu.BindTransceiverResp("SMSC"), bind.sequence)
        await peer.accept_unbind()

    async with smsc(script) as link, connect(link, store_nothing):
        pass


def test_what_the_bind_cannot_carry_is_refused_before_any_connection() -> None:
    with pytest.raises(InvalidField):
        Link("127.0.0.1", 2775, "us", "longer than eight")
    with pytest.raises(ValueError):
        Link("127.0.0.1", 2775, "us", "secret", window=0)


# --- answers ----------------------------------------------------------------------------------------------


async def test_answers_find_their_messages_in_any_order_and_any_pieces() -> None:
    """Issue 4, 7: responses out of order, duplicated; PDU bytes in pieces of 1-7."""
    dice = random.Random(7)

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        told = await peer.expect_messages(50)
        dice.shuffle(told)
        answers = [codec.encode(pdu.SubmitSmResp(f"id{one.sequence}"), one.sequence) for one in told]
        octets = b"".join(answers + answers[:5])
        await peer.write_in_pieces(octets, (dice.randint(1, 7) for _ in range(len(octets) // 4)))
        await peer.accept_unbind()

    async with smsc(script) as link, connect(replace(link, window=50), store_nothing) as session:
        found = await outcomes(*(session.send(message(n)) for n in range(50)))
        assert found == [SubmitResult(f"id{n + 2}", 0) for n in range(50)]  # the bind was number 1
        assert (session.in_flight, session.room) == (0, 50)


async def test_the_window_is_never_exceeded_and_everyone_gets_a_turn() -> None:
    """Issue 4, 1: window."""
    unanswered = most = 0

    async def script(peer: Peer) -> None:
        nonlocal unanswered, most
        await peer.accept_bind()
        for _ in range(30):
            held = await peer.expect_messages(3)
            unanswered += len(held)
            most = max(most, unanswered)
            for one in held:
                unanswered -= 1
                peer.accept(one)
        await peer.accept_unbind()

    async with smsc(script) as link, connect(replace(link, window=3), store_nothing) as session:
        async with asyncio.timeout(PATIENCE_S):
            results = await asyncio.gather(*(session.submit(message(n)) for n in range(90)))
        assert len({result.message_id for result in results}) == 90
    assert most == 3


async def test_send_refuses_when_the_window_is_full_and_nothing_is_written() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        (one,) = await peer.expect_messages(1)
        peer.accept(one)
        await peer.accept_unbind()

    async with smsc(script) as link, connect(replace(link, window=1), store_nothing) as session:
        first = session.send(MESSAGE)
        with pytest.raises(NotWritten, match="full"):
            session.send(MESSAGE)
        await outcomes(first)


async def test_someone_who_waits_for_room_and_leaves_does_not_block_the_next() -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        (first,) = await peer.expect_messages(1)
        await go.wait()
        peer.accept(first)
        (second,) = await peer.expect_messages(1)
        assert second.body == message(2)
        peer.accept(second)
        await peer.accept_unbind()

    async with smsc(script) as link, connect(replace(link, window=1), store_nothing) as session:
        first = session.send(MESSAGE)
        looks_only = asyncio.create_task(session.until_room())
        leaves = asyncio.create_task(session.submit(message(1)))
        stays = asyncio.create_task(session.submit(message(2)))
        await asyncio.sleep(0)
        leaves.cancel()
        go.set()
        await outcomes(first, looks_only, stays)
        assert stays.result().message_id
        assert leaves.cancelled() or leaves.cancelling()


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (0x58, Verdict.THROTTLED),
        (0x14, Verdict.TEMPORARY),
        (0x0B, Verdict.PERMANENT),
        (0xFF, Verdict.UNKNOWN),
    ],
)
async def test_a_refused_message_says_what_follows(status: int, verdict: Verdict) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        (one,) = await peer.expect_messages(1)
        peer.write(
            codec.HEADER.pack(16, pdu.SubmitSmResp.command, status, one.sequence)
        )  # no body, as many do
        await peer.accept_unbind()

    async with smsc(script) as link, connect(link, store_nothing) as session:
        with pytest.raises(Rejected) as refused:
            await session.submit(MESSAGE)
        assert (refused.value.status, refused.value.verdict) == (status, verdict)


async def test_a_vendor_status_means_what_the_link_says() -> None:
    """Issue 4, 7: vendor status."""

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        for status, one in zip((0x401, 0x402), await peer.expect_messages(2), strict=True):
            peer.say(pdu.SubmitSmResp("v"), one.sequence, status)
        await peer.accept_unbind()

    async with smsc(script) as link:
        link = replace(link, verdicts={0x401: Verdict.ACCEPTED})
        async with connect(link, store_nothing) as session:
            first, second = await outcomes(session.send(MESSAGE), session.send(MESSAGE))
    assert first == SubmitResult("v", 0x401)
    assert isinstance(second, Rejected)
    assert second.verdict is Verdict.PERMANENT


@pytest.mark.parametrize(("status", "told"), [(0x03, 0x03), (0, statuses.UNKNOWN_ERROR)])
async def test_generic_nack_refuses_its_message(status: int, told: int) -> None:
    """Issue 4, 7: generic_nack."""

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        (one,) = await peer.expect_messages(1)
        peer.say(pdu.GenericNack(), 4711, 0x02)  # to nothing of ours: no harm
        peer.say(pdu.GenericNack(), one.sequence, status)
        await peer.accept_unbind()

    async with smsc(script) as link, connect(link, store_nothing) as session:
        with pytest.raises(Rejected) as refused:
            await session.submit(MESSAGE)
        assert refused.value.status == told


async def test_an_answer_with_an_unknown_or_broken_parameter_is_an_acceptance() -> None:
    """Issue 4, 7: unknown TLV. Losing the id of an accepted message would make it an unknown."""

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        for tail, one in zip(
            (b"\x14\0\0\1x", b"\x14\0\xff\xffx"), await peer.expect_messages(2), strict=True
        ):
            body = b"abc\0" + tail
            peer.write(codec.HEADER.pack(16 + len(body), pdu.SubmitSmResp.command, 0, one.sequence) + body)
        await peer.accept_unbind()

    async with smsc(script) as link, connect(link, store_nothing) as session:
        assert await outcomes(session.send(MESSAGE), session.send(MESSAGE)) == [SubmitResult("abc", 0)] * 2


async def test_a_lost_answer_is_unanswered_and_frees_its_place_and_a_late_one_is_told() -> None:
    """Issue 4, 7: responses late and lost."""
    late: asyncio.Future[tuple[int, Answer]] = asyncio.get_running_loop().create_future()
    given_up = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        (one,) = await peer.expect_messages(1)
        await given_up.wait()
        peer.accept(one, "late")
        peer.accept(one, "doubled")
        (other,) = await peer.expect_messages(1)
        peer.accept(other)
        await peer.accept_unbind()

    async with smsc(script) as link:
        link = hurried(replace(link, window=1), response_s=0.1)
        async with connect(link, store_nothing, lambda *what: late.set_result(what)) as session:
            with pytest.raises(Unanswered) as unanswered:
                await session.submit(MESSAGE)
            given_up.set()
            async with asyncio.timeout(PATIENCE_S):
                assert await late == (unanswered.value.sequence, SubmitResult("late", 0))
            assert session.room == 1
            assert (await session.submit(MESSAGE)).status == 0


async def test_a_caller_that_leaves_does_not_disturb_the_answer_to_others() -> None:
    heard = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        both = await peer.expect_messages(2)
        await heard.wait()
        for one in both:
            peer.accept(one)
        await peer.accept_unbind()

    async with smsc(script) as link, connect(link, store_nothing) as session:
        leaves, stays = session.send(MESSAGE), session.send(MESSAGE)
        leaves.cancel()
        heard.set()
        assert (await stays).status == 0
        assert session.in_flight == 0


async def test_a_message_that_cannot_be_encoded_takes_no_place() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await peer.accept_unbind()

    async with smsc(script) as link, connect(link, store_nothing) as session:
        with pytest.raises(InvalidField):
            session.send(replace(MESSAGE, destination_addr="8" * 30))
        assert session.in_flight == 0


async def test_a_receiver_does_not_send() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        await peer.accept_unbind()

    async with smsc(script) as link, connect(replace(link, bind=BindAs.RECEIVER), store_nothing) as session:
        with pytest.raises(NotWritten, match="receiver"):
            await session.submit(MESSAGE)


async def test_a_message_can_be_asked_about_and_cancelled() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_bind()
        query = await peer.expect(pdu.QuerySm)
        peer.say(pdu.QuerySmResp("7", message_state=2), query.sequence)
        cancel = await peer.expect(pdu.CancelSm)
        peer.say(pdu.CancelSmResp(), cancel.sequence, 0x11)
        await peer.accept_unbind()

    async with smsc(script) as link, connect(link, store_nothing) as session:
        assert (await session.ask(pdu.QuerySm("7"))).body == pdu.QuerySmResp("7", message_state=2)
        with pytest.raises(Rejected, match="RCANCELFAIL"):
            await session.ask(pdu.CancelSm(message_id="7"))
