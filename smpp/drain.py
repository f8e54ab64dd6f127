"""How does one bind drain the outbox? Marks ahead, writes as fast as window and rate allow, records the answers.

Three loops on one bind: `mark` keeps at most one window of messages marked and committed ahead; `write` hands
them to the session in order; `record` writes what the SMSC said, many answers in one transaction. What was
said is written before the next marks, in the same commit where it can be: so never more than two windows of
messages stand as sending, and a crash leaves no more than these unknown.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache, partial

from core.config import Bind
from runtime.app import App
from runtime.logs import log
from runtime.until_stored import until_stored
from smpp.errors import NotWritten, Rejected, Unanswered
from smpp.flow import Flow
from smpp.news import News, Taken
from smpp.outbox import Marked, mark_next, validity_s
from smpp.pdu import TAG_USER_MESSAGE_REFERENCE, InvalidField, SubmitSm
from smpp.receipts import plain_id
from smpp.segments import Segment
from smpp.session import Session
from smpp.statuses import Verdict, name_of
from smpp.times import relative_time
from smpp.window import Answer as Said
from smpp.window import End, SubmitResult
from store import parts
from store.messages import Message, Route
from store.parts import Answer
from store.times import us

logger = log("sms")

#: What is marked may wait so long for the rate (seconds): a refusal withdraws it within 5 s (R6).
_AHEAD_S = 1.0
#: After a temporary refusal of one message: at first, and at most; in between a quarter of its age.
_AGAIN_FIRST, _AGAIN_MOST = timedelta(seconds=1), timedelta(minutes=10)
_AGAIN_THROTTLED = timedelta(seconds=1)
_LATE_REMEMBERED = 10_000
_WANT_RECEIPT = 1

#: Answers are collected for so long, for one commit (seconds).
_COLLECT_S = 0.02
#: A message that has become due waits so long for others that are marked in the same commit (seconds).
_GATHER_S = 0.02
#: Which part an answer is about: message, part, parts of the message.
_Part = tuple[Message, int, int]


@lru_cache(maxsize=4096)
def _validity_period(seconds: int) -> str:
    return relative_time(timedelta(seconds=seconds))


#: `Answer(…)` of its values, at a third of the time.
_answer: Callable[[tuple[str, int, int, str, str, str, None]], Answer] = partial(tuple.__new__, Answer)


class Drain:
    """One bind's way out. `bound` and `unbound` tell it of the session."""

    def __init__(self, app: App, bind: Bind, route: Route, flow: Flow) -> None:
        self.app = app
        self.bind = bind
        self.flow = flow
        self.session: Session | None = None
        self.counts: Counter[str] = Counter()  #: parts: submitted, and what the SMSC said to them
        self._route = route
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Marked] = deque()
        self._ahead = 0  # parts in _ready
        self._late: OrderedDict[int, _Part] = OrderedDict()
        self._up = asyncio.Event()
        self._room = asyncio.Event()
        self._have = asyncio.Event()
        self._is_news = asyncio.Event()
        self._news = News(app, bind, self.counts, self._is_news.set)
        self._storing = asyncio.Lock()  # nothing is marked until news is stored (smpp/news.py)
        self._idle = asyncio.Event()  # `mark` waits for something, and will not commit soon
        self._idle.set()
        self._over = False
        self._clock = 0.0  # of the loop
        self._now_us = 0  # the decision time then
        self._most = 1  # parts that may be ahead, then

    # --- the session comes and goes ----------------------------------------------------------------------

    def bound(self, session: Session) -> None:
        self.session = session
        self._late.clear()
        self._up.set()
        self._have.set()

    def unbound(self) -> None:
        """What is marked and not written goes back: another bind may take it, or a refusal withdraw it."""
        self.session = None
        self._up.clear()
        self._give_back(0)

    def give_back(self) -> None:
        """What is marked and not written goes back."""
        self._give_back(0)

    def stop(self) -> None:
        """Write no more; what is marked goes back."""
        self._give_back(0)
        for event in (self._up, self._room, self._have):
            event.set()

    def end(self) -> None:
        """No more answers will come: `record` returns once it has written what it has."""
        self._over = True
        self._is_news.set()

    @property
    def in_flight(self) -> int:
        return self.session.in_flight if self.session else 0

    @property
    def ahead(self) -> int:
        """Parts that are marked and not written."""
        return self._ahead

    # --- mark --------------------------------------------------------------------------------------------

    def _may_be_ahead(self) -> int:
        return max(1, min(self.bind.window, int(self.flow.rate * _AHEAD_S)))

    async def mark(self, stopping: asyncio.Event) -> None:
        """Keep up to one window of messages marked ahead, until told to stop."""
        watch = self.app.store.watch("messages", "pauses")
        try:
            while not stopping.is_set():
                room = self._may_be_ahead() - self._ahead
                if self.session is None:
                    self._idle.set()
                    await self._up.wait()
                elif not self.app.worker.sure():
                    self._idle.set()
                    await watch.wait(1.0)
                elif room <= 0:
                    self._room.clear()
                    self._idle.set()
                    await self._room.wait()
                elif not await self._mark_ahead(room, stopping):
                    self._idle.set()
                    if await watch.wait(1.0):
                        await asyncio.sleep(_GATHER_S)
        finally:
            self._idle.set()

    async def _mark_ahead(self, room: int, stopping: asyncio.Event) -> bool:
        """Mark the next and have them written. False: no more are due."""
        self._idle.clear()
        marked, more = await self._mark(room)
        self._ready.extend(marked)
        self._ahead += sum([each.parts for each in marked])
        self._have.set()
        if self.session is None or stopping.is_set():
            self._give_back(0)
        await asyncio.sleep(0)  # `write` has its turn: then we know the room
        return more

    async def _mark(self, room: int) -> tuple[list[Marked], bool]:
        """Mark the next, after what was said until now: in one commit, unless the writer is quicker than we."""
        mark = partial(
            mark_next, app=self.app, bind=self.bind, route=self._route, room=room, now=self.app.now()
        )
        async with self._storing:
            taken = self._news.take()
            if taken is None:
                return await self.app.store.write(mark, at_once=True)
            jobs = self._store(taken), self.app.store.write(mark, at_once=True)
            stored, marked = await asyncio.gather(*jobs, return_exceptions=True)
            if isinstance(marked, BaseException):
                raise marked
            if isinstance(stored, BaseException):  # what is marked may be among what is recorded once more
                for each in marked[0]:
                    self._not_written(each, 0)
                raise stored
            return marked

    async def _store(self, taken: Taken) -> None:
        """Commit it; what was not stored, for all we know, is news again."""
        try:
            await self.app.store.write(partial(self._news.record, taken=taken), at_once=True)
        except BaseException:
            self._news.put_back(taken)
            raise

    def _give_back(self, keep: int) -> None:
        """Marked messages beyond `keep` parts are due again."""
        while self._ready and self._ahead > keep:
            marked = self._ready.pop()
            self._ahead -= marked.parts
            self._not_written(marked, 0)
        self._room.set()

    def _not_written(self, marked: Marked, place: int) -> None:
        """The segments from `place` on did not leave."""
        whole = place == 0 and not marked.message.sent_parts
        left = tuple(segment.number for segment in marked.segments[place:])
        self._news.not_written(marked.message.id, None if whole else left)

    # --- write -------------------------------------------------------------------------------------------

    async def write(self, stopping: asyncio.Event) -> None:
        """Hand what is marked to the session, in order, until told to stop."""
        while not stopping.is_set():
            session = self.session
            if session is None or not self._ready:
                self._have.clear()
                await self._have.wait()
                self._look_at_clocks()
                continue
            marked = self._ready.popleft()
            await self._send(session, marked)
            self._ahead -= marked.parts
            most = self._most
            if self._ahead > most:  # throttled meanwhile: what would wait too long goes back
                self._give_back(most)
            elif self._ahead <= most // 2 and not self._room.is_set():
                self._room.set()
                await asyncio.sleep(0)  # the next are marked while these are written
                self._look_at_clocks()
        self._give_back(0)

    async def _send(self, session: Session, marked: Marked) -> None:
        """Write the segments of one message; what could not be written is due again."""
        message, of = marked.message, marked.segments[-1].total
        sure = self.app.worker.sure
        for place, segment in enumerate(marked.segments):
            try:
                if (wait_s := self.flow.take_or_wait(segment.parts, self._clock)) > 0:
                    await self._pace(segment.parts, wait_s)
                if session.room <= 0:
                    await session.until_room()
                    self._look_at_clocks()
            except asyncio.CancelledError:  # the gateway fails: what has not left goes back
                self._not_written(marked, place)
                raise
            if not sure():  # taken for dead, perhaps: another may know of this message already
                self._not_written(marked, place)
                return
            try:
                session.post(self._pdu(marked, segment), partial(self._ended, message, segment.number, of))
            except NotWritten:
                self._not_written(marked, place)
                if session.room <= 0:  # the link is ending: until the next one, nothing is marked for it
                    self.unbound()
                return
            except InvalidField as error:
                self._news.say(Answer(message.id, segment.number, of, "failed", reason=str(error)))
                self._not_written(marked, place + 1) if place + 1 < len(marked.segments) else None
                return
            self.counts["submitted"] += 1

    async def _pace(self, count: int, wait_s: float) -> None:
        while wait_s > 0:
            await asyncio.sleep(wait_s)
            self._look_at_clocks()
            wait_s = self.flow.take_or_wait(count, self._clock)

    def _look_at_clocks(self) -> None:
        """After each wait: what is written without one is written at one moment."""
        self._clock, self._now_us = self._loop.time(), us(self.app.now())
        self._most = self._may_be_ahead()

    def _pdu(self, marked: Marked, segment: Segment) -> SubmitSm:
        message, source, to = marked.message, marked.source, marked.to
        left_s = validity_s(message, self._now_us)
        if left_s < 1:
            raise NotWritten("its validity has ended")
        reference = parts.reference_of(message.id, segment.number).to_bytes(2, "big")
        return SubmitSm(
            source.digits,
            to.digits,
            segment.short_message,
            source.ton,
            source.npi,
            to.ton,
            to.npi,
            segment.esm_class,
            segment.data_coding,
            _WANT_RECEIPT,
            _validity_period(left_s),
            tlvs=((TAG_USER_MESSAGE_REFERENCE, reference), *segment.tlvs),
        )

    # --- record ------------------------------------------------------------------------------------------

    def _ended(self, message: Message, part: int, of: int, end: End) -> None:
        """What became of one part: it is recorded."""
        if isinstance(end, SubmitResult | Rejected):
            self._take(message, part, of, end)
        elif isinstance(end, Unanswered):
            self._news.say(Answer(message.id, part, of, "unknown", reason=f"no answer: {end}"))
            self._late[end.sequence] = (message, part, of)
            if len(self._late) > _LATE_REMEMBERED:
                self._late.popitem(last=False)
        else:  # NotWritten: it was still ours when the link ended
            self._news.not_written(message.id, None if of == 1 else (part,))

    def late(self, sequence: int, said: Said) -> None:
        """The SMSC answered after the deadline: the fate of that part is known after all."""
        known = self._late.pop(sequence, None)
        if known is not None:
            self._take(*known, said)

    def _take(self, message: Message, part: int, of: int, said: Said) -> None:
        if isinstance(said, SubmitResult):
            self._news.say(_answer((message.id, part, of, "accepted", plain_id(said.message_id), "", None)))
            return
        why, now = name_of(said.status), self.app.now()
        clock = asyncio.get_running_loop().time()
        match said.verdict:
            case Verdict.THROTTLED:
                self._throttled(clock)
                again = now + _AGAIN_THROTTLED
                self._news.say(Answer(message.id, part, of, "postponed", reason=why, due_at=again))
            case Verdict.TEMPORARY:
                self.flow.queue_full(clock)
                again = now + min(max(_AGAIN_FIRST, (now - message.at) / 4), _AGAIN_MOST)
                self._news.say(Answer(message.id, part, of, "postponed", reason=why, due_at=again))
            case Verdict.UNKNOWN:
                self._news.say(Answer(message.id, part, of, "unknown", reason=why))
            case _:
                self._news.say(Answer(message.id, part, of, "failed", reason=why))

    def _throttled(self, clock: float) -> None:
        """We are too fast; said once, until the rate has recovered."""
        first = self.flow.rate >= self.bind.per_second
        self.counts["throttled"] += 1
        self.flow.throttled(clock)
        if first:
            rate = round(self.flow.rate, 1)
            logger.warning("the SMSC throttles: slower for a while", bind=self.bind.name, per_second=rate)

    async def record(self) -> None:
        """Write what the SMSC said and what did not leave, until `end`; much of it in one transaction.

        While messages are being marked, `mark` takes it along. A store that is full or away is asked again.
        """
        while True:
            await self._is_news.wait()
            self._is_news.clear()
            if not self._over:
                await asyncio.sleep(_COLLECT_S)
                await self._idle.wait()
            async with self._storing:
                while (taken := self._news.take()) is not None:
                    job = partial(self._news.record, taken=taken)
                    await until_stored(
                        self.app.store,
                        job,
                        what=f"what SMSC {self.bind.name} said of {len(taken.said)} parts",
                    )
            if self._over:
                return
