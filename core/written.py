"""How do people write times, durations, windows and money in our files, and what are they inside?"""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

#: R16: decisions are in Asia/Ho_Chi_Minh, which has no daylight saving; never the host's time zone.
VIETNAM = timezone(timedelta(hours=7), "+07:00")

_DURATION = re.compile(r"([0-9]{1,6})(ms|s|m|h|d)\Z")
_UNIT = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])\Z")


class Written(BaseModel):
    """Base of everything a person writes in YAML: strict, frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


def duration(text: Any) -> timedelta:
    """`"5s"`, `"15m"`, `"24h"`, `"7d"`, `"300ms"` -> timedelta. Raises ValueError saying what would be right."""
    if isinstance(text, timedelta):
        return text
    found = _DURATION.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'{text!r} is not a duration: write a number and a unit, like "5s", "15m", "24h" or "7d"')
    return int(found[1]) * _UNIT[found[2]]


@dataclass(frozen=True, order=True)
class Window:
    """A part of each day, half-open [start, end) in Vietnamese time; `end` None means midnight (24:00)."""

    start: time
    end: time | None

    def __contains__(self, at: datetime) -> bool:
        moment = at.astimezone(VIETNAM).time()
        return self.start <= moment and (self.end is None or moment < self.end)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end.strftime('%H:%M') if self.end else '24:00'}"


def window(text: Any) -> Window:
    """`"10:00-12:00"` -> Window. Raises ValueError saying what would be right."""
    if isinstance(text, Window):
        return text
    found = _WINDOW.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'{text!r} is not a window: write it quoted, like "08:00-17:00"')
    hour, minute = int(found[3]), int(found[4])
    if hour == 24 and minute:
        raise ValueError(f"{text!r} ends after midnight: the last end is 24:00")
    start, end = time(int(found[1]), int(found[2])), None if hour == 24 else time(hour, minute)
    if end is not None and end <= start:
        raise ValueError(f"{text!r} ends before it starts: write two windows for one that crosses midnight")
    return Window(start, end)


Duration = Annotated[timedelta, BeforeValidator(duration, json_schema_input_type=str), PlainSerializer(str)]
DayWindow = Annotated[Window, BeforeValidator(window, json_schema_input_type=str), PlainSerializer(str)]
