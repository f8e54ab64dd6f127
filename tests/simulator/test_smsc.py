"""Does the simulated SMSC answer, deliver and misbehave as SMPP 3.4 and its own description say?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import smpp_text
from simulator.record import read
from simulator.smpp_codec import DELIVER_SM, Sm, decode_sm
from simulator.smsc import Faults, Smsc
from tests.simulator.esme import WAIT_S, Esme

Connect = Callable[[], AbstractAsyncContextManager[Esme]]


@pytest.fixture
async def smsc(tmp_path: Path) -> AsyncIterator[Smsc]:
    async with Smsc(record=tmp_path / "smsc.jsonl") as running:
        yield running


@asynccontextmanager
async def bound(smsc: Smsc, mode: str = "transceiver") -> AsyncIterator[Esme]:
    async with Esme(smsc.port) as esme:
        assert (await esme.bind(mode)).status == 0
        yield esme


async def ended(esme: Esme) -> bool:
    """Whether the SMSC has closed the connection; fails the test when it goes on talking."""
    try:
        await esme.read()
    except (EOFError, ConnectionError):
        return True
    return False


async def test_a_submitted_message_stands_in_the_record_and_its_receipt_names_its_id(smsc: Smsc) -> None:
    async with bound(smsc) as esme:
        answer = await esme.submitted(text=b"Quy khach", validity_period="000000010000000R")
        receipt = await esme.expect("deliver_sm")
        esme.reply(receipt)
        message_id = answer.message_id.decode()
        assert receipt.esm_class == 4
        assert f"id:{message_id} ".encode() in receipt.short_message
        assert b"stat:DELIVRD" in receipt.short_message
        assert receipt.receipted_message_id.decode() == message_id
        assert (receipt.source_addr, receipt.destination_addr) == (b"84901234567", b"8989")
        await smsc.wait_until(lambda lines: lines[-1]["event"] == "acknowledged")
    (message,) = smsc.records()
    assert (message.number, message.sender, message.text) == ("84901234567", "8989", "Quy khach")
    assert (message.message_ids, message.validity) == ((message_id,), "000000010000000R")
    assert [line["text"] for line in read(smsc.record.path) if line["event"] == "message"] == ["Quy khach"]


@pytest.mark.parametrize(
    ("system_id", "password", "status"),
    [("mai", "wrong", 0x0E), ("who", "secret", 0x0F), ("mai", "secret", 0)],
)
async def test_a_bind_needs_the_right_name_and_password(
    smsc: Smsc, system_id: str, password: str, status: int
) -> None:
    async with Esme(smsc.port) as esme:
        assert (await esme.bind(system_id=system_id, password=password)).status == status
        assert (await esme.submitted()).status == (0 if status == 0 else 0x04)


async def test_a_bind_can_be_refused_on_command(smsc: Smsc) -> None:
    smsc.faults.refuse_bind = 0x0D
    async with Esme(smsc.port) as esme:
        assert (await esme.bind()).status == 0x0D


async def test_a_receiver_gets_the_receipts_of_what_a_transmitter_submits(smsc: Smsc) -> None:
    async with bound(smsc, "transmitter") as sender, bound(smsc, "receiver") as receiver:
        assert (await receiver.submitted()).status == 0x04
        answer = await sender.submitted()
        assert answer.message_id in (await receiver.expect("deliver_sm")).short_message


async def test_links_are_enquired_and_unbound_both_ways(tmp_path: Path) -> None:
    async with (
        Smsc(record=tmp_path / "r", enquire_link_s=0.05) as smsc,
        Esme(smsc.port) as early,
        bound(smsc) as esme,
    ):
        assert (await early.ask("enquire_link")).status == 0
        assert (await esme.ask("enquire_link")).status == 0
        esme.reply(await esme.expect("enquire_link"))
        await smsc.wait_until(lambda lines: any(x["event"] == "enquire-link-answered" for x in lines))
        assert (await esme.ask("unbind")).status == 0
        await smsc.wait_until(lambda lines: any(x["event"] == "closed" for x in lines))


@pytest.mark.parametrize("method", ["udh8", "udh16", "sar", "payload"])
async def test_parts_in_any_order_become_one_message_by_every_method(smsc: Smsc, method: str) -> None:
    halves = ["Quý khách vừa bỏ lỡ ".encode("utf-16-be"), "cuộc gọi 😀".encode("utf-16-be")]
    parts: list[dict[str, object]] = []
    for i, half in enumerate(halves, 1):
        if method == "udh8":
            parts.append({"text": bytes((5, 0, 3, 77, 2, i)) + half, "esm_class": 0x40})
        elif method == "udh16":
            parts.append({"text": bytes((6, 8, 4, 1, 77, 2, i)) + half, "esm_class": 0x40})
        elif method == "sar":
            sar = {"sar_msg_ref_num": 77, "sar_total_segments": 2, "sar_segment_seqnum": i}
            parts.append({"text": half, **sar})
    if method == "payload":
        parts = [{"text": b"", "message_payload": b"".join(halves)}]
    async with bound(smsc) as esme:
        for part in reversed(parts):
            assert (await esme.submitted(data_coding=8, **part)).status == 0
    (message,) = smsc.records()
    assert message.text == "Quý khách vừa bỏ lỡ cuộc gọi 😀"
    assert message.parts == len(parts)


async def test_a_message_submitted_twice_is_seen_twice(smsc: Smsc) -> None:
    async with bound(smsc) as esme:
        for number in (1, 2, 1, 2):
            await esme.submitted(text=bytes((5, 0, 3, 9, 2, number)) + b"part", esm_class=0x40)
    assert [m.text for m in smsc.records()] == ["partpart", "partpart"]


async def test_statuses_are_given_in_turn_and_nothing_refused_is_recorded_as_accepted(smsc: Smsc) -> None:
    smsc.faults.statuses = [0x58, 0x14, 0x400]
    smsc.faults.status_of["84909999999"] = 0x0B
    async with bound(smsc) as esme:
        assert [(await esme.submitted()).status for _ in range(4)] == [0x58, 0x14, 0x400, 0]
        assert (await esme.submitted(number="84909999999")).status == 0x0B
        assert (await esme.submitted(number="+84901234567")).status == 0x0B
    assert len(smsc.records()) == 1
    lines = [line for line in read(smsc.record.path) if line["event"] == "submit"]
    assert [line["accepted"] for line in lines] == [False, False, False, True, False, False]


async def test_a_lost_response_leaves_an_accepted_message(smsc: Smsc) -> None:
    smsc.faults.lose_responses = 1
    smsc.faults.receipts = "none"
    async with bound(smsc) as esme:
        lost, heard = esme.submit(text=b"lost"), esme.submit(text=b"heard")
        assert (await esme.read()).sequence == heard != lost
    assert [m.text for m in smsc.records()] == ["lost", "heard"]


@pytest.mark.parametrize("accepted", [True, False])
async def test_the_connection_drops_at_the_nth_submit_accepted_or_not(smsc: Smsc, accepted: bool) -> None:
    smsc.faults = Faults(drop_after=3, drop_accepted=accepted, receipts="none")
    async with bound(smsc) as esme:
        await esme.submitted()
        await esme.submitted()
        esme.submit()
        assert await ended(esme)
    async with bound(smsc) as esme:
        assert (await esme.submitted()).status == 0
    assert len(smsc.records()) == 3 + accepted


async def test_throttling_begins_above_the_rate(smsc: Smsc) -> None:
    smsc.faults.per_second = 3
    async with bound(smsc) as esme:
        sequences = [esme.submit() for _ in range(5)]
        statuses = [(await esme.expect("submit_sm_resp", s)).status for s in sequences]
    assert statuses == [0, 0, 0, 0x58, 0x58]


async def test_a_delayed_response_does_not_hold_up_the_window(smsc: Smsc) -> None:
    smsc.faults.response_delay_s = 0.2
    async with bound(smsc) as esme:
        sequences = [esme.submit() for _ in range(50)]
        await smsc.wait_for(lambda messages: len(messages) == 50)
        first = await esme.expect("submit_sm_resp")
        assert first.sequence == sequences[0]


async def test_a_frozen_smsc_answers_nothing_until_it_thaws(smsc: Smsc) -> None:
    async with bound(smsc) as esme:
        smsc.freeze()
        asked = esme.send("enquire_link")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(esme.read(), 0.2)
        async with Esme(smsc.port) as other:
            binding = asyncio.create_task(other.bind())
            smsc.thaw()
            assert (await esme.expect("enquire_link_resp", asked)).status == 0
            assert (await binding).status == 0


@pytest.mark.parametrize(
    ("form", "in_receipt", "expected"),
    [
        ("decimal", "hex", "3b9aca01"),
        ("hex", "decimal", "1000000001"),
        ("decimal", "padded", "00000000001000000001"),
    ],
)
async def test_ids_in_receipts_take_the_forms_that_real_smscs_use(
    smsc: Smsc, form: str, in_receipt: str, expected: str
) -> None:
    smsc.faults = Faults(id_form=form, receipt_id_form=in_receipt, receipt_tlvs=False)  # type: ignore[arg-type]
    async with bound(smsc) as esme:
        await esme.submitted()
        assert f"id:{expected} ".encode() in (await esme.expect("deliver_sm")).short_message


async def test_receipts_come_before_the_response_doubled_or_failed_on_command(smsc: Smsc) -> None:
    smsc.faults = Faults(receipt_first=True, receipt_delay_s=0, receipts="double")
    smsc.faults.receipt_stat["84901234567"] = "UNDELIV"
    async with bound(smsc) as esme:
        esme.submit()
        got = [await esme.read() for _ in range(3)]
    assert [pdu.command for pdu in got] == ["deliver_sm", "deliver_sm", "submit_sm_resp"]
    assert b"stat:UNDELIV err:001" in got[0].short_message


@pytest.mark.parametrize(
    ("registered_delivery", "stat", "wanted"),
    [(0, "DELIVRD", 0), (1, "DELIVRD", 1), (2, "DELIVRD", 0), (2, "UNDELIV", 1), (3, "UNDELIV", 0)],
)
async def test_a_receipt_comes_only_where_it_was_asked_for(
    smsc: Smsc, registered_delivery: int, stat: str, wanted: int
) -> None:
    smsc.faults = Faults(receipt_delay_s=0, receipt_stat={"84901234567": stat})
    async with bound(smsc) as esme:
        await esme.submitted(registered_delivery=registered_delivery)
        await esme.ask("enquire_link")  # whatever the submit set going has been written by now
    assert sum(line["event"] == "delivered" for line in smsc.record.lines) == wanted


async def test_an_unacknowledged_receipt_comes_again_on_the_next_connection(smsc: Smsc) -> None:
    async with bound(smsc) as esme:
        answer = await esme.submitted()
        await esme.expect("deliver_sm")
    await smsc.wait_until(lambda lines: any(x["event"] == "closed" for x in lines))
    async with bound(smsc) as esme:
        again = await esme.expect("deliver_sm")
        assert answer.message_id in again.short_message
        esme.reply(again, status=0x64)
        esme.reply(await esme.expect("deliver_sm"))
        await smsc.wait_until(
            lambda lines: [x["status"] for x in lines if x["event"] == "acknowledged"] == [0x64, 0]
        )


async def test_a_subscribers_long_message_arrives_in_parts(smsc: Smsc) -> None:
    text = "Từ chối " * 20
    async with bound(smsc) as esme:
        sending = asyncio.create_task(smsc.send_mo("84901234567", "9090", text))
        octets = b""
        for _ in range(3):
            part = await esme.expect("deliver_sm")
            assert (part.source_addr, part.destination_addr, part.esm_class) == (
                b"84901234567",
                b"9090",
                0x40,
            )
            octets += part.short_message[6:]
            esme.reply(part)
        assert await asyncio.wait_for(sending, WAIT_S) == 0
    assert octets.decode("utf-16-be") == text


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        ("00000010000000f00000000000000001", 0x03),  # an unknown command
        ("00000012000000040000000000000001ffff", 0x01),  # a submit_sm that ends early
        ("ffffffff000000040000000000000001", 0x02),  # a length of 4 GB
    ],
)
async def test_a_broken_pdu_is_answered_and_the_smsc_lives_on(smsc: Smsc, octets: str, status: int) -> None:
    async with bound(smsc) as esme:
        esme.writer.write(bytes.fromhex(octets))
        assert (await esme.read()).status == status
    async with bound(smsc) as esme:
        assert (await esme.submitted()).status == 0


@given(st.text(max_size=400), st.integers(0, 255))
def test_every_text_survives_being_split_and_joined(text: str, reference: int) -> None:
    text = text.encode("utf-16-be", "replace").decode("utf-16-be")
    coding, parts = smpp_text.split(text, reference)
    joined = b""
    for i, octets in enumerate(parts, 1):
        sent = Sm("84901234567", "9090", octets, esm_class=0x40 if len(parts) > 1 else 0, data_coding=coding)
        got = decode_sm(DELIVER_SM, sent.encode())
        assert got == sent
        part, rest = smpp_text.part_of(got)
        assert (part.number if part else 1) == i
        assert len(octets) <= (160 if coding == 0 else 140)
        joined += rest
    assert smpp_text.decode(joined, coding) == text
