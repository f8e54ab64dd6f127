"""On which days is nobody advertised to? Tết day 1 and 2 by Vietnam's lunar calendar, extra days (R9, O8)."""

from datetime import date, timedelta
from functools import lru_cache

import holidays

_DAY_ONE = "Lunar New Year"


@lru_cache(maxsize=256)
def tet(year: int) -> tuple[date, date]:
    """Day 1 and 2 of Tết in that Gregorian year, by Vietnam's own calendar (UTC+7, not China's UTC+8).

    Raises ValueError for a year the calendar does not know (before 1901, after 2100): a rule that asks
    then says no (R15).
    """
    days = holidays.country_holidays("VN", years=year, language="en_US")
    found = days.get_named(_DAY_ONE, lookup="exact")
    if len(found) != 1:
        raise ValueError(f"the calendar does not know Tết of the year {year}")
    return found[0], found[0] + timedelta(days=1)


def closed(day: date, extra: tuple[date, ...] = ()) -> str | None:
    """Why nobody is advertised to on this Vietnamese date, or None where it is an ordinary day.

    `extra` are the installation's own further days.
    """
    if day.month <= 2:  # Tết falls between 21 January and 21 February
        first, second = tet(day.year)
        if day == first:
            return "Tết day 1"
        if day == second:
            return "Tết day 2"
    return "an extra day of rest" if day in extra else None
