"""Are delivery receipts of every shape understood, and matched with their messages?"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp import pdu, receipts, times
from smpp.pdu import Tlvs
from smpp.receipts import Receipt, State
from tests.smpp import pdus

VIETNAM = timezone(timedelta(hours=7))
STANDARD = (
    b"id:0a1b2c sub:001 dlvrd:001 submit date:2611211000 done date:261121100105 stat:DELIVRD err:000 text:Ok"
)


def receipt(octets: bytes = b"", tlvs: Tlvs = (), esm_class: int = 0x04, coding: int = 0) -> Receipt:
    message = pdu.DeliverSm(short_message=octets, tlvs=tlvs, esm_class=esm_class, data_coding=coding)
    found = receipts.receipt_of(message)
    assert found is not None
    return found


def test_the_shape_of_the_specification_is_read() -> None:
    """SMPP 3.4, appendix B."""
    read = receipt(STANDARD)
    assert read == Receipt("0a1b2c", State.DELIVERED, "000", "2611211000", "261121100105", True)


@pytest.mark.parametrize(
    ("octets", "message_id", "state", "error"),
    [
        (b"ID:7 STAT:UNDELIV ERR:0x0b", "7", State.UNDELIVERABLE, "0x0b"),
        (b"id:7\nstat:EXPIRED\nerr:E-12", "7", State.EXPIRED, "E-12"),
        (b"id: 7 stat: REJECTD err: ", "7", State.REJECTED, ""),
        (b"id:7,stat:DELETED,err:1", "7", State.DELETED, "1"),
        (b"message id=7;status=DELIVERED", "7", State.DELIVERED, ""),
        (b"stat:ACCEPTD", "", State.ACCEPTED, ""),
        (b"stat:FOO id:9", "9", State.UNKNOWN, ""),
        (b"id:7 stat:UNDELIVERABLE", "7", State.UNDELIVERABLE, ""),
        (b"id:7 stat:UNKNOWN", "7", State.UNKNOWN, ""),
        (b"id:7 stat:ENROUTE", "7", State.ENROUTE, ""),
        (b"id:7 stat:DELIVRD err:000 text:id:8 stat:REJECTD", "7", State.DELIVERED, "000"),
        (b"text:id:8 stat:DELIVRD", "", State.UNKNOWN, ""),
        (b"", "", State.UNKNOWN, ""),
        (b"\xff\xfe\x00", "", State.UNKNOWN, ""),
    ],
)
def test_the_shapes_of_vendors_are_read(octets: bytes, message_id: str, state: State, error: str) -> None:
    """Issue 4, 5: every field optional, any order, err any string."""
    read = receipt(octets, coding=8)
    assert (read.message_id, read.state, read.error) == (message_id, state, error)


def test_optional_parameters_outweigh_the_text() -> None:
    tlvs = ((0x001E, b"4F0A\0"), (0x0427, b"\x05"), (0x0423, b"\x03\x01\x02"))
    read = receipt(STANDARD, tlvs)
    assert (read.message_id, read.state, read.error) == ("4F0A", State.UNDELIVERABLE, "3:258")


@pytest.mark.parametrize(
    "tlvs", [((0x001E, b""), (0x0427, b""), (0x0423, b"")), ((0x0427, b"\x63"), (0x0423, b"\x01"))]
)
def test_optional_parameters_without_meaning_leave_the_text_its_say(tlvs: Tlvs) -> None:
    read = receipt(STANDARD, tlvs)
    assert (read.message_id, read.state, read.error) == ("0a1b2c", State.DELIVERED, "000")


def test_a_receipt_may_stand_in_the_payload_or_in_data_sm() -> None:
    assert receipt(b"", ((0x0424, STANDARD),)).state is State.DELIVERED
    read = receipts.receipt_of(pdu.DataSm(esm_class=4, tlvs=((0x001E, b"9\0"), (0x0427, b"\x02"))))
    assert read == Receipt("9", State.DELIVERED, "", "", "", True)


@pytest.mark.parametrize(("esm_class", "final"), [(0x04, True), (0x44, True), (0x20, False)])
def test_an_intermediate_notification_is_not_the_end(esm_class: int, final: bool) -> None:
    assert receipt(STANDARD, esm_class=esm_class).final is final


def test_a_message_on_its_way_is_not_at_its_end() -> None:
    assert not receipt(b"id:7 stat:ENROUTE").final


@pytest.mark.parametrize("esm_class", [0x00, 0x08, 0x10, 0x40])
def test_a_subscriber_cannot_write_a_receipt(esm_class: int) -> None:
    message = pdu.DeliverSm("84901234567", "8989", STANDARD, esm_class=esm_class)
    assert receipts.receipt_of(message) is None


@given(pdus.bodies[pdu.DeliverSm])
def test_no_message_makes_the_reading_fail(message: pdu.DeliverSm) -> None:
    read = receipts.receipt_of(message)
    assert (read is not None) is receipts.is_receipt(message)


@pytest.mark.parametrize(
    ("response", "told", "same"),
    [
        ("4f0a", "4f0a", True),
        ("4F0A", "4f0a", True),
        ("00004f0a", "4F0A", True),
        ("4f0a", "20234", True),
        ("20234", "4F0A", True),
        ("0020234", "00004f0a", True),
        ("0", "000", True),
        ("a-1", "A-1", True),
        ("4f0a", "20235", False),
        ("0", "", False),
        ("a-1", "a1", False),
    ],
)
def test_an_id_is_recognised_in_its_other_forms(response: str, told: str, same: bool) -> None:
    """Issue 4, 7: hex and decimal ids."""
    assert (receipts.plain_id(response) in receipts.id_forms(told)) is same
    assert (receipts.plain_id(told) in receipts.id_forms(response)) is same


@given(st.integers(0, 1 << 64), st.integers(0, 8))
def test_any_number_is_found_by_its_hex_and_its_decimal_form(number: int, zeros: int) -> None:
    decimal, hexadecimal = str(number), "0" * zeros + f"{number:X}"
    assert receipts.plain_id(decimal) in receipts.id_forms(hexadecimal)
    assert receipts.plain_id(hexadecimal) in receipts.id_forms(decimal)
    assert receipts.id_forms(decimal)[0] == receipts.plain_id(decimal)


def test_an_endless_id_is_only_itself() -> None:
    assert receipts.id_forms("9" * 60_000) == ("9" * 60_000,)


@pytest.mark.parametrize(
    ("digits", "read"),
    [
        ("2611211001", datetime(2026, 11, 21, 10, 1, tzinfo=VIETNAM)),
        ("261121100105", datetime(2026, 11, 21, 10, 1, 5, tzinfo=VIETNAM)),
        ("20261121100105", datetime(2026, 11, 21, 10, 1, 5, tzinfo=VIETNAM)),
        ("2613211001", None),
        ("0000000000", None),
        ("", None),
        ("soon", None),
        ("-611211001", None),
    ],
)
def test_dates_are_read_or_left(digits: str, read: datetime | None) -> None:
    """Notes: dates of 10 or 12 digits or nonsense."""
    assert times.receipt_time(digits, VIETNAM) == read


@pytest.mark.parametrize(
    ("span", "written"),
    [
        (timedelta(seconds=1), "000000000001000R"),
        (timedelta(hours=13, minutes=59, seconds=59, milliseconds=900), "000000135959000R"),
        (timedelta(days=30), "000030000000000R"),
    ],
)
def test_a_validity_is_relative_and_never_rounded_up(span: timedelta, written: str) -> None:
    """R8: the validity ends at the window's end."""
    assert times.relative_time(span) == written


@pytest.mark.parametrize(
    "span", [timedelta(0), timedelta(milliseconds=900), timedelta(days=-1), timedelta(days=31)]
)
def test_a_validity_that_smpp_cannot_say_is_refused(span: timedelta) -> None:
    with pytest.raises(ValueError):
        times.relative_time(span)
