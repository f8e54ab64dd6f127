"""What must be known to speak with one SMSC? Address, identity, window, deadlines."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from smpp import codec, pdu
from smpp.statuses import Verdict


class BindAs(StrEnum):
    TRANSCEIVER = "transceiver"
    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"


@dataclass(frozen=True, slots=True)
class Timers:
    """Deadlines of a session, in seconds."""

    connect_s: float = 10.0  #: TCP and TLS together
    bind_s: float = 10.0
    response_s: float = 30.0  #: a message without an answer for so long is `Unanswered`
    enquire_s: float = 30.0  #: silence after which we ask whether the peer lives
    enquire_answer_s: float = 10.0  #: further silence after which it is dead
    unbind_s: float = 5.0  #: each of: answers still due, unbind_resp, the last octets out


@dataclass(frozen=True, slots=True)
class Link:
    """One bind. `window`: messages that may wait for their answers at a time, 1…10000."""

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    bind: BindAs = BindAs.TRANSCEIVER
    window: int = 10
    system_type: str = ""
    address_range: str = ""
    tls: ssl.SSLContext | None = None  #: see `tls_context`
    server_hostname: str | None = None  #: the name in the certificate, if it is not `host`
    timers: Timers = Timers()
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)  #: this SMSC's own meaning of statuses
    longest_pdu: int = pdu.LONGEST

    def __post_init__(self) -> None:
        if not 1 <= self.window <= 10_000:
            raise ValueError(f"a window is 1…10000 messages, not {self.window}")
        codec.encode(self.bind_request(), 1)  # InvalidField here, not at the first reconnect

    def bind_request(self) -> pdu.BindTransceiver | pdu.BindTransmitter | pdu.BindReceiver:
        kind: type[pdu.BindTransceiver] | type[pdu.BindTransmitter] | type[pdu.BindReceiver]
        match self.bind:
            case BindAs.TRANSCEIVER:
                kind = pdu.BindTransceiver
            case BindAs.TRANSMITTER:
                kind = pdu.BindTransmitter
            case BindAs.RECEIVER:
                kind = pdu.BindReceiver
        return kind(self.system_id, self.password, self.system_type, address_range=self.address_range)


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later with host name check, against `ca_file` alone or the machine's own authorities."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
