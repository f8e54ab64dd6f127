"""Has an Asterisk fallen silent? It takes what it is asked and says nothing: stopped, hung, or cut off from us.

The websocket's heartbeat notices after 15 s, and every call that is begun until then comes to nothing. Requests notice
sooner. Silent: nothing was heard, no answer and no event, since a request was sent `limit_s` ago, nor since a ping was,
half of that ago. So one long request makes nobody silent, nor does a pause of our own process, for what came meanwhile
is heard before the ping is given up.

While nothing is asked, nothing is watched: a timer runs while something waits, a ping goes out only if nothing came.
Knows nothing of ours.
"""

import asyncio
from collections.abc import Awaitable, Callable


class Silence:
    """Whether one Asterisk is silent; told of every request and of every sign of life."""

    def __init__(
        self, limit_s: float, ping: Callable[[float], Awaitable[None]], turned: Callable[[], None]
    ) -> None:
        """`ping(seconds)` asks for a sign of life; it returns when it was answered or could not be, after so many
        seconds at the latest. `turned` is called when Asterisk falls silent, and when it speaks again."""
        self.silent = False
        self._limit_s, self._half_s = limit_s, limit_s / 2
        self._ping, self._turned = ping, turned
        self._watched = False
        self._asked_at: float | None = None  #: loop time of the first request since something was heard
        self._timer: asyncio.TimerHandle | None = None
        self._pinging: asyncio.Task[None] | None = None

    def watch(self, on: bool) -> None:
        """Whether answers can be expected at all: without its websocket an Asterisk is away, not silent."""
        self._watched, self._asked_at, self.silent = on, None, False
        if not on:
            if self._timer is not None:
                self._timer.cancel()
            if self._pinging is not None:
                self._pinging.cancel()
            self._timer = self._pinging = None

    def asked(self) -> None:
        """A request waits for its answer from now on."""
        if self._asked_at is None and self._watched:
            loop = asyncio.get_running_loop()
            self._asked_at = loop.time()
            if self._timer is None and (self._pinging is None or self._pinging.done()):
                self._timer = loop.call_later(self._half_s, self._look)

    def heard(self) -> None:
        """It answered a request, whatever it said, or sent an event."""
        self._asked_at = None
        if self.silent:
            self.silent = False
            self._turned()

    def _look(self) -> None:
        """What was asked half of the limit ago, and is not answered, is followed by a ping."""
        self._timer = None
        if self._asked_at is None:
            return
        loop, due = asyncio.get_running_loop(), self._asked_at + self._half_s
        if loop.time() < due:
            self._timer = loop.call_at(due, self._look)
        else:
            self._pinging = asyncio.create_task(self._until_heard(), name="is Asterisk silent?")

    async def _until_heard(self) -> None:
        """Ping until something is heard; silent from the first ping on that was not answered."""
        loop, wait_s = asyncio.get_running_loop(), self._half_s
        while (asked_at := self._asked_at) is not None:
            until = loop.time() + wait_s
            await self._ping(wait_s)
            if asked_at == self._asked_at:
                await asyncio.sleep(
                    until - loop.time()
                )  # it was refused at once: no reason to ask again at once
            if asked_at != self._asked_at:  # something was heard; what was asked after that has its own time
                self._timer = loop.call_later(self._half_s, self._look)
                return
            if not self.silent:
                self.silent = True
                self._turned()
            wait_s = self._limit_s
