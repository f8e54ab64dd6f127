"""How hard may a trunk be driven that answers badly? It is slowed, rested, and tried again by one call.

A single 5xx is the called subscriber's in most networks; several running are the trunk's. Every bad answer from the
third running on halves the calls per second, at most once a second; each call that goes through gives a tenth of a
call per second back. After six bad answers running the trunk rests, each time twice as long, and one call probes it.
Time is seconds of one clock, handed in.
"""

from dataclasses import dataclass, replace
from typing import Literal

#: What the answer to a call says about the trunk: it carried the call to somebody, or it did not.
Answer = Literal["through", "failed"]

_CUT_FROM, REST_FROM = 3, 6  #: bad answers running
_CUT_EVERY_S = 1.0  #: what answers now was dialled at the old pace
_SLOWEST = 0.2  #: calls per second
_BACK = 0.1  #: calls per second, for each call that goes through
FIRST_REST_S, LONGEST_REST_S = 10.0, 300.0
#: A probe that nobody has told the end of for so long is lost with its controller: another one may go.
PROBE_LOST_S = 180.0
_SET_BACK_S = 1.0


@dataclass(frozen=True)
class Congestion:
    """What a trunk's last answers leave of it."""

    share: float = 1.0  #: of its calls per second
    failed: int = 0  #: bad answers running
    cut_at: float | None = None
    rest_s: float = 0.0  #: how long the last rest was; 0: it does not rest
    rests_until: float = 0.0
    probe_at: float | None = None  #: when the call that tries it was started
    why: str = ""  #: the last bad answer


WELL = Congestion()


def resting(state: Congestion) -> bool:
    """It failed again and again, and no probe has gone through since."""
    return state.rest_s > 0


def heard(state: Congestion, answer: Answer, why: str, calls_per_second: float, now: float) -> Congestion:
    """The state after an answer; `why` names a bad one, `calls_per_second` is the trunk's own rate."""
    if answer == "through":
        back = 1.0 if calls_per_second <= _SLOWEST else _BACK / calls_per_second
        share = _floor(calls_per_second) if resting(state) else state.share
        return Congestion(share=min(1.0, share + back))
    state = replace(state, failed=state.failed + 1, why=why)
    if resting(state):
        return _rest(state, now) if state.probe_at is not None else state  # else: dialled before the rest
    if state.failed >= REST_FROM:
        return _rest(state, now)
    cut = state.cut_at is None or not 0 <= now - state.cut_at < _CUT_EVERY_S
    if state.failed >= _CUT_FROM and cut:
        share = max(_floor(calls_per_second), state.share / 2)
        return replace(state, share=share, cut_at=now)
    return state


def may_carry(state: Congestion, now: float) -> float:
    """How many calls may start at most, as far as answers go: inf, one probe, or none."""
    if not resting(state):
        return float("inf")
    if state.probe_at is not None and 0 <= now - state.probe_at < PROBE_LOST_S:
        return 0
    return 1 if seconds_of_rest(state, now) <= 0 else 0


def seconds_of_rest(state: Congestion, now: float) -> float:
    """How long until a probe may go; 0: now, or it does not rest."""
    if not resting(state):
        return 0.0
    left = state.rests_until - now
    return 0.0 if left > state.rest_s + _SET_BACK_S else max(0.0, left)  # 0: the clock was set back


def probed(state: Congestion, now: float) -> Congestion:
    """A call was started: where the trunk rested, it is the probe."""
    return replace(state, probe_at=now) if resting(state) else state


def _rest(state: Congestion, now: float) -> Congestion:
    rest_s = min(max(FIRST_REST_S, state.rest_s * 2), LONGEST_REST_S)
    return replace(state, rest_s=rest_s, rests_until=now + rest_s, probe_at=None, cut_at=None)


def _floor(calls_per_second: float) -> float:
    return min(1.0, _SLOWEST / calls_per_second)
