"""How fast may one bind send now? A token bucket counted in parts, slowed by the SMSC's complaints.

Nothing here reads a clock: `now` is any monotonic time in seconds, handed in.
"""

from __future__ import annotations

from typing import Final

PAUSE_S: Final = 1.0  #: after a THROTTLED
SHORT_PAUSE_S: Final = 0.25  #: after a full message queue
SLOWER: Final = 0.5  #: what a THROTTLED leaves of the rate
SLOWEST: Final = 0.05  #: of the configured rate: never below
RECOVERY_S: Final = 60.0  #: from the slowest to the full rate, in a straight line


class Flow:
    """The rate of one bind. Ask `wait`; when it says 0, `take` and send."""

    def __init__(self, per_second: float, now: float, burst: float | None = None) -> None:
        """`per_second`: parts, as the SMSC grants them. `burst`: parts at once, by default 0.1 s worth."""
        if per_second <= 0:
            raise ValueError(f"a rate is more than 0 parts per second, not {per_second}")
        self._full = per_second
        self._burst = max(1.0, per_second / 10 if burst is None else burst)
        self._tokens = self._burst
        self._rate = per_second
        self._seen = now
        self._paused_until = now

    @property
    def rate(self) -> float:
        """Parts per second, as of the last call that told the time."""
        return self._rate

    def wait(self, parts: int, now: float) -> float:
        """Seconds until a message of so many parts may go; 0: now. Above the burst: once it is full."""
        self._advance(now)
        pause = max(0.0, self._paused_until - now)
        missing = min(float(parts), self._burst) - self._tokens
        if missing <= 1e-9:  # what rounding leaves must not cost a turn of waiting
            return pause
        return pause + missing / self._rate

    def take(self, parts: int, now: float) -> None:
        """These parts go out now. The bucket may fall below zero: the next message waits for it."""
        self._advance(now)
        self._tokens -= parts

    def take_or_wait(self, parts: int, now: float) -> float:
        """`take` if `wait` says 0. Returns what it says."""
        if now == self._seen and self._tokens >= parts and now >= self._paused_until:  # within a burst
            self._tokens -= parts
            return 0.0
        wait_s = self.wait(parts, now)
        if wait_s <= 0:
            self._tokens -= parts
        return wait_s

    def throttled(self, now: float) -> None:
        """The SMSC said that we are too fast. A window full of such answers is one complaint."""
        self._advance(now)
        if now < self._paused_until:
            return
        self._rate = max(self._rate * SLOWER, self._full * SLOWEST)
        self._tokens = min(self._tokens, 0.0)
        self._paused_until = now + PAUSE_S

    def queue_full(self, now: float) -> None:
        """The SMSC's queue is full: a short pause, the rate stays."""
        self._advance(now)
        self._paused_until = max(self._paused_until, now + SHORT_PAUSE_S)

    def _advance(self, now: float) -> None:
        start = max(self._seen, min(self._paused_until, now))  # a pause neither earns tokens nor recovers
        passed = now - start
        self._seen = max(self._seen, now)
        if passed <= 0:
            return
        self._tokens = min(self._burst, self._tokens + passed * self._rate)
        self._rate = min(self._full, self._rate + passed * self._full * (1 - SLOWEST) / RECOVERY_S)
