"""What can be said in SMPP 3.4? The PDUs, their constants and the codec's two errors (octets: codec.py).

A `Pdu` is (sequence, status, body); a body is one of the frozen dataclasses below. Section numbers are those
of "SMPP Protocol Specification v3.4, issue 1.2".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import ClassVar, Final, NamedTuple, TypeVar, dataclass_transform

LONGEST: Final = 64 * 1024  #: octets; a length beyond this means that the stream is lost
LAST_SEQUENCE: Final = 0x7FFFFFFF
RESPONSE: Final = 0x80000000
GENERIC_NACK: Final = 0x80000000
SHORT_MESSAGE_LIMIT: Final = 254

ESM_UDH: Final = 0x40  #: esm_class: the message begins with a user data header (5.2.12)

# Tags of the optional parameters that we speak of (5.3.2).
TAG_USER_MESSAGE_REFERENCE: Final = 0x0204
TAG_SAR_REFERENCE: Final = 0x020C
TAG_SAR_TOTAL: Final = 0x020E
TAG_SAR_NUMBER: Final = 0x020F
TAG_RECEIPTED_MESSAGE_ID: Final = 0x001E
TAG_NETWORK_ERROR_CODE: Final = 0x0423
TAG_MESSAGE_PAYLOAD: Final = 0x0424
TAG_MESSAGE_STATE: Final = 0x0427

Tlvs = tuple[tuple[int, bytes], ...]
_T = TypeVar("_T")


class ProtocolError(Exception):
    """What the peer sent is not SMPP.

    `status` is what to answer it with; `sequence` is None when the stream is lost and only closing helps.
    """

    def __init__(self, reason: str, status: int, sequence: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.sequence = sequence


class InvalidField(ValueError):
    """Our own caller asked for a field that SMPP cannot carry. Nothing was encoded."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def _light(kind: type[_T]) -> type[_T]:
    """A dataclass that mypy holds frozen and Python does not: `frozen=True` costs each message 3 µs."""
    return dataclass(slots=True, unsafe_hash=True)(kind)


@dataclass(frozen=True, slots=True)
class _Bind:
    system_id: str
    password: str = field(default="", repr=False)
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""
    tlvs: Tlvs = ()

    command: ClassVar[int]


class BindReceiver(_Bind):
    __slots__ = ()
    command = 0x01


class BindTransmitter(_Bind):
    __slots__ = ()
    command = 0x02


class BindTransceiver(_Bind):
    __slots__ = ()
    command = 0x09


@dataclass(frozen=True, slots=True)
class _BindResp:
    system_id: str = ""
    tlvs: Tlvs = ()

    command: ClassVar[int]


class BindReceiverResp(_BindResp):
    __slots__ = ()
    command = RESPONSE | 0x01


class BindTransmitterResp(_BindResp):
    __slots__ = ()
    command = RESPONSE | 0x02


class BindTransceiverResp(_BindResp):
    __slots__ = ()
    command = RESPONSE | 0x09


@dataclass(frozen=True, slots=True)
class Outbind:
    system_id: str
    password: str = field(default="", repr=False)

    command: ClassVar[int] = 0x0B


@dataclass(frozen=True, slots=True)
class _Empty:
    tlvs: Tlvs = ()

    command: ClassVar[int]


class Unbind(_Empty):
    __slots__ = ()
    command = 0x06


class UnbindResp(_Empty):
    __slots__ = ()
    command = RESPONSE | 0x06


class EnquireLink(_Empty):
    __slots__ = ()
    command = 0x15


class EnquireLinkResp(_Empty):
    __slots__ = ()
    command = RESPONSE | 0x15


class GenericNack(_Empty):
    __slots__ = ()
    command = GENERIC_NACK


@_light
class _Message:
    """The shared shape of submit_sm and deliver_sm (4.4.1, 4.6.1). Times are "" or 16 characters."""

    source_addr: str = ""
    destination_addr: str = ""
    short_message: bytes = b""
    source_ton: int = 0
    source_npi: int = 0
    dest_ton: int = 0
    dest_npi: int = 0
    esm_class: int = 0
    data_coding: int = 0
    registered_delivery: int = 0
    validity_period: str = ""
    schedule_delivery_time: str = ""
    service_type: str = ""
    protocol_id: int = 0
    priority_flag: int = 0
    replace_if_present: int = 0
    sm_default_msg_id: int = 0
    tlvs: Tlvs = ()

    command: ClassVar[int]


class SubmitSm(_Message):
    __slots__ = ()
    command = 0x04


class DeliverSm(_Message):
    __slots__ = ()
    command = 0x05


@dataclass(frozen=True, slots=True)
class DataSm:
    source_addr: str = ""
    destination_addr: str = ""
    source_ton: int = 0
    source_npi: int = 0
    dest_ton: int = 0
    dest_npi: int = 0
    esm_class: int = 0
    data_coding: int = 0
    registered_delivery: int = 0
    service_type: str = ""
    tlvs: Tlvs = ()

    command: ClassVar[int] = 0x103


@dataclass(frozen=True, slots=True)
class _MessageResp:
    message_id: str = ""
    tlvs: Tlvs = ()

    command: ClassVar[int]


class SubmitSmResp(_MessageResp):
    __slots__ = ()
    command = RESPONSE | 0x04


class DeliverSmResp(_MessageResp):
    __slots__ = ()
    command = RESPONSE | 0x05


class DataSmResp(_MessageResp):
    __slots__ = ()
    command = RESPONSE | 0x103


@dataclass(frozen=True, slots=True)
class QuerySm:
    message_id: str
    source_ton: int = 0
    source_npi: int = 0
    source_addr: str = ""
    tlvs: Tlvs = ()

    command: ClassVar[int] = 0x03


@dataclass(frozen=True, slots=True)
class QuerySmResp:
    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0
    tlvs: Tlvs = ()

    command: ClassVar[int] = RESPONSE | 0x03


@dataclass(frozen=True, slots=True)
class CancelSm:
    service_type: str = ""
    message_id: str = ""
    source_ton: int = 0
    source_npi: int = 0
    source_addr: str = ""
    dest_ton: int = 0
    dest_npi: int = 0
    destination_addr: str = ""
    tlvs: Tlvs = ()

    command: ClassVar[int] = 0x08


class CancelSmResp(_Empty):
    __slots__ = ()
    command = RESPONSE | 0x08


@dataclass(frozen=True, slots=True)
class AlertNotification:
    source_ton: int = 0
    source_npi: int = 0
    source_addr: str = ""
    esme_ton: int = 0
    esme_npi: int = 0
    esme_addr: str = ""
    tlvs: Tlvs = ()

    command: ClassVar[int] = 0x102


Body = (
    _Bind | _BindResp | Outbind | _Empty | _Message | _MessageResp | DataSm
    | QuerySm | QuerySmResp | CancelSm | AlertNotification
)  # fmt: skip


class Pdu(NamedTuple):
    """One PDU: the two header fields that matter and what it says."""

    sequence: int
    status: int
    body: Body


def sequences(first: int = 1) -> Iterator[int]:
    """The sequence numbers of one connection (5.1.4): on from `first`, and from 1 again after the last."""
    return chain(range(first, LAST_SEQUENCE + 1), chain.from_iterable(repeat(range(1, LAST_SEQUENCE + 1))))


def tlv(body: Body, tag: int) -> bytes | None:
    """The value of the first optional parameter with this tag, or None."""
    if isinstance(body, Outbind):
        return None
    return next((value for known, value in body.tlvs if known == tag), None)
