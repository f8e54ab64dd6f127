"""What did the network say, in our words? The one table from SIP codes and hangup causes to outcomes.

DESIGN.md §5. Each row was seen once on the wire (tests/asterisk/test_endings.py). What Asterisk really tells:
a code of the called side comes as `tech_cause` of ChannelHangupRequest; at our own ring limit that event has
no `tech_cause`, while the later ChannelDestroyed claims 480, which nobody sent.
"""

from dataclasses import dataclass

from core.congestion import Answer
from core.outcomes import Outcome


@dataclass(frozen=True)
class Ending:
    """How a call ended that was not answered."""

    sip_code: int | None  #: of the called side; None: it sent no final answer
    cause: int | None  #: Q.850
    ring_limit: bool = False  #: we gave up ringing


#: SIP codes of the called side. Those that are not here failed: the network's fault, or ours.
_BY_SIP_CODE = {
    486: Outcome.BUSY,
    600: Outcome.BUSY,
    603: Outcome.REJECTED,
    607: Outcome.REJECTED,
    608: Outcome.REJECTED,
    408: Outcome.UNREACHABLE,
    480: Outcome.UNREACHABLE,
    404: Outcome.INVALID_NUMBER,
    410: Outcome.INVALID_NUMBER,
    484: Outcome.INVALID_NUMBER,
    604: Outcome.INVALID_NUMBER,
    487: Outcome.NO_ANSWER,
}

#: Q.850 causes, where no SIP code is known: Asterisk itself, or a gateway, ended the call.
_BY_CAUSE = {
    17: Outcome.BUSY,
    21: Outcome.REJECTED,
    18: Outcome.UNREACHABLE,
    19: Outcome.UNREACHABLE,
    20: Outcome.UNREACHABLE,
    1: Outcome.INVALID_NUMBER,
    22: Outcome.INVALID_NUMBER,
    28: Outcome.INVALID_NUMBER,
}


def outcome_of(ending: Ending) -> Outcome:
    """The outcome of a call that was not answered. What is in no row (5xx, 3xx, 34, 38, 42 …) failed."""
    if ending.ring_limit:
        return Outcome.NO_ANSWER
    if ending.sip_code is not None:
        return _BY_SIP_CODE.get(ending.sip_code, Outcome.FAILED)
    return _BY_CAUSE.get(ending.cause or 0, Outcome.FAILED)


def trunk_answer(outcome: Outcome, sip_code: int | None, cause: int | None) -> tuple[Answer, str] | None:
    """What the end of a call that did not ring says about its trunk; None: nothing.

    It failed in the network (5xx, 401, 403, causes 34, 38, 42 …), or rang nowhere until the ring limit, as over a
    trunk that is dead. What the called side says (busy, absent, no such number) has gone through; a redirect, a
    request that timed out, and what failed before it left, say nothing.
    """
    match outcome:
        case Outcome.FAILED if sip_code is not None:
            return None if 300 <= sip_code < 400 else ("failed", f"SIP {sip_code}{_of_cause(cause)}")
        case Outcome.FAILED if cause:
            return "failed", f"cause {cause}"
        case Outcome.NO_ANSWER if sip_code is None:
            return "failed", "no answer at all"
        case Outcome.BUSY | Outcome.REJECTED | Outcome.INVALID_NUMBER:
            return "through", ""
        case Outcome.UNREACHABLE if sip_code != 408:
            return "through", ""
    return None


def _of_cause(cause: int | None) -> str:
    return f" (cause {cause})" if cause else ""
