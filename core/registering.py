"""How far behind is the package system? What it leaves of the calls per second: who presses 1 is to be answered soon."""

from datetime import timedelta

#: A registration is to be asked for so soon.
SOON = timedelta(minutes=5)
#: For so long answers that were not clear count against the package system.
LATELY = timedelta(minutes=10)
#: So many unclear answers running are the package system's, not those of one key.
_AWAY = 5


def was_away(unclear: int) -> bool:
    """Whether a clear answer after so many unclear ones says that the package system is back, for every key."""
    return unclear >= _AWAY


def registrations_fullness(waiting: int, waited: timedelta, unclear: int, places: int) -> float:
    """How full the package system is for who makes more registrations: 0 empty, 1 or more: start no more calls.

    `waiting` wait to be asked for, the first of them has `waited`; `unclear`: so many, one after the other, have had no
    clear answer and are asked again or given up; `places` are asked at once at most (1 or more). 1 is what would take
    five minutes if each took a second, has waited so long, or as many without a clear answer as are asked at once.
    """
    seconds = max(max(waiting, 0) / places, waited.total_seconds())
    return max(0.0, seconds / SOON.total_seconds(), max(unclear, 0) / places)
