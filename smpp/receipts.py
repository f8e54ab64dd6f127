"""What does a delivery receipt say, whatever shape its SMSC gives it? (SMPP 3.4, 5.2.12, 5.2.28, app. B)"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from smpp import pdu

_MESSAGE_TYPE: Final = 0x3C  # the bits of esm_class that tell a receipt from a message
_RECEIPT: Final = 0x04
_INTERMEDIATE: Final = 0x20
_HEXADECIMAL: Final = re.compile("[0-9a-f]+").fullmatch
_LONGEST_NUMBER: Final = 64  # digits; an id has no more, and int() of endless digits is slow


class State(StrEnum):
    """message_state (5.2.28)."""

    ENROUTE = "enroute"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    DELETED = "deleted"
    UNDELIVERABLE = "undeliverable"
    ACCEPTED = "accepted"  #: read by customer service, say: final, yet not delivered
    UNKNOWN = "unknown"
    REJECTED = "rejected"


_BY_NUMBER: Final = dict(enumerate(State, 1))
_BY_WORD: Final = {
    "ENROUT": State.ENROUTE, "BUFFER": State.ENROUTE, "DELIV": State.DELIVERED, "EXPIR": State.EXPIRED,
    "DELET": State.DELETED, "UNDELI": State.UNDELIVERABLE, "FAILED": State.UNDELIVERABLE,
    "ACCEPT": State.ACCEPTED, "REJECT": State.REJECTED, "UNKNOW": State.UNKNOWN,
}  # fmt: skip

_TEXT: Final = re.compile(r"(?:^|[\s,;])text\s*:", re.IGNORECASE)  # the subscriber's words follow: no fields
_FIELD: Final = {
    name: re.compile(rf"(?:^|[\s,;])(?:{pattern})\s*[:=]\s*([^\s,;]*)", re.IGNORECASE)
    for name, pattern in {
        "id": r"(?:message|msg)?[ _]?id",
        "submit": r"submit[ _]?date",
        "done": r"done[ _]?date",
        "stat": r"stat(?:us|e)?",
        "err": r"err(?:or)?(?:[ _]?code)?",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message. Every word may be missing: then it is empty, and the state is unknown."""

    message_id: str
    state: State
    error: str  #: any string; a network_error_code as `type:code`, both decimal
    submitted: str  #: as written; see `times.receipt_time`
    done: str
    final: bool  #: False: an intermediate notification, or still on its way; another one will come


def is_receipt(message: pdu.DeliverSm | pdu.DataSm) -> bool:
    """By esm_class or the receipted_message_id, never by the text, which any subscriber can write."""
    kind = message.esm_class & _MESSAGE_TYPE
    if kind == 0:
        return pdu.tlv(message, pdu.TAG_RECEIPTED_MESSAGE_ID) is not None
    return kind in (_RECEIPT, _INTERMEDIATE)


def receipt_of(message: pdu.DeliverSm | pdu.DataSm) -> Receipt | None:
    """The receipt that this message is, or None. Optional parameters outweigh the text. Never fails."""
    if not is_receipt(message):
        return None
    octets = b"" if isinstance(message, pdu.DataSm) else message.short_message
    octets = octets or pdu.tlv(message, pdu.TAG_MESSAGE_PAYLOAD) or b""
    fields = _TEXT.split(octets.decode("latin-1"), maxsplit=1)[0]
    words = {name: (m[1] if (m := shape.search(fields)) else "") for name, shape in _FIELD.items()}
    given_id = (pdu.tlv(message, pdu.TAG_RECEIPTED_MESSAGE_ID) or b"").split(b"\0", 1)[0].decode("latin-1")
    state = _state(pdu.tlv(message, pdu.TAG_MESSAGE_STATE), words["stat"])
    return Receipt(
        message_id=given_id.strip() or words["id"],
        state=state,
        error=_network_error(pdu.tlv(message, pdu.TAG_NETWORK_ERROR_CODE)) or words["err"],
        submitted=words["submit"],
        done=words["done"],
        final=message.esm_class & _MESSAGE_TYPE != _INTERMEDIATE and state is not State.ENROUTE,
    )


def _state(number: bytes | None, word: str) -> State:
    if number and (state := _BY_NUMBER.get(int.from_bytes(number, "big"))):
        return state
    word = word.upper()
    return next((state for start, state in _BY_WORD.items() if word.startswith(start)), State.UNKNOWN)


def _network_error(value: bytes | None) -> str:
    if not value or len(value) != 3:
        return ""
    return f"{value[0]}:{int.from_bytes(value[1:], 'big')}"


def plain_id(message_id: str) -> str:
    """Case-folded and without leading zeros: keep it beside the id of a response, to find it again."""
    return message_id.casefold().lstrip("0") or message_id[-1:]


def id_forms(message_id: str) -> tuple[str, ...]:
    """The `plain_id`s a receipt's id may stand for, the likeliest first: as it is, from hex, from decimal.

    Short numbers match by chance (10 and 16): an id that matches exactly is to be preferred.
    """
    plain = plain_id(message_id)
    if plain.isdecimal() and plain.isascii() and len(plain) <= _LONGEST_NUMBER:  # every answer passes here
        return (plain, str(int(plain, 16)), f"{int(plain):x}") if len(plain) > 1 else (plain,)
    forms = [plain]
    if len(plain) <= _LONGEST_NUMBER and _HEXADECIMAL(plain):
        forms.append(str(int(plain, 16)))
    return tuple(dict.fromkeys(forms))
