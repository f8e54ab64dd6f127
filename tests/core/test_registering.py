"""How far behind is the package system, and when is it back?"""

import pytest

from core.registering import SOON, registrations_fullness, was_away


@pytest.mark.parametrize(
    ("waiting", "waited_s", "unclear", "fullness"),
    [
        (0, 0, 0, 0.0),
        (1500, 0, 0, 0.5),
        (0, 150, 0, 0.5),
        (0, 0, 10, 1.0),
        (6000, 0, 3, 2.0),
        (-1, 0, -1, 0.0),
    ],
)
def test_the_worst_of_the_three_says_how_full_it_is(
    waiting: int, waited_s: float, unclear: int, fullness: float
) -> None:
    """Issue 5, pacing: who presses 1 is answered soon; ten places."""
    waited = SOON * (waited_s / SOON.total_seconds())
    assert registrations_fullness(waiting, waited, unclear, 10) == fullness


def test_a_few_unclear_answers_may_be_those_of_their_keys() -> None:
    """Issue 5, recovery: only what looks like an outage is over for everybody with one clear answer."""
    assert [was_away(unclear) for unclear in (0, 1, 4, 5, 100)] == [False, False, False, True, True]
