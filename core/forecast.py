"""When will a programme have called everybody? Calls that are left, at a rate, inside its windows.

`mai dry-run` asks it before a programme begins, with what is assumed; `mai report` while it runs, with what was seen.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.calendar import closed
from core.campaigns import DAY, Campaign
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


@dataclass(frozen=True)
class Through:
    """When everybody will have been called."""

    end: datetime | None  #: None: not within MOST_DAYS
    days: int | None  #: on which calls are made
    longest_day_s: float  #: seconds of dialling on the longest of these days


def through(
    programme: Programme,
    law: Law,
    moment: datetime,
    rate: float,
    *,
    first: float,
    shares: Mapping[str, float] | None = None,
    later: float = 0,
    last_due: datetime | None = None,
) -> Through:
    """Call `first` contacts from `moment` on, `rate` calls a second, and again those whose calls ended so.

    Nobody is called again before the campaign's `after`, nor for advertising within 24 hours (R7), and with
    `after_first_pass` not before the others were. `shares`: outcome -> its share of the calls. `later`: contacts that
    wait for their next call already; `last_due`: when the last of all that wait is due. It is right to ten minutes, or to
    a thousandth of the whole.
    """
    queues = _Queues(programme, shares or {})
    if first:
        queues.add(moment, first, _FIRST)
    if later:
        queues.add(moment, later, _LAST)
    if last_due is not None and last_due > moment:
        queues.add(last_due, 0.0, _LAST)
    windows, margin = windows_of(programme, "voice", programme.campaign.class_, law), margin_of("voice", law)
    dialled: dict[date, float] = {}
    each = max(_SLOT, timedelta(seconds=min(first / rate / _PART, 86_400.0)))
    for start, until in _slots(programme, law, moment, each):
        if queues.empty:
            break
        end = _dial(queues, start, until, rate)
        if end is not None:
            moment, day = end, start.date()
            dialled[day] = dialled.get(day) or _seconds(windows, day, margin)
    longest = max(dialled.values(), default=_seconds(windows, moment.date(), margin))
    if not queues.empty:
        return Through(None, None, longest)
    whole = (moment + timedelta(milliseconds=500)).replace(microsecond=0)  # seconds
    return Through(whole.astimezone(VIETNAM), len(dialled), longest)


#: Calls that follow each other are foretold together by so much time, and of a long programme by this part of it.
_SLOT, _PART = timedelta(minutes=10), 1000
#: Whose call it is: the first of its contact, the n-th again after the outcome of this place, or one after which none is.
_FIRST, _LAST = (0, -1), (1, -2)


@dataclass(frozen=True)
class _Again:
    share: float
    times: int
    gap: timedelta
    after_all: bool  #: not before all earlier calls were made


class _Queues:
    """Calls by when they are due: each kind in order."""

    def __init__(self, programme: Programme, shares: Mapping[str, float]) -> None:
        rest = DAY if programme.campaign.class_ == "advertising" else timedelta()
        self._again = [
            _Again(shares[outcome.value], retry.times, max(retry.after, rest), retry.after_first_pass)
            for outcome, follow in programme.campaign.after.items()
            if (retry := follow.retry) is not None and shares.get(outcome.value)
        ]
        self._due: dict[tuple[int, int], deque[tuple[datetime, float]]] = {}

    @property
    def empty(self) -> bool:
        return not any(self._due.values())

    def add(self, due: datetime, calls: float, kind: tuple[int, int]) -> None:
        self._due.setdefault(kind, deque()).append((due, calls))

    def take(self, now: datetime, most: float) -> float | None:
        """Make up to so many of the calls that are next at this moment: how many; None: none is due."""
        kind = self._next(now)
        if kind is None:
            return None
        due, calls = self._due[kind].popleft()
        made = min(calls, most)
        if calls > made:
            self._due[kind].appendleft((due, calls - made))
        turn, place = kind
        for each, again in enumerate(self._again):
            if place in (-1, each) and turn < again.times:
                self.add(now + again.gap, made * again.share, (turn + 1, each))
        return made

    def _next(self, now: datetime) -> tuple[int, int] | None:
        """Among the others: who has waited longer is called again before others are called at all."""
        waiting = sorted(kind for kind, due in self._due.items() if due)
        ready = [kind for kind in waiting if self._due[kind][0][0] <= now]
        among = [kind for kind in ready if kind != _FIRST and not self._after_all(kind)]
        return next(iter(among or [kind for kind in ready if kind[0] == waiting[0][0]]), None)

    def _after_all(self, kind: tuple[int, int]) -> bool:
        return kind[1] >= 0 and self._again[kind[1]].after_all

    def next_due(self, now: datetime) -> datetime | None:
        """When the next that is not due yet will be."""
        return min((due[0][0] for due in self._due.values() if due and due[0][0] > now), default=None)


def _dial(queues: _Queues, start: datetime, until: datetime, rate: float) -> datetime | None:
    """What can be called in this time: when the last of it was; None: nothing."""
    now, end = start, None
    while now < until:
        made = queues.take(now, (until - now).total_seconds() * rate)
        if made is None:
            due = queues.next_due(now)
            if due is None or due >= until:
                break
            now = due
        else:
            now = end = now + timedelta(seconds=made / rate)
    return end


def _slots(
    programme: Programme, law: Law, moment: datetime, each: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """The time in which calls may go out from `moment` on, in pieces."""
    windows, margin = windows_of(programme, "voice", programme.campaign.class_, law), margin_of("voice", law)
    for ahead in range(MOST_DAYS):
        day = moment.date() + timedelta(days=ahead)
        if rests(programme) and closed(day, law.extra_tet_days):
            continue
        for start, end in spans(windows, day):
            begins = max(start, moment)
            while begins < end - margin:
                ends = min(begins + each, end - margin)
                yield begins, ends
                begins = ends


def _seconds(windows: Windows, day: date, margin: timedelta) -> float:
    lengths = ((end - margin - start).total_seconds() for start, end in spans(windows, day))
    return sum(max(0.0, length) for length in lengths)


def lately(begun: Sequence[tuple[datetime, int]], slice_: timedelta, now: datetime) -> float | None:
    """Calls per second while it called last; `begun`: the latest slices of time in which calls began, and how many.

    A slice that is not over counts as far as it went. None: no call yet, or a minute is not over.
    """
    seconds = sum((min(slice_, max(now - start, timedelta())) for start, _ in begun), timedelta())
    if seconds < timedelta(minutes=1):
        return None
    return sum(count for _, count in begun) / seconds.total_seconds()
