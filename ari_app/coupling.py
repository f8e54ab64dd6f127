"""May calls start as fast as the trunks bear? Each brings SMS and registrations: the dialer slows as they lag (DESIGN §4).

It starts none while what waits for the SMSCs would take ten minutes, has waited so long, or every SMSC is away so long:
nothing waits past 22:00, and nobody is called whose SMS cannot follow. Nor while the package system lags five minutes
behind, or has given as many answers running that were not clear as it is asked at once. And the machine is to keep up
with its calls: while what it writes waits, or Asterisk lets it wait for its answers, it begins fewer.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.keeping_up import STOP, Kept, kept, waits
from core.registering import LATELY, registrations_fullness
from core.sending import SOON, outbox_fullness, pace_left
from core.windows import end_of_window
from runtime.app import App
from runtime.logs import log
from store import outbox, registrations, settings
from store.outbox import Backlog
from store.settings import Alarm
from store.tx import PASSING, Tx

logger = log("dialer")

#: Seconds between two looks at the outbox; a long one takes at most this share of the time.
_EVERY_S = 1.0
_SHARE = 0.05
#: Looks over which the calls that began are counted.
_LOOKS = 3


@dataclass
class Coupling:
    """What outbox, package system and we ourselves leave of the calls per second: 1 all of it, 0 none, and why."""

    app: App
    #: How long Asterisk let requests wait since this was last asked, in seconds; how many calls have begun so far.
    answers_s: Callable[[], float] = lambda: 0.0
    begun: Callable[[], int] = lambda: 0
    slower: float = 1.0
    why: str = ""  #: empty: nothing is taken away
    _next: float = 0.0  #: monotonic
    clock: Callable[[], float] = time.monotonic
    _kept: Kept = field(default_factory=Kept)
    _late: str = ""  #: what was late when the machine did not keep up
    _counted: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_LOOKS + 1))

    async def keep_looking(self) -> None:
        """Look again and again, beside who dials, until cancelled."""
        while True:
            await asyncio.sleep(max(0.0, self._next - time.monotonic()))
            await self.look(time.monotonic())

    async def look(self, now: float) -> float:
        """Look at both if it is time to; what they leave of the pace. `now` in monotonic seconds."""
        if now < self._next:
            return self.slower
        self._next = now + _EVERY_S
        try:
            own_left, own_why = await self._own(now)
            outbox_left, outbox_why, took = await self._outbox()
            left, why = await self._registrations()
        except PASSING as error:
            logger.error("outbox and registrations cannot be looked at, trying again", error=str(error))
            return self.slower
        self._next = now + max(_EVERY_S, took / _SHARE)
        self.slower = min(own_left, outbox_left, left)
        self.why = "; ".join(each for each in (own_why, outbox_why, why) if each)
        return self.slower

    async def _own(self, now: float) -> tuple[float, str]:
        """What we and Asterisk leave, and why.

        A write waits for the loop, for the writer and for the disk, as every call does; a request for Asterisk.
        """
        began = self.clock()
        await self.app.store.write(lambda tx: None)
        took, answered = self.clock() - began, self.answers_s()
        wait = waits(took, answered)
        self._kept = kept(self._kept, wait, self._used(now))
        if wait > 1:
            asterisk = waits(0.0, answered) == wait
            self._late = (
                f"Asterisk answered after {answered:.1f} s" if asterisk else f"a write took {took:.1f} s"
            )
        left = 0.0 if wait > STOP else self._kept.left
        return left, f"{_pace(left)}: the machine did not keep up, {self._late}" if left < 1 else ""

    def _used(self, now: float) -> float:
        """The share of all trunks' calls per second at which calls have begun lately."""
        self._counted.append((now, self.begun()))
        (since, first), (_, last) = self._counted[0], self._counted[-1]
        rate = sum(trunk.calls_per_second for trunk in self.app.config.trunks)
        return (last - first) / (now - since) / rate if now > since and rate else 0.0

    async def _outbox(self) -> tuple[float, str, float]:
        """What the outbox leaves, why, and how many seconds it took to see."""
        binds = [bind for bind in self.app.config.smsc if bind.bind != "receiver"]
        if not binds:
            return 1.0, "", 0.0
        backlog, alarms, took = await self._read()
        left, why = self._judge(backlog, alarms, sum(bind.per_second for bind in binds), self.app.now())
        return left, why, took

    async def _registrations(self) -> tuple[float, str]:
        """What the package system leaves, and why."""
        if (settings := self.app.config.registration) is None:
            return 1.0, ""
        now = self.app.now()
        found = await self.app.store.read(lambda tx: registrations.backlog(tx, now=now, lately=LATELY))
        waited = now - found.oldest_due_at if found.oldest_due_at else timedelta(0)
        left = pace_left(registrations_fullness(found.waiting, waited, found.unclear, settings.concurrency))
        if left >= 1:
            return left, ""
        said = (
            [f"{found.waiting} registrations wait for the package system{_since(waited)}"]
            if found.waiting
            else []
        )
        if found.unclear:
            said.append(f"the package system gave no clear answer to {found.unclear} ({found.reason})")
        return left, f"{_pace(left)}: {', '.join(said)}"

    async def _read(self) -> tuple[Backlog, list[Alarm], float]:
        app, now = self.app, self.app.now()
        down = {f"smsc:{bind.name}" for bind in app.config.smsc if bind.bind != "receiver"}

        def read(tx: Tx) -> tuple[Backlog, list[Alarm], float]:
            held = tuple(pause.programme for pause in settings.paused(tx))
            began = time.monotonic()
            backlog = outbox.backlog(tx, now=now, binds=app.config.smsc, held=held)
            took = time.monotonic() - began
            return backlog, [each for each in settings.standing_alarms(tx) if each.name in down], took

        return await app.store.read(read)

    def _judge(
        self, backlog: Backlog, down: list[Alarm], per_second: float, now: datetime
    ) -> tuple[float, str]:
        senders = sum(bind.bind != "receiver" for bind in self.app.config.smsc)
        away = now - max(each.since for each in down) if len(down) == senders else timedelta(0)
        waited = now - backlog.oldest_due_at if backlog.oldest_due_at else timedelta(0)
        end = end_of_window((self.app.installation.law.at(now).sms_window,), now)
        # Outside the window only transactional messages are due; they have no window that could end.
        fullness = outbox_fullness(
            backlog.parts, per_second, now, end or now + SOON, waited=max(waited, away)
        )
        left = pace_left(fullness)
        return left, self._words(left, backlog, waited, down) if left < 1 else ""

    def _words(self, left: float, backlog: Backlog, waited: timedelta, down: list[Alarm]) -> str:
        waits = (
            f"{backlog.parts} parts of SMS wait for the SMSC{_since(waited)}"
            if backlog.parts
            else "no SMS can leave"
        )
        return "; ".join([f"{_pace(left)}: {waits}", *(each.text for each in down)])


def _pace(left: float) -> str:
    return "no call starts" if left <= 0 else f"calls start at {left:.0%} of their pace"


def _since(waited: timedelta) -> str:
    seconds = int(waited.total_seconds())
    return f", the oldest for {seconds // 60} min" if seconds >= 60 else f", the oldest for {seconds} s"
