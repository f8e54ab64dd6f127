"""Does the pace give way while a process does not keep up, and come back?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.keeping_up import LATE_S, WELL_S, pace_kept

SECONDS = st.floats(0, 1000)
PACES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("pace", "took_s", "left"),
    [
        (1.0, 0.01, 1.0),
        (1.0, LATE_S, 1.0),
        (1.0, 0.51, 0.7),
        (0.5, 3.0, 0.35),
        (0.02, 3.0, 0.02),
        (0.5, 0.3, 0.5),
        (0.5, WELL_S - 0.01, 0.55),
        (0.99, 0.0, 1.0),
    ],
)
def test_what_a_write_takes_is_what_is_left_of_the_pace(pace: float, took_s: float, left: float) -> None:
    """Issue 5, 5: slower while it is late, as before in between, faster when it is well."""
    assert pace_kept(pace, took_s) == pytest.approx(left)


@given(PACES, st.lists(SECONDS))
def test_it_never_stands_still_and_is_never_more_than_all(pace: float, took: list[float]) -> None:
    """However long it goes on: some calls show whether it is well again."""
    for each in took:
        pace = pace_kept(pace, each)
        assert 0.02 <= pace <= 1.0


@given(PACES)
def test_who_keeps_up_has_the_whole_pace_again(pace: float) -> None:
    """Within twenty looks, one a second."""
    for _ in range(20):
        pace = pace_kept(pace, 0.0)
    assert pace == 1.0
