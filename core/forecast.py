"""When will a programme have called everybody? Calls that are left, at a rate, inside its windows.

`mai dry-run` asks it before a programme begins, with what is assumed; `mai report` while it runs, with what was seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.calendar import closed
from core.campaigns import Campaign
from core.config import Trunk
from core.facts import Law, Programme
from core.outcomes import Outcome
from core.rules import binding
from core.rules_of_law import margin_of, windows_of
from core.windows import Windows, next_allowed, spans
from core.written import VIETNAM

#: A programme that would not end within this is said not to.
MOST_DAYS = 3660
#: With fewer calls than this, shares are assumed, not taken from them.
ENOUGH = 100


@dataclass(frozen=True)
class Assumed:
    """What is not known before: shares of the calls, and seconds."""

    answered: float = 0.6
    registered: float = 0.05  #: of the answered: a key that registers or agrees
    ring_s: float = 15.0
    talk_s: float = 40.0  #: of the answered

    @property
    def busy_s(self) -> float:
        """How long a call keeps a channel."""
        return self.ring_s + self.answered * self.talk_s


def rate_of(trunks: Sequence[Trunk], assumed: Assumed, campaign: Campaign) -> float:
    """Calls per second that the trunks can begin, within the programme's own limits."""
    of_trunks = sum(min(trunk.calls_per_second, trunk.max_channels / assumed.busy_s) for trunk in trunks)
    most = campaign.calls_per_second or of_trunks
    channels = campaign.max_channels
    return min(of_trunks, most, of_trunks if channels is None else channels / assumed.busy_s)


def calls_each(programme: Programme, shares: Mapping[str, float]) -> float:
    """Calls for each contact, the first and those again; `shares`: outcome -> its share of the calls."""
    again = 0.0
    for outcome, follow in programme.campaign.after.items():
        share, times = shares.get(outcome.value, 0.0), follow.retry.times if follow.retry else 0
        again += sum(share**turn for turn in range(1, times + 1))
    return 1 + again


def shares_of(calls: Mapping[str, int], assumed: Assumed) -> dict[str, float]:
    """Outcome -> its share of the calls so far; as assumed while there are too few."""
    count = sum(calls.values())
    if count < ENOUGH:
        return {Outcome.NO_ANSWER.value: 1 - assumed.answered}
    return {outcome: each / count for outcome, each in calls.items()}


def first_moment(programme: Programme, law: Law, now: datetime) -> datetime:
    """When calls may go out next; now, where that is never."""
    class_ = programme.campaign.class_
    windows = windows_of(programme, "voice", class_, law)
    extra, margin = law.extra_tet_days, margin_of("voice", law)
    return next_allowed(windows, now, margin=margin, rest_days=rests(programme), extra_days=extra) or now


def rests(programme: Programme) -> bool:
    """Whether it calls nobody on days of rest (R9)."""
    return any(rule.id == "R9" for rule in binding("voice", programme.campaign.class_))


def finished(
    programme: Programme, law: Law, moment: datetime, seconds: float
) -> tuple[datetime | None, int | None, float]:
    """When so many seconds of dialling are over, on which day of dialling, and the seconds of the longest day.

    (None, None, …): not within MOST_DAYS.
    """
    windows, margin = windows_of(programme, "voice", programme.campaign.class_, law), margin_of("voice", law)
    if seconds <= 0:
        return moment, 0, _seconds(windows, moment.date(), None, margin)
    days, most, left = 0, 0.0, seconds
    for ahead in range(MOST_DAYS):
        day = moment.date() + timedelta(days=ahead)
        if rests(programme) and closed(day, law.extra_tet_days):
            continue
        most = max(most, _seconds(windows, day, None, margin))
        days += bool(_seconds(windows, day, moment, margin))
        for start, end in spans(windows, day):
            begins = max(start, moment)
            length = max(0.0, (end - margin - begins).total_seconds())
            if 0 < left <= length:
                return (begins + timedelta(seconds=left)).astimezone(VIETNAM), days, most
            left -= length
    return None, None, most


def _seconds(windows: Windows, day: date, since: datetime | None, margin: timedelta) -> float:
    lengths = (
        (end - margin - max(start, since or start)).total_seconds() for start, end in spans(windows, day)
    )
    return sum(max(0.0, length) for length in lengths)


def lately(begun: Sequence[tuple[datetime, int]], slice_: timedelta, now: datetime) -> float | None:
    """Calls per second while it called last; `begun`: the latest slices of time in which calls began, and how many.

    A slice that is not over counts as far as it went. None: no call yet, or a minute is not over.
    """
    seconds = sum((min(slice_, max(now - start, timedelta())) for start, _ in begun), timedelta())
    if seconds < timedelta(minutes=1):
        return None
    return sum(count for _, count in begun) / seconds.total_seconds()
