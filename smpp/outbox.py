"""Which messages may leave now? The gate at `due -> sending`, asked and marked in one transaction.

What is marked here is committed before its bytes leave; what the gate holds back waits, or is dropped with
the rule that said so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.config import Bind
from core.facts import Facts
from core.sending import Sending, may_send
from runtime.app import App
from smpp.addresses import address
from smpp.segments import Method, Segment, TooLong, split
from smpp.text import NotText
from store import facts, messages, numbers, settings
from store.messages import Mark, Message, Route
from store.tx import Tx

#: Messages looked at in one transaction.
MOST_AT_ONCE = 200
#: What the SMSC is asked to keep trying, at most; the same bounds our own tries of what has no end.
LONGEST_VALIDITY = timedelta(days=3)
#: A relative validity_period counts in seconds.
_SHORTEST_VALIDITY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Marked:
    """A message that is stored as sending; its segments may leave."""

    message: Message
    segments: tuple[Segment, ...]

    @property
    def parts(self) -> int:
        return sum(segment.parts for segment in self.segments)


def mark_next(
    tx: Tx, *, app: App, bind: Bind, route: Route, room: int, now: datetime
) -> tuple[list[Marked], int]:
    """Mark the messages that may leave over this bind now, at most `room` parts but at least one message.

    Second: how many were looked at.
    """
    held = tuple(sorted(pause.programme for pause in settings.paused(tx)))
    limit = min(MOST_AT_ONCE, max(room, 1))
    found = messages.due(tx, now=now, limit=limit, programmes_held=held, route=route)
    marked: list[Marked] = []
    marks: list[Mark] = []
    numbers_taken: set[str] = set()
    for message in found:
        if room <= 0:
            break
        if message.number in numbers_taken:  # order within a destination: the next one after this one
            continue
        if not _passes(tx, app, message, now):
            continue
        cut = _cut(tx, message, bind)
        if cut is None:
            continue
        segments, reference = cut
        left = tuple(segment for segment in segments if segment.number not in message.sent_parts)
        marks.append(Mark(message.id, len(segments), tuple(segment.number for segment in left), reference))
        marked.append(Marked(message, left))
        numbers_taken.add(message.number)
        room -= marked[-1].parts
    messages.mark_all(tx, marks, bind=bind.name, at=now)
    return marked, len(found)


def _passes(tx: Tx, app: App, message: Message, now: datetime) -> bool:
    """Ask the gate; what it holds back is put off or dropped."""
    if validity(message, now) is None:
        messages.drop(tx, id=message.id, reason="O8: Its validity has ended.")
        return False
    numbers.lock(tx, number=message.number)
    gate = _gate(tx, app, message, now)
    if gate.do == "send":
        return True
    if gate.do == "wait" and gate.again is not None:
        messages.postpone(tx, id=message.id, due_at=gate.again)
    else:
        messages.drop(tx, id=message.id, reason=f"{gate.rule}: {gate.reason}")
    return False


def _gate(tx: Tx, app: App, message: Message, now: datetime) -> Sending:
    programme = app.installation.programmes.get(message.programme or "")
    if message.class_ == "transactional":  # bound by R10 only: what is known of the number is not asked
        known = Facts(message.number, None)
    else:
        known = facts.facts_for(
            tx, number=message.number, programme=message.programme or "", now=now, message=message.id
        )
    return may_send(
        known, programme, message.class_, message.sender, message.valid_until, now, app.installation.law
    )


def _cut(tx: Tx, message: Message, bind: Bind) -> tuple[tuple[Segment, ...], int | None] | None:
    """The segments of a message and their reference; one that no SMS can carry is dropped."""
    method = Method(bind.segmentation)
    try:
        address(message.sender)
        address(message.number)
        segments = split(message.text, reference=message.reference or 0, method=method)
        reference = message.reference
        if len(segments) > 1 and reference is None:
            reference = messages.next_reference(tx, source=message.sender, destination=message.number)
            segments = split(message.text, reference=reference, method=method)
    except (NotText, TooLong, ValueError) as error:
        messages.drop(tx, id=message.id, reason=f"no SMS can carry it: {error}")
        return None
    return segments, reference


def validity(message: Message, now: datetime) -> timedelta | None:
    """How long the SMSC may try: to the end of the message's validity, at most 3 days. None: it has ended."""
    end = message.valid_until or message.at + LONGEST_VALIDITY
    left = end - now
    return None if left < _SHORTEST_VALIDITY else min(left, LONGEST_VALIDITY)
