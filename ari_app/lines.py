"""Which way out does a call take, and what do its answers say about it? The trunks as one controller uses them.

What is used stands in the store (ari_app/rooms.py); here is what this process has yet to tell it, and the line that
one attempt holds.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ari_app.phone import Attempt
from ari_app.rooms import BUSY_S, Heard, Ways, open_rooms
from core.config import Trunk
from core.congestion import Answer
from runtime.logs import log
from store import calls, workers
from store.database import Store
from store.tx import PASSING, Tx

logger = log("dialer")

#: How often a call asks again for trunks that another controller has just then.
_TRIES = 200


@dataclass
class Lines:
    """Every trunk of config.yaml, in its order, and what its calls heard."""

    trunks: Sequence[Trunk]
    clock: Callable[[], float] | None = None  #: seconds; None: the store's
    slower: float = 1.0  #: what is left of the calls per second while what follows a call lags behind: 0...1
    anew: bool = True  #: no node was there: the slow start begins again
    heard: list[Heard] = field(default_factory=list)  #: what the store has not been told yet

    def hear(self, trunk: str, answer: Answer, why: str = "") -> None:
        """The network answered a call over this trunk."""
        self.heard.append(Heard(trunk, answer, why))

    def ways(self) -> Ways:
        """What the next transaction looks at: values, for it may run in another thread."""
        now_s = self.clock() if self.clock else None
        return Ways(tuple(self.trunks), self.slower, tuple(self.heard), self.anew, now_s)

    def told(self, ways: Ways, unheard: Sequence[Heard]) -> None:
        """That transaction was committed; `unheard`: what it could not take."""
        self.heard[: len(ways.answers)] = unheard
        self.anew = self.anew and not ways.anew


class Busy:
    """Another controller has a trunk that may have room."""


@dataclass
class Line:
    """What one attempt holds: a channel of a trunk, which it may leave for another one."""

    lines: Lines
    store: Store
    worker: str = ""  #: who makes the call
    tried: set[str] = field(default_factory=set)

    async def move(self, attempt: Attempt) -> Attempt | None:
        """The same attempt on a trunk that it has not tried and that has room now, committed; None: there is none."""
        self.tried.add(attempt.trunk)
        if self.tried.issuperset(trunk.name for trunk in self.lines.trunks):
            return None
        for _ in range(_TRIES):
            try:
                found = await self.store.write(lambda tx: self._move(tx, attempt))
            except PASSING as error:
                logger.error("the store takes no writes: no other trunk", call=attempt.id, error=str(error))
                return None
            if not isinstance(found, Busy):
                return None if found is None else replace(attempt, trunk=found)
            await asyncio.sleep(BUSY_S)
        return None

    def hear(self, trunk: str, answer: Answer, why: str = "") -> None:
        """The network answered over this trunk."""
        self.lines.hear(trunk, answer, why)

    def _move(self, tx: Tx, attempt: Attempt) -> str | Busy | None:
        """A call that has begun is finished, however full the outbox is: nothing is slower for it."""
        if not workers.stands(tx, self.worker):
            return None
        others = tuple(trunk for trunk in self.lines.trunks if trunk.name not in self.tried)
        rooms = open_rooms(tx, replace(self.lines.ways(), trunks=others, slower=1.0, answers=(), anew=False))
        trunk = rooms.trunk_for(attempt.number)
        if trunk is None:
            return Busy() if len(rooms.trunks) < len(others) else None
        if not calls.move(tx, call_id=attempt.id, trunk=trunk.name):
            return None
        rooms.start(trunk.name)
        rooms.write(tx)
        return trunk.name
