"""How are moments and spans written in SMPP, and read in delivery receipts?"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

_LONGEST: Final = timedelta(days=30)
_RECEIPT_SHAPES: Final = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}


def relative_time(span: timedelta) -> str:
    """A `validity_period` in the relative format `YYMMDDhhmmss000R` (7.1.1.2), rounded down to whole seconds.

    Raises ValueError below one second or beyond 30 days: months have no fixed length.
    """
    if not timedelta(seconds=1) <= span <= _LONGEST:
        raise ValueError(f"a validity of {span} is not between one second and 30 days")
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}000R"


def receipt_time(digits: str, zone: tzinfo) -> datetime | None:
    """A receipt's date of 10, 12 or 14 digits as the SMSC's local time; None when it is nonsense."""
    shape = _RECEIPT_SHAPES.get(len(digits))
    if shape is None or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return datetime.strptime(digits, shape).replace(tzinfo=zone)
    except ValueError:
        return None
