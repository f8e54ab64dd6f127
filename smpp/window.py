"""Which messages wait for their answers, until when, and is there room for another?"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from functools import partial
from typing import Final, NamedTuple

from smpp.errors import NotWritten, Rejected, Unanswered

_LATE_REMEMBERED: Final = 10_000


class SubmitResult(NamedTuple):
    """The SMSC has the message. `status` is 0 or one that this link's table calls accepted."""

    message_id: str
    status: int


#: `SubmitResult(…)` from a tuple of its values; the class itself takes twice as long, once for every answer.
submit_result: Final[Callable[[tuple[str, int]], SubmitResult]] = partial(tuple.__new__, SubmitResult)

Answer = SubmitResult | Rejected
End = SubmitResult | Rejected | Unanswered | NotWritten
"""What became of a message: the SMSC's answer, or why there is none."""
OnEnd = Callable[[End], None]
TakeBack = Callable[[Collection[int]], set[int]]
"""Takes messages back that are not written yet, and says which they were."""


def settle(answer: asyncio.Future[SubmitResult], end: End) -> None:
    """An `OnEnd` for a future."""
    if answer.done():  # its caller was cancelled
        return
    if isinstance(end, SubmitResult):
        answer.set_result(end)
    else:
        answer.set_exception(end)


class Window:
    """The messages of one session between their sending and their answer. One timer for all."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, size: int, response_s: float, take_back: TakeBack
    ) -> None:
        self._loop = loop
        self._size = size
        self._response_s = response_s
        self._take_back = take_back
        self._open = False
        self._pending: dict[int, tuple[OnEnd, float]] = {}  # by sequence, with the deadline; oldest first
        self._expired: OrderedDict[int, None] = OrderedDict()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def room(self) -> int:
        """Messages that may be added now: none while the window is not open."""
        return self._size - len(self._pending) if self._open else 0

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        """No more messages; answers are still taken. Whoever waits for room goes on, to be told so."""
        self._open = False
        self._wake()

    def add(self, sequence: int, on_end: OnEnd) -> None:
        """A message that is being sent. The caller has looked at `room`."""
        due = self._loop.time() + self._response_s
        self._pending[sequence] = (on_end, due)
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._expire)

    async def until_room(self) -> None:
        """Returns when there is room, or will be no more."""
        while self._open and len(self._pending) >= self._size:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._loop.call_soon(self._wake)  # whoever was woken may not use the room: the next one may

    async def until_idle(self) -> None:
        """Returns when no answer is due."""
        if self._pending:
            self._idle = self._idle or self._loop.create_future()
            await asyncio.shield(self._idle)

    def knows(self, sequence: int) -> bool:
        """Is this a message that waits, or one whose deadline has passed?"""
        return sequence in self._pending or sequence in self._expired

    def answered(self, sequence: int, answer: Answer) -> bool:
        """Hands the answer to whoever waits for it. False: nobody does, or nobody does any more."""
        entry = self._pending.pop(sequence, None)
        if entry is None:
            return False
        try:
            entry[0](answer)
        except Exception as error:  # its caller's own fault: the other answers of this read must not suffer
            self._at_fault(error)
        if self._waiters or self._idle:
            self._after_answer()
        return True

    def was_late(self, sequence: int) -> bool:
        """Is this the first answer to a message whose deadline has passed?"""
        if sequence not in self._expired:
            return False
        del self._expired[sequence]
        return True

    def withdraw(self, reason: str) -> None:
        """Takes back everything that is not written: it ends as NotWritten."""
        for sequence in self._take_back(self._pending):
            self._fail(sequence, NotWritten(reason))

    def lost(self, reason: str) -> None:
        """The link is gone: nothing will be answered."""
        self._open = False
        self.withdraw(reason)
        for sequence in list(self._pending):
            self._fail(sequence, Unanswered(reason, sequence))
        if self._timer:
            self._timer.cancel()
        self.close()

    def _fail(self, sequence: int, error: NotWritten | Unanswered) -> None:
        on_end, _ = self._pending.pop(sequence)
        try:
            on_end(error)
        except Exception as fault:
            self._at_fault(fault)
        self._after_answer()

    def _at_fault(self, error: Exception) -> None:
        self._loop.call_exception_handler({"message": "in a message's on_end", "exception": error})

    def _after_answer(self) -> None:
        if self._waiters:
            self._wake()
        if self._idle and not self._pending:
            self._idle.set_result(None)
            self._idle = None

    def _wake(self) -> None:
        while self._waiters and (self.room > 0 or not self._open):
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _expire(self) -> None:
        """Answers come due in the order in which they were asked for."""
        self._timer = None
        now = self._loop.time()
        reason = f"no answer within {self._response_s:g} s"
        due: list[int] = []
        for sequence, (_, deadline) in self._pending.items():
            if deadline > now:
                self._timer = self._loop.call_at(deadline, self._expire)
                break
            due.append(sequence)
        ours = self._take_back(due)
        for sequence in due:
            if sequence in ours:
                self._fail(sequence, NotWritten(f"{reason}: the SMSC does not read"))
                continue
            self._expired[sequence] = None
            if len(self._expired) > _LATE_REMEMBERED:
                self._expired.popitem(last=False)
            self._fail(sequence, Unanswered(reason, sequence))
