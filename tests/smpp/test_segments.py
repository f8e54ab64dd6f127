"""Is every text cut into parts that fit, and put together again?"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp import pdu, segments, text
from smpp.segments import Method, Segment, TooLong
from smpp.text import Coding, NotText

VIETNAMESE = "Quý khách được ưu đãi gói cước C90N. "
#: Every kind of unit: GSM, extension, Vietnamese, pairs, marks that do not compose, joined signs, skin tones.
MIXED = st.text(st.sampled_from("aZ 0€{^ệưđ😀👍🏽\u0301\u0323\u0e48\u200d\ufe0f\n"), max_size=600)
ANY = st.one_of(
    st.text(max_size=600), MIXED, st.text(st.sampled_from(sorted(text._GSM_CHARACTERS)), max_size=700)
)
METHODS = st.sampled_from(Method)


def as_message(segment: Segment) -> pdu.DeliverSm:
    return pdu.DeliverSm(
        short_message=segment.short_message,
        esm_class=segment.esm_class,
        data_coding=segment.data_coding,
        tlvs=segment.tlvs,
    )


def octets_on_the_air(segment: Segment) -> int:
    """Octets of the user data in TP-UD: septets are packed, after the header is filled up to a septet."""
    octets = segment.short_message
    header = octets[0] + 1 if segment.esm_class & pdu.ESM_UDH else 0
    if segment.data_coding != Coding.GSM:
        return len(octets)
    septets = -(-header * 8 // 7) + len(octets) - header
    return -(-septets * 7 // 8)


@given(ANY, METHODS, st.integers(0, 1 << 40))
def test_parts_joined_in_any_order_are_the_text(said: str, method: Method, reference: int) -> None:
    """Issue 4, shown by: segments joined = text for any Unicode text, none over 140 octets."""
    parts = segments.split(said, reference=reference, method=method)
    normal = unicodedata.normalize("NFC", said)
    assert "".join(part.text for part in parts) == normal
    arrived = [segments.part_of(as_message(part)) for part in parts]
    random.Random(reference).shuffle(arrived)
    assert segments.join([*arrived, arrived[0]]) == normal
    if len(arrived) > 1:
        assert segments.join(arrived[1:]) is None
    assert sum(part.parts for part in parts) == segments.how_many_parts(said, method=method)


@given(ANY, st.sampled_from([Method.UDH8, Method.UDH16]))
def test_no_part_is_over_140_octets(said: str, method: Method) -> None:
    for part in segments.split(said, reference=1, method=method):
        assert octets_on_the_air(part) <= 140


@given(ANY)
def test_a_sar_part_fits_with_the_longest_header_the_smsc_may_write(said: str) -> None:
    parts = segments.split(said, reference=1, method=Method.SAR)
    for part in parts if len(parts) > 1 else ():
        relabelled = replace(
            part, short_message=bytes((6, 8, 4, 0, 1, 2, 1)) + part.short_message, esm_class=0x40
        )
        assert octets_on_the_air(relabelled) <= 140


@given(MIXED, st.sampled_from([Method.UDH8, Method.UDH16, Method.SAR]))
def test_no_cut_goes_through_a_character(said: str, method: Method) -> None:
    """Notes: no escape, surrogate pair or combining mark is cut."""
    parts = segments.split(said, reference=1, method=method)
    for before, after in pairwise(parts):
        assert not before.short_message.endswith(b"\x1b") or before.data_coding == Coding.UCS2
        alone = max(
            len(text.encode(unit, Coding.UCS2)) for unit in segments.units(before.text[-1:] + after.text)
        )
        if alone <= 130:  # a longer pile of marks fits nowhere
            assert unicodedata.category(after.text[0])[0] != "M"
            assert "\u200d" not in (before.text[-1], after.text[0])


@pytest.mark.parametrize(
    ("said", "method", "parts"),
    [
        ("", Method.UDH8, 1),
        ("a" * 160, Method.UDH8, 1),
        ("a" * 161, Method.UDH8, 2),
        ("a" * 306, Method.UDH8, 2),
        ("a" * 307, Method.UDH8, 3),
        ("a" * 304, Method.UDH16, 2),
        ("a" * 305, Method.UDH16, 3),
        ("€" * 80, Method.UDH8, 1),
        ("€" * 81, Method.UDH8, 2),
        ("€" * 152, Method.UDH8, 2),
        ("€" * 153, Method.UDH8, 3),
        ("ư" * 70, Method.UDH8, 1),
        ("ư" * 71, Method.UDH8, 2),
        ("ư" * 134, Method.UDH8, 2),
        ("ư" * 135, Method.UDH8, 3),
        ("ư" * 132, Method.UDH16, 2),
        ("ư" * 133, Method.SAR, 3),
        ("ư" * 134, Method.PAYLOAD, 2),
        ("😀" * 35, Method.UDH8, 1),
        ("😀" * 66, Method.UDH8, 2),
        ("😀" * 67, Method.UDH8, 3),
        ("ư" * 67 * 255, Method.UDH8, 255),
    ],
)
def test_the_number_of_parts_is_known_before_sending(said: str, method: Method, parts: int) -> None:
    """Issue 4, 2: 160/153 and 70/67, 152/66 with a 16-bit reference."""
    assert segments.how_many_parts(said, method=method) == parts


def test_a_sentence_in_nfd_costs_no_part_more() -> None:
    assert segments.how_many_parts(unicodedata.normalize("NFD", "ắ" * 70)) == 1


def test_latin_1_is_used_when_asked_for() -> None:
    said = "é" * 141
    parts = segments.split(said, reference=3, coding=Coding.LATIN1)
    assert [len(part.text) for part in parts] == [134, 7]
    assert segments.join(segments.part_of(as_message(part)) for part in parts) == said


def test_a_text_of_more_than_255_parts_is_refused() -> None:
    with pytest.raises(TooLong):
        segments.split("ư" * (67 * 255 + 1), reference=1)


def test_an_unpaired_surrogate_is_refused() -> None:
    with pytest.raises(NotText, match="unpaired surrogate"):
        segments.split("ab\ud83d", reference=1)


def test_the_headers_are_those_of_the_specification() -> None:
    """3GPP TS 23.040, 9.2.3.24.1 and 9.2.3.24.8; SMPP 3.4, 5.3.2.22 to 24."""
    second = {
        method: segments.split(VIETNAMESE * 3, reference=0x1234, method=method)[1]
        for method in Method
        if method != "payload"
    }
    assert second[Method.UDH8].short_message[:6].hex() == "050003340202"
    assert second[Method.UDH16].short_message[:7].hex() == "06080412340202"
    assert second[Method.SAR].tlvs == ((0x020C, b"\x12\x34"), (0x020E, b"\2"), (0x020F, b"\2"))
    assert [part.esm_class for part in second.values()] == [0x40, 0x40, 0]


def test_a_payload_is_one_message_that_counts_for_its_parts() -> None:
    (whole,) = segments.split(VIETNAMESE * 3, reference=1, method=Method.PAYLOAD)
    assert (whole.total, whole.parts, whole.short_message) == (1, 2, b"")


def test_parts_that_others_cut_through_a_pair_are_joined_well() -> None:
    octets = "a😀b".encode("utf-16-be")
    parts = [segments.Part(Method.UDH8, 9, 2, n, piece, 8) for n, piece in ((2, octets[4:]), (1, octets[:4]))]
    assert segments.join(parts) == "a😀b"


def test_parts_of_different_codings_are_joined_each_in_its_own() -> None:
    parts = [
        segments.Part(Method.SAR, 9, 2, 1, b"TU CHOI ", 0),
        segments.Part(Method.SAR, 9, 2, 2, b"\x01\xb0", 8),
    ]
    assert segments.join(parts) == "TU CHOI ư"


@pytest.mark.parametrize(
    ("octets", "left"),
    [
        (b"", b""),
        (b"\x05\x00\x03\x07", b"\x05\x00\x03\x07"),
        (b"\x05\x00\x03\x07\x02\x03TC", b"TC"),
        (b"\x05\x00\x03\x07\x00\x01TC", b"TC"),
        (b"\x06\x05\x04\x0b\x84\x23\xf0TC", b"TC"),
        (b"\x03\x00\x03\x07TC", b"TC"),
    ],
)
def test_a_header_that_makes_no_sense_leaves_a_message_alone(octets: bytes, left: bytes) -> None:
    part = segments.part_of(pdu.DeliverSm(short_message=octets, esm_class=0x40))
    assert (part.method, part.total, part.octets) == (None, 1, left)


def test_the_concatenation_is_found_behind_other_elements() -> None:
    octets = b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x07\x02\x01TC"
    part = segments.part_of(pdu.DeliverSm(short_message=octets, esm_class=0x40))
    assert (part.method, part.reference, part.total, part.number) == (Method.UDH8, 7, 2, 1)


def test_nothing_is_joined_from_nothing() -> None:
    assert segments.join([]) is None
