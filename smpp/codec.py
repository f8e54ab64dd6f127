"""How do PDUs become octets and octets PDUs? Encodes strictly, decodes leniently, frames any stream; no I/O.

Strictly: a field that SMPP cannot carry raises `InvalidField`. Leniently, because SMSCs differ: a body may be
missing when the status is an error, the NUL of the last string is optional, strings may be over-long, an
optional parameter goes by its own length and is kept when unknown. What cannot be read raises the one
`ProtocolError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from struct import Struct
from struct import error as StructError
from typing import Any, Final, NamedTuple

from smpp import pdu
from smpp.pdu import LONGEST, SHORT_MESSAGE_LIMIT, Body, InvalidField, Pdu, ProtocolError, Tlvs

HEADER: Final = Struct(">IIII")  # command_length, command_id, command_status, sequence_number
HEADER_SIZE: Final = 16
_TLV: Final = Struct(">HH")
_TWO_OCTETS: Final = Struct("2B").pack
_NUL_AND_THREE_OCTETS: Final = Struct("x3B").pack
_NUL_AND_FIVE_OCTETS: Final = Struct("x5B").pack

# What a PDU that cannot be read is answered with (5.1.3).
INVALID_LENGTH: Final = 0x02
INVALID_COMMAND: Final = 0x03
INVALID_TLV_STREAM: Final = 0xC0

_OCTET: Final = 0  # in the tables below: one octet; otherwise the most octets of a C-string, its NUL included
_TIME: Final = 17  # a C-string of exactly 1 or 17 octets

_MESSAGE_FIELDS: Final = (
    ("service_type", 6), ("source_ton", _OCTET), ("source_npi", _OCTET), ("source_addr", 21),
    ("dest_ton", _OCTET), ("dest_npi", _OCTET), ("destination_addr", 21), ("esm_class", _OCTET),
    ("protocol_id", _OCTET), ("priority_flag", _OCTET), ("schedule_delivery_time", _TIME),
    ("validity_period", _TIME), ("registered_delivery", _OCTET), ("replace_if_present", _OCTET),
    ("data_coding", _OCTET), ("sm_default_msg_id", _OCTET),
)  # fmt: skip
_BIND_FIELDS: Final = (
    ("system_id", 16), ("password", 9), ("system_type", 13), ("interface_version", _OCTET),
    ("addr_ton", _OCTET), ("addr_npi", _OCTET), ("address_range", 41),
)  # fmt: skip
_FIELDS: Final[dict[type[Body], tuple[tuple[str, int], ...]]] = {
    pdu.BindReceiver: _BIND_FIELDS,
    pdu.BindTransmitter: _BIND_FIELDS,
    pdu.BindTransceiver: _BIND_FIELDS,
    pdu.BindReceiverResp: (("system_id", 16),),
    pdu.BindTransmitterResp: (("system_id", 16),),
    pdu.BindTransceiverResp: (("system_id", 16),),
    pdu.Outbind: (("system_id", 16), ("password", 9)),
    pdu.Unbind: (),
    pdu.UnbindResp: (),
    pdu.EnquireLink: (),
    pdu.EnquireLinkResp: (),
    pdu.GenericNack: (),
    pdu.SubmitSm: _MESSAGE_FIELDS,
    pdu.DeliverSm: _MESSAGE_FIELDS,
    pdu.DataSm: (
        ("service_type", 6), ("source_ton", _OCTET), ("source_npi", _OCTET), ("source_addr", 65),
        ("dest_ton", _OCTET), ("dest_npi", _OCTET), ("destination_addr", 65), ("esm_class", _OCTET),
        ("registered_delivery", _OCTET), ("data_coding", _OCTET),
    ),
    pdu.SubmitSmResp: (("message_id", 65),),
    pdu.DeliverSmResp: (("message_id", 65),),
    pdu.DataSmResp: (("message_id", 65),),
    pdu.QuerySm: (("message_id", 65), ("source_ton", _OCTET), ("source_npi", _OCTET), ("source_addr", 21)),
    pdu.QuerySmResp: (
        ("message_id", 65), ("final_date", _TIME), ("message_state", _OCTET), ("error_code", _OCTET),
    ),
    pdu.CancelSm: (
        ("service_type", 6), ("message_id", 65), ("source_ton", _OCTET), ("source_npi", _OCTET),
        ("source_addr", 21), ("dest_ton", _OCTET), ("dest_npi", _OCTET), ("destination_addr", 21),
    ),
    pdu.CancelSmResp: (),
    pdu.AlertNotification: (
        ("source_ton", _OCTET), ("source_npi", _OCTET), ("source_addr", 65),
        ("esme_ton", _OCTET), ("esme_npi", _OCTET), ("esme_addr", 65),
    ),
}  # fmt: skip
_BODY_OF: Final[dict[int, type[Body]]] = {kind.command: kind for kind in _FIELDS}


def encode(body: Body, sequence: int, status: int = 0) -> bytes:
    """The octets of one PDU. `sequence` 0…0x7FFFFFFF, `status` 32 bits. Raises InvalidField."""
    octets = _encode_message(body) if isinstance(body, pdu._Message) else _encode_fields(body)
    length = HEADER_SIZE + len(octets)
    if length > LONGEST:
        raise InvalidField(f"{type(body).__name__} is {length} octets long, more than {LONGEST}")
    try:
        return HEADER.pack(length, body.command, status, sequence) + octets
    except StructError:
        raise InvalidField(f"sequence {sequence} or status {status} does not fit its field") from None


def _encode_fields(body: Body) -> bytes:
    parts = []
    for name, size in _FIELDS[type(body)]:
        value = getattr(body, name)
        if size == _OCTET:
            if not 0 <= value <= 0xFF:
                raise InvalidField(f"{name}: {value} does not fit one octet")
            parts.append(b"%c" % value)
        else:
            parts.append((_time if size == _TIME else _c_string)(value, size, name) + b"\0")
    if not isinstance(body, pdu.Outbind):
        parts.append(_encode_tlvs(body.tlvs))
    return b"".join(parts)


def _encode_message(m: pdu._Message) -> bytes:
    """submit_sm or deliver_sm, written out because every message passes here."""
    short = m.short_message
    if len(short) > SHORT_MESSAGE_LIMIT:
        raise InvalidField(f"short_message is {len(short)} octets long, more than {SHORT_MESSAGE_LIMIT}")
    schedule, validity = m.schedule_delivery_time, m.validity_period
    try:
        parts = (
            _before_number(m.service_type, m.source_ton, m.source_npi, m.source_addr, m.dest_ton, m.dest_npi),
            _c_string(m.destination_addr, 21, "destination_addr"),
            _NUL_AND_THREE_OCTETS(m.esm_class, m.protocol_id, m.priority_flag),
            _time(schedule, _TIME, "schedule_delivery_time") if schedule else b"",
            b"\0",
            _time(validity, _TIME, "validity_period") if validity else b"",
            _NUL_AND_FIVE_OCTETS(
                m.registered_delivery, m.replace_if_present, m.data_coding, m.sm_default_msg_id, len(short)
            ),
            short,
        )
    except StructError:
        raise InvalidField(f"a one-octet field of {type(m).__name__} is not 0…255") from None
    octets = b"".join(parts)
    return octets + _encode_tlvs(m.tlvs) if m.tlvs else octets


@lru_cache(maxsize=256)
def _before_number(
    service_type: str, source_ton: int, source_npi: int, source_addr: str, dest_ton: int, dest_npi: int
) -> bytes:
    """The fields of a message up to its destination's type: a sender has few of them, and many messages."""
    return b"%b\0%b%b\0%b" % (
        _c_string(service_type, 6, "service_type"),
        _TWO_OCTETS(source_ton, source_npi),
        _c_string(source_addr, 21, "source_addr"),
        _TWO_OCTETS(dest_ton, dest_npi),
    )


def _c_string(value: str, size: int, name: str) -> bytes:
    if len(value) < size and value.isascii() and "\0" not in value:  # every message passes here
        return value.encode()
    try:
        octets = value.encode("ascii")
    except UnicodeEncodeError:
        raise InvalidField(f"{name} is not ASCII") from None  # the value may be a password: not shown
    if len(octets) >= size or b"\0" in octets:
        raise InvalidField(f"{name} is longer than {size - 1} characters or holds a NUL")
    return octets


def _time(value: str, size: int, name: str) -> bytes:
    if len(value) not in (0, size - 1):
        raise InvalidField(f"{name}: a time is empty or {size - 1} characters long, not {value!r}")
    return _c_string(value, size, name)


def _encode_tlvs(tlvs: Tlvs) -> bytes:
    try:
        return b"".join([_TLV.pack(tag, len(value)) + value for tag, value in tlvs])
    except StructError:
        raise InvalidField("an optional parameter's tag or length does not fit 16 bits") from None


def decode(octets: bytes) -> Pdu:
    """The one PDU that these octets are. Raises ProtocolError."""
    framer = Framer()
    frames = list(framer.feed(octets))
    if len(frames) != 1 or framer.waiting:
        raise ProtocolError(f"{len(octets)} octets are not exactly one PDU", INVALID_LENGTH)
    frame = frames[0]
    return Pdu(frame.sequence, frame.status, decode_body(frame))


class Frame(NamedTuple):
    """A PDU whose header is read and whose body is not yet."""

    command: int
    status: int
    sequence: int
    octets: bytes  #: the body


class Framer:
    """Cuts a stream into PDUs. Holds never more than one PDU of at most `longest` octets and one read."""

    def __init__(self, longest: int = LONGEST) -> None:
        """`longest`: 16…65536 octets, header included."""
        if not HEADER_SIZE <= longest <= LONGEST:
            raise ValueError(f"the longest PDU is {HEADER_SIZE}…{LONGEST} octets, not {longest}")
        self._longest = longest
        self._rest = bytearray()
        self._needed = 0

    @property
    def waiting(self) -> int:
        """Octets of a PDU that is not complete yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The PDUs that these octets complete. Raises ProtocolError at a wrong length: the stream is lost."""
        return map(Frame._make, self.cut(data))

    def cut(self, data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        """As `feed`, with the fields of each `Frame` bare: every answer passes here."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        at, end, longest, header = 0, len(data), self._longest, HEADER.unpack_from
        self._needed = HEADER_SIZE
        while (body := at + HEADER_SIZE) <= end:
            length, command, status, sequence = header(data, at)
            after = at + length
            if after < body or length > longest:
                limits = f"{HEADER_SIZE}…{longest}"
                raise ProtocolError(f"command_length {length} is not {limits}", INVALID_LENGTH)
            if after > end:
                self._needed = length
                break
            yield command, status, sequence, data[body:after]
            at = after
        if at < end:
            self._rest += data[at:]


def decode_body(frame: Frame) -> Body:
    """What the frame says. Raises ProtocolError with the frame's sequence."""
    kind = _BODY_OF.get(frame.command)
    if kind is None:
        raise ProtocolError(f"command {frame.command:#010x} is not known", INVALID_COMMAND, frame.sequence)
    make: Callable[..., Body] = kind
    response = frame.command & pdu.RESPONSE
    if response and not frame.octets:
        return make()
    try:
        return make(**_decode_fields(kind, frame.octets))
    except (IndexError, _BrokenTlv) as broken:
        if response and frame.status:
            return make()  # what counts is the refusal, not how its body is spoilt
        if isinstance(broken, _BrokenTlv):
            reason, status = "an optional parameter is longer than the PDU", INVALID_TLV_STREAM
        else:
            reason, status = "ends in the middle of its fields", INVALID_LENGTH
        raise ProtocolError(f"{kind.__name__}: {reason}", status, frame.sequence) from None


def _decode_fields(kind: type[Body], octets: bytes) -> dict[str, Any]:
    values: dict[str, Any] = {}
    at = 0
    for name, size in _FIELDS[kind]:
        if size == _OCTET:
            values[name] = octets[at]
            at += 1
        else:
            values[name], at = _decode_c_string(octets, at)
    if issubclass(kind, pdu._Message):
        length = octets[at]
        values["short_message"] = octets[at + 1 : at + 1 + length]
        if len(values["short_message"]) < length:
            raise IndexError
        at += 1 + length
    if kind is not pdu.Outbind:
        values["tlvs"] = _decode_tlvs(octets, at)
    return values


def _decode_c_string(octets: bytes, at: int) -> tuple[str, int]:
    end = octets.find(0, at)
    if end < 0:
        end = len(octets)  # the last string of a body often comes without its NUL
    return octets[at:end].decode("latin-1"), end + 1


class _BrokenTlv(Exception):
    """An optional parameter claims more octets than there are."""


def _decode_tlvs(octets: bytes, at: int) -> Tlvs:
    tlvs = []
    end = len(octets)
    while end - at >= _TLV.size:
        tag, length = _TLV.unpack_from(octets, at)
        at += _TLV.size
        if length > end - at:
            raise _BrokenTlv
        tlvs.append((tag, octets[at : at + length]))
        at += length
    if any(octets[at:end]):
        raise _BrokenTlv
    return tuple(tlvs)  # one to three NULs at the end are padding that some SMSCs send
