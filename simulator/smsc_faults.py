"""How does the SMSC misbehave, and what do its delivery receipts look like?"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from simulator import smpp_codec as smpp
from simulator.smpp_codec import Sm

#: message_state (SMPP 3.4, 5.2.28) by the word that a receipt's text has for it.
STATES = {
    "ENROUTE": 1,
    "DELIVRD": 2,
    "EXPIRED": 3,
    "DELETED": 4,
    "UNDELIV": 5,
    "ACCEPTD": 6,
    "UNKNOWN": 7,
    "REJECTD": 8,
}


@dataclass
class Faults:
    """How the SMSC misbehaves; every field may be changed while it runs and holds from then on."""

    refuse_bind: int = 0
    """Status of every bind (0: as the password says), for example 0x0D."""
    response_delay_s: float = 0.0
    lose_responses: int = 0
    """This many next submits are accepted and never answered; counts down."""
    drop_after: int = 0
    """At this many submits from now the connection is dropped, once; counts down to 0 (never)."""
    drop_accepted: bool = True
    """Whether the submit that was dropped on had been accepted."""
    statuses: list[int] = field(default_factory=list)
    """Answers of the next submits in turn (0x58 throttled, 0x14 queue full, 0x400… vendor); used up."""
    status_of: dict[str, int] = field(default_factory=dict)
    """Destination as received → status of every submit to it."""
    per_second: float = 0.0
    """Submits above this rate are throttled (0x58); 0: no limit."""
    receipts: Literal["normal", "none", "double"] = "normal"
    receipt_delay_s: float = 0.05
    receipt_first: bool = False
    """The receipt leaves before the response."""
    receipt_stat: dict[str, str] = field(default_factory=dict)
    """Destination → stat of its receipts (DELIVRD elsewhere)."""
    id_form: Literal["decimal", "hex"] = "decimal"
    """How message ids look in responses."""
    receipt_id_form: Literal["decimal", "hex", "padded"] = "decimal"
    """How they look in the text of receipts; the TLV has them as in the response."""
    receipt_tlvs: bool = True


def receipt_of(sm: Sm, message_id: str, stat: str, faults: Faults) -> Sm:
    """The deliver_sm that tells the fate of this submit."""
    state = bytes((STATES.get(stat, STATES["UNKNOWN"]),))
    tlvs = {smpp.TLV_RECEIPTED_ID: message_id.encode() + b"\0", smpp.TLV_STATE: state}
    return Sm(
        sm.destination,
        sm.source,
        _text(message_id, stat, faults).encode(),
        source_ton=sm.destination_ton,
        source_npi=sm.destination_npi,
        destination_ton=sm.source_ton,
        destination_npi=sm.source_npi,
        esm_class=0x04,
        tlvs=tlvs if faults.receipt_tlvs else {},
    )


def _text(message_id: str, stat: str, faults: Faults) -> str:
    """SMPP 3.4, appendix B; the text of the message itself is left out, as many SMSCs do."""
    value = int(message_id, 16 if faults.id_form == "hex" else 10)
    form = faults.receipt_id_form
    told = f"{value:x}" if form == "hex" else f"{value:020d}" if form == "padded" else str(value)
    done = datetime.now().strftime("%y%m%d%H%M")
    delivered, error = ("001", "000") if stat == "DELIVRD" else ("000", "001")
    dates = f"submit date:{done} done date:{done}"
    return f"id:{told} sub:001 dlvrd:{delivered} {dates} stat:{stat} err:{error} text:"
