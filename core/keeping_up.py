"""Does the machine keep up with its own calls? What it leaves of the calls per second when it does not.

A machine that is given more calls than it bears answers phones late, and then too late. So the pace gives way while
what the process writes waits long, or what it asks of Asterisk. It comes back as both catch up, soon to just below
what was too much, slowly from there: else it would swing between too much and almost nothing.
"""

import math
from dataclasses import dataclass, replace

#: What is late, in seconds: a write, which waits for the disk too, and an answer of Asterisk on average, which is
#: milliseconds where nothing is late.
LATE_WRITE_S, LATE_ANSWER_S = 0.5, 0.2
#: Waits in parts of what is late: up to here all is well; from here on nothing is begun.
WELL, STOP = 0.5, 4.0
_LEAST = 0.02
#: Calls that began at less than this share of the pace are not what made the machine late.
_SOME = 0.2
_LESS, _MORE, _NEAR_MORE = 0.7, 1.15, 1.03
_NEAR = 0.85
#: Looks until a change shows: calls that have begun go on meanwhile.
_SETTLES = 3


@dataclass(frozen=True)
class Kept:
    """What is left of the pace, 0.02...1, looked at once a second."""

    left: float = 1.0
    too_much: float = math.inf  #: the pace that it last did not bear
    settles: int = 0  #: looks until the last change has shown
    late: bool = False  #: it has not been well since


def waits(write_s: float, answer_s: float) -> float:
    """The longer of both in parts of what is late."""
    return max(write_s / LATE_WRITE_S, answer_s / LATE_ANSWER_S)


def kept(before: Kept, wait: float, used: float) -> Kept:
    """From now on. `wait`: see `waits`; `used`: the share of the pace at which calls began lately, 0: none did."""
    settling = replace(before, settles=max(0, before.settles - 1))
    if wait > 1:
        if before.settles:
            return settling
        was = before.left if before.late or not used else min(before.left, max(used, _SOME))
        return Kept(max(_LEAST, was * _LESS), before.too_much if before.late else was, _SETTLES, late=True)
    if wait >= WELL:
        return settling
    near = _NEAR * before.too_much <= before.left < before.too_much / _NEAR
    left = min(1.0, before.left * (_NEAR_MORE if near else _MORE))
    return replace(settling, left=left, late=False)
