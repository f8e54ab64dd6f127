"""Into which parts is a text cut, and which text do parts make? 140 octets a part, no character cut in two.

Methods: `udh8` and `udh16` carry the reference in a user data header (3GPP TS 23.040, 9.2.3.24.1 and .8),
`sar` in optional parameters, `payload` leaves the cutting to the SMSC.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from smpp import pdu
from smpp import text as texts
from smpp.pdu import Tlvs
from smpp.text import Coding

MOST_PARTS: Final = 255


class Method(StrEnum):
    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    PAYLOAD = "payload"


#: Octets as we write them (GSM: septets) that one message holds, alone and as one of several. With sar the
#: SMSC may write a 16-bit header, which leaves one character less; with payload we count as most SMSCs cut.
_ALONE: Final = {Coding.GSM: 160, Coding.LATIN1: 140, Coding.UCS2: 140}
_SHORT_HEADER: Final = {Coding.GSM: 153, Coding.LATIN1: 134, Coding.UCS2: 134}
_LONG_HEADER: Final = {Coding.GSM: 152, Coding.LATIN1: 133, Coding.UCS2: 132}
_SHARED: Final = {
    Method.UDH8: _SHORT_HEADER,
    Method.UDH16: _LONG_HEADER,
    Method.SAR: _LONG_HEADER,
    Method.PAYLOAD: _SHORT_HEADER,
}


class TooLong(ValueError):
    """The text needs more than 255 parts."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One message on the wire: what goes into submit_sm beside the addresses."""

    number: int  #: 1…total
    total: int
    text: str
    short_message: bytes  #: with its user data header, if it has one
    esm_class: int
    data_coding: int
    tlvs: Tlvs = ()
    parts: int = 1  #: what it counts for in rate and price: more than 1 only with payload


def how_many_parts(text: str, *, coding: Coding | None = None, method: Method = Method.UDH8) -> int:
    """Parts that `split` would make, or that the SMSC will make of a payload. Raises NotText, TooLong."""
    text, coding, octets = _prepare(text, coding)
    return len(_cut(text, coding, octets, method))


def split(
    text: str, *, reference: int, coding: Coding | None = None, method: Method = Method.UDH8
) -> tuple[Segment, ...]:
    """The parts of a text, in order; their texts joined are the text in NFC.

    `reference` is any non-negative number and is taken modulo 256 (udh8) or 65536: count it per (source,
    destination). `coding` None chooses. Raises NotText, TooLong.
    """
    text, coding, octets = _prepare(text, coding)
    pieces = _cut(text, coding, octets, method)
    total = len(pieces)
    if total == 1:
        return (Segment(1, 1, text, octets, 0, int(coding)),)
    if method is Method.PAYLOAD:
        payload = ((pdu.TAG_MESSAGE_PAYLOAD, octets),)
        return (Segment(1, 1, text, b"", 0, int(coding), payload, total),)
    segments = []
    for number, piece in enumerate(pieces, 1):
        header, tlvs = _label(method, reference, total, number)
        message = header + texts.encode(piece, coding)
        esm_class = pdu.ESM_UDH if header else 0
        segments.append(Segment(number, total, piece, message, esm_class, int(coding), tlvs))
    return tuple(segments)


def _prepare(text: str, coding: Coding | None) -> tuple[str, Coding, bytes]:
    text = unicodedata.normalize("NFC", text)
    if coding is None:
        coding = texts.coding_of(text)
    return text, coding, texts.encode(text, coding)


def _label(method: Method, reference: int, total: int, number: int) -> tuple[bytes, Tlvs]:
    if method is Method.UDH8:
        return bytes((5, 0x00, 3, reference % 0x100, total, number)), ()
    wide = (reference % 0x10000).to_bytes(2, "big")
    if method is Method.UDH16:
        return bytes((6, 0x08, 4)) + wide + bytes((total, number)), ()
    tlvs = (
        (pdu.TAG_SAR_REFERENCE, wide),
        (pdu.TAG_SAR_TOTAL, bytes((total,))),
        (pdu.TAG_SAR_NUMBER, bytes((number,))),
    )
    return b"", tlvs


def _cut(text: str, coding: Coding, octets: bytes, method: Method) -> list[str]:
    if len(octets) <= _ALONE[coding]:
        return [text]
    room = _SHARED[method][coding]
    pieces: list[str] = []
    current: list[str] = []
    used = 0
    for unit in _units_within(text, coding, room):
        size = len(texts.encode(unit, coding))
        if used + size > room:
            pieces.append("".join(current))
            current, used = [], 0
        current.append(unit)
        used += size
    pieces.append("".join(current))
    if len(pieces) > MOST_PARTS:
        raise TooLong(f"the text needs {len(pieces)} parts, more than {MOST_PARTS}")
    return pieces


def _units_within(text: str, coding: Coding, room: int) -> Iterator[str]:
    """What must not be cut; a pile of marks too long for one part is cut between code points after all."""
    for unit in units(text):
        if len(texts.encode(unit, coding)) <= room:
            yield unit
        else:
            yield from unit


def units(text: str) -> Iterator[str]:
    """The characters as a reader sees them: a base with its marks, selectors, skin tone and joined signs."""
    start = 0
    for at in range(1, len(text)):
        if not _clings(text[at]) and text[at - 1] != "\u200d":
            yield text[start:at]
            start = at
    if text:
        yield text[start:]


def _clings(char: str) -> bool:
    if char < "\u0300":
        return False
    return char == "\u200d" or "\U0001f3fb" <= char <= "\U0001f3ff" or unicodedata.category(char)[0] == "M"


@dataclass(frozen=True, slots=True)
class Part:
    """One inbound message, read: alone (total 1) or a part of a longer one."""

    method: Method | None  #: None: alone
    reference: int
    total: int
    number: int
    octets: bytes  #: without its user data header
    data_coding: int


def part_of(message: pdu.DeliverSm | pdu.SubmitSm | pdu.DataSm) -> Part:
    """Reads header and optional parameters; numbers that make no sense mean a message that stands alone.

    Collect parts by (source, destination, method, reference, total).
    """
    payload = pdu.tlv(message, pdu.TAG_MESSAGE_PAYLOAD)
    octets = b"" if isinstance(message, pdu.DataSm) else message.short_message
    octets = octets or payload or b""
    method: Method | None = None
    label: tuple[int, int, int] | None = None
    if message.esm_class & pdu.ESM_UDH:
        header, octets = _take_header(octets)
        method, label = _read_header(header)
    if label is None:
        tags = (pdu.TAG_SAR_REFERENCE, pdu.TAG_SAR_TOTAL, pdu.TAG_SAR_NUMBER)
        found = [pdu.tlv(message, tag) for tag in tags]
        if all(found):
            reference, total, number = (int.from_bytes(value or b"", "big") for value in found)
            method, label = Method.SAR, (reference, total, number)
    if label is None or not 1 <= label[2] <= label[1] or not 2 <= label[1] <= MOST_PARTS:
        return Part(None, 0, 1, 1, octets, message.data_coding)
    return Part(method, *label, octets, message.data_coding)


def _take_header(octets: bytes) -> tuple[bytes, bytes]:
    length = octets[0] if octets else 0
    if 1 + length > len(octets):
        return b"", octets  # the bit was set for nothing: keep every octet
    return octets[1 : 1 + length], octets[1 + length :]


def _read_header(header: bytes) -> tuple[Method | None, tuple[int, int, int] | None]:
    at = 0
    while at + 2 <= len(header):
        kind, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        if kind == 0x00 and len(value) == 3:
            return Method.UDH8, (value[0], value[1], value[2])
        if kind == 0x08 and len(value) == 4:
            return Method.UDH16, (int.from_bytes(value[:2], "big"), value[2], value[3])
        at += 2 + length
    return None, None


def join(parts: Iterable[Part], default: Coding = Coding.GSM) -> str | None:
    """The text of all parts in numeric order, a repeated one counted once; None while one is missing.

    Octets are joined before they are read: other senders do cut surrogate pairs and escapes.
    """
    by_number: dict[int, Part] = {}
    for part in parts:
        by_number.setdefault(part.number, part)
    if not by_number or len(by_number) < next(iter(by_number.values())).total:
        return None
    runs: list[tuple[int, bytes]] = []
    for _, part in sorted(by_number.items()):
        if runs and runs[-1][0] == part.data_coding:
            runs[-1] = (part.data_coding, runs[-1][1] + part.octets)
        else:
            runs.append((part.data_coding, part.octets))
    return "".join(texts.decode(octets, coding, default) for coding, octets in runs)
