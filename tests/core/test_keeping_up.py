"""Does the pace give way while a machine does not keep up, and come back?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.keeping_up import LATE_ANSWER_S, LATE_WRITE_S, STOP, WELL, Kept, kept, waits

WAITS = st.floats(0, 1000)
SHARES = st.floats(0, 1)
LATE = 1.01


@pytest.mark.parametrize(
    ("write_s", "answer_s", "wait"),
    [(0, 0, 0), (LATE_WRITE_S, 0, 1), (0, LATE_ANSWER_S, 1), (0.01, 0.8, STOP), (0.25, 0.01, WELL)],
)
def test_a_write_and_an_answer_have_each_their_own_measure(
    write_s: float, answer_s: float, wait: float
) -> None:
    """Issue 5, 5: a write waits for the disk too, an answer of Asterisk for nothing."""
    assert waits(write_s, answer_s) == pytest.approx(wait)


@pytest.mark.parametrize(
    ("left", "wait", "used", "then"),
    [
        (1.0, 0.1, 0.5, 1.0),
        (1.0, 1.0, 0.5, 1.0),
        (1.0, LATE, 1.0, 0.7),
        (1.0, LATE, 0.4, 0.28),  # what calls did not use is not what was too much
        (1.0, LATE, 0.01, 0.14),  # one late answer while hardly anybody is called says little
        (0.5, LATE, 0.8, 0.35),  # they began before the pace gave way
        (0.5, LATE, 0.0, 0.35),  # none began: nothing is known of how many are too many
        (0.02, 9.0, 0.1, 0.02),
        (0.5, 0.7, 0.5, 0.5),
        (0.5, 0.1, 0.5, 0.575),
        (0.99, 0.0, 0.5, 1.0),
    ],
)
def test_what_waits_is_what_is_left_of_the_pace(left: float, wait: float, used: float, then: float) -> None:
    """Issue 5, 5: slower while it is late, as before in between, faster when it is well."""
    assert kept(Kept(left), wait, used).left == pytest.approx(then)


def test_a_change_has_its_time_to_show() -> None:
    """Calls that have begun go on: what is late a second later is late because of them."""
    now, seen = Kept(), []
    for _ in range(5):
        now = kept(now, LATE, 1.0)
        seen.append(now.left)
    assert seen == pytest.approx([0.7, 0.7, 0.7, 0.7, 0.49])


def test_it_comes_back_soon_to_just_below_what_was_too_much_and_slowly_from_there() -> None:
    """Else it would swing between too much and almost nothing."""
    now = kept(Kept(), LATE, 1.0)
    assert now.too_much == 1.0
    steps = []
    while now.left < 1:
        before, now = now, kept(now, 0.0, 0.0)
        steps.append((before.left, now.left / before.left))
    assert [left for left, more in steps if more > 1.1] == [left for left, _ in steps if left < 0.85]
    assert len(steps) == 5


@given(SHARES, st.lists(st.tuples(WAITS, SHARES)))
def test_it_never_stands_still_and_is_never_more_than_all(
    left: float, looks: list[tuple[float, float]]
) -> None:
    """However long it goes on: some calls show whether it is well again."""
    now = Kept(max(0.02, left))
    for wait, used in looks:
        now = kept(now, wait, used)
        assert 0.02 <= now.left <= 1.0


@given(st.lists(st.tuples(WAITS, SHARES), max_size=50))
def test_who_keeps_up_has_the_whole_pace_again(looks: list[tuple[float, float]]) -> None:
    """Within forty looks, one a second, whatever was before."""
    now = Kept()
    for wait, used in looks:
        now = kept(now, wait, used)
    for _ in range(40):
        now = kept(now, 0.0, 1.0)
    assert now.left == 1.0
