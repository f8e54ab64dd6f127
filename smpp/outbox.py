"""Which messages may leave now? The gate at `due -> sending`, asked and marked in one transaction.

What is marked here is committed before its bytes leave; what the gate holds back waits, or is dropped with
the rule that said so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.config import Bind
from core.sending import Sending, may_send
from runtime.app import App
from smpp.segments import Method, Segment, TooLong, split
from smpp.text import NotText
from store import facts, messages, numbers
from store.messages import Message
from store.tx import Tx

#: Messages looked at in one transaction.
_MOST_AT_ONCE = 200


@dataclass(frozen=True)
class Marked:
    """A message that is stored as sending; its segments may leave."""

    message: Message
    segments: tuple[Segment, ...]


def mark_next(tx: Tx, *, app: App, bind: Bind, room: int, now: datetime) -> list[Marked]:
    """Mark the messages that may leave over this bind now, at most `room` segments (at least one message)."""
    marked: list[Marked] = []
    for message in messages.due(tx, now=now, limit=min(_MOST_AT_ONCE, max(room, 1))):
        if room <= 0:
            break
        numbers.lock(tx, number=message.number)
        gate = _gate(tx, app, message, now)
        if gate.do == "wait" and gate.again is not None:
            messages.postpone(tx, id=message.id, due_at=gate.again)
        elif gate.do != "send":
            messages.drop(tx, id=message.id, reason=f"{gate.rule}: {gate.reason}")
        else:
            segments = _segments(tx, message, bind)
            if segments and messages.mark_sending(
                tx, id=message.id, parts=len(segments), bind=bind.name, at=now
            ):
                left = tuple(segment for segment in segments if segment.number not in message.sent_parts)
                marked.append(Marked(message, left))
                room -= len(left)
    return marked


def _gate(tx: Tx, app: App, message: Message, now: datetime) -> Sending:
    programme = app.installation.programmes.get(message.programme or "")
    known = facts.facts_for(
        tx, number=message.number, programme=message.programme or "", now=now, message=message.id
    )
    return may_send(
        known, programme, message.class_, message.sender, message.valid_until, now, app.installation.law
    )


def _segments(tx: Tx, message: Message, bind: Bind) -> tuple[Segment, ...]:
    """The segments of a message; one that no SMS can carry is dropped."""
    reference = int(message.id[-4:], 16)  # the same on a repeat
    try:
        return split(message.text, reference=reference, method=Method(bind.segmentation))
    except (NotText, TooLong) as error:
        messages.drop(tx, id=message.id, reason=f"no SMS can carry it: {error}")
        return ()


def validity(message: Message, now: datetime) -> timedelta | None:
    """How long the SMSC may try: to the end of the message's validity, at most 3 days. None: it has ended."""
    left = timedelta(days=3) if message.valid_until is None else message.valid_until - now
    return None if left < timedelta(seconds=1) else min(left, timedelta(days=3))
