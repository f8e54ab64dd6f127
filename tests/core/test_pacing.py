"""How many calls may start now: rate, channels, slow start."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.pacing import Pace, Started, begin, begin_anew, may_start, rate, seconds_until_next, started


def run(pace: Pace, moments: list[float], channels_up: int = 0) -> list[float]:
    """Starts whatever may start at each moment; returns the moments of the starts."""
    state, starts = begin(moments[0]), list[float]()
    for now in moments:
        count = may_start(pace, state, channels_up, now)
        state = started(pace, state, count, now)
        starts += [now] * count
    return starts


def test_the_rate_is_exact_over_a_minute() -> None:
    """calls_per_second: 10 a second are 600 a minute, not one more, evenly."""
    starts = run(Pace(10, 100), [tick / 100 for tick in range(6000)])
    assert len(starts) == 600
    assert all(b - a == pytest.approx(0.1) for a, b in pairwise(starts))


def test_a_rate_below_one_starts_one_call_at_a_time() -> None:
    """calls_per_second 0.5: one call every two seconds, the first at once."""
    assert run(Pace(0.5, 10), [tick / 4 for tick in range(20)]) == [0, 2, 4]


def test_a_late_tick_catches_up_a_fifth_of_a_second_and_no_more() -> None:
    """A pause of a minute does not let a minute's calls out at once."""
    pace = Pace(50, 1000)
    state = started(pace, begin(0.0), 1, 0.0)
    assert may_start(pace, state, 0, 0.1) == 5
    assert may_start(pace, state, 0, 60.0) == 10


def test_a_clock_that_was_set_back_for_long_stops_nothing() -> None:
    """The host's clock was wrong by an hour: less may start for a second, then it goes on."""
    pace = Pace(10, 100)
    state = started(pace, begin(3600.0), 1, 3600.0)
    assert may_start(pace, state, 0, 0.0) == 0
    state = started(pace, state, 0, 0.0)
    assert may_start(pace, state, 0, 1.0) >= 1


def test_without_a_rate_only_the_channels_count() -> None:
    pace = Pace(math.inf, 3)
    state = started(pace, begin(0.0), 2, 0.0)
    assert (may_start(pace, state, 2, 0.0), seconds_until_next(pace, state, 0.0)) == (1, 0.0)


def test_a_slow_start_begins_anew_unless_others_use_the_trunk() -> None:
    """Two controllers: the node of one was away, the other one dials."""
    pace = Pace(10, 100, slow_start_s=10)
    state = started(pace, begin(0.0), 1, 20.0)
    assert begin_anew(pace, state, 25.0).since == 0
    assert begin_anew(pace, state, 31.0).since == 31


@pytest.mark.parametrize(("up", "free"), [(0, 3), (2, 1), (3, 0), (5, 0)])
def test_no_more_calls_than_free_channels(up: int, free: int) -> None:
    """max_channels of the trunk."""
    pace = Pace(100, 3)
    assert may_start(pace, Started(0.0, 0.0), up, 1.0) == free


def test_slow_start_rises_from_a_tenth_to_the_full_rate() -> None:
    """A trunk that comes up is not flooded."""
    pace = Pace(10, 100, slow_start_s=10)
    state = begin(100.0)
    assert [rate(pace, state, 100.0 + up) for up in (0, 5, 10, 60)] == pytest.approx([1, 5.5, 10, 10])
    starts = run(pace, [tick / 100 for tick in range(2000)])
    assert 50 <= sum(start < 10 for start in starts) <= 56
    assert sum(start >= 10 for start in starts) == pytest.approx(100, abs=2)


def test_what_follows_a_call_can_slow_the_dialer_down() -> None:
    """DESIGN.md §4: half as fast while the SMSC window is full, not at all when it stands."""
    pace = Pace(10, 100)
    state = started(pace, begin(0.0), 1, 0.0)
    assert may_start(pace, state, 0, 0.1, slower=0.5) == 0
    assert may_start(pace, state, 0, 0.2, slower=0.5) == 1
    assert may_start(pace, state, 0, 9.0, slower=0.0) == 0
    assert seconds_until_next(pace, state, 0.0, slower=0.5) == pytest.approx(0.2)
    assert seconds_until_next(pace, state, 0.0, slower=0.0) == math.inf


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    """Monotonic time of another process may be behind ours."""
    pace = Pace(10, 100)
    state = started(pace, begin(10.0), 1, 10.0)
    assert may_start(pace, state, 0, 5.0) == 0
    assert may_start(pace, state, 0, 10.1) == 1


_steps = st.lists(st.floats(0, 3) | st.sampled_from([0.0, 0.01, 0.1, 1.0]), min_size=1, max_size=150)
_rates = st.integers(1, 60).map(float) | st.floats(0.1, 60)


@given(_rates, _steps)
def test_no_second_ever_holds_more_starts_than_the_rate(per_second: float, steps: list[float]) -> None:
    """calls_per_second, whenever the dialer looks."""
    moments = [sum(steps[:n]) for n in range(len(steps))]
    starts = run(Pace(per_second, 10_000), moments)
    for first in starts:
        assert sum(first <= start < first + 1 - 1e-6 for start in starts) <= math.ceil(per_second)


@given(_rates, st.integers(1, 300))
def test_waiting_as_long_as_told_is_enough(per_second: float, calls: int) -> None:
    """No dialer waits in vain, and none waits longer than the rate asks for."""
    pace, now = Pace(per_second, 10_000), 0.0
    state = begin(now)
    for _ in range(calls):
        now += seconds_until_next(pace, state, now)
        assert may_start(pace, state, 0, now) >= 1
        assert seconds_until_next(pace, state, now) <= 1e-6
        state = started(pace, state, 1, now)
    slowest = max(calls - 1, 0) / per_second
    assert now <= slowest + 1e-3
