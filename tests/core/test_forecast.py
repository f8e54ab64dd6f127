"""Is the end of a programme foretold inside its windows, from what was seen or else assumed?"""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.forecast import Assumed, calls_each, lately, shares_of, through
from tests.core import sample
from tests.core.sample import TEN, at

_SLICE = timedelta(minutes=10)


def test_the_end_is_in_a_window_on_the_day_on_which_the_seconds_are_over() -> None:
    """B2: 10:00-12:00 and 15:30-17:30; 5 h of dialling begun at 10:00 end on the next day."""
    found = through(sample.notice(), sample.LAW, TEN, 2, first=2 * 5 * 3600)
    assert found.end is not None
    assert (found.end.date() - TEN.date(), found.days) == (timedelta(days=1), 2)
    assert found.end.hour == 11
    assert found.longest_day_s == pytest.approx(4 * 3600, abs=240)  # less the ring limit at each end


def _again(times: int, after: str = "0s", *, after_first_pass: bool = False) -> dict[str, Any]:
    retry = {"times": times, "after": after, "after_first_pass": after_first_pass}
    return {"no_answer": {"retry": retry}}


_DAILY = {"windows": {"calls": ("08:00-17:00",)}}
_WORKDAYS = {"windows": {"calls": ("mon-fri 08:00-17:00",)}}
_NOTICE = {"class": "public_notice", **_DAILY}
#: what the programme is, contacts, a call a second; when they are through, half of them not picking up each time
ENDS = [
    # advertising: R7, nobody is called again within 24 hours
    ({**_DAILY}, 600, "2026-11-23T10:10:00", 1),
    ({**_DAILY, "after": _again(1)}, 600, "2026-11-24T10:05:00", 2),
    ({**_DAILY, "after": _again(2)}, 600, "2026-11-25T10:02:30", 3),
    ({**_DAILY, "after": _again(1, after_first_pass=True)}, 600, "2026-11-24T10:05:00", 2),
    ({**_DAILY, "after": _again(1, "48h")}, 600, "2026-11-25T10:05:00", 2),
    ({**_DAILY, "after": _again(1, "25h")}, 600, "2026-11-24T11:05:00", 2),
    # what is due on Saturday waits for Monday 08:00
    ({**_WORKDAYS, "after": _again(4)}, 600, "2026-11-27T10:00:37", 5),
    ({**_WORKDAYS, "after": _again(5)}, 600, "2026-11-30T08:00:19", 6),
    # two days of first calls, 25,170 s and 32,370 s; those to be called again come first, or after all others
    ({**_DAILY, "after": _again(1)}, 57_540, "2026-11-26T13:19:40", 4),
    ({**_DAILY, "after": _again(1, after_first_pass=True)}, 57_540, "2026-11-25T16:59:30", 3),
    # a public notice has no 24 hours
    ({**_NOTICE, "after": _again(1)}, 600, "2026-11-23T10:15:00", 1),
    ({**_NOTICE, "after": _again(1, "2h")}, 600, "2026-11-23T12:05:00", 1),
]


@pytest.mark.parametrize(("written", "contacts", "end", "days"), ENDS)
def test_who_is_called_again_is_called_no_sooner_than_the_rules_and_the_file_say(
    written: dict[str, Any], contacts: int, end: str, days: int
) -> None:
    """Issue 5, 4: the forecast knows R7's 24 hours, `after` and the windows; to ten minutes."""
    programme = sample.programme(**{"after": {}, **written})
    found = through(programme, sample.LAW, TEN, 1, first=contacts, shares={"no_answer": 0.5})
    assert found.end is not None
    assert abs(found.end - datetime.fromisoformat(f"{end}+07:00")) <= timedelta(minutes=10)
    assert found.days == days


def test_who_waits_already_is_called_when_it_is_due() -> None:
    """The store knows when the last of them is due; three hundred others are called at once."""
    tomorrow = TEN + timedelta(hours=23)
    found = through(sample.programme(**_DAILY), sample.LAW, TEN, 1, first=0, later=300, last_due=tomorrow)
    assert (found.end, found.days) == (tomorrow, 2)
    found = through(sample.programme(**_DAILY), sample.LAW, TEN, 1, first=0, later=300, last_due=TEN)
    assert (found.end, found.days) == (TEN + timedelta(minutes=5), 1)


def test_nobody_is_through_at_once() -> None:
    found = through(sample.programme(**_DAILY), sample.LAW, TEN, 1, first=0, shares={"no_answer": 0.5})
    assert (found.end, found.days) == (TEN, 0)


@given(
    contacts=st.integers(1, 500_000),
    share=st.floats(0, 1),
    times=st.integers(1, 3),
    hours=st.integers(0, 60),
    later=st.booleans(),
)
def test_all_calls_fit_into_the_time_that_is_foretold(
    contacts: int, share: float, times: int, hours: int, later: bool
) -> None:
    """However they are called again: no sooner than the rate allows, and no sooner than the last of them may be."""
    follow = _again(times, f"{hours}h", after_first_pass=later)
    programme = sample.programme(after=follow, **_DAILY)
    rate, shares = 10.0, {"no_answer": share}
    found = through(programme, sample.LAW, TEN, rate, first=contacts, shares=shares)
    once = through(programme, sample.LAW, TEN, rate, first=contacts)
    assert found.end is not None
    assert once.end is not None
    days = (found.end.date() - TEN.date()).days
    seconds = (25_170 + 32_370 * (days - 1) if days else 0) + (
        found.end - max(TEN, found.end.replace(hour=8, minute=0, second=0, microsecond=0))
    ).total_seconds()
    assert (seconds + 1) * rate >= contacts * calls_each(programme, shares) * (1 - 1e-6)
    if share:
        assert found.end >= once.end + timedelta(hours=max(24, hours)) - timedelta(minutes=15)


def test_calls_for_each_contact_follow_from_how_calls_ended() -> None:
    """B3: one more after no answer; of 40 % who do not answer every contact costs 1.4 calls."""
    retried = sample.notice(after={"no_answer": {"retry": {"times": 2}}})
    assert calls_each(sample.notice(after={}), {"no_answer": 0.4}) == 1
    assert calls_each(retried, {"no_answer": 0.5, "busy": 0.3}) == pytest.approx(1 + 0.5 + 0.25)


def test_few_calls_tell_no_shares() -> None:
    assert shares_of({"no_answer": 9}, Assumed(answered=0.75)) == {"no_answer": 0.25}
    assert shares_of({"no_answer": 50, "accepted": 150}, Assumed()) == {"no_answer": 0.25, "accepted": 0.75}


def test_the_rate_is_that_of_the_slices_in_which_calls_began() -> None:
    """A night between two slices is no time of dialling; a slice that goes on counts as far as it went."""
    now = at("15:35:00", TEN)
    assert lately((), _SLICE, now) is None
    assert lately(((now - timedelta(seconds=59), 7),), _SLICE, now) is None
    begun = ((at("15:30:00", TEN), 150), (at("11:50:00", TEN), 300))
    assert lately(begun, _SLICE, now) == pytest.approx(450 / (15 * 60))
