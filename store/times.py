"""How does a moment cross the border of the store? Aware datetimes outside, UTC microseconds inside (R16)."""

from datetime import UTC, datetime, timedelta
from typing import overload

from core.written import VIETNAM

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_HERE = _EPOCH.astimezone(VIETNAM)  # Vietnam's offset never changes
_MICROSECOND = timedelta(microseconds=1)


def us(moment: datetime) -> int:
    """Microseconds since 1970 in UTC. Raises ValueError for a moment without a time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: every moment in the store is aware")
    return (moment - _EPOCH) // _MICROSECOND


def us_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else us(moment)


@overload
def moment(stored: int) -> datetime: ...
@overload
def moment(stored: int | None) -> datetime | None: ...
def moment(stored: int | None) -> datetime | None:
    """What stands in a column -> aware datetime in Vietnamese time; NULL -> None."""
    return None if stored is None else _EPOCH_HERE + stored * _MICROSECOND


def iso(stored: int | None) -> str | None:
    """What stands in a column -> ISO 8601 with +07:00, as logs show it (DESIGN §5)."""
    return None if stored is None else moment(stored).isoformat()
