"""Is the peer still there? After a silence it is asked, and judged by what is heard after that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from smpp.link import Timers


class Alive:
    """The watch over one session. `heard` is the loop's time at which the peer was heard last."""

    def __init__(self, timers: Timers, ask: Callable[[], None], lose: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers = timers
        self._ask = ask
        self._lose = lose
        self._timer: asyncio.TimerHandle | None = None
        self.heard = self._loop.time()

    def begin(self) -> None:
        """Watch from now on."""
        self._timer = self._loop.call_later(self._timers.enquire_s, self._watch)

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()

    def answered(self) -> None:
        """The peer has answered the question: it is watched anew, not judged."""
        if self._timer:
            self._timer.cancel()
            self._watch()

    def _watch(self) -> None:
        left = self.heard + self._timers.enquire_s - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._watch)
            return
        self._ask()
        asked = self._loop.time()
        self._timer = self._loop.call_later(self._timers.enquire_answer_s, self._judge, asked)

    def _judge(self, asked: float) -> None:
        if self.heard > asked:
            self._watch()
        else:
            self._lose("the SMSC is silent: no answer to enquire_link")
