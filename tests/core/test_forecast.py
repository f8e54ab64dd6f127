"""Is the end of a programme foretold inside its windows, from what was seen or else assumed?"""

from datetime import timedelta

import pytest

from core.forecast import Assumed, calls_each, finished, lately, shares_of
from tests.core import sample
from tests.core.sample import TEN, at

_SLICE = timedelta(minutes=10)


def test_the_end_is_in_a_window_on_the_day_on_which_the_seconds_are_over() -> None:
    """B2: 10:00-12:00 and 15:30-17:30; 5 h of dialling begun at 10:00 end on the next day."""
    notice = sample.notice()
    end, days, most = finished(notice, sample.LAW, TEN, 5 * 3600)
    assert end is not None
    assert (end.date() - TEN.date(), days) == (timedelta(days=1), 2)
    assert end.hour == 11
    assert most == pytest.approx(4 * 3600, abs=240)  # less the ring limit at each end


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
