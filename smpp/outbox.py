"""Which messages may leave now? The gate at `due -> sending`, asked and marked in one transaction.

What is marked here is committed before its bytes leave; what the gate holds back waits, or is dropped with
the rule that said so.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import NamedTuple

from core.config import Bind
from core.facts import Facts
from core.sending import Sending, may_send
from runtime.app import App
from smpp.addresses import Address, address
from smpp.segments import Method, Segment, TooLong, split
from smpp.text import NotText
from store import messages, numbers, settings, workers
from store.many import facts_for_many
from store.messages import Mark, Message, Route
from store.times import us
from store.tx import Tx

#: Messages looked at in one transaction.
MOST_AT_ONCE = 200
#: What the SMSC is asked to keep trying, at most; the same bounds our own tries of what has no end.
LONGEST_VALIDITY = timedelta(days=3)
_LONGEST_US = LONGEST_VALIDITY // timedelta(microseconds=1)
_SECOND_US = 1_000_000

_address = lru_cache(maxsize=64)(address)


@lru_cache(maxsize=512)
def _split(text: str, method: str) -> tuple[Segment, ...]:
    """Many messages have the same text; one that is sent in parts is cut again, with its reference."""
    return split(text, reference=0, method=Method(method))


class Marked(NamedTuple):
    """A message that is stored as sending; its segments may leave."""

    message: Message
    segments: tuple[Segment, ...]
    parts: int  #: what the segments count for in the rate
    source: Address
    to: Address


#: Made of their values at a third of the time that the class takes itself.
_marked: Callable[[tuple[Message, tuple[Segment, ...], int, Address, Address]], Marked]
_marked = partial(tuple.__new__, Marked)
_mark: Callable[[tuple[str, int, tuple[int, ...], int | None]], Mark] = partial(tuple.__new__, Mark)
_ONE = (1,)


def mark_next(
    tx: Tx, *, app: App, bind: Bind, route: Route, room: int, now: datetime
) -> tuple[list[Marked], bool]:
    """Mark the messages that may leave over this bind now, at most `room` parts but at least one message.

    Second: whether more may be due. Nothing for a worker that was taken for dead.
    """
    worker = app.worker.id
    if not workers.stands(tx, worker):
        return [], False
    held = tuple(sorted(pause.programme for pause in settings.paused(tx)))
    limit = min(MOST_AT_ONCE, max(room, 1))
    found = messages.due(tx, now=now, limit=limit, programmes_held=held, route=route)
    gate = _Gate(tx, app, now, found)
    marked: list[Marked] = []
    marks: list[Mark] = []
    numbers_taken: set[str] = set()
    for message in found:
        if room <= 0:
            break
        if message.number in numbers_taken:  # order within a destination: the next one after this one
            continue
        if not gate.passes(message):
            continue
        cut = _cut(tx, message, bind.segmentation)
        if cut is None:
            continue
        left, mark = cut
        marks.append(mark)
        marked.append(left)
        numbers_taken.add(message.number)
        room -= left.parts
    messages.mark_all(tx, marks, bind=bind.name, at=now, worker=worker)
    return marked, room <= 0 or len(found) == limit


class _Gate:
    """The gate for the messages of one transaction: what is the same for several is asked once."""

    def __init__(self, tx: Tx, app: App, now: datetime, found: Sequence[Message]) -> None:
        self._tx = tx
        self._app = app
        self._now = now
        self._now_us = us(now)
        self._found = found
        self._granted: dict[str, Sending] = {}
        self._facts: dict[tuple[str, str], Facts] | None = None

    def passes(self, message: Message) -> bool:
        """What is held back is put off or dropped."""
        if (message.valid_until_us or message.at_us + _LONGEST_US) - self._now_us < _SECOND_US:
            messages.drop(self._tx, id=message.id, reason="O8: Its validity has ended.")
            return False
        said = self._transactional(message) if message.class_ == "transactional" else self._other(message)
        if said.do == "send":
            return True
        if said.do == "wait" and said.again is not None:
            messages.postpone(self._tx, id=message.id, due_at=said.again)
        else:
            messages.drop(self._tx, id=message.id, reason=f"{said.rule}: {said.reason}")
        return False

    def _transactional(self, message: Message) -> Sending:
        """Bound by R10 only: what is known of the number is not asked, and the sender's grant once."""
        said = self._granted.get(message.sender)
        if said is None:
            said = self._ask(message, Facts(message.number, None))
            self._granted[message.sender] = said
        return said

    def _other(self, message: Message) -> Sending:
        if self._facts is None:
            self._facts = self._read()
        return self._ask(message, self._facts[message.programme or "", message.number])

    def _ask(self, message: Message, known: Facts) -> Sending:
        programme = self._app.installation.programmes.get(message.programme or "")
        until, law = message.valid_until, self._app.installation.law
        return may_send(known, programme, message.class_, message.sender, until, self._now, law)

    def _read(self) -> dict[tuple[str, str], Facts]:
        """What is known of all their numbers, each locked first. Nothing that is due counts against itself."""
        wanted: dict[str, dict[str, None]] = {}
        for message in self._found:
            if message.class_ != "transactional":
                wanted.setdefault(message.programme or "", {})[message.number] = None
        numbers.lock(self._tx, *(number for each in wanted.values() for number in each))
        known = {}
        for programme, each in wanted.items():
            facts = facts_for_many(self._tx, numbers=[*each], programme=programme, events={}, now=self._now)
            known.update({(programme, fact.number): fact for fact in facts})
        return known


def _cut(tx: Tx, message: Message, method: str) -> tuple[Marked, Mark] | None:
    """What is left to send of a message, and its mark; one that no SMS can carry is dropped."""
    reference = message.reference
    try:
        source, to = _address(message.sender), address(message.number)
        segments = _split(message.text, method)
        if len(segments) > 1:
            if reference is None:
                reference = messages.next_reference(tx, source=message.sender, destination=message.number)
            segments = split(message.text, reference=reference, method=Method(method))
    except (NotText, TooLong, ValueError) as error:
        messages.drop(tx, id=message.id, reason=f"no SMS can carry it: {error}")
        return None
    total = len(segments)
    if total == 1 and not message.sent_parts:
        whole = _marked((message, segments, segments[0].parts, source, to))
        return whole, _mark((message.id, 1, _ONE, reference))
    left = tuple(segment for segment in segments if segment.number not in message.sent_parts)
    numbers_left = tuple(segment.number for segment in left)
    count = sum(segment.parts for segment in left)
    return Marked(message, left, count, source, to), Mark(message.id, total, numbers_left, reference)


def validity_s(message: Message, now_us: int) -> int:
    """How many seconds the SMSC may try: to the end of the message's validity, at most 3 days. Below 1: it has ended."""
    end_us = message.valid_until_us or message.at_us + _LONGEST_US
    return min(end_us - now_us, _LONGEST_US) // _SECOND_US
