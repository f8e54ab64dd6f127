"""How many calls may start now? Calls per second and channels of a trunk or a programme, counted exactly.

Two limits together: a bucket that fills at `calls_per_second` and holds at most `burst_s` seconds of calls
(what a tick that came late may catch up), and never more starts in any one second than the rate. Time is
seconds of one clock, handed in: the database's, where several controllers share a trunk.
"""

import math
from dataclasses import dataclass, replace

from core.config import Trunk

#: Fractions of seconds are added up: a start due at exactly this moment is due.
_ROUNDING = 1e-9
#: A clock that is behind by more than this many seconds was set back; it is believed, and what is counted moves along.
_SET_BACK_S = 1.0


@dataclass(frozen=True)
class Pace:
    """What one trunk or programme bears; math.inf: any number."""

    calls_per_second: float
    max_channels: float
    burst_s: float = 0.2  #: <= 1
    slow_start_s: float = 0.0  #: from a tenth of the rate to all of it in this time; 0: at once


@dataclass(frozen=True)
class Started:
    """What was started until `at`."""

    since: float  #: when pacing began
    at: float  #: of the last start
    credit: float = 1.0  #: calls that the bucket holds
    recent: tuple[tuple[float, int], ...] = ()  #: starts within the last second: when, how many


def trunk_pace(trunk: Trunk) -> Pace:
    """What config.yaml says a trunk bears."""
    return Pace(trunk.calls_per_second, trunk.max_channels, slow_start_s=trunk.slow_start_s)


def begin(now: float) -> Started:
    """Nothing was started yet."""
    return Started(since=now, at=now)


def begin_anew(pace: Pace, state: Started, now: float) -> Started:
    """The way out was away: the slow start begins again, unless somebody else has used it meanwhile."""
    used = abs(now - state.at) < pace.slow_start_s and state.at > state.since
    return state if used else replace(state, since=now)


def rate(pace: Pace, state: Started, now: float) -> float:
    """Calls per second that hold at this moment, slow start included."""
    up = now - state.since
    if up >= pace.slow_start_s:
        return pace.calls_per_second
    return pace.calls_per_second * (0.1 + 0.9 * max(0.0, up) / pace.slow_start_s)


def may_start(pace: Pace, state: Started, channels_up: int, now: float, slower: float = 1.0) -> int:
    """How many calls may start at `now`; 0 or more, at most a million.

    `slower` in 0..1 takes speed away: the trunk is congested, or what follows a call is full.
    """
    if slower <= 0:
        return 0
    free = pace.max_channels - channels_up
    if pace.calls_per_second < math.inf:
        filled = _filled(pace, state, now, slower)
        in_bucket = math.floor(filled.credit + _ROUNDING)
        free = min(free, in_bucket, _most(pace) - sum(count for _, count in filled.recent))
    return int(max(0, min(free, 1_000_000)))


def started(pace: Pace, state: Started, count: int, now: float, slower: float = 1.0) -> Started:
    """The state after `count` calls were started at `now`."""
    if pace.calls_per_second == math.inf:
        return replace(state, at=max(now, state.at))
    filled = _filled(pace, state, now, slower)
    return replace(filled, credit=filled.credit - count, recent=(*filled.recent, (filled.at, count)))


def seconds_until_next(pace: Pace, state: Started, now: float, slower: float = 1.0) -> float:
    """How long to wait until the rate allows a call; 0: now. Channels are not looked at: events free them."""
    if slower <= 0:
        return math.inf
    if pace.calls_per_second == math.inf:
        return 0.0
    filled = _filled(pace, state, now, slower)
    lacks = 1 - filled.credit
    bucket = lacks / (rate(pace, filled, filled.at) * min(slower, 1.0)) if lacks > _ROUNDING else 0.0
    return max(bucket, _second_free(pace, filled))


def _second_free(pace: Pace, filled: Started) -> float:
    """Until so many of the last second's starts have left it that one more may follow."""
    over = sum(count for _, count in filled.recent) - _most(pace)
    for at, count in filled.recent:
        if over < 0:
            break
        over -= count
        if over < 0:
            return at + 1 - filled.at
    return 0.0


def _most(pace: Pace) -> int:
    return math.ceil(pace.calls_per_second - _ROUNDING)


def _filled(pace: Pace, state: Started, now: float, slower: float) -> Started:
    if now < state.at - _SET_BACK_S:
        state = _set_back(state, now)
    at = max(now, state.at)  # a clock that steps back gives nothing away
    speed = rate(pace, state, at) * min(max(slower, 0.0), 1.0)
    holds = max(1.0, pace.calls_per_second * min(pace.burst_s, 1.0))
    credit = min(holds, state.credit + (at - state.at) * speed)
    recent = tuple(start for start in state.recent if at - start[0] < 1 - _ROUNDING)
    return Started(state.since, at, credit, recent)


def _set_back(state: Started, now: float) -> Started:
    """As if what was started last had been started now: less may start for a second, and nothing stands still."""
    behind = state.at - now
    recent = ((now, sum(count for _, count in state.recent)),) if state.recent else ()
    return Started(state.since - behind, now, min(state.credit, 0.0), recent)
