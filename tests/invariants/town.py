"""The whole system around a real store, with a telephone and an SMSC that keep their own record; it may crash."""

import asyncio
import math
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import select

from ari_app import planner, refused
from ari_app.ari import Ari
from ari_app.dialer import Dialer
from ari_app.lines import Lines
from ari_app.phone import Phone
from core.facts import Event, Programme
from runtime.app import App, Installation
from runtime.requests import REQUESTS
from runtime.worker import enlist
from smpp import gateway
from smpp.incoming import take_incoming
from smpp.outbox import Marked, mark_next
from smpp.pdu import DeliverSm
from store import facts, lists, messages, parts, schema, triggers
from store.database import Store, open_store
from store.messages import Route
from store.tx import Tx
from tests.ari_app.office import SCRIPT, Node, SetClock, config, notice, subscriber, topup_programme
from tests.core import sample
from tests.invariants.record import RING, Record, Standing
from tests.invariants.telephone import Telephone
from tests.smsc.world import new as new_message

T = TypeVar("T")

NUMBERS = ("+84901000001", "+84901000002", "+84901000003")
#: Others on the DoNotCall list, so that it does not shrink by one number more or less.
_STRANGERS = tuple(f"+8490200{n:04}" for n in range(80))
SmscSays = Literal["accepted", "nothing", "throttled", "rejected", "link lost"]


def programmes() -> dict[str, Programme]:
    """Two that want the same top-ups, one that goes through a list, and a notice with a second pass."""
    narrow = {"windows": {"calls": ("09:00-11:30", "14:00-16:00")}}
    after = {
        "no_answer": {"retry": {"times": 1, "after": "5m"}},
        "busy": {"retry": {"times": 2, "after": "1h"}},
    }
    some = (
        topup_programme(
            name="all", after={**after, "hung_up": {"sms": "missed"}, "no_key": {"sms": "missed"}}
        ),
        topup_programme(name="few", **narrow),
        topup_programme(name="list", trigger={"kind": "list"}, after=after, script=SCRIPT),
        notice(name="notice", audience={}, after=after | {"accepted": {"sms": "link"}}, script=_AGREE),
    )
    return {each.name: each for each in some}


_AGREE: list[Any] = [{"menu": {"keys": {"1": {"say": "bấm 1", "then": ["agree"]}}, "tries": 2}}]
_SMSC = {"name": "smsc1", "system_id": "x", "password": "x"}


class SlowStore:
    """A store whose next commit takes so long."""

    def __init__(self, town: "Town", seconds: float) -> None:
        self._town, self._seconds = town, seconds

    async def write(self, fn: Callable[[Tx], T], *, at_once: bool = False) -> T:
        result = await self._town.store.write(fn)
        self._town.clock.move(seconds=self._seconds)
        self._seconds = 0.0
        return result


class Town:
    """The system and the world; a test drives both."""

    def __init__(self, url: str, folder: Path) -> None:
        self.clock = SetClock(sample.TEN)
        self.standing = Standing()
        self.record = Record(self.standing, self.clock.now)
        self.phone = Telephone(self.record, self.clock)
        self._url, self._folder = url, folder
        self._open: AsyncExitStack | None = None
        self._ids = iter(range(1, 1_000_000))
        self.installation = Installation(
            config=config(smsc=(_SMSC,)),
            folder=folder,
            catalogue=sample.CATALOGUE,
            programmes=programmes(),
            files=dict.fromkeys(programmes(), "title: x"),
            held_back={},
            law=sample.LAW,
        )

    # --- the system comes and goes ------------------------------------------------------------------------

    async def start(self) -> None:
        """A controller and a gateway begin: first what an earlier one left is looked at."""
        self._open = AsyncExitStack()
        store = await self._open.enter_async_context(open_store(self._url, self._folder))
        self.app = App(self.installation, store, self.clock, lambda piece: self._folder / piece)
        await enlist(self.app, alone=True)
        trunk = self.app.config.trunks[0].model_copy(
            update={"max_channels": 100, "calls_per_second": math.inf}
        )
        phone, nodes = cast(Phone, self.phone), [cast(Ari, Node())]
        self.dialer = Dialer(self.app, phone, nodes, Lines([trunk]))
        await self.dialer._nodes()
        await gateway._begin(self.app)

    async def crash(self) -> None:
        """Nothing more is stored from this moment, whatever the calls that are up still do."""
        assert self._open is not None
        await self._open.aclose()
        self.phone.crash()
        calls = list(self.dialer.calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        self._open = None

    async def stop(self) -> None:
        """The end of a test, however far it came."""
        if self._open is not None:
            await self.crash()

    @property
    def running(self) -> bool:
        return self._open is not None

    @property
    def store(self) -> Store:
        return self.app.store

    # --- the system works ---------------------------------------------------------------------------------

    async def turn(self, late_s: float = 0.0) -> None:
        """Plan what came, drop what is stale, claim and dial what is due; then every call waits for somebody.

        `late_s`: so long the claim's commit takes.
        """
        while await planner._turn(self.app):
            pass
        for name in self.installation.programmes:
            await planner.settle_stale(self.app, name, self.clock.now())
        await self.dialer._nodes()
        self.dialer.app = replace(self.app, store=cast(Any, SlowStore(self, late_s)))
        await self.dialer._claim(["ast1"])
        self.dialer.app = self.app
        await self.settled()

    async def settled(self) -> None:
        """Until every call waits for its subscriber, or is over."""
        while busy := [call for call in self.dialer.calls if not self.phone.waits(call.get_name())]:
            self.phone.changed.clear()
            changed = asyncio.ensure_future(self.phone.changed.wait())
            await asyncio.wait({*busy, changed}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()

    async def happens(self, call: str, what: str) -> None:
        """The subscriber of a call that waits does this."""
        self.phone.lines[call].does(what)
        await self.settled()

    async def _marked(self) -> list[Marked]:
        (bind,) = self.app.config.smsc
        job = partial(mark_next, app=self.app, bind=bind, route=Route(), room=10, now=self.clock.now())
        marked, _ = await self.store.write(job)
        return marked

    def _leaves(self, marked: Marked) -> None:
        sent = marked.message
        self.record.text_leaves(sent.id, sent.number, sent.programme or "all", sent.class_)

    async def text(self, says: SmscSays) -> None:
        """The gateway marks what may leave; the SMSC takes it, or not, and says so, or not."""
        marked, answers = await self._marked(), list[parts.Answer]()
        for each in marked:
            if says in ("accepted", "nothing"):
                self._leaves(each)
            answers += _answers(each, says, self.clock)
        if says == "link lost":
            lost = [each.message.id for each in marked]
            await self.store.write(lambda tx: [messages.requeue(tx, id=id_) for id_ in lost])
        else:
            await self.store.write(lambda tx: parts.answered(tx, answers, at=self.clock.now()))

    async def gateway_dies(self, left: bool) -> None:
        """After the commit; the bytes have left, or not. Then it begins again."""
        for each in await self._marked():
            if left:
                self._leaves(each)
        await gateway._begin(self.app)

    async def refused_calls_end(self) -> None:
        await refused._look(self.app, cast(Phone, self.phone))
        await self.settled()

    async def time_passes(self, to: datetime | None = None, seconds: float = 0.0) -> None:
        """The clock moves. Nobody's phone rings longer than the ring limit: what was dialled is over by then."""
        if to is not None or not 0 <= seconds < RING.total_seconds():
            for call, line in sorted(self.phone.lines.items()):
                if line.report.answered_at is None:
                    await self.happens(call, "rings") if "rings" in line.may else None
                    await self.happens(call, "no_answer")
        self.clock.move(to, seconds=seconds)

    # --- people ask for something -------------------------------------------------------------------------

    def new_id(self, kind: str) -> str:
        return f"{kind}{next(self._ids)}"

    async def topup(self, number: str, programme: str | None) -> None:
        now = self.clock.now()
        event = Event(self.new_id("t"), "topup", number, now, 50_000)
        await self.store.write(
            lambda tx: triggers.add(tx, event=event, received_at=now, only_programme=programme)
        )

    async def message(self, number: str, class_: Literal["advertising", "transactional"]) -> None:
        """A message that some call of the past asked for."""
        now = self.clock.now()
        new = new_message(
            self.new_id("m"),
            number=number,
            class_=class_,
            at=now,
            valid_until=now + timedelta(hours=20),
            programme="all",
        )
        await self.store.write(lambda tx: messages.add(tx, new, now=now))

    async def refuse(self, number: str, how: Literal["sms", "cli"]) -> None:
        if how == "sms":
            pdu = DeliverSm(number.removeprefix("+"), "8989", b"TC", 1, 1, 3, 0)
            await take_incoming(self.app, "smsc1", pdu)
        else:
            await REQUESTS["refuse"](self.app, number=number, undo=False, by="An")
        self.standing.refused.add(number)

    async def allow_again(self, number: str) -> None:
        await REQUESTS["refuse"](self.app, number=number, undo=True, by="An", reason="asked for it")
        self.standing.refused.discard(number)

    async def pause(self, programme: str) -> None:
        await REQUESTS["pause"](self.app, programme=programme, by="An")
        self.standing.paused.add(programme)

    async def resume(self, programme: str) -> None:
        await REQUESTS["resume"](self.app, programme=programme)
        self.standing.paused.discard(programme)
        if programme == "*":
            self.standing.paused.clear()

    # --- lists --------------------------------------------------------------------------------------------

    async def import_do_not_call(self, listed: Iterable[str], *, half: bool = False) -> None:
        """`half`: most of the file was lost on the way."""
        listed, stands = set(listed), self.standing
        strangers = _STRANGERS[:40] if half else _STRANGERS
        before, rows = self._rows, len(strangers) + len(listed)
        await self._import("dnc", [{"number": n, "channel": "both"} for n in (*strangers, *sorted(listed))])
        self._rows = rows
        stands.listed, stands.list_at = listed, self.clock.now()
        stands.list_shrunk = before is not None and rows < before * 0.95

    _rows: int | None = None

    async def import_subscribers(self, consenting: Iterable[str]) -> None:
        agreed = set(consenting)
        known = [subscriber(n, consent="contract" if n in agreed else None) for n in NUMBERS]
        await self._import("subscribers", [facts.row_of(each) for each in known])
        self.standing.consenting = agreed

    async def import_targets(self, programme: str, numbers: Iterable[str]) -> None:
        await self._import("targets", [{"number": number} for number in numbers], programme)

    async def _import(self, kind: lists.ListKind, rows: list[Any], programme: str = "") -> None:
        built = lists.build(self.store.lists, kind, rows, programme=programme)
        now = self.clock.now()
        await self.store.write(lambda tx: lists.switch(tx, built, source="test", now=now))

    # --- what the store says ------------------------------------------------------------------------------

    async def rows(self, table: str) -> list[dict[str, Any]]:
        chosen = select(schema.metadata.tables[table])
        return await self.store.read(lambda tx: [dict(row._mapping) for row in tx.execute(chosen)])


def _answers(marked: Marked, says: SmscSays, clock: SetClock) -> list[parts.Answer]:
    """What the gateway makes of the SMSC's answers to the parts of a message."""
    message, of = marked.message.id, len(marked.segments)
    answers = []
    for segment in marked.segments:
        match says:
            case "accepted":
                said = parts.Answer(message, segment.number, of, "accepted", smsc_id=f"id-{message}")
            case "nothing":
                said = parts.Answer(message, segment.number, of, "unknown", reason="no answer")
            case "throttled":
                later = clock.now() + timedelta(seconds=1)
                said = parts.Answer(message, segment.number, of, "postponed", reason=says, due_at=later)
            case "rejected":
                said = parts.Answer(message, segment.number, of, "failed", reason=says)
            case "link lost":
                continue
        answers.append(said)
    return answers
