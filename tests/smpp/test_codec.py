"""Do octets and PDUs mean the same, strictly one way and leniently the other?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp import codec, pdu
from smpp.codec import Frame, Framer
from smpp.pdu import Body, InvalidField, Pdu, ProtocolError
from tests.smpp import pdus

MESSAGE = pdu.SubmitSm("8989", "84901234567", b"xin chao", tlvs=((0x0204, b"\0\7"),))


def encoded(one: Pdu) -> bytes:
    return codec.encode(one.body, one.sequence, one.status)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[a:b] for a, b in pairwise(edges)]


def read_all(chunks: list[bytes], longest: int = pdu.LONGEST) -> tuple[list[Frame], bool, int]:
    """The frames, whether the stream was lost, and the most octets held between two reads."""
    framer = Framer(longest)
    frames: list[Frame] = []
    most = 0
    try:
        for chunk in chunks:
            frames.extend(framer.feed(chunk))
            most = max(most, framer.waiting)
    except ProtocolError as error:
        assert error.sequence is None  # noqa: PT017 -- either outcome is right
        return frames, True, most
    return frames, False, most


@pytest.mark.parametrize("kind", pdus.bodies, ids=lambda kind: kind.__name__)
@given(st.data())
def test_what_is_encoded_is_decoded_again(kind: type[Body], data: st.DataObject) -> None:
    """Issue 4, shown by: decode(encode(pdu)) = pdu for every PDU."""
    one = Pdu(data.draw(pdus.sequences), data.draw(pdus.statuses), data.draw(pdus.bodies[kind]))
    assert codec.decode(encoded(one)) == one


@given(st.lists(pdus.pdus, min_size=1, max_size=5), st.lists(st.integers(0, 5_000), max_size=40))
def test_a_stream_cut_anyhow_brings_the_same_pdus(several: list[Pdu], cuts: list[int]) -> None:
    """Issue 4, 7: PDU bytes in pieces."""
    frames, lost, _ = read_all(pieces(b"".join(map(encoded, several)), cuts))
    assert not lost
    assert [Pdu(f.sequence, f.status, codec.decode_body(f)) for f in frames] == several


@given(st.lists(pdus.pdus, max_size=3), st.binary(max_size=200), st.lists(st.integers(0, 5_000), max_size=40))
def test_any_octets_cut_anyhow_end_the_same(before: list[Pdu], junk: bytes, cuts: list[int]) -> None:
    """Issue 4, shown by: any bytes cut anyhow decode the same or raise the one protocol error."""
    stream = b"".join(map(encoded, before)) + junk
    frames, lost, most = read_all(pieces(stream, cuts), longest=4096)
    assert (frames, lost) == read_all([stream], longest=4096)[:2]
    assert most <= 4096
    for frame in frames:
        try:
            codec.decode_body(frame)
        except ProtocolError as error:
            assert error.sequence == frame.sequence  # noqa: PT017 -- either outcome is right


@given(st.sampled_from(sorted(codec._BODY_OF)), pdus.statuses, st.binary(max_size=300))
def test_a_known_command_with_any_body_is_read_or_refused(command: int, status: int, octets: bytes) -> None:
    """Issue 4, 7: a broken body costs one answer, never the reader."""
    frame = Frame(command, status, 7, octets)
    try:
        body = codec.decode_body(frame)
    except ProtocolError as error:
        assert error.sequence == 7  # noqa: PT017 -- either outcome is right
        assert not (command & pdu.RESPONSE and status)  # a refusal is never lost for its body
    else:
        assert body.command == command


@pytest.mark.parametrize("length", [0, 15, 4097, 0xFFFFFFFF])
def test_a_length_beyond_the_limits_loses_the_stream_before_its_body_comes(length: int) -> None:
    header = codec.HEADER.pack(length, 4, 0, 1)
    assert read_all([header], longest=4096) == ([], True, 0)


def test_pdus_before_a_broken_length_are_still_delivered() -> None:
    frames, lost, _ = read_all([codec.encode(MESSAGE, 1) + bytes(16)])
    assert [frame.sequence for frame in frames] == [1]
    assert lost


@pytest.mark.parametrize(
    "body",
    [
        pdu.SubmitSm("8989", "8" * 21),
        pdu.SubmitSm("8989", "84901234567\0"),
        pdu.SubmitSm("Viễn", "84901234567"),
        pdu.SubmitSm("8989", "84901234567", b"x" * 255),
        pdu.SubmitSm("8989", "84901234567", data_coding=256),
        pdu.SubmitSm("8989", "84901234567", source_ton=-1),
        pdu.SubmitSm("8989", "84901234567", validity_period="1 day"),
        pdu.SubmitSm("8989", "84901234567", tlvs=((0x10000, b""),)),
        pdu.SubmitSm("8989", "84901234567", tlvs=((0x0424, b"x" * 65_536),)),
        pdu.SubmitSm("8989", "84901234567", tlvs=((0x0424, b"x" * 65_500),)),
        pdu.BindTransceiver("x" * 16, "secret"),
        pdu.BindTransceiver("x", "passwords"),
        pdu.BindTransceiver("x", "secret", addr_ton=256),
        pdu.QuerySm("x" * 65),
    ],
)
def test_what_smpp_cannot_carry_is_refused_and_never_cut(body: Body) -> None:
    """Notes: a 30-digit destination is not cut to 20 in silence."""
    with pytest.raises(InvalidField):
        codec.encode(body, 1)


def test_a_sequence_or_status_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidField):
        codec.encode(MESSAGE, -1)
    with pytest.raises(InvalidField):
        codec.encode(MESSAGE, 1, 1 << 32)


def test_the_password_is_not_shown() -> None:
    """Issue 4, 1: the bind password never in a log."""
    assert "secret" not in repr(pdu.BindTransceiver("us", "secret"))
    with pytest.raises(InvalidField) as refused:
        codec.encode(pdu.BindTransceiver("us", "mậtkhẩu"), 1)
    assert "mậtkhẩu" not in str(refused.value)


@pytest.mark.parametrize(
    ("frame", "body"),
    [
        (Frame(0x80000004, 0x58, 1, b""), pdu.SubmitSmResp()),
        (Frame(0x80000004, 0x58, 1, b"a\0\0\1"), pdu.SubmitSmResp()),
        (Frame(0x80000004, 0, 1, b""), pdu.SubmitSmResp()),
        (Frame(0x80000004, 0, 1, b"4f0a"), pdu.SubmitSmResp("4f0a")),
        (Frame(0x80000004, 0, 1, b"x" * 70 + b"\0"), pdu.SubmitSmResp("x" * 70)),
        (Frame(0x80000004, 0, 1, b"id\xe9\0"), pdu.SubmitSmResp("idé")),
        (
            Frame(0x80000009, 0, 1, b"SMSC\0\x02\x10\0\1\x34"),
            pdu.BindTransceiverResp("SMSC", ((0x210, b"4"),)),
        ),
        (Frame(0x80000005, 0, 1, b"\0\0\0"), pdu.DeliverSmResp()),
        (
            Frame(0x80000004, 0, 1, b"7\0\x14\x00\0\3abc\x14\x00\0\0\x02\x04\0\1\1"),
            pdu.SubmitSmResp("7", ((0x1400, b"abc"), (0x1400, b""), (0x0204, b"\1"))),
        ),
    ],
)
def test_the_deviations_of_real_smscs_are_read(frame: Frame, body: Body) -> None:
    """Notes: body missing at an error, NUL missing, odd ids, TLVs by their own length, padding."""
    assert codec.decode_body(frame) == body


@pytest.mark.parametrize(
    ("octets", "status"),
    [(b"\0\1", 0x02), (b"\0\1\1x\0\1\1y\0\0\0\0\0\0\0\0\0\0\5abc", 0x02)],
)
def test_a_message_that_ends_too_early_is_refused_with_its_sequence(octets: bytes, status: int) -> None:
    with pytest.raises(ProtocolError) as refused:
        codec.decode_body(Frame(0x05, 0, 9, octets))
    assert (refused.value.status, refused.value.sequence) == (status, 9)


def test_an_unknown_command_is_told_apart() -> None:
    with pytest.raises(ProtocolError) as refused:
        codec.decode_body(Frame(0x21, 0, 9, b""))
    assert (refused.value.status, refused.value.sequence) == (0x03, 9)


@pytest.mark.parametrize(
    "octets", [b"", b"\0" * 15, codec.encode(MESSAGE, 1)[:-1], codec.encode(MESSAGE, 1) * 2]
)
def test_what_is_not_exactly_one_pdu_is_refused(octets: bytes) -> None:
    with pytest.raises(ProtocolError):
        codec.decode(octets)


def test_the_octets_are_those_of_the_specification() -> None:
    """SMPP 3.4, 3.2.2: the bind_transmitter-like example, written out by hand."""
    assert codec.encode(pdu.BindTransmitter("SMPP3TEST", "secret08", "SUBMIT1", 0x00, 1, 1), 1).hex() == (
        "0000002f" "00000002" "00000000" "00000001"
        "534d50503354455354" "00" "7365637265743038" "00" "5355424d495431" "00" "00" "01" "01" "00"
    )  # fmt: skip
