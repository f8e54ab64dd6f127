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
#: Weekdays as they are written, Monday first: `datetime.weekday()` is the place in the list.
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))
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


@dataclass(frozen=True)
class Window:
    """A part of these days, half-open [start, end) in Vietnamese time; `end` None means midnight (24:00)."""

    start: time
    end: time | None
    days: frozenset[int] = EVERY_DAY  #: 0 is Monday

    def __contains__(self, at: datetime) -> bool:
        local = at.astimezone(VIETNAM)
        moment = local.time()
        in_hours = self.start <= moment and (self.end is None or moment < self.end)
        return in_hours and local.weekday() in self.days

    @property
    def hours(self) -> str:
        """Without its days: `08:00-17:00`."""
        return f"{self.start:%H:%M}-{self.end.strftime('%H:%M') if self.end else '24:00'}"

    def __str__(self) -> str:
        return self.hours if self.days == EVERY_DAY else f"{days_text(self.days)} {self.hours}"


def days_text(days: Iterable[int]) -> str:
    """Weekdays as people write them: {0, 1, 2, 5} -> `mon-wed,sat`."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(f"{DAYS[run[0]]}-{DAYS[run[-1]]}" if len(run) > 1 else DAYS[run[0]] for run in runs)


def _days(text: str) -> frozenset[int]:
    """`mon-sat`, `mon,wed,fri`, `sat-mon` -> weekdays, 0 is Monday. Raises WrittenError."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = _day(first)
        length = (_day(last) - start) % 7 if dash else 0
        found.update((start + ahead) % 7 for ahead in range(length + 1))
    return frozenset(found)


def _day(text: str) -> int:
    name = text.strip().casefold()
    if name not in DAYS:
        right = nearest(name, DAYS) or f"write {' '.join(DAYS)}, as mon-sat or mon,wed"
        raise WrittenError(f'"{text.strip()}" is not a weekday', right)
    return DAYS.index(name)


def window(text: Any) -> Window:
    """`"10:00-12:00"`, `"mon-sat 08:00-11:30"` -> Window. Raises WrittenError."""
    if isinstance(text, Window):
        return text
    days, _, hours = text.strip().rpartition(" ") if isinstance(text, str) else ("", "", "")
    found = _WINDOW.match(hours)
    if not found:
        right = 'write start and end: "08:00-17:00", or days before them: "mon-sat 08:00-17:00"'
        raise WrittenError(f"{_shown(text)} is not a window", right)
    which = _days(days) if days else EVERY_DAY
    hour, minute = int(found[3]), int(found[4])
    if hour == 24 and minute:
        raise WrittenError(f"{_shown(text)} ends after midnight", "the last end is 24:00")
    start, end = time(int(found[1]), int(found[2])), None if hour == 24 else time(hour, minute)
    if end is not None and end <= start:
        raise WrittenError(
            f"{_shown(text)} ends before it starts", "write two windows for one that crosses midnight"
        )
    return Window(start, end, which)


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
_ANY = f"({'|'.join(DAYS)})"
DayWindow = Annotated[
    Window,
    BeforeValidator(window),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^({_ANY}([,-] ?{_ANY})* )?[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$",
            "examples": ["08:00-17:00", "mon-sat 08:00-11:30"],
        }
    ),
]
