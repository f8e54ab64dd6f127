"""Which figures of the rules carry a date, and which of two is the stricter? (rules.md)

The law's own rows stand in core/law.yaml, an installation's in config.yaml under `limits`: both are written the same way.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Literal

from pydantic import Field

from core.written import DayWindow, Duration, Window, Written, duration_text


class Figures(Written):
    """What may be set for a time. Absent: what holds otherwise stays."""

    calls_per_24h: int | None = Field(default=None, ge=0)  #: R7: advertising calls to a number
    sms_per_24h: int | None = Field(default=None, ge=0)
    care_calls_per_24h: int | None = Field(default=None, ge=0)
    care_sms_per_24h: int | None = Field(default=None, ge=0)
    call_hours: DayWindow | None = None  #: R8, of advertising and care
    sms_hours: DayWindow | None = None
    dnc_max_age: Duration | None = None  #: R2
    dnc_max_shrink: float | None = Field(default=None, ge=0, le=1)
    keep_logs: Duration | None = None  #: R13
    clock_doubt: Duration | None = None  #: R15


class Row(Figures):
    """Figures that hold from the first to the last day, both included; Vietnamese dates."""

    effective_from: date | None = None  #: absent: always before
    effective_to: date | None = None  #: absent: until further notice

    def holds(self, day: date) -> bool:
        return (self.effective_from or date.min) <= day <= (self.effective_to or date.max)

    def meets(self, other: "Row") -> bool:
        """Whether there is a day on which both hold."""
        first = max(self.effective_from or date.min, other.effective_from or date.min)
        return first <= min(self.effective_to or date.max, other.effective_to or date.max)


#: What makes a figure stricter than another.
Stricter = Literal["less", "more", "within"]
FIGURES: dict[str, Stricter] = {
    "calls_per_24h": "less",
    "sms_per_24h": "less",
    "care_calls_per_24h": "less",
    "care_sms_per_24h": "less",
    "call_hours": "within",
    "sms_hours": "within",
    "dnc_max_age": "less",
    "dnc_max_shrink": "less",
    "keep_logs": "more",
    "clock_doubt": "less",
}


def set_in(row: Figures) -> dict[str, Any]:
    """The figures that a row sets."""
    return {name: value for name in FIGURES if (value := getattr(row, name)) is not None}


def strictest(name: str, values: Iterable[Any]) -> Any:
    """The one that keeps to all of them; hours are cut to what lies in each. Raises ValueError for no value."""
    if FIGURES[name] == "within":
        return _within(values)
    return min(values) if FIGURES[name] == "less" else max(values)


def _within(windows: Iterable[Window]) -> Window:
    """Empty where they have nothing in common: a window of no day."""
    first, *others = windows
    for other in others:
        ends = [end for end in (first.end, other.end) if end is not None]
        start, end = max(first.start, other.start), min(ends) if ends else None
        empty = end is not None and end <= start
        first = Window(start, end, frozenset() if empty else first.days & other.days)
    return first


def keeps_to(name: str, value: Any, bound: Any) -> bool:
    """Whether a figure is as strict as the bound, or stricter."""
    return bool(strictest(name, (value, bound)) == value)


def shown(value: Any) -> str:
    """A figure as it is written."""
    return duration_text(value) if isinstance(value, timedelta) else str(value)


def instead(name: str, bound: Any) -> str:
    """What would be right where a figure is looser than its bound."""
    if FIGURES[name] == "within":
        return f'stay inside "{bound}"'
    return f"write at {'most' if FIGURES[name] == 'less' else 'least'} {shown(bound)}"
