"""How did an attempt end, and does it keep the subscriber's 24-hour slot?

One word per ending, the same in YAML, code, tables and pages (DESIGN.md §5).
"""

from enum import StrEnum


class Outcome(StrEnum):
    """How an attempt ended."""

    ACCEPTED = "accepted"  #: answered and pressed a key that registers or agrees
    REFUSED = "refused"  #: answered and refused further advertising (key 9)
    DECLINED = "declined"  #: answered and pressed a "no" key of the script
    TRANSFERRED = "transferred"  #: handed over to an agent
    NO_KEY = "no_key"  #: answered, listened, no valid key
    HUNG_UP = "hung_up"  #: answered, hung up with nothing decided
    NO_ANSWER = "no_answer"  #: rang until the ring limit
    BUSY = "busy"  #: SIP 486, 600
    REJECTED = "rejected"  #: SIP 603, 607, 608
    UNREACHABLE = "unreachable"  #: SIP 408, 480
    INVALID_NUMBER = "invalid_number"  #: SIP 404, 410, 484, 604
    FAILED = "failed"  #: 5xx, causes 34, 38, 42, 3xx
    MACHINE = "machine"  #: an answering machine, where AMD is on
    UNKNOWN = "unknown"  #: the controller died or lost sight of the call


#: The phone never rang for these unless a 180 or 183 was seen: the slot is given back (R7). A 404 can come late too:
#: from behind a phone that rang first and is diverted.
_GIVEN_BACK_UNLESS_RANG = {Outcome.UNREACHABLE, Outcome.FAILED, Outcome.INVALID_NUMBER}

#: The listener was reached: O7 counts these as a successful call.
SUCCESSFUL = frozenset(
    {
        Outcome.ACCEPTED,
        Outcome.REFUSED,
        Outcome.DECLINED,
        Outcome.TRANSFERRED,
        Outcome.NO_KEY,
        Outcome.HUNG_UP,
        Outcome.MACHINE,
    }
)


def keeps_slot(outcome: Outcome, rang: bool) -> bool:
    """R7: whether the attempt counts against the 24-hour cap.

    Given back only when the phone provably never rang. `rang`: a SIP 180 or 183 was seen.
    """
    return rang or outcome not in _GIVEN_BACK_UNLESS_RANG
