"""R9, O8: days on which nothing goes out."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import closed, tet


@pytest.mark.parametrize(
    "day",
    [
        date(1985, 1, 21),
        date(2007, 2, 17),
        date(2027, 2, 6),
        date(2028, 1, 26),
        date(2029, 2, 13),
        date(2030, 2, 2),  # China: 02-03
        date(2031, 1, 23),
        date(2032, 2, 11),
        date(2053, 2, 18),
    ],
)
def test_tet_is_that_of_vietnams_calendar(day: date) -> None:
    """R9: the dates of rules.md, those where China's calendar differs among them."""
    assert tet(day.year) == (day, day + timedelta(days=1))
    assert [closed(day + timedelta(days=ahead)) for ahead in (-1, 0, 1, 2)] == [
        None,
        "Tết day 1",
        "Tết day 2",
        None,
    ]


def test_an_extra_day_of_rest_is_closed() -> None:
    """R9: more days may be set."""
    day = date(2026, 9, 2)
    assert closed(day) is None
    assert closed(day, (day,)) == "an extra day of rest"


@pytest.mark.parametrize("year", [1900, 2101])
def test_a_year_that_the_calendar_does_not_know_is_an_error(year: int) -> None:
    """R15: no guess; the rule that asks says no."""
    with pytest.raises(ValueError, match=str(year)):
        tet(year)


@given(st.integers(1976, 2099))
def test_tet_lies_between_20_january_and_21_february(year: int) -> None:
    """R9: two days in a row, where a lunar new year can be."""
    first, second = tet(year)
    assert date(year, 1, 20) <= first <= date(year, 2, 21)
    assert second - first == timedelta(days=1)
