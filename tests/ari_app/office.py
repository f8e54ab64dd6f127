"""The outbound programs on a real store, without an Asterisk: a clock that a test moves, a phone that it scripts."""

import asyncio
import math
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select

from ari_app import planner
from ari_app.attempt import Claimed, HeldLine, make_call
from ari_app.claim import Asks, Claims, claim
from ari_app.dialling import CallReport, Journal
from ari_app.phone import Attempt, LiveChannel, Phone
from ari_app.rooms import Ways
from core.campaigns import Channel
from core.config import Config
from core.facts import Event, Programme, Subscriber
from core.outcomes import Outcome
from core.phone import CallEnded, Decision
from core.shares import EVEN, Shares
from core.speech import Line
from runtime.app import App, Installation
from runtime.clock import Clock
from store import facts, lists, schema, triggers
from store.database import Store, open_store
from tests.core import sample
from tests.flows.fake_call import FakeCall
from tests.small_app import small_config

TEN = sample.TEN
AN, BINH, CHI = "+84901234567", "+84907654321", "+84903333333"

SCRIPT: list[Any] = [
    {"say": "Xin chào"},
    {
        "menu": {
            "keys": {
                "1": {
                    "say": "bấm 1 {{ offer.name }}",
                    "offer": "1",
                    "then": [{"register": "1"}, {"say": "cảm ơn"}],
                },
                "2": {"say": "bấm 2 {{ offer.name }}", "offer": "2", "then": [{"register": "2"}]},
                "3": {"then": [{"hang_up": "declined"}]},
                "9": {"then": ["refuse", {"say": "đã ghi nhận"}]},
                "0": {"then": [{"agent": "agents"}]},
            },
            "tries": 1,
        }
    },
]


@dataclass
class Node:
    """What the dialer sees of a connection to Asterisk."""

    name: str = "ast1"
    state: str = "connected"

    @property
    def problem(self) -> str:
        return "" if self.state == "connected" else f"Asterisk {self.name} does not answer"

    def waited_s(self) -> float:
        return 0.0


class SetClock(Clock):
    """A decision clock that stands still until a test moves it."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        object.__setattr__(self, "at", at)

    def now(self) -> datetime:
        at: datetime = self.__dict__["at"]
        return at

    def move(self, to: datetime | None = None, **by: float) -> None:
        object.__setattr__(self, "at", to or self.now() + timedelta(**by))


@dataclass(frozen=True)
class Listener:
    """What the subscriber's side of a call does. `ends`: an unanswered end; `trunks`: such an end on these trunks."""

    keys: str = ""
    ends: Outcome | None = None
    rings: bool = True
    trunks: Mapping[str, Outcome] = field(default_factory=dict)
    takes_s: float = 0.0  #: how long the network takes to say how it ends
    hangs_up_at: int | None = None
    gone_after_key: bool = False
    breaks: Exception | None = None  #: raised by the first prompt
    breaks_after_decision: Exception | None = None
    machine: bool = False  #: an answering machine, for whoever listens first
    never: asyncio.Event | None = None  #: answered, and nothing more until this is set


class FakePhone:
    """Speaks the interface of `ari_app.phone.Phone`; who is called behaves as `listeners` says (a number's, or "")."""

    def __init__(self, clock: SetClock, nodes: Collection[str] = ("ast1",)) -> None:
        self.listeners: dict[str, Listener] = {}
        self.dialled: list[Attempt] = []
        self.live: list[LiveChannel] = []
        self.hung_up: list[str] = []
        self.watched: list[str] = []  #: calls of agents that still hold their line
        self.up: set[str] = set()
        self.answered = asyncio.Event()  #: a call is up
        self.nodes = nodes
        self.silent: list[Exception] = []  #: raised, one after the other, when it is asked what is up
        self.refuses: Exception | None = None  #: no line is given
        self._clock = clock

    @asynccontextmanager
    async def line(self, attempt: Attempt, journal: Journal) -> AsyncIterator["FakeLine"]:
        if self.refuses:
            raise self.refuses
        self.dialled.append(attempt)
        listener = self.listeners.get(attempt.number, self.listeners.get("", Listener()))
        call = FakeLine(listener, attempt, journal, self._clock, self.answered)
        self.up.add(attempt.id)
        try:
            yield call
        finally:
            await call.hang_up()
            self.up.discard(attempt.id)

    def watch_left(self, node: str, call: str) -> None:
        self.watched.append(call)

    async def live_channels(self, nodes: Collection[str] | None = None) -> list[LiveChannel]:
        if self.silent:
            raise self.silent.pop()
        return [channel for channel in self.live if nodes is None or channel.node in nodes]

    async def hang_up_orphan(self, node: str, channel: str) -> bool:
        self.hung_up.append(channel)
        return True


class FakeLine(FakeCall):
    """A FakeCall that is dialled first and writes its journal, as AriCall does."""

    def __init__(
        self, listener: Listener, attempt: Attempt, journal: Journal, clock: SetClock, answered: asyncio.Event
    ) -> None:
        super().__init__(
            listener.keys, hangs_up_at=listener.hangs_up_at, gone_after_key=listener.gone_after_key
        )
        self.report = CallReport()
        self._listener, self._attempt, self._journal = listener, attempt, journal
        self._clock, self._answered = clock, answered
        self._decided = False

    async def dial(self) -> None:
        end = self._listener.trunks.get(self._attempt.trunk, self._listener.ends)
        if self._listener.rings:
            self.report.rang_at = self._clock.now()
            await self._journal.rang(self._clock.now())
        self._clock.move(seconds=self._listener.takes_s)
        if end is not None:
            self.report.cause, self.report.sip_code = 34, 503
            raise CallEnded(end, "cause 34")
        self.report.answered_at = self._clock.now()
        await self._journal.up(self._clock.now())
        self._answered.set()
        if self._listener.never:
            await self._listener.never.wait()

    async def expect_person(self) -> str:
        if self._listener.machine:
            raise CallEnded(Outcome.MACHINE, "an answering machine: MAXWORDS-7-6")
        return "HUMAN-800-800"

    async def say(self, line: Line) -> None:
        if self._listener.breaks:
            raise self._listener.breaks
        if self._decided and self._listener.breaks_after_decision:
            raise self._listener.breaks_after_decision
        self.report.spoken.append(line.written)
        await super().say(line)

    async def ask(
        self, lines: tuple[Line, ...], keys: str, wait: timedelta, barge_in: bool = True
    ) -> str | None:
        pressed = await super().ask(lines, keys, wait, barge_in)
        self.report.spoken += [line.written for line in lines]
        if pressed:
            self.report.keys.append((pressed, self._clock.now()))
        return pressed

    async def decide(self, decision: Decision) -> None:
        await self._journal.decide(decision)
        self._decided = True
        await super().decide(decision)


@dataclass
class Office:
    """The programs' pieces, and what a test looks at."""

    app: App
    clock: SetClock
    phone: FakePhone
    places: int = 10

    @property
    def store(self) -> Store:
        return self.app.store

    @property
    def as_phone(self) -> Phone:
        return cast(Phone, self.phone)

    def programmes(self, *programmes: Programme, held_back: Mapping[str, str] | None = None) -> None:
        """These campaign files, and no others."""
        self.app.installation = replace(
            self.app.installation,
            programmes={each.name: each for each in programmes},
            files=dict.fromkeys((each.name for each in programmes), "title: x"),
            held_back=dict(held_back or {}),
        )

    async def topup(
        self, id: str = "t1", number: str = AN, *, at: datetime | None = None, **how: Any
    ) -> None:
        now = self.clock.now()
        event = Event(id, "topup", number, at or now, 50_000)
        await self.store.write(lambda tx: triggers.add(tx, event=event, received_at=now, **how))

    async def plan(self) -> None:
        """Everything that can be planned now."""
        while await planner._turn(self.app):
            pass

    async def sweep(self, programme: str) -> int:
        """Drop what has grown stale."""
        return await planner.settle_stale(self.app, programme, self.clock.now())

    async def claim(self, places: int | None = None, shares: Shares = EVEN) -> Claims:
        """So many more lines are free."""
        up = len([row for row in await self.rows("calls") if row["line"]])
        asks = Asks(("ast1",), ways_of(self.app, up + (self.places if places is None else places)), shares)
        now = self.clock.now()
        return await self.store.write(lambda tx: claim(tx, app=self.app, asks=asks, now=now))

    async def make(self, claimed: Claimed, line: HeldLine | None = None) -> None:
        await make_call(self.app, self.as_phone, claimed, line or OnlyLine())

    async def call(self, line: HeldLine | None = None) -> Claims:
        """Plan, claim and make every call that is due now."""
        await self.plan()
        found = await self.claim()
        for each in found.claimed:
            await self.make(each, line)
        return found

    async def list_of(
        self, kind: lists.ListKind, rows: Iterable[Mapping[str, Any]], programme: str = ""
    ) -> None:
        built = lists.build(self.store.lists, kind, rows, programme=programme)
        now = self.clock.now()
        await self.store.write(lambda tx: lists.switch(tx, built, source="test", now=now))

    async def targets(self, numbers: Iterable[str], programme: str = "bluezone") -> None:
        await self.list_of("targets", [{"number": number} for number in numbers], programme)

    async def subscribers(self, *known: Subscriber) -> None:
        await self.list_of("subscribers", [facts.row_of(each) for each in known])

    async def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        """The rows of a table that hold these values, in the order of their ids."""
        found = schema.metadata.tables[table]
        chosen = select(found).where(*(found.c[name] == value for name, value in where.items()))
        kept = await self.store.read(lambda tx: [dict(row._mapping) for row in tx.execute(chosen)])
        return sorted(kept, key=lambda row: str(row.get("id")))

    async def one(self, table: str, **where: Any) -> dict[str, Any]:
        (row,) = await self.rows(table, **where)
        return row

    async def trigger_fate(self, id: str = "t1") -> tuple[str | None, str | None]:
        """Its fate, and the id of the rule that said no."""
        row = await self.one("triggers", id=id)
        return row["fate"], row["rule"].partition(":")[0] if row["rule"] else None


class OnlyLine:
    """A line that can be left for no other trunk; what was heard over it is kept."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    async def move(self, attempt: Attempt) -> Attempt | None:
        return None

    def hear(self, trunk: str, answer: str, why: str = "") -> None:
        self.heard.append((trunk, answer))


def ways_of(app: App, channels: int = 10) -> Ways:
    """The first trunk of the configuration with so many channels and any number of calls per second."""
    update = {"max_channels": channels, "calls_per_second": math.inf}
    return Ways((app.config.trunks[0].model_copy(update=update),))


def subscriber(number: str = AN, **changes: Any) -> Subscriber:
    return sample.subscriber(**changes)._replace(number=number)


def topup_programme(**changes: Any) -> Programme:
    return sample.programme(**{"script": SCRIPT, **changes})


def notice(**changes: Any) -> Programme:
    """Bluezone: a list, two windows, once per subscriber, one more call for no answer after all others."""
    script = [{"menu": {"keys": {"1": {"say": "bấm 1", "then": ["agree"]}}, "tries": 1}}]
    after = {
        "accepted": {"sms": "link"},
        "no_answer": {"retry": {"times": 1, "after_first_pass": True}},
    }
    return sample.notice(**{"script": script, "after": after, **changes})


def config(**sections: Any) -> Config:
    granted = [{"name": name, "reference": "x"} for name in ("9090", "8989", "090", "MOBIFONE.AI")]
    return small_config(granted=granted, **sections)


@asynccontextmanager
async def open_office(folder: Path, *, now: datetime = TEN, **sections: Any) -> AsyncIterator[Office]:
    """An office with one top-up programme, the usual subscribers, and a DoNotCall list in force."""
    clock = SetClock(now)
    async with open_store("sqlite:///mai.db", folder) as store:
        installation = Installation(
            config=config(**sections),
            folder=folder,
            catalogue=sample.CATALOGUE,
            programmes={},
            files={},
            held_back={},
            law=sample.LAW,
        )
        app = App(installation, store, clock, lambda piece: folder / piece)
        office = Office(app, clock, FakePhone(clock))
        office.programmes(topup_programme())
        await office.subscribers(*(subscriber(number) for number in (AN, BINH, CHI)))
        await office.list_of("dnc", [{"number": "+84909999999", "channel": "both"}])
        yield office


#: A channel of DoNotCall, for tests that list a number.
VOICE: Channel = "voice"
