"""How do SMPP 3.4 PDUs look on the wire? The SMSC's own small codec, independent of the system's."""

import struct
from dataclasses import dataclass, field, replace

GENERIC_NACK = 0x80000000
BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER = 0x01, 0x02, 0x09
QUERY_SM, SUBMIT_SM, DELIVER_SM, UNBIND, CANCEL_SM = 0x03, 0x04, 0x05, 0x06, 0x08
ENQUIRE_LINK, DATA_SM = 0x15, 0x103
RESPONSE = 0x80000000
NAMES = {
    BIND_RECEIVER: "bind_receiver",
    BIND_TRANSMITTER: "bind_transmitter",
    BIND_TRANSCEIVER: "bind_transceiver",
    QUERY_SM: "query_sm",
    SUBMIT_SM: "submit_sm",
    DELIVER_SM: "deliver_sm",
    UNBIND: "unbind",
    CANCEL_SM: "cancel_sm",
    ENQUIRE_LINK: "enquire_link",
    DATA_SM: "data_sm",
}

ROK, RINVMSGLEN, RINVCMDLEN, RINVCMDID, RINVBNDSTS, RALYBND = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05
RSYSERR, RINVSRCADR, RINVDSTADR, RBINDFAIL, RINVPASWD, RINVSYSID = 0x08, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F
RMSGQFUL, RQUERYFAIL, RTHROTTLED, RCANCELFAIL = 0x14, 0x67, 0x58, 0x11

TLV_USER_REFERENCE, TLV_SAR_REFERENCE, TLV_SAR_TOTAL, TLV_SAR_NUMBER = 0x0204, 0x020C, 0x020E, 0x020F
TLV_RECEIPTED_ID, TLV_PAYLOAD, TLV_STATE = 0x001E, 0x0424, 0x0427

MAX_PDU = 65536


class BadPdu(ValueError):
    """The octets are not what SMPP 3.4 allows; `status` is what the sender is told."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


@dataclass(frozen=True)
class Pdu:
    command: int
    status: int
    sequence: int
    body: bytes = b""

    def encode(self) -> bytes:
        return struct.pack(">IIII", 16 + len(self.body), self.command, self.status, self.sequence) + self.body


@dataclass(frozen=True)
class Sm:
    """The body of submit_sm, deliver_sm or data_sm (SMPP 3.4, 4.4.1, 4.6.1, 4.7.1)."""

    source: str
    destination: str
    octets: bytes = b""
    """short_message, or message_payload where that carries the text."""
    service_type: str = ""
    source_ton: int = 0
    source_npi: int = 0
    destination_ton: int = 1
    destination_npi: int = 1
    esm_class: int = 0
    protocol_id: int = 0
    priority: int = 0
    schedule: str = ""
    validity: str = ""
    registered_delivery: int = 0
    replace_if_present: int = 0
    data_coding: int = 0
    default_message: int = 0
    tlvs: dict[int, bytes] = field(default_factory=dict)

    def encode(self) -> bytes:
        """As deliver_sm."""
        return b"".join(
            (
                _c(self.service_type),
                bytes((self.source_ton, self.source_npi)),
                _c(self.source),
                bytes((self.destination_ton, self.destination_npi)),
                _c(self.destination),
                bytes((self.esm_class, self.protocol_id, self.priority)),
                _c(self.schedule),
                _c(self.validity),
                bytes(
                    (
                        self.registered_delivery,
                        self.replace_if_present,
                        self.data_coding,
                        self.default_message,
                    )
                ),
                bytes((len(self.octets),)),
                self.octets,
                *(struct.pack(">HH", tag, len(value)) + value for tag, value in self.tlvs.items()),
            )
        )


def _c(text: str) -> bytes:
    return text.encode("ascii") + b"\0"


class _Fields:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def text(self, longest: int) -> str:
        """A C-octet string of at most `longest` octets, its NUL included."""
        end = self.body.find(b"\0", self.at)
        if end < 0 or end - self.at >= longest:
            raise BadPdu(RINVMSGLEN, f"a field is longer than {longest - 1} octets, or unterminated")
        raw, self.at = self.body[self.at : end], end + 1
        if any(b > 0x7E or b < 0x20 for b in raw):
            raise BadPdu(RSYSERR, f"a field is not ASCII: {raw!r}")
        return raw.decode("ascii")

    def octet(self) -> int:
        return self.take(1)[0]

    def take(self, length: int) -> bytes:
        raw = self.body[self.at : self.at + length]
        if len(raw) < length:
            raise BadPdu(RINVMSGLEN, "the body ends early")
        self.at += length
        return raw

    def tlvs(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while self.at < len(self.body):
            tag, length = struct.unpack(">HH", self.take(4))
            found[tag] = self.take(length)
        return found


def decode_bind(body: bytes) -> tuple[str, str]:
    """(system_id, password); BadPdu for a body that is not a bind's."""
    fields = _Fields(body)
    system_id, password = fields.text(16), fields.text(9)
    fields.text(13)
    fields.take(3)
    fields.text(41)
    return system_id, password


def decode_sm(command: int, body: bytes) -> Sm:
    """The body of submit_sm, deliver_sm or data_sm; BadPdu where the specification is broken."""
    f = _Fields(body)
    sm = Sm(
        service_type=f.text(6),
        source_ton=f.octet(),
        source_npi=f.octet(),
        source=f.text(65 if command == DATA_SM else 21),
        destination_ton=f.octet(),
        destination_npi=f.octet(),
        destination=f.text(65 if command == DATA_SM else 21),
        esm_class=f.octet(),
    )
    if command == DATA_SM:
        sm = replace(sm, registered_delivery=f.octet(), data_coding=f.octet(), tlvs=f.tlvs())
    else:
        sm = replace(
            sm,
            protocol_id=f.octet(),
            priority=f.octet(),
            schedule=f.text(17),
            validity=f.text(17),
            registered_delivery=f.octet(),
            replace_if_present=f.octet(),
            data_coding=f.octet(),
            default_message=f.octet(),
            octets=f.take(f.octet()),
        )
        if len(sm.octets) > 254:
            raise BadPdu(RINVMSGLEN, "sm_length is over 254")
        sm = replace(sm, tlvs=f.tlvs())
    payload = sm.tlvs.get(TLV_PAYLOAD)
    if payload is not None:
        if sm.octets:
            raise BadPdu(RINVMSGLEN, "both short_message and message_payload carry text")
        sm = replace(sm, octets=payload)
    return sm


def decode_query(body: bytes) -> str:
    """The message id with which query_sm begins."""
    return _Fields(body).text(65)
