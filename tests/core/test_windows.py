"""R8, R9: sums over the windows of a day."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import windows as w
from core.calendar import closed
from core.written import VIETNAM, Window, window
from tests.core.sample import at

RING = timedelta(seconds=30)


def of(*texts: str) -> w.Windows:
    return tuple(window(text) for text in texts)


@pytest.mark.parametrize(
    ("moment", "inside", "may_dial"),
    [
        ("07:59:59", False, False),
        ("08:00:00", True, True),
        ("16:59:29", True, True),
        ("16:59:30", True, False),
        ("16:59:59", True, False),
        ("17:00:00", False, False),
    ],
)
def test_a_window_holds_its_start_and_not_its_end(moment: str, inside: bool, may_dial: bool) -> None:
    """R8: [08:00,17:00), and the last moment to dial is exclusive."""
    assert w.inside(of("08:00-17:00"), at(moment)) is inside
    assert w.inside(of("08:00-17:00"), at(moment), RING) is may_dial


def test_windows_that_touch_end_together() -> None:
    """R8: 08-12 and 12-17 let a call at 11:59:59 ring on."""
    both = of("12:00-17:00", "08:00-12:00", "09:00-10:00")
    assert w.merged(both) == of("08:00-17:00")
    assert w.inside(both, at("11:59:59"), RING)
    assert w.end_of_window(both, at("09:30:00")) == at("17:00:00")


def test_a_window_until_midnight_swallows_those_after_its_start() -> None:
    """R8: 24:00 is the end of the day."""
    assert w.merged(of("20:00-24:00", "21:00-22:00", "19:00-20:30")) == of("19:00-24:00")
    assert w.end_of_window(of("20:00-24:00"), at("23:59:59")) == at("00:00:00", date(2026, 11, 24))


@pytest.mark.parametrize(
    ("written", "days", "reads"),
    [
        ("mon-sat 08:00-11:30", {0, 1, 2, 3, 4, 5}, "mon-sat 08:00-11:30"),
        ("mon,wed,fri 08:00-11:30", {0, 2, 4}, "mon,wed,fri 08:00-11:30"),
        ("Sat-Mon 08:00-11:30", {5, 6, 0}, "mon,sat-sun 08:00-11:30"),
        ("mon-wed, sun 08:00-11:30", {0, 1, 2, 6}, "mon-wed,sun 08:00-11:30"),
        ("mon-sun 08:00-11:30", set(range(7)), "08:00-11:30"),
        ("sun 08:00-24:00", {6}, "sun 08:00-24:00"),
    ],
)
def test_a_window_may_name_its_days(written: str, days: set[int], reads: str) -> None:
    """Issue 3, item 7: weekdays; as it reads it can be written again."""
    assert window(written).days == days
    assert str(window(written)) == reads
    assert window(reads) == window(written)


def test_a_day_that_a_window_does_not_name_has_none_of_it() -> None:
    """R8: 2026-11-22 is a Sunday, 2026-11-23 a Monday; Saturday's afternoon is free too."""
    week = of("mon-sat 08:00-11:30", "mon-fri 13:30-17:00")
    assert w.spans(week, date(2026, 11, 22)) == ()
    assert len(w.spans(week, date(2026, 11, 23))) == 2
    saturday, monday = date(2026, 11, 21), date(2026, 11, 23)
    assert w.inside(week, at("11:29:29", saturday), RING)
    assert not w.inside(week, at("14:00:00", saturday))
    assert w.next_allowed(week, at("11:29:30", saturday), margin=RING) == at("08:00:00", monday)
    assert w.end_of_window(week, at("16:59:59", monday)) == at("17:00:00", monday)


def test_windows_of_different_days_end_together_on_the_days_they_share() -> None:
    """R8: on a Monday 08-12 and 12-17 are one window; on a Saturday there is the morning only."""
    both = of("mon-sat 08:00-12:00", "mon-fri 12:00-17:00")
    assert w.inside(both, at("11:59:59", date(2026, 11, 23)), RING)
    assert not w.inside(both, at("11:59:59", date(2026, 11, 21)), RING)


@pytest.mark.parametrize(
    ("own", "left"),
    [
        (("07:00-18:00",), ("08:00-17:00",)),
        (("10:00-12:00", "15:30-17:30"), ("10:00-12:00", "15:30-17:00")),
        (("17:00-20:00",), ()),
        (("16:00-24:00",), ("16:00-17:00",)),
        (("00:00-08:00",), ()),
        (("sat 07:00-18:00",), ("sat 08:00-17:00",)),
    ],
)
def test_a_programme_may_be_stricter_and_never_looser(own: tuple[str, ...], left: tuple[str, ...]) -> None:
    """R8: what the file writes is cut to the law's hours."""
    assert w.clipped(of(*own), window("08:00-17:00")) == of(*left)


def test_a_law_without_an_end_cuts_only_the_start() -> None:
    """R8: the law's window may run to midnight."""
    assert w.clipped(of("06:00-24:00"), window("08:00-24:00")) == of("08:00-24:00")


def test_outside_a_window_there_is_no_end_of_it() -> None:
    """R8: an SMS is valid to the end of the window that it is sent in."""
    assert w.end_of_window(of("08:00-17:00"), at("10:00:00")) == at("17:00:00")
    assert w.end_of_window(of("08:00-17:00"), at("17:00:00")) is None
    assert w.end_of_window(of("08:00-17:00"), at("07:59:59")) is None


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (at("09:00:00"), at("09:00:00")),
        (at("07:00:00"), at("08:00:00")),
        (at("16:59:30"), at("08:00:00", date(2026, 11, 24))),
        (at("23:00:00"), at("08:00:00", date(2026, 11, 24))),
        (at("16:00:00", date(2030, 2, 1)), at("16:00:00", date(2030, 2, 1))),
        (at("17:00:00", date(2030, 2, 1)), at("08:00:00", date(2030, 2, 4))),  # over Tết
        (at("10:00:00", date(2026, 12, 31)), at("10:00:00", date(2026, 12, 31))),
    ],
)
def test_the_next_allowed_moment_skips_nights_and_tet(now: datetime, then: datetime) -> None:
    """R8, R9: the first moment at which a call may be dialled."""
    assert w.next_allowed(of("08:00-17:00"), now, margin=RING) == then


def test_who_is_not_bound_by_days_of_rest_goes_out_at_tet() -> None:
    """R9 does not bind class care."""
    tet = at("10:00:00", date(2030, 2, 2))
    assert w.next_allowed(of("08:00-22:00"), tet, rest_days=False) == tet


def test_the_next_day_is_vietnams_not_the_hosts() -> None:
    """R16: 18:00 UTC is the next day in Vietnam."""
    now = datetime(2026, 11, 22, 18, tzinfo=UTC)
    assert w.next_allowed(of("08:00-17:00"), now) == at("08:00:00", date(2026, 11, 23))


def test_no_window_and_no_open_day_mean_never() -> None:
    """R8: None, no endless search."""
    assert w.next_allowed((), at("10:00:00")) is None
    shut = tuple(date(2026, 11, 23) + timedelta(days=n) for n in range(40))
    assert w.next_allowed(of("08:00-17:00"), at("10:00:00"), extra_days=shut) is None


_times = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


@st.composite
def _windows(draw: st.DrawFn) -> w.Windows:
    out = []
    for _ in range(draw(st.integers(0, 4))):
        start, end = draw(_times), draw(st.none() | _times)
        days = draw(st.frozensets(st.integers(0, 6), min_size=1))
        if end is None or start < end:
            out.append(Window(start, end, days))
    return tuple(out)


_moments = st.datetimes(datetime(2026, 1, 1), datetime(2031, 1, 1)).map(lambda m: m.replace(tzinfo=UTC))


@given(_windows(), _moments)
def test_merging_changes_no_moment(windows: w.Windows, now: datetime) -> None:
    """R8: inside the sum is inside one of them."""
    assert w.inside(windows, now) is any(now in window for window in windows)


@given(_windows(), _windows(), _moments)
def test_cutting_keeps_what_is_in_both(own: w.Windows, law: w.Windows, now: datetime) -> None:
    """R8: allowed by the programme and by the law."""
    for one in law:
        assert w.inside(w.clipped(own, one), now) is (w.inside(own, now) and now in one)


@given(_windows(), _moments, st.integers(0, 7200))
def test_the_next_allowed_moment_is_allowed_and_not_before_now(
    windows: w.Windows, now: datetime, margin_s: int
) -> None:
    """R8, R9: it can be used as it is, and asking again at that moment gives it back."""
    margin = timedelta(seconds=margin_s)
    moment = w.next_allowed(windows, now, margin=margin)
    if moment is not None:
        assert moment >= now
        assert w.inside(windows, moment, margin)
        assert closed(moment.astimezone(VIETNAM).date()) is None
        assert w.next_allowed(windows, moment, margin=margin) == moment
