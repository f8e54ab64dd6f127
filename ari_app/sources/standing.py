"""Where does a source stand, and how do its events reach the store? The same for every kind.

A source hands over a batch and goes on when it is committed: a slow store holds it back, and what was not stored is
brought again.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.sources import Source
from core.written import VIETNAM
from runtime.app import App
from runtime.logs import log
from runtime.topups import Arrived, BadTopup, take_events
from store.triggers import Stored
from store.tx import PASSING

logger = log("intake")

#: Events stored in one commit: enough to be cheap, few enough to keep the writer for some milliseconds only.
BATCH = 200
#: Seconds until the store is tried again; doubled each time.
_AGAIN_S, _AGAIN_MOST_S = 0.5, 10.0
#: So many events refused one after the other are no accident.
_ALL_WRONG = 100

Became = Stored | BadTopup


class Trouble(Exception):
    """What keeps a source from its events, in one sentence; it is tried again."""


class TakenElsewhere(Exception):
    """Another process takes from this source; ours stands by."""


class Stopping(Exception):
    """Told to stop before a batch was stored; it is brought again at the next start."""


@dataclass
class Standing:
    """What one source says of itself, for `mai status`, alarms and metrics."""

    app: App
    source: Source
    stopping: asyncio.Event
    where: str = "starting"
    lag: int | None = None  #: events that wait in the source; None: not known
    last_event_at: datetime | None = None
    counts: dict[str, int] = field(
        default_factory=lambda: {"stored": 0, "repeated": 0, "conflict": 0, "refused": 0}
    )
    last_refused: str = ""
    #: Monotonic, since when it is kept from its events; None: it is not.
    away_since: float | None = None
    _refused_in_a_row: int = 0
    _cleared: set[str] = field(default_factory=set)

    async def take(self, arrived: Sequence[Arrived]) -> list[Became]:
        """Store a batch; returns when it is committed, however long the store takes. Raises Stopping."""
        again_s = _AGAIN_S
        while True:
            try:
                became = await take_events(self.app, self.source.trigger, arrived)
                break
            except PASSING as error:
                logger.error("not stored, trying again", source=self.source.name, error=str(error))
                self.where = "waits for the store"
            if await self.told_to_stop(again_s):
                raise Stopping
            again_s = min(again_s * 2, _AGAIN_MOST_S)
        self._count(arrived, became)
        await self._all_wrong()
        return became

    def _count(self, arrived: Sequence[Arrived], became: Sequence[Became]) -> None:
        for what, each in zip(became, arrived, strict=True):
            if isinstance(what, BadTopup):
                self.counts["refused"] += 1
                self._refused_in_a_row += 1
                self.last_refused = str(what)
            else:
                self.counts[what] += 1
                self._refused_in_a_row = 0
                at = each.raw.get("at")
                happened = datetime.fromisoformat(at) if isinstance(at, str) else each.happened
                if happened is not None:
                    self.last_event_at = max(happened, self.last_event_at or happened)

    async def _all_wrong(self) -> None:
        """Whoever wrote `fields` learns that they fit nothing."""
        name = self._name("refused")
        if self._refused_in_a_row >= _ALL_WRONG:
            text = f"source {self.source.name}: the last {self._refused_in_a_row} events were all refused"
            await self._alarm(name, f"{text} ({self.last_refused}): are its `fields` and `time` right?")
        elif not self._refused_in_a_row:
            await self._clear(name)

    async def told_to_stop(self, within_s: float) -> bool:
        """Wait so long for the word to stop; whether it came."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), within_s)
        return self.stopping.is_set()

    async def away(self, why: str) -> None:
        """It cannot get at its events; after `alarm_after` that is an alarm."""
        if self.away_since is None:
            self.away_since = time.monotonic()
            logger.warning("cannot get at its events", source=self.source.name, why=why)
        self.where = f"away: {why}"
        self.lag = None
        if time.monotonic() - self.away_since >= self.source.alarm_after.total_seconds():
            await self._alarm(self._name(), f"source {self.source.name}: {why}")

    async def well(self) -> None:
        """It gets at its events."""
        if self.away_since is not None:
            logger.info("gets at its events again", source=self.source.name)
            self.away_since = None
        await self._clear(self._name())

    def _name(self, *more: str) -> str:
        return self.app.own(":".join(("source", self.source.name, *more)))

    async def _alarm(self, name: str, text: str) -> None:
        self._cleared.discard(name)
        await self._told(name, lambda: self.app.alarm(name, text))

    async def _clear(self, name: str) -> None:
        """Once after each alarm, and once at the start: an earlier process may have raised it."""
        if name not in self._cleared and await self._told(name, lambda: self.app.clear_alarm(name)):
            self._cleared.add(name)

    async def _told(self, name: str, tell: Callable[[], Any]) -> bool:
        try:
            await tell()
        except PASSING as error:
            logger.error("an alarm was not stored", alarm=name, error=str(error))
            return False
        return True

    def happened(self, seconds: float) -> datetime:
        """A moment of the host's or another's clock, in seconds since 1970, on the decision clock."""
        return (datetime.fromtimestamp(seconds, UTC) + self.app.clock.offset).astimezone(VIETNAM)

    def row(self) -> dict[str, Any]:
        """For `mai status`."""
        return {
            "source": self.source.name,
            "trigger": self.source.trigger,
            "where": self.where,
            "waiting": self.lag,
            "last_event_at": self.last_event_at.isoformat() if self.last_event_at else None,
            **self.counts,
            "last_refused": self.last_refused or None,
        }
