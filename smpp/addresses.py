"""Which type of number and numbering plan does an address carry? (SMPP 3.4, 5.2.5 and 5.2.6)"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

INTERNATIONAL: Final = 1
NETWORK_SPECIFIC: Final = 3
ALPHANUMERIC: Final = 5
ISDN: Final = 1
_UNKNOWN: Final = 0

_ABROAD_OR_HOME: Final = re.compile(r"\+([1-9][0-9]{6,14})|(84[0-9]{8,13})", re.ASCII)
_SHORT_CODE: Final = re.compile(r"[0-9]{1,8}", re.ASCII)
_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ._-]{1,11}", re.ASCII)


class Address(NamedTuple):
    ton: int
    npi: int
    digits: str  #: what goes on the wire: never a plus sign; letters when it is a name


def address(text: str) -> Address:
    """`84…` or `+…`: international; up to 8 digits: a short code; letters: a name of at most 11 characters.

    Raises ValueError for anything else, a national `09…` of 10 digits included: it must be written `84…`.
    """
    if number := _ABROAD_OR_HOME.fullmatch(text):
        return Address(INTERNATIONAL, ISDN, number[1] or number[2])
    if _SHORT_CODE.fullmatch(text):
        return Address(NETWORK_SPECIFIC, _UNKNOWN, text)
    if _NAME.fullmatch(text):
        return Address(ALPHANUMERIC, _UNKNOWN, text)
    raise ValueError(
        f"{len(text)} characters that are no address: neither 84… or +…, nor a short code "
        "of at most 8 digits, nor a name of at most 11 Latin letters, digits, '.', '-', '_' or spaces"
    )
