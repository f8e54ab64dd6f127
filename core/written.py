"""How do people write times, durations, windows and money in our files, and what are they inside?"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

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


class WrittenError(ValueError):
    """What a person wrote is wrong: `wrong` says what it is, `right` what would be right."""

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(f"{wrong}: {right}")
        self.wrong = wrong
        self.right = right


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean "offers"?` when one of the known words is near; else an empty text."""
    by_folded = {name.casefold(): name for name in known}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f'did you mean "{by_folded[found[0]]}"?' if found else ""


class Written(BaseModel):
    """Base of everything a person writes in YAML: strict, frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


def duration(text: Any) -> timedelta:
    """`"5s"`, `"15m"`, `"24h"`, `"7d"`, `"300ms"` -> timedelta. Raises WrittenError."""
    if isinstance(text, timedelta):
        return text
    found = _DURATION.match(text) if isinstance(text, str) else None
    if not found:
        raise WrittenError(
            f"{_shown(text)} is not a duration", 'write a number and a unit: "5s", "15m", "24h" or "7d"'
        )
    return int(found[1]) * _UNIT[found[2]]


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


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
    """`"10:00-12:00"` -> Window. Raises WrittenError."""
    if isinstance(text, Window):
        return text
    found = _WINDOW.match(text) if isinstance(text, str) else None
    if not found:
        raise WrittenError(f"{_shown(text)} is not a window", 'write start and end: "08:00-17:00"')
    hour, minute = int(found[3]), int(found[4])
    if hour == 24 and minute:
        raise WrittenError(f"{_shown(text)} ends after midnight", "the last end is 24:00")
    start, end = time(int(found[1]), int(found[2])), None if hour == 24 else time(hour, minute)
    if end is not None and end <= start:
        raise WrittenError(
            f"{_shown(text)} ends before it starts", "write two windows for one that crosses midnight"
        )
    return Window(start, end)


def duration_text(length: timedelta) -> str:
    """A duration as people write it: the largest unit that leaves nothing over; 900 s -> `15m`."""
    if not length:
        return "0s"
    for unit in ("d", "h", "m", "s"):
        if not length % _UNIT[unit]:
            return f"{length // _UNIT[unit]}{unit}"
    return f"{length // _UNIT['ms']}ms"


Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    PlainSerializer(duration_text),
    WithJsonSchema(
        {"type": "string", "pattern": "^[0-9]{1,6}(ms|s|m|h|d)$", "examples": ["5s", "15m", "24h"]}
    ),
]
DayWindow = Annotated[
    Window,
    BeforeValidator(window),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$",
            "examples": ["08:00-17:00"],
        }
    ),
]
