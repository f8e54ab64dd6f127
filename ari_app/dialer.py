"""Which contact is called next, and when? Claims contacts, as fast as trunks and rules allow, and makes each call.

A contact is claimed in one transaction: the rules are asked again, the 24-hour slot is reserved and the attempt is
stored as `dialing`, all committed before the INVITE leaves (R7).
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import uuid4

import flows
from ari_app.ari import Ari
from ari_app.attempt import Claimed, make_call
from ari_app.ending import offers_of
from ari_app.phone import Attempt, Phone
from ari_app.planner import ask_rules, why_not
from ari_app.recover import recover
from core.config import Trunk
from core.facts import Programme
from core.pacing import Pace, Started, begin, may_start, seconds_until_next, started
from core.rules import fate
from core.speech import Speech
from runtime.app import App
from runtime.clock import wall
from runtime.logs import log
from store import contacts, lists, numbers, settings, triggers
from store.tx import Tx

logger = log("dialer")

#: Contacts looked at in one claim; more wait for the next turn of the loop.
_MOST_AT_ONCE = 50
#: How long a stop waits for calls that are up before it hangs up on them, in seconds.
STOP_S = 60.0
_ASTERISK_CHECK_S = 0.2


@dataclass
class PacedTrunk:
    """One trunk and what it bears now. Times are monotonic seconds."""

    trunk: Trunk
    pace: Pace
    state: Started
    up: int = 0

    def room(self, now: float) -> int:
        return may_start(self.pace, self.state, self.up, now)

    def wait_s(self, now: float) -> float:
        return seconds_until_next(self.pace, self.state, now)

    def take(self, now: float) -> None:
        self.state = started(self.pace, self.state, 1, now)
        self.up += 1


@dataclass
class Dialer:
    """The loop that claims and dials."""

    app: App
    phone: Phone
    clients: Sequence[Ari]
    trunks: list[PacedTrunk]
    calls: set[asyncio.Task[None]] = field(default_factory=set)
    freed: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = "starting"  #: why nothing is dialled, for `mai status`

    def says(self) -> dict[str, object]:
        return {
            "reason": self.reason,
            "calls": len(self.calls),
            "trunks": {t.trunk.name: {"up": t.up, "channels": t.pace.max_channels} for t in self.trunks},
        }

    async def dial(self, stopping: asyncio.Event) -> None:
        """Claim and dial until told to stop."""
        watch = self.app.store.watch("contacts", "pauses")
        while not stopping.is_set():
            now = time.monotonic()
            lines = self._free_lines(now)
            node = self._node()
            if node is None:
                self.reason = "; ".join(ari.problem for ari in self.clients)
                await stopped_within(stopping, _ASTERISK_CHECK_S)
                continue
            if not lines:
                self.reason = "every channel of every trunk is in use, or the calls per second are used up"
                await self._line_freed(
                    min([t.wait_s(now) for t in self.trunks if t.up < t.pace.max_channels] + [1.0])
                )
                continue
            claimed, looked_at = await self.app.store.write(
                partial(self._claim, node=node, lines=lines, now=self.app.now())
            )
            for each in claimed:
                self._begin(each)
            if claimed or looked_at:
                self.reason = "dialling"
            else:
                self.reason = "no contact is due"
                await watch.wait(1.0)

    def _node(self) -> str | None:
        """The first node whose events flow; None: no call can be placed."""
        return next((ari.name for ari in self.clients if ari.state == "connected"), None)

    def _free_lines(self, now: float) -> list[PacedTrunk]:
        """The trunks that may start a call now, one entry a call; the first trunk of the file first."""
        lines = [trunk for trunk in self.trunks for _ in range(trunk.room(now))]
        return lines[:_MOST_AT_ONCE]

    async def _line_freed(self, seconds: float) -> None:
        self.freed.clear()
        try:
            await asyncio.wait_for(self.freed.wait(), max(seconds, 0.001))
        except TimeoutError:
            return

    def _claim(
        self, tx: Tx, *, node: str, lines: Sequence[PacedTrunk], now: datetime
    ) -> tuple[list[Claimed], int]:
        """Claim as many contacts as there are lines, the programmes in turn; returns them and how many were looked at."""
        claimed: list[Claimed] = []
        looked_at = 0
        free = list(lines)
        waiting = {p.name: list(self._due(tx, p, now, len(free))) for p in self._programmes(tx)}
        while free and any(waiting.values()):
            for name, due in waiting.items():
                if not due or not free:
                    continue
                looked_at += 1
                programme = self.app.installation.programmes[name]
                one = self._claim_one(tx, programme, due.pop(0), node, free[0].trunk, now)
                if one is not None:
                    claimed.append(one)
                    free.pop(0)
        return claimed, looked_at

    def _programmes(self, tx: Tx) -> list[Programme]:
        """The programmes that may start calls at all."""
        installation = self.app.installation
        paused = {pause.programme for pause in settings.paused(tx)}
        if settings.ALL in paused:
            return []
        return [
            p
            for name, p in installation.programmes.items()
            if name not in paused | set(installation.held_back)
        ]

    def _due(self, tx: Tx, programme: Programme, now: datetime, limit: int) -> Sequence[contacts.Contact]:
        exhausted = programme.campaign.trigger.kind != "list" or lists.exhausted(tx, programme=programme.name)
        return contacts.due(tx, programme=programme.name, now=now, limit=limit, list_exhausted=exhausted)

    def _claim_one(
        self, tx: Tx, programme: Programme, contact: contacts.Contact, node: str, trunk: Trunk, now: datetime
    ) -> Claimed | None:
        """Ask the rules once more and reserve; a contact that may not be called now waits or is settled."""
        if contact.stale_at is not None and now >= contact.stale_at:
            reason = f"O20: not dialled before {contact.stale_at:%H:%M:%S}, its freshness limit"
            contacts.settle_undialled(tx, contact=contact.id, fate="stale", reason=reason, now=now)
            return None
        numbers.lock(tx, number=contact.number)
        event = triggers.event_of(tx, id=contact.trigger) if contact.trigger and not contact.test else None
        answer, known = ask_rules(tx, self.app, programme, contact.number, event, now, contact.id)
        no = answer.no
        if no is not None:
            later = no.again
            if (
                later is not None
                and not contact.test
                and (contact.stale_at is None or later < contact.stale_at)
            ):
                contacts.postpone(tx, contact=contact.id, due_at=later)
            else:
                contacts.settle_undialled(
                    tx, contact=contact.id, fate=fate(answer), reason=why_not(no), now=now
                )
            return None
        offers = offers_of(self.app, programme.name)
        speech = Speech(
            self.app.installation.catalogue, offers, {"subscriber": known.subscriber, "event": event}
        )
        if why := self._cannot_speak(programme, speech):
            contacts.settle_undialled(tx, contact=contact.id, fate="refused_by_rule", reason=why, now=now)
            return None
        call = contacts.NewCall(
            id=f"call-{uuid4().hex}",
            wall_at=wall(),
            node=node,
            trunk=trunk.name,
            offer=tuple(offers.values()),
            prompt_version=programme.version,
        )
        contacts.claim(tx, contact.id, call, now=now)
        attempt = Attempt(
            id=call.id,
            number=contact.number,
            node=node,
            trunk=trunk.name,
            caller_id=programme.campaign.caller_id,
            talk_limit=programme.campaign.talk_limit,
        )
        return Claimed(programme, attempt, speech)

    def _cannot_speak(self, programme: Programme, speech: Speech) -> str | None:
        """Why the script cannot be said to this subscriber; None: it can."""
        script = programme.campaign.script
        if not flows.has_offer(script, speech):
            return "O3: no offer of the script is eligible"
        if missing := speech.unknown(script):
            return f"R15: the script says {', '.join(missing)}, which is not known"
        return None

    def _begin(self, claimed: Claimed) -> None:
        paced = next(t for t in self.trunks if t.trunk.name == claimed.attempt.trunk)
        paced.take(time.monotonic())
        task = asyncio.create_task(make_call(self.app, self.phone, claimed), name=claimed.attempt.id)
        self.calls.add(task)

        def over(task: asyncio.Task[None]) -> None:
            self.calls.discard(task)
            paced.up -= 1
            self.freed.set()
            if not task.cancelled() and (error := task.exception()):
                logger.error(
                    "the end of a call could not be recorded", call=task.get_name(), error=repr(error)
                )

        task.add_done_callback(over)

    async def finish_calls(self) -> None:
        """Let the calls that are up end by themselves for a while, then hang up."""
        if self.calls:
            logger.info("stopping: calls are still up", calls=len(self.calls), wait_s=STOP_S)
            _, late = await asyncio.wait(self.calls, timeout=STOP_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=10)


async def stopped_within(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait for `stopping`, at most `seconds`; whether it was set."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def run(app: App, stopping: asyncio.Event) -> None:
    """The dialer: recover first, then claim and dial until told to stop."""
    async with AsyncExitStack() as stack:
        clients = {}
        for node in app.config.asterisk.nodes:
            ari = Ari(node.ari_url, node.user, node.password.get_secret_value(), name=node.name)
            clients[node.name] = await stack.enter_async_context(ari)
        app.says["dialer"] = lambda: {"reason": "; ".join(ari.problem for ari in clients.values())}
        while not all(ari.state == "connected" for ari in clients.values()):
            if await stopped_within(stopping, _ASTERISK_CHECK_S):
                return
        phone = Phone(app.config, clients, app.media, app.now)
        await recover(app, phone)
        now = time.monotonic()
        trunks = [
            PacedTrunk(trunk, Pace(trunk.calls_per_second, trunk.max_channels), begin(now))
            for trunk in app.config.trunks
        ]
        dialer = Dialer(app, phone, list(clients.values()), trunks)
        app.says["dialer"] = dialer.says
        try:
            await dialer.dial(stopping)
        finally:
            dialer.reason = "stopping"
            await dialer.finish_calls()
