"""Which trunk may carry one more call now, and of which programme? Looked at and taken inside one transaction.

`open_rooms` takes the rows of the trunks, and of the programmes that have limits of their own; calls are started on
them with `start`, and `write` stores what is left before the transaction ends. So the calls per second and the channels
of a trunk hold for all controllers together, and after a crash.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from core.campaigns import Campaign
from core.config import Trunk
from core.congestion import (
    WELL,
    Answer,
    Congestion,
    may_carry,
    probed,
    resting,
    seconds_of_rest,
)
from core.congestion import heard as judged
from core.facts import Programme
from core.pacing import Pace, Started, begin_anew, may_start, seconds_until_next, started, trunk_pace
from core.routing import by_cost
from store import paces, settings
from store.paces import congestion_of, of_programme, of_trunk, started_of
from store.tx import Tx

#: Another controller has the trunks now: it needs them for some milliseconds.
BUSY_S = 0.01


@dataclass(frozen=True)
class Heard:
    """What an answer said about a trunk."""

    trunk: str
    answer: Answer
    why: str = ""


@dataclass(frozen=True)
class Ways:
    """What a controller brings to a transaction: its trunks, and what it knows of them."""

    trunks: tuple[Trunk, ...]
    slower: float = 1.0  #: what is left of every trunk's rate, 0...1
    answers: tuple[Heard, ...] = ()
    anew: bool = False  #: no node was there until now
    now_s: float | None = None  #: None: the store's time


@dataclass
class Way:
    """A trunk or a programme, as one transaction has it."""

    pace: Pace
    state: Started
    up: int  #: calls that hold a line
    congestion: Congestion = WELL
    stored: Mapping[str, Any] = field(default_factory=dict)

    def room(self, now: float, slower: float = 1.0) -> int:
        most = may_carry(self.congestion, now)
        return int(min(most, may_start(self.pace, self.state, self.up, now, slower * self.congestion.share)))

    def start(self, now: float, slower: float = 1.0) -> None:
        self.state = started(self.pace, self.state, 1, now, slower * self.congestion.share)
        self.congestion = probed(self.congestion, now)
        self.up += 1

    def wait_s(self, now: float, slower: float = 1.0) -> float:
        """Until the rate allows a call; math.inf: no channel is free, or a probe is under way."""
        rest = seconds_of_rest(self.congestion, now)
        if self.up >= self.pace.max_channels or (rest <= 0 and may_carry(self.congestion, now) < 1):
            return math.inf
        rate = seconds_until_next(self.pace, self.state, now, slower * self.congestion.share)
        return max(rest, rate)

    def written(self) -> dict[str, Any]:
        """As JSON; `congestion` only where something is wrong."""
        state = asdict(self.state) | {"recent": [list(start) for start in self.state.recent]}
        return state if self.congestion == WELL else state | {"congestion": asdict(self.congestion)}


@dataclass
class Rooms:
    """The trunks of one transaction, those that another controller has left out; and the programmes with limits."""

    now: float
    trunks: Mapping[str, tuple[Trunk, Way]]
    programmes: Mapping[str, Way | None]  #: None: another controller has it; absent: no limits
    slower: float = 1.0

    def free(self) -> int:
        """How many calls may start now over all trunks."""
        return sum(way.room(self.now, self.slower) for _, way in self.trunks.values())

    def of(self, programme: str) -> int:
        """How many calls of this programme may start now, as far as its own limits go."""
        if programme not in self.programmes:
            return 1_000_000
        way = self.programmes[programme]
        return way.room(self.now) if way else 0

    def trunk_for(self, number: str, tried: Collection[str] = ()) -> Trunk | None:
        """The cheapest trunk that may carry this number and has room; None: there is none now."""
        trunks = (trunk for name, (trunk, _) in self.trunks.items() if name not in tried)
        for trunk in by_cost(trunks, number):
            if self.trunks[trunk.name][1].room(self.now, self.slower):
                return trunk
        return None

    def start(self, trunk: str, programme: str | None = None) -> None:
        """A call starts; `programme` None: it goes on over another trunk."""
        self.trunks[trunk][1].start(self.now, self.slower)
        way = self.programmes.get(programme or "")
        if way is not None:
            way.start(self.now)

    def wait_s(self) -> float:
        """Until some trunk's rate allows a call; math.inf: an event tells, a call that ends for one."""
        waits = [way.wait_s(self.now, self.slower) for _, way in self.trunks.values()]
        return min(waits, default=BUSY_S)

    def programmes_wait_s(self) -> float:
        """Until the rate of some programme that has none left allows a call; math.inf: none waits for its rate."""
        ways = [way for way in self.programmes.values() if way is None or not way.room(self.now)]
        return min((way.wait_s(self.now) if way else BUSY_S for way in ways), default=math.inf)

    def hear(self, tx: Tx, answers: Sequence[Heard], now: datetime) -> tuple[Heard, ...]:
        """What answers say about the trunks; returns those of trunks that another controller has now.

        A trunk that rests is an alarm until a call goes through; `now` is the alarm's.
        """
        for each in answers:
            if each.trunk in self.trunks:
                way = self.trunks[each.trunk][1]
                rested = way.congestion.rest_s
                rate = way.pace.calls_per_second
                way.congestion = judged(way.congestion, each.answer, each.why, rate, self.now)
                if rested and not resting(way.congestion):
                    way.state = replace(way.state, since=self.now)  # the slow start begins anew
                    settings.clear_alarm(tx, name=alarm_of(each.trunk), now=now)
                elif way.congestion.rest_s != rested:
                    text = rests_in_words(each.trunk, way.congestion)
                    settings.raise_alarm(tx, name=alarm_of(each.trunk), text=text, now=now)
        return tuple(each for each in answers if each.trunk not in self.trunks)

    def rest(self) -> list[str]:
        """The trunks that rest, in words."""
        return [
            rests_in_words(name, way.congestion)
            for name, (_, way) in self.trunks.items()
            if resting(way.congestion)
        ]

    def begin_anew(self) -> None:
        """The nodes were away: the slow start of every trunk begins again, unless others use it."""
        for _, way in self.trunks.values():
            way.state = begin_anew(way.pace, way.state, self.now)

    def write(self, tx: Tx) -> None:
        """Store what has changed."""
        ways = {of_trunk(name): way for name, (_, way) in self.trunks.items()}
        ways |= {of_programme(name): way for name, way in self.programmes.items() if way}
        changed = {name: state for name, way in ways.items() if (state := way.written()) != way.stored}
        paces.put(tx, changed)


def alarm_of(trunk: str) -> str:
    """The name of the alarm of a trunk that rests, one for all controllers."""
    return f"trunk:{trunk}"


def rests_in_words(trunk: str, congestion: Congestion) -> str:
    """Why it is not used, and what happens next."""
    return (
        f"trunk {trunk} failed {congestion.failed} times running, the last time with {congestion.why}: it rests for "
        f"{congestion.rest_s:.0f} s, then one call tries it; calls go over the other trunks"
    )


def open_rooms(tx: Tx, ways: Ways, programmes: Sequence[Programme] = ()) -> Rooms:
    """Take the rows of these trunks, and of those of the programmes that have limits, until the transaction ends."""
    trunks = ways.trunks
    limited = {each.name: pace for each in programmes if (pace := pace_of(each.campaign))}
    names = [*(of_trunk(each.name) for each in trunks), *map(of_programme, limited)]
    found = paces.take(tx, names)
    now = paces.now_s(tx) if ways.now_s is None else ways.now_s
    held = paces.lines(tx)
    on_trunk = {each.name: sum(n for (line, _), n in held.items() if line == each.name) for each in trunks}
    return Rooms(
        now,
        {
            each.name: (each, _way(trunk_pace(each), found[of_trunk(each.name)], on_trunk[each.name], now))
            for each in trunks
            if of_trunk(each.name) in found
        },
        {
            name: _way(
                pace, found[of_programme(name)], sum(n for (_, of), n in held.items() if of == name), now
            )
            if of_programme(name) in found
            else None
            for name, pace in limited.items()
        },
        ways.slower,
    )


def pace_of(campaign: Campaign) -> Pace | None:
    """A programme's own limits; None: it has none."""
    if campaign.calls_per_second is None and campaign.max_channels is None:
        return None
    return Pace(campaign.calls_per_second or math.inf, campaign.max_channels or math.inf)


def _way(pace: Pace, stored: Mapping[str, Any], up: int, now: float) -> Way:
    return Way(pace, started_of(stored, now), up, congestion_of(stored), stored)
