"""When may it go out? Sums over the windows of a day: inside, until when, the next allowed moment (R8, R9).

Windows are half-open in Vietnamese time: `08:00-17:00` holds 08:00:00 and not 17:00:00; `mon-sat 08:00-17:00`
holds nothing of a Sunday. A day that is closed (Tết) has no windows. `margin` shortens each window at its end: a
call is not dialled when it could still be ringing after the end, so its margin is the ring limit.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache

from core.calendar import closed
from core.written import VIETNAM, Window

Windows = tuple[Window, ...]
NO_MARGIN = timedelta(0)
#: How far ahead a next moment is looked for: longer than any Tết with the days around it.
SEARCH_DAYS = 30


@lru_cache(maxsize=1024)
def merged(windows: Windows) -> Windows:
    """The same times, sorted, those of the same days that touch or overlap made one: 08-12 and 12-17 end at 17."""
    out: list[Window] = []
    for window in sorted(windows, key=lambda w: (sorted(w.days), w.start)):
        last = out[-1] if out else None
        if last is None or last.days != window.days or (last.end is not None and window.start > last.end):
            out.append(window)
        elif last.end is not None and (window.end is None or window.end > last.end):
            out[-1] = replace(last, end=window.end)
    return tuple(sorted(out, key=lambda w: w.start))


@lru_cache(maxsize=1024)
def clipped(windows: Windows, law: Window) -> Windows:
    """What is left of a programme's windows inside the law's: a programme may be stricter, never looser."""
    out = []
    for window in merged(windows):
        start = max(window.start, law.start)
        ends = [end for end in (window.end, law.end) if end is not None]
        end = min(ends) if ends else None
        days = window.days & law.days
        if days and (end is None or start < end):
            out.append(Window(start, end, days))
    return tuple(out)


@lru_cache(maxsize=1024)
def spans(windows: Windows, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """The windows of one Vietnamese day as moments, [start, end), in order."""
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), VIETNAM)
    weekday = day.weekday()
    that_day = tuple(Window(w.start, w.end) for w in windows if weekday in w.days)
    return tuple(
        (
            datetime.combine(day, window.start, VIETNAM),
            midnight if window.end is None else datetime.combine(day, window.end, VIETNAM),
        )
        for window in merged(that_day)
    )


@lru_cache(maxsize=1024)
def spans_and_words(windows: Windows, day: date) -> tuple[tuple[tuple[datetime, datetime], ...], str]:
    """The windows of one day, and how they all read: `10:00-12:00, mon-fri 15:30-17:30`."""
    return spans(windows, day), ", ".join(map(str, windows)) or "no window at all"


def current(windows: Windows, now: datetime) -> tuple[datetime, datetime] | None:
    """The window that holds `now`, as moments, or None. Days of rest are R9's, not looked at."""
    for start, end in spans(windows, now.astimezone(VIETNAM).date()):
        if start <= now < end:
            return start, end
    return None


def inside(windows: Windows, now: datetime, margin: timedelta = NO_MARGIN) -> bool:
    """Whether `now` is inside a window and more than `margin` before its end."""
    span = current(windows, now)
    return span is not None and now < span[1] - margin


def end_of_window(windows: Windows, now: datetime) -> datetime | None:
    """The end of the window that holds `now`: where an SMS's validity ends. None outside."""
    span = current(windows, now)
    return span[1] if span else None


def next_allowed(
    windows: Windows,
    now: datetime,
    *,
    margin: timedelta = NO_MARGIN,
    rest_days: bool = True,
    extra_days: tuple[date, ...] = (),
    days: int = SEARCH_DAYS,
) -> datetime | None:
    """The first moment >= now inside a window (and `margin` before its end), skipping Tết and extra days.

    `rest_days` False: days of rest do not count (care). None: no such moment within `days` days.
    """
    today = now.astimezone(VIETNAM).date()
    for day in _days(today, days):
        if rest_days and closed(day, extra_days):
            continue
        for start, end in spans(windows, day):
            moment = max(start, now)
            if moment < end - margin:
                return moment
    return None


def _days(first: date, count: int) -> Iterator[date]:
    for ahead in range(count + 1):
        yield first + timedelta(days=ahead)
