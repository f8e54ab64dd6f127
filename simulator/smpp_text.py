"""What does a short message say, once its octets are decoded and its parts are joined?"""

import struct
from dataclasses import dataclass

from simulator.smpp_codec import TLV_SAR_NUMBER, TLV_SAR_REFERENCE, TLV_SAR_TOTAL, Sm

# 3GPP TS 23.038, 6.2.1; position 0x1B is the escape to the extension table.
_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_GSM_CODE = {c: bytes((i,)) for i, c in enumerate(_GSM) if i != 0x1B} | {
    c: bytes((0x1B, i)) for i, c in _GSM_EXTENSION.items()
}


@dataclass(frozen=True)
class Part:
    """Which part of which long message; `kind` tells 8-bit, 16-bit and SAR references apart."""

    kind: str
    reference: int
    total: int
    number: int
    """From 1."""


def part_of(sm: Sm) -> tuple[Part | None, bytes]:
    """(which part it is or None, its octets without the user data header). ValueError for a broken header."""
    if TLV_SAR_TOTAL in sm.tlvs:
        reference = int.from_bytes(sm.tlvs.get(TLV_SAR_REFERENCE, b"\0\0"), "big")
        number = int.from_bytes(sm.tlvs.get(TLV_SAR_NUMBER, b"\0"), "big")
        return _checked(Part("sar", reference, sm.tlvs[TLV_SAR_TOTAL][0], number)), sm.octets
    if not sm.esm_class & 0x40 or not sm.octets:
        return None, sm.octets
    header, rest = sm.octets[1 : 1 + sm.octets[0]], sm.octets[1 + sm.octets[0] :]
    while header:
        if len(header) < 2 or len(header) < 2 + header[1]:
            raise ValueError(f"broken user data header {sm.octets[:10].hex()}")
        kind, value, header = header[0], header[2 : 2 + header[1]], header[2 + header[1] :]
        if kind == 0x00 and len(value) == 3:
            return _checked(Part("udh8", value[0], value[1], value[2])), rest
        if kind == 0x08 and len(value) == 4:
            return _checked(Part("udh16", *struct.unpack(">HBB", value))), rest
    return None, rest


def _checked(part: Part) -> Part:
    if not 1 <= part.number <= part.total:
        raise ValueError(f"part {part.number} of {part.total}")
    return part


def decode(octets: bytes, data_coding: int) -> str:
    """The text; what cannot be decoded stands as U+FFFD, so that a wrong character is seen and not hidden."""
    if data_coding in (0x08, 0x18) or data_coding & 0xFC == 0x08:
        return octets.decode("utf-16-be", "replace")
    if data_coding == 0x03:
        return octets.decode("latin-1")
    if data_coding == 0x01:
        return octets.decode("ascii", "replace")
    if data_coding in (0x02, 0x04):
        return octets.hex()
    return _decode_gsm(octets)


def _decode_gsm(octets: bytes) -> str:
    text, escaped = "", False
    for octet in octets:
        if octet == 0x1B and not escaped:
            escaped = True
            continue
        text += (_GSM_EXTENSION.get(octet) if escaped else _GSM[octet] if octet < 0x80 else None) or "\ufffd"
        escaped = False
    return text + ("\ufffd" if escaped else "")


def encode(text: str) -> tuple[int, bytes]:
    """(data_coding, octets): GSM where every character is in its alphabet, else UCS2."""
    if all(c in _GSM_CODE for c in text):
        return 0x00, b"".join(_GSM_CODE[c] for c in text)
    return 0x08, text.encode("utf-16-be")


def split(text: str, reference: int) -> tuple[int, list[bytes]]:
    """(data_coding, parts ready for short_message, each with its header where there are several)."""
    coding, octets = encode(text)
    if len(octets) <= (140 if coding else 160):
        return coding, [octets]
    size = 134 if coding else 153
    parts: list[bytes] = [b""]
    for c in text:  # by characters: no escape and no surrogate pair is cut
        unit = c.encode("utf-16-be") if coding else _GSM_CODE[c]
        if len(parts[-1]) + len(unit) > size:
            parts.append(b"")
        parts[-1] += unit
    headers = (bytes((5, 0, 3, reference & 0xFF, len(parts), i + 1)) for i in range(len(parts)))
    return coding, [header + part for header, part in zip(headers, parts, strict=True)]
