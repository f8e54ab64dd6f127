"""Who answered, a person or a machine? Asterisk's AMD listens before a word is said (dialplan/README.md, `amd`).

AMD judges by the sound alone: people answer with a word or two and then wait, machines speak on. It errs, so
doubt is a person: NOTSURE is, and so is somebody who says nothing, which AMD calls a machine (INITIALSILENCE).
"""

from dataclasses import dataclass

from ari_app.ari import Event

CONTEXT = "amd"
#: Where a call is sent for listening; it comes back into our application by itself.
LISTEN = {"context": CONTEXT, "extension": "s", "priority": "1"}
#: How long it may listen, in seconds; amd.conf says 3.
LONGEST_S = 5.0


@dataclass(frozen=True)
class Heard:
    """AMDSTATUS and AMDCAUSE, as `MACHINE` and `LONGGREETING-1500-1500`."""

    status: str
    cause: str

    @property
    def machine(self) -> bool:
        return self.status == "MACHINE" and not self.cause.startswith("INITIALSILENCE")


def heard_in(event: Event) -> Heard | None:
    """What the dialplan says when it gives a call back to us; None: this event is another one."""
    args = event.get("args") or []
    return Heard(args[1], args[2]) if event["type"] == "StasisStart" and args[:1] == [CONTEXT] else None
