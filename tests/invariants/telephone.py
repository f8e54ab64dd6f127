"""Who is called? Subscribers who ring, answer, press and hang up when a test says so, and a line that may die.

`Telephone` speaks the interface of `ari_app.phone.Phone`, and writes its own record of what reached it.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta

from ari_app.dialling import CallReport, Journal
from ari_app.phone import Attempt, LiveChannel
from core.outcomes import Outcome
from core.phone import CallEnded, Decision
from core.speech import Line
from tests.ari_app.office import SetClock
from tests.invariants.record import Record

#: What a subscriber can do with a phone that was dialled, and that rings; how the network ends such a call.
UNANSWERED = ("busy", "rejected", "unreachable", "failed", "invalid_number")
DIALLED = ("rings", "answers", "rings", *UNANSWERED)
RINGING = ("answers", "answers", "no_answer", *UNANSWERED)
TALKING = ("1", "hangs_up", "9", "silence", "2", "3", "0", "5")


class Telephone:
    """All phones of the town, and the Asterisk between: its channels outlive the controller."""

    nodes = ("ast1",)

    def __init__(self, record: Record, clock: SetClock) -> None:
        self.record = record
        self.clock = clock
        self.lines: dict[str, PhoneLine] = {}  #: that wait for what their subscriber does
        self.stuck: set[str] = set()  #: calls of a controller that died before it dialled them
        self.left_up: dict[str, LiveChannel] = {}  #: after a crash
        self.changed = asyncio.Event()
        self.dies_before_dialling = False

    @asynccontextmanager
    async def line(self, attempt: Attempt, journal: Journal) -> AsyncIterator["PhoneLine"]:
        if self.dies_before_dialling:
            self.stuck.add(attempt.id)
            self.changed.set()
            await asyncio.Future()
        call = PhoneLine(self, attempt, journal)
        try:
            yield call
        finally:
            await call.hang_up()
            self.changed.set()

    def waits(self, call: str) -> bool:
        return call in self.lines or call in self.stuck

    def watch_left(self, node: str, call: str) -> None:
        raise AssertionError("no agent takes a call over here")

    def end_refused(self, call: str, via: str) -> bool:
        held = self.lines.get(call)
        if held is not None:
            held.does("refused elsewhere")
        return held is not None

    def crash(self) -> None:
        """The controller is gone. Asterisk goes on: what was dialled rings, what is up stays up."""
        for id_, line in self.lines.items():
            line.felt()
            self.left_up[id_] = LiveChannel(id_, "ast1", "Up" if line.report.answered_at else "Ringing", True)
        self.lines.clear()
        self.stuck.clear()
        self.dies_before_dialling = False
        self.changed = asyncio.Event()

    async def live_channels(self, nodes: Collection[str] | None = None) -> list[LiveChannel]:
        return list(self.left_up.values())

    async def hang_up_orphan(self, node: str, channel: str) -> bool:
        return self.left_up.pop(channel, None) is not None


class PhoneLine:
    """One call, which waits at every step for what the subscriber does."""

    handed_over = False  #: agents' calls end at once here

    def __init__(self, phone: Telephone, attempt: Attempt, journal: Journal) -> None:
        self.report = CallReport()
        self.attempt = attempt
        self.may: tuple[str, ...] = ()  #: what the subscriber can do now
        self._phone, self._journal = phone, journal
        self._programme = attempt.offer_text.split()[-1]
        self._done: asyncio.Queue[str] = asyncio.Queue()
        self._over = False

    def does(self, what: str) -> None:
        """The subscriber, or the network, does this."""
        del self._phone.lines[self.attempt.id]
        self._done.put_nowait(what)

    def felt(self) -> None:
        self._phone.record.rings(self.attempt.id, self.attempt.number, self._programme)

    async def dial(self) -> None:
        clock, report = self._phone.clock, self.report
        self._phone.record.call_leaves(self.attempt.id, self.attempt.number, self._programme)
        match await self._next(DIALLED):
            case "rings":
                self.felt()
                report.rang_at = clock.now()
                await self._journal.rang(report.rang_at)
                what = await self._next(RINGING)
            case other:
                what = other
        if what != "answers":
            self._end(what)
        self.felt()
        report.answered_at = clock.now()
        await self._journal.up(report.answered_at)

    async def say(self, line: Line) -> None:
        if self._over:
            raise CallEnded(Outcome.HUNG_UP)
        self.report.spoken.append(line.written)

    async def ask(
        self, lines: tuple[Line, ...], keys: str, wait: timedelta, barge_in: bool = True
    ) -> str | None:
        for line in lines:
            await self.say(line)
        what = await self._next(TALKING)
        if what == "silence":
            return None
        if what not in "0123456789":
            self._end("hung_up")
        self.report.keys.append((what, self._phone.clock.now()))
        return what

    async def decide(self, decision: Decision) -> None:
        await self._journal.decide(decision)
        if decision.kind == "refuse":
            self._phone.record.standing.refused.add(self.attempt.number)

    async def hand_over(self, context: str) -> None:
        self._end("transferred")

    async def hang_up(self) -> None:
        self._over = True

    async def _next(self, may: tuple[str, ...]) -> str:
        self.may = may
        self._phone.lines[self.attempt.id] = self
        self._phone.changed.set()
        what = await self._done.get()
        if what == "refused elsewhere":
            self._end("refused")
        return what

    def _end(self, outcome: str) -> None:
        self._over = True
        raise CallEnded(Outcome(outcome))
