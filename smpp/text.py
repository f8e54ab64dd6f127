"""Which octets carry a text, and which text do octets carry? GSM 03.38, Latin-1 and UCS2; NFC always."""

from __future__ import annotations

import re
import unicodedata
from codecs import utf_16_be_encode
from enum import IntEnum
from typing import Final


class Coding(IntEnum):
    """data_coding (SMPP 3.4, 5.2.19)."""

    GSM = 0  #: the SMSC's default alphabet: one septet per octet, the SMSC packs them
    LATIN1 = 3
    UCS2 = 8


_UCS2: Final = Coding.UCS2


class NotText(ValueError):
    """The text cannot be sent: it holds an unpaired surrogate, or a character that the asked coding lacks."""


_ESCAPE: Final = "\x1b"
_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40,
    "€": 0x65,
}  # fmt: skip
_TO_GSM: Final = str.maketrans(
    {char: chr(septet) for septet, char in enumerate(_BASIC) if char != _ESCAPE}
    | {char: _ESCAPE + chr(septet) for char, septet in _EXTENSION.items()}
)
_GSM_CHARACTERS: Final = frozenset(chr(code) for code in _TO_GSM)
_IN_GSM: Final = re.compile(f"[{re.escape(''.join(sorted(_GSM_CHARACTERS)))}]*").fullmatch
_LONE_ESCAPE: Final = " "  # 03.38: a receiver that does not know what follows the escape shows a space
_FROM_BASIC: Final = dict(enumerate(_BASIC)) | {0x1B: _LONE_ESCAPE} | dict.fromkeys(range(128, 256), "�")
_FROM_EXTENSION: Final = {chr(septet): char for char, septet in _EXTENSION.items()}
_IA5: Final = 1
#: Some write GSM 03.38 and call it IA5 (node-smpp does): control characters that no text in IA5 has give it away.
_LOOKS_GSM: Final = re.compile(rb"(?=.*[\x00-\x08\x0b\x0c\x0e-\x1f\x7f])[\x00-\x7f]*", re.DOTALL).fullmatch
#: UCS2 that is called something else: every other octet is 0, as in no text of eight or seven bits.
_LOOKS_UCS2: Final = re.compile(rb"(?:\x00[\x01-\x7f]){2,}", re.DOTALL).fullmatch
#: The alphabet in bits 3 and 2 of the general data coding groups (23.038, 4), which share SMPP's 0x10...0x7F.
_ALPHABETS: Final = (0, 3, 8, 0)
_ESCAPED: Final = re.compile("\x1b(.)", re.DOTALL)


def normal(text: str) -> str:
    """The text as it is sent: NFC, for a sentence in NFD costs a part more. Raises NotText."""
    text = unicodedata.normalize("NFC", text)
    if not text.isascii():
        try:
            text.encode("utf-16-be")
        except UnicodeEncodeError as error:
            raise NotText(f"character {error.start + 1} is an unpaired surrogate") from None
    return text


def coding_of(text: str) -> Coding:
    """The cheapest coding every SMSC takes: GSM if it holds every character, else UCS2."""
    return Coding.GSM if _IN_GSM(text) else Coding.UCS2


def encode(text: str, coding: Coding) -> bytes:
    """The octets of a text; in GSM one septet per octet. Raises NotText when the coding lacks a character."""
    if coding is _UCS2:  # every Vietnamese message passes here: no look-up of the codec by its name
        try:
            return utf_16_be_encode(text)[0]
        except UnicodeEncodeError as error:
            raise NotText(f"character {error.start + 1} is an unpaired surrogate") from None
    if coding is Coding.GSM and _IN_GSM(text):
        return text.translate(_TO_GSM).encode("latin-1")
    try:
        if coding is Coding.LATIN1:
            return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise NotText(f"character {error.start + 1} is not in Latin-1") from None
    missing = next(at for at, char in enumerate(text) if char not in _GSM_CHARACTERS)
    raise NotText(f"character {missing + 1} is not in GSM 03.38")


def decode(octets: bytes, data_coding: int, default: Coding = Coding.GSM) -> str:
    """What came in; octets that mean nothing become U+FFFD. `default`: the SMSC's own alphabet, coding 0."""
    data_coding = _plain_coding(data_coding)
    if data_coding == 0 or (data_coding == _IA5 and _LOOKS_GSM(octets)):
        data_coding = int(default) if data_coding == 0 else int(Coding.GSM)
    if data_coding != Coding.UCS2 and _LOOKS_UCS2(octets):
        data_coding = int(Coding.UCS2)
    if data_coding == Coding.UCS2:
        return octets.decode("utf-16-be", "replace")
    if data_coding == Coding.GSM:
        septets = octets.decode("latin-1")
        if _ESCAPE not in septets:
            return septets.translate(_FROM_BASIC)
        pieces = _ESCAPED.split(septets)
        pieces[::2] = [piece.translate(_FROM_BASIC) for piece in pieces[::2]]
        pieces[1::2] = [_FROM_EXTENSION.get(p) or p.translate(_FROM_BASIC) for p in pieces[1::2]]
        return "".join(pieces)
    return octets.decode("latin-1")  # 1 (IA5), 3, and binary codings: every octet kept


def _plain_coding(data_coding: int) -> int:
    """Without message class, deletion mark and the like: 0 the default alphabet, 3 eight bits, 8 UCS2; SMPP's own stay."""
    if 0x10 <= data_coding < 0x80:  # general groups: with a class, or to be deleted when read
        return _ALPHABETS[data_coding >> 2 & 3]
    group = data_coding & 0xF0
    if group == 0xF0:  # a message class: bit 2 tells 8-bit data from the default alphabet
        return int(Coding.LATIN1) if data_coding & 0x04 else 0
    if group == 0xE0:  # a waiting message, in UCS2
        return int(Coding.UCS2)
    return data_coding if group == 0 else 0  # reserved, and waiting messages: the default alphabet
