"""Does somebody else's code read what we write, and we what it writes? The judge is smpplib's PDU layer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import smpp as judge
from smpplib.client import Client

from smpp import codec, pdu, receipts, segments, statuses
from smpp.errors import BindRefused
from smpp.inbound import Inbound
from smpp.link import Link, Timers
from smpp.session import connect
from tests.smpp.peer import PATIENCE_S

NOBODY = Client(
    "127.0.0.1", 1, allow_unknown_opt_params=True
)  # smpplib wants one to count sequences; never connected
NAMES = {
    "source_addr_ton": "source_ton",
    "source_addr_npi": "source_npi",
    "dest_addr_ton": "dest_ton",
    "dest_addr_npi": "dest_npi",
    "source_addr": "source_addr",
    "destination_addr": "destination_addr",
    "esm_class": "esm_class",
    "protocol_id": "protocol_id",
    "priority_flag": "priority_flag",
    "registered_delivery": "registered_delivery",
    "replace_if_present_flag": "replace_if_present",
    "data_coding": "data_coding",
    "service_type": "service_type",
    "validity_period": "validity_period",
    "schedule_delivery_time": "schedule_delivery_time",
    "short_message": "short_message",
}
TEXT = {"source_addr", "destination_addr", "service_type", "validity_period", "schedule_delivery_time"}

octet = st.integers(0, 255)
digits = st.text("0123456789", min_size=1, max_size=20)
messages = {
    "source_ton": octet,
    "source_npi": octet,
    "dest_ton": octet,
    "dest_npi": octet,
    "source_addr": digits,
    "destination_addr": digits,
    "esm_class": octet,
    "data_coding": octet,
    "registered_delivery": octet,
    "protocol_id": octet,
    "priority_flag": octet,
    "validity_period": st.sampled_from(["", "000001020304000R"]),
    "short_message": st.binary(min_size=1, max_size=254),
}


def read_by_judge(octets: bytes) -> Any:
    return judge.parse_pdu(octets, client=NOBODY)


def said_by_judge(name: str, sequence: int, **fields: Any) -> Any:
    one = judge.make_pdu(name, client=NOBODY, **fields)
    one.sequence = sequence  # as an argument it is not taken
    return one


def plain(name: str, value: Any) -> Any:
    if name in TEXT:
        return value.decode() if isinstance(value, bytes) else value or ""
    return value or (b"" if name == "short_message" else 0)


@pytest.mark.parametrize("kind", [pdu.SubmitSm, pdu.DeliverSm])
@given(data=st.data())
def test_the_judge_reads_our_messages(kind: type[pdu.SubmitSm], data: st.DataObject) -> None:
    ours = data.draw(st.builds(kind, **messages))
    theirs = read_by_judge(codec.encode(ours, 7))
    assert theirs.sequence == 7
    for their_name, our_name in NAMES.items():
        assert plain(our_name, getattr(theirs, their_name)) == getattr(ours, our_name), our_name


@pytest.mark.parametrize(("name", "kind"), [("submit_sm", pdu.SubmitSm), ("deliver_sm", pdu.DeliverSm)])
@given(data=st.data())
def test_we_read_the_judges_messages(name: str, kind: type[pdu.SubmitSm], data: st.DataObject) -> None:
    ours = data.draw(st.builds(kind, **messages))
    theirs = said_by_judge(name, 9, **{theirs: getattr(ours, name) for theirs, name in NAMES.items()})
    read = codec.decode(theirs.generate())
    assert (read.sequence, read.body) == (9, ours)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bind_transceiver", pdu.BindTransceiver),
        ("bind_transmitter", pdu.BindTransmitter),
        ("bind_receiver", pdu.BindReceiver),
    ],
)
def test_binds_are_read_both_ways(name: str, kind: type[pdu.BindTransceiver]) -> None:
    ours = kind("us", "secret", "VMA", 0x34, 1, 1, "84*")
    theirs = read_by_judge(codec.encode(ours, 3))
    assert theirs.command == name
    fields = (theirs.system_id, theirs.password, theirs.system_type, theirs.address_range)
    assert fields == (b"us", b"secret", b"VMA", b"84*")
    assert (theirs.interface_version, theirs.addr_ton, theirs.addr_npi) == (0x34, 1, 1)
    written = said_by_judge(
        name, 3, system_id="us", password="secret", system_type="VMA",
        interface_version=0x34, addr_ton=1, addr_npi=1, address_range="84*",
    )  # fmt: skip
    assert codec.decode(written.generate()) == pdu.Pdu(3, 0, ours)


class JudgeSmsc:
    """An SMSC whose every octet is read and written by smpplib's PDU layer."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.receipt_status: int | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readexactly(4)
                octets = head + await reader.readexactly(int.from_bytes(head, "big") - 4)
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            for answer in self.answers(read_by_judge(octets)):
                writer.write(answer.generate())
            if octets[7] == 0x06:
                break
        writer.close()

    def answers(self, one: Any) -> list[Any]:
        if one.command == "bind_transceiver":
            status = 0 if one.password == b"secret" else statuses.INVALID_PASSWORD
            return [said_by_judge("bind_transceiver_resp", one.sequence, system_id="JUDGE", status=status)]
        if one.command == "submit_sm":
            self.texts.append(one.short_message)
            told = said_by_judge("submit_sm_resp", one.sequence, message_id=f"j{one.sequence}")
            receipt = said_by_judge(
                "deliver_sm", one.sequence + 1000, source_addr=one.destination_addr.decode(),
                destination_addr=one.source_addr.decode(), esm_class=0x04,
                short_message=b"id:j%d stat:DELIVRD err:000" % one.sequence,
            )  # fmt: skip
            return [told, receipt]
        if one.command == "deliver_sm_resp":
            self.receipt_status = one.status
            return [said_by_judge("enquire_link", 5000)]
        return [said_by_judge("unbind_resp", one.sequence)] if one.command == "unbind" else []


async def test_a_conversation_with_the_judge() -> None:
    """Issue 4, 7: an SMSC on smpplib's PDU layer; long Vietnamese text, receipts, keep-alive, unbind."""
    smsc = JudgeSmsc()
    said = "Quý khách đã đăng ký thành công gói C90N. " * 4
    arrived: asyncio.Queue[Inbound] = asyncio.Queue()

    async def store(message: Inbound) -> int:
        arrived.put_nowait(message)
        return statuses.OK

    server = await asyncio.start_server(smsc.serve, "127.0.0.1", 0)
    link = Link(
        "127.0.0.1", server.sockets[0].getsockname()[1], "us", "secret", timers=Timers(unbind_s=PATIENCE_S)
    )
    async with server, asyncio.timeout(PATIENCE_S):
        async with connect(link, store) as session:
            ids = []
            for part in segments.split(said, reference=258):
                message = pdu.SubmitSm(
                    "8989", "84901234567", part.short_message, 3, 0, 1, 1, part.esm_class, part.data_coding, 1
                )
                ids.append((await session.submit(message)).message_id)
            told = [receipts.receipt_of(await arrived.get()) for _ in ids]
        assert str(await session.wait_closed()) == "we unbound"
    assert [receipt.message_id for receipt in told if receipt] == ids
    assert b"".join(octets[6:] for octets in smsc.texts).decode("utf-16-be") == said
    assert [octets[:6] for octets in smsc.texts] == [bytes((5, 0, 3, 2, 3, n)) for n in (1, 2, 3)]
    assert smsc.receipt_status == 0


async def test_the_judge_refuses_a_wrong_password() -> None:
    server = await asyncio.start_server(JudgeSmsc().serve, "127.0.0.1", 0)

    async def store(_: Inbound) -> int:
        return statuses.OK

    link = Link("127.0.0.1", server.sockets[0].getsockname()[1], "us", "wrong")
    async with server:
        with pytest.raises(BindRefused) as refused:
            async with connect(link, store):
                pass
    assert refused.value.credentials
