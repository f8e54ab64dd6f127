"""What does a command_status mean for the message it answers? One table, which configuration can extend."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Verdict(StrEnum):
    ACCEPTED = "accepted"  #: the SMSC has it
    TEMPORARY = "temporary"  #: refused now; the same message may pass later
    THROTTLED = "throttled"  #: refused because we are too fast; slow down, then send again
    PERMANENT = "permanent"  #: refused; sending it again changes nothing
    UNKNOWN = "unknown"  #: the word tells nothing about the message's fate


_A, _TEMP, _SLOW, _P, _U = Verdict

#: SMPP 3.4, 5.1.3. Not accepted is not the same as never: a bind that went away or a full queue passes.
_TABLE: Final[dict[int, tuple[str, Verdict]]] = {
    0x00: ("ROK", _A),
    0x01: ("RINVMSGLEN", _P),
    0x02: ("RINVCMDLEN", _P),
    0x03: ("RINVCMDID", _P),
    0x04: ("RINVBNDSTS", _TEMP),
    0x05: ("RALYBND", _TEMP),
    0x06: ("RINVPRTFLG", _P),
    0x07: ("RINVREGDLVFLG", _P),
    0x08: ("RSYSERR", _TEMP),
    0x0A: ("RINVSRCADR", _P),
    0x0B: ("RINVDSTADR", _P),
    0x0C: ("RINVMSGID", _P),
    0x0D: ("RBINDFAIL", _TEMP),
    0x0E: ("RINVPASWD", _P),
    0x0F: ("RINVSYSID", _P),
    0x11: ("RCANCELFAIL", _P),
    0x13: ("RREPLACEFAIL", _P),
    0x14: ("RMSGQFUL", _TEMP),
    0x15: ("RINVSERTYP", _P),
    0x33: ("RINVNUMDESTS", _P),
    0x34: ("RINVDLNAME", _P),
    0x40: ("RINVDESTFLAG", _P),
    0x42: ("RINVSUBREP", _P),
    0x43: ("RINVESMCLASS", _P),
    0x44: ("RCNTSUBDL", _P),
    0x45: ("RSUBMITFAIL", _P),
    0x48: ("RINVSRCTON", _P),
    0x49: ("RINVSRCNPI", _P),
    0x50: ("RINVDSTTON", _P),
    0x51: ("RINVDSTNPI", _P),
    0x53: ("RINVSYSTYP", _P),
    0x54: ("RINVREPFLAG", _P),
    0x55: ("RINVNUMMSGS", _P),
    0x58: ("RTHROTTLED", _SLOW),
    0x61: ("RINVSCHED", _P),
    0x62: ("RINVEXPIRY", _P),
    0x63: ("RINVDFTMSGID", _P),
    0x64: ("RX_T_APPN", _TEMP),
    0x65: ("RX_P_APPN", _P),
    0x66: ("RX_R_APPN", _P),
    0x67: ("RQUERYFAIL", _P),
    0xC0: ("RINVOPTPARSTREAM", _P),
    0xC1: ("ROPTPARNOTALLWD", _P),
    0xC2: ("RINVPARLEN", _P),
    0xC3: ("RMISSINGOPTPARAM", _P),
    0xC4: ("RINVOPTPARAMVAL", _P),
    0xFE: ("RDELIVERYFAILURE", _P),
    0xFF: ("RUNKNOWNERR", _U),
}
OK: Final = 0x00
SYSTEM_ERROR: Final = 0x08
INVALID_BIND_STATUS: Final = 0x04
INVALID_COMMAND: Final = 0x03
INVALID_PASSWORD: Final = 0x0E
INVALID_SYSTEM_ID: Final = 0x0F
MESSAGE_QUEUE_FULL: Final = 0x14
THROTTLED: Final = 0x58
TEMPORARY_APPLICATION_ERROR: Final = 0x64
UNKNOWN_ERROR: Final = 0xFF

NO_VENDOR_CODES: Final[Mapping[int, Verdict]] = MappingProxyType({})


def verdict(status: int, configured: Mapping[int, Verdict] = NO_VENDOR_CODES) -> Verdict:
    """The class of a status. `configured` goes before the table; vendor codes 0x400…0x4FF are permanent."""
    if status in configured:
        return configured[status]
    if status in _TABLE:
        return _TABLE[status][1]
    return Verdict.PERMANENT if 0x400 <= status <= 0x4FF else Verdict.UNKNOWN


def name_of(status: int) -> str:
    """For people: `0x00000058 RTHROTTLED`."""
    unlisted = "vendor-specific" if 0x400 <= status <= 0x4FF else "reserved"
    word = _TABLE[status][0] if status in _TABLE else unlisted
    return f"{status:#010x} {word}"
