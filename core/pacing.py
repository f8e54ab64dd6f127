"""How many calls may start now? Calls per second and channels of one trunk, counted exactly.

Two limits together: a bucket that fills at `calls_per_second` and holds at most `burst_s` seconds of calls
(what a tick that came late may catch up), and never more starts in any one second than the rate. Time is
monotonic seconds, handed in.
"""

import math
from dataclasses import dataclass, replace

#: Fractions of seconds are added up: a start due at exactly this moment is due.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Pace:
    """What one trunk bears."""

    calls_per_second: float
    max_channels: int
    burst_s: float = 0.2  #: <= 1
    slow_start_s: float = 0.0  #: from a tenth of the rate to all of it in this time; 0: at once


@dataclass(frozen=True)
class Started:
    """What was started until `at`."""

    since: float  #: when pacing began
    at: float
    credit: float = 1.0  #: calls that the bucket holds
    recent: tuple[float, ...] = ()  #: starts within the last second


def begin(now: float) -> Started:
    """Nothing was started yet."""
    return Started(since=now, at=now)


def rate(pace: Pace, state: Started, now: float) -> float:
    """Calls per second that hold at this moment, slow start included."""
    up = now - state.since
    if up >= pace.slow_start_s:
        return pace.calls_per_second
    return pace.calls_per_second * (0.1 + 0.9 * max(0.0, up) / pace.slow_start_s)


def may_start(pace: Pace, state: Started, channels_up: int, now: float, slower: float = 1.0) -> int:
    """How many calls may start at `now`; 0 or more.

    `slower` in 0..1 takes speed away while what follows a call (SMSC window, package system) is full.
    """
    filled = _filled(pace, state, now, slower)
    in_bucket = math.floor(filled.credit + _ROUNDING)
    in_second = math.ceil(pace.calls_per_second - _ROUNDING) - len(filled.recent)
    free = pace.max_channels - channels_up
    return max(0, min(in_bucket, in_second, free)) if slower > 0 else 0


def started(pace: Pace, state: Started, count: int, now: float, slower: float = 1.0) -> Started:
    """The state after `count` calls were started at `now`."""
    filled = _filled(pace, state, now, slower)
    return replace(filled, credit=filled.credit - count, recent=filled.recent + (filled.at,) * count)


def seconds_until_next(pace: Pace, state: Started, now: float, slower: float = 1.0) -> float:
    """How long to wait until the rate allows a call; 0: now. Channels are not looked at: events free them."""
    if slower <= 0:
        return math.inf
    filled = _filled(pace, state, now, slower)
    lacks = 1 - filled.credit
    bucket = lacks / (rate(pace, state, now) * min(slower, 1.0)) if lacks > _ROUNDING else 0.0
    over = len(filled.recent) - math.ceil(pace.calls_per_second - _ROUNDING)
    second = filled.recent[over] + 1 - filled.at if over >= 0 else 0.0
    return max(bucket, second)


def _filled(pace: Pace, state: Started, now: float, slower: float) -> Started:
    at = max(now, state.at)  # a clock that steps back gives nothing away
    speed = rate(pace, state, at) * min(max(slower, 0.0), 1.0)
    holds = max(1.0, pace.calls_per_second * min(pace.burst_s, 1.0))
    credit = min(holds, state.credit + (at - state.at) * speed)
    recent = tuple(start for start in state.recent if at - start < 1 - _ROUNDING)
    return Started(state.since, at, credit, recent)
