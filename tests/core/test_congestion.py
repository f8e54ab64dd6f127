"""How hard a trunk is driven that answers badly: slowed, rested, probed, brought back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.congestion import (
    FIRST_REST_S,
    LONGEST_REST_S,
    PROBE_LOST_S,
    REST_FROM,
    WELL,
    Answer,
    Congestion,
    heard,
    may_carry,
    probed,
    resting,
    seconds_of_rest,
)

RATE = 10.0


def after(answers: str, state: Congestion = WELL, now: float = 100.0, step: float = 2.0) -> Congestion:
    """`+` went through, `-` failed, one each `step` seconds."""
    for n, each in enumerate(answers):
        answer: Answer = "through" if each == "+" else "failed"
        state = heard(state, answer, "SIP 503", RATE, now + n * step)
    return state


@pytest.mark.parametrize(
    ("answers", "share"),
    [
        ("", 1.0),
        ("-", 1.0),
        ("--", 1.0),
        ("--+--+--", 1.0),
        ("---", 0.5),
        ("----", 0.25),
        ("---+", 0.51),
        ("---++", 0.52),
        ("---" + "+" * 60, 1.0),
    ],
)
def test_several_bad_answers_running_halve_the_rate_and_good_ones_give_it_back(
    answers: str, share: float
) -> None:
    """Issue 5, 5: slowing on congestion (503, 34); a single 5xx is the subscriber's, not the trunk's."""
    assert after(answers).share == pytest.approx(share)


def test_answers_to_calls_of_the_old_pace_cut_it_once() -> None:
    """Four calls of the same second that fail halve the rate once."""
    assert after("-----", step=0.1).share == 0.5


def test_a_trunk_that_fails_again_and_again_rests_and_is_tried_by_one_call() -> None:
    """Issue 5, 5: the first failing trunk does not stall the others; each rest is twice as long, five minutes at most."""
    state, now = after("-" * REST_FROM, step=0.01), 100.05
    rests = list[float]()
    for _ in range(8):
        rests.append(state.rest_s)
        assert may_carry(state, now) == 0
        assert seconds_of_rest(state, now) == pytest.approx(state.rest_s)
        now += state.rest_s
        assert may_carry(state, now) == 1
        state = probed(state, now)
        assert may_carry(state, now) == 0
        now += 3
        state = heard(state, "failed", "SIP 503", RATE, now)
    assert rests == [10, 20, 40, 80, 160, 300, 300, 300]
    assert state.rest_s == LONGEST_REST_S
    state = heard(probed(state, now + 300), "through", "", RATE, now + 301)
    assert (resting(state), state.failed, may_carry(state, now)) == (False, 0, float("inf"))
    assert state.share == pytest.approx(0.03), "it comes back slowly"


def test_a_probe_whose_controller_died_is_made_again() -> None:
    """Nobody tells its end: the trunk is not left alone for ever."""
    state = probed(after("-" * REST_FROM, step=0.01), 120.0)
    assert may_carry(state, 120.0 + PROBE_LOST_S - 1) == 0
    assert may_carry(state, 120.0 + PROBE_LOST_S) == 1


def test_a_bad_answer_to_a_call_of_before_the_rest_does_not_prolong_it() -> None:
    state = after("-" * REST_FROM, step=0.01)
    assert heard(state, "failed", "SIP 503", RATE, 105.0).rests_until == state.rests_until


def test_a_clock_that_was_set_back_ends_a_rest_instead_of_stretching_it() -> None:
    state = after("-" * REST_FROM, step=0.01)
    assert seconds_of_rest(state, 100.0 - 3600) == 0


_answers = st.lists(st.tuples(st.booleans(), st.floats(0, 30)), max_size=200)


@given(_answers, st.floats(0.05, 1000))
def test_some_speed_is_always_left_and_never_more_than_all(
    answers: list[tuple[bool, float]], rate: float
) -> None:
    """Whatever the network says: a call every five seconds at least, or a probe within five minutes."""
    state, now = WELL, 0.0
    for good, wait in answers:
        now += wait
        if may_carry(state, now):
            state = probed(state, now)
        state = heard(state, "through" if good else "failed", "SIP 503", rate, now)
        assert 0 < state.share <= 1
        assert state.share * rate >= min(rate, 0.2) - 1e-9
        assert seconds_of_rest(state, now) <= LONGEST_REST_S
        assert not (good and resting(state))
    recovered = state
    for _ in range(20_000 if rate > 500 else 6_000):
        recovered = heard(recovered, "through", "", rate, now)
        if recovered == WELL:
            break
    assert recovered.share == 1
    assert FIRST_REST_S <= LONGEST_REST_S
