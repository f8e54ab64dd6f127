"""May calls start as fast as the trunks bear? Each brings SMS: the dialer slows as the outbox fills (DESIGN §4).

It starts none while what waits for the SMSCs would take ten minutes, has waited so long, or every SMSC is away so long:
nothing waits past 22:00, and nobody is called whose SMS cannot follow.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.sending import SOON, outbox_fullness, pace_left
from core.windows import end_of_window
from runtime.app import App
from runtime.logs import log
from store import outbox, settings
from store.outbox import Backlog
from store.settings import Alarm
from store.tx import PASSING, Tx

logger = log("dialer")

#: Seconds between two looks at the outbox; a long one takes at most this share of the time.
_EVERY_S = 1.0
_SHARE = 0.05


@dataclass
class Coupling:
    """What the outbox leaves of the calls per second: 1 all of it, 0 none, and why."""

    app: App
    slower: float = 1.0
    why: str = ""  #: empty: nothing is taken away
    _next: float = 0.0  #: monotonic

    async def look(self, now: float) -> float:
        """Look at the outbox if it is time to; what it leaves of the pace. `now` in monotonic seconds."""
        binds = [bind for bind in self.app.config.smsc if bind.bind != "receiver"]
        if now < self._next or not binds:
            return self.slower
        try:
            backlog, alarms, took = await self._read()
        except PASSING as error:
            logger.error("the outbox cannot be looked at, trying again", error=str(error))
            self._next = now + _EVERY_S
            return self.slower
        self._next = now + max(_EVERY_S, took / _SHARE)
        self._judge(backlog, alarms, sum(bind.per_second for bind in binds), self.app.now())
        return self.slower

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

    def _judge(self, backlog: Backlog, down: list[Alarm], per_second: float, now: datetime) -> None:
        senders = sum(bind.bind != "receiver" for bind in self.app.config.smsc)
        away = now - max(each.since for each in down) if len(down) == senders else timedelta(0)
        waited = now - backlog.oldest_due_at if backlog.oldest_due_at else timedelta(0)
        end = end_of_window((self.app.installation.law.at(now).sms_window,), now)
        # Outside the window only transactional messages are due; they have no window that could end.
        fullness = outbox_fullness(
            backlog.parts, per_second, now, end or now + SOON, waited=max(waited, away)
        )
        self.slower = pace_left(fullness)
        self.why = self._words(backlog, waited, down) if self.slower < 1 else ""

    def _words(self, backlog: Backlog, waited: timedelta, down: list[Alarm]) -> str:
        pace = "no call starts" if self.slower <= 0 else f"calls start at {self.slower:.0%} of their pace"
        seconds = int(waited.total_seconds())
        since = f"the oldest for {seconds // 60} min" if seconds >= 60 else f"the oldest for {seconds} s"
        waits = (
            f"{backlog.parts} parts of SMS wait for the SMSC, {since}"
            if backlog.parts
            else "no SMS can leave"
        )
        return "; ".join([f"{pace}: {waits}", *(each.text for each in down)])
