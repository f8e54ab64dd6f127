"""Does the rate hold, fall when the SMSC complains, and come back?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp import flow
from smpp.flow import Flow


def send_for(bind: Flow, start: float, seconds: float, parts: int = 1) -> int:
    """Parts that go out when a sender sends whenever it may."""
    now, sent = start, 0
    while (now := now + bind.wait(parts, now)) <= start + seconds:
        bind.take(parts, now)
        sent += parts
    return sent


@given(st.floats(0.5, 2_000), st.lists(st.tuples(st.integers(1, 10), st.floats(0, 1)), max_size=100))
def test_no_span_ever_sees_more_than_the_rate_and_one_burst(
    per_second: float, sends: list[tuple[int, float]]
) -> None:
    bind = Flow(per_second, 0.0)
    burst = max(1.0, per_second / 10)
    now, sent = 0.0, 0
    for parts, idle in sends:
        now += idle
        now += bind.wait(parts, now)
        bind.take(parts, now)
        sent += parts
        # A message longer than the burst goes out of a full bucket, and the next one pays for it.
        assert sent <= now * per_second + burst + max(0.0, parts - burst) + 1e-3


@pytest.mark.parametrize("parts", [1, 3, 50])
def test_the_rate_is_reached_and_counted_in_parts(parts: int) -> None:
    """Issue 4, 4: messages per second counted in segments."""
    sent = send_for(Flow(100, 0.0), 0.0, 60.0, parts)
    assert 6_000 - parts <= sent <= 6_000 + 10 + parts


def test_throttling_pauses_and_halves_the_rate() -> None:
    bind = Flow(100, 0.0)
    bind.throttled(5.0)
    assert bind.wait(1, 5.0) >= flow.PAUSE_S
    assert bind.rate == 50


def test_a_window_full_of_throttled_answers_is_one_complaint() -> None:
    bind = Flow(100, 0.0)
    for answer in range(50):
        bind.throttled(5.0 + answer / 100)
    assert bind.rate == 50


def test_the_rate_never_falls_below_a_floor_and_comes_back() -> None:
    bind = Flow(100, 0.0)
    now = 0.0
    for _ in range(20):
        bind.throttled(now)
        now += flow.PAUSE_S
    assert bind.rate == 100 * flow.SLOWEST
    bind.wait(1, now + flow.RECOVERY_S / 2)
    assert bind.rate == pytest.approx(52.5)
    bind.wait(1, now + flow.RECOVERY_S)
    assert bind.rate == pytest.approx(100)
    bind.wait(1, now + 10 * flow.RECOVERY_S)
    assert bind.rate == 100


def test_a_full_queue_pauses_shortly_and_keeps_the_rate() -> None:
    bind = Flow(100, 0.0)
    bind.queue_full(5.0)
    assert bind.wait(1, 5.0) == flow.SHORT_PAUSE_S
    assert bind.wait(1, 5.0 + flow.SHORT_PAUSE_S) == 0
    assert bind.rate == 100


def test_a_clock_that_stands_or_steps_back_earns_nothing() -> None:
    bind = Flow(10, 100.0, burst=1)
    bind.take(1, 100.0)
    assert bind.wait(1, 50.0) > 0
    assert bind.wait(1, 100.0) > 0


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError):
        Flow(0, 0.0)


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from([0.0, 0.001, 0.02, 0.3, 1.5]), st.booleans()),
        max_size=60,
    ),
    per_second=st.sampled_from([1.0, 20.0, 1000.0]),
)
def test_asking_and_taking_at_once_is_asking_and_then_taking(
    steps: list[tuple[int, float, bool]], per_second: float
) -> None:
    """Issue 4, 4: the short way within a burst grants what the long one grants."""
    one, two, now = Flow(per_second, 0.0), Flow(per_second, 0.0), 0.0
    for parts, later, throttled in steps:
        now += later
        if throttled:
            one.throttled(now)
            two.throttled(now)
        wait_s = two.wait(parts, now)
        if wait_s <= 0:
            two.take(parts, now)
        assert one.take_or_wait(parts, now) == wait_s
