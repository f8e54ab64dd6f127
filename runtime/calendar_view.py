"""When may a programme call and text in the next days? The sums of the rules R8 and R9, day by day."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from rich.table import Table

from core.calendar import closed
from core.campaigns import Channel
from core.facts import Law, Programme
from core.rules import binding
from core.rules_of_law import margin_of, windows_of
from core.windows import spans
from core.written import VIETNAM
from runtime.app import Installation
from runtime.clock import wall
from runtime.loading import open_app
from runtime.named import programme_of
from runtime.shown import out
from store.errors import NoStore

DAYS = 30
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def calendar(programme: Programme, law: Law, first: date, days: int = DAYS) -> list[dict[str, Any]]:
    """One object for each Vietnamese date from `first` on: `calls` and `messages` with their windows.

    `last_dial`: a call must be dialled before this moment. `rest`: why nothing goes out that day, or null.
    """
    return [_day(programme, law, first + timedelta(days=ahead)) for ahead in range(days)]


def _day(programme: Programme, law: Law, day: date) -> dict[str, Any]:
    law = law.on(day)
    rest = closed(day, law.extra_tet_days)
    class_ = programme.campaign.class_
    return {
        "date": day.isoformat(),
        "weekday": _WEEKDAYS[day.weekday()],
        "rest": rest,
        "calls": [] if rest and _rests("voice", class_) else _windows(programme, "voice", law, day),
        "messages": [] if rest and _rests("sms", class_) else _windows(programme, "sms", law, day),
    }


def _rests(channel: Channel, class_: str) -> bool:
    """Whether R9 binds this class: care goes on, in its hours."""
    return any(rule.id == "R9" for rule in binding(channel, class_))


def _windows(programme: Programme, channel: Channel, law: Law, day: date) -> list[dict[str, str]]:
    margin = margin_of(channel, law)
    found = []
    for start, end in spans(windows_of(programme, channel, programme.campaign.class_, law), day):
        window = {"start": start.isoformat(), "end": end.isoformat()}
        found.append(window | ({"last_dial": (end - margin).isoformat()} if channel == "voice" else {}))
    return found


async def today_of(installation: Installation) -> date:
    """The Vietnamese date of the decision clock, also before anything was stored."""
    try:
        async with open_app(installation, readonly=True) as app:
            now = app.now()
    except NoStore:
        now = installation.config.clock.now or wall()
    return now.astimezone(VIETNAM).date()


async def calendar_of(installation: Installation, programme: str) -> list[dict[str, Any]]:
    """`mai calendar PROGRAMME`. Raises WrongUsage for a programme that is not there, BadInstallation for a wrong one."""
    chosen = programme_of(installation, programme)
    return calendar(chosen, installation.law, await today_of(installation))


def show(programme: str, days: Sequence[Mapping[str, Any]]) -> None:
    """The table for people."""
    table = Table(title=f"{programme}, Vietnamese time", title_justify="left", header_style="bold")
    for name in ("day", "calls", "dial before", "messages", ""):
        table.add_column(name)
    for day in days:
        when = date.fromisoformat(day["date"])
        table.add_row(
            f"{day['weekday']} {when:%d/%m/%Y}",
            _spans(day["calls"]),
            ", ".join(_time(window["last_dial"]) for window in day["calls"]),
            _spans(day["messages"]),
            day["rest"] or "",
            style="red" if day["rest"] else None,
        )
    out.print(table)


def _spans(windows: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(f"{_time(window['start'])}-{_end(window)}" for window in windows) or "none"


def _end(window: Mapping[str, str]) -> str:
    return "24:00" if window["end"][:10] > window["start"][:10] else _time(window["end"])


def _time(moment: str) -> str:
    at = datetime.fromisoformat(moment)
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
