"""Whom could a programme reach, of everybody? What the store knows, by number, for core/funnel.py.

The same rows that store/facts.py reads for one number.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import numpy as np
from sqlalchemy import bindparam, select

from core.campaigns import Channel, Class
from core.facts import Event, Programme, Touch
from core.funnel import People, Texts
from core.outcomes import Outcome
from store import lists, settings
from store.columns import ListFile, digits_of, number_of
from store.facts import FELT, HISTORY, felt_at
from store.prepared import Prepared, among
from store.schema import calls, contacts, messages, numbers
from store.times import moment, us
from store.tx import Tx, word, words

#: By word: a look-up costs a third of what the enumeration asks.
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
Histories = dict[str, tuple[Touch, ...]]


_MADE = select(
    calls.c.number,
    calls.c.id,
    calls.c["class"].label("class_"),
    calls.c.programme,
    calls.c.started_at,
    calls.c.rang_at,
    calls.c.answered_at,
    calls.c.outcome,
).where(calls.c.started_at > bindparam("since"), calls.c.direction == word("out"), calls.c.keeps_slot)
_SENT = select(
    messages.c.number, messages.c.id, messages.c["class"].label("class_"), messages.c.programme,
    messages.c.sending_at,
).where(messages.c.sending_at > bindparam("since"), messages.c.state.in_(words(*FELT)))  # fmt: skip
_EVERY = Prepared(_MADE), Prepared(_SENT)
_AMONG = (
    Prepared(_MADE.where(among(calls.c.number, "numbers"))),
    Prepared(_SENT.where(among(messages.c.number, "numbers"))),
)


def touched(tx: Tx, *, now: datetime, numbers: Sequence[str] | None = None) -> Histories:
    """Who felt a call or a message in the last 24 h (a little more), or may have; newest last.

    `numbers`: only these.
    """
    made, sent = _EVERY if numbers is None else _AMONG
    asked = {"since": us(now - HISTORY), "numbers": numbers}
    found: defaultdict[str, list[Touch]] = defaultdict(list)
    for row in tx.execute(made, asked):
        class_: Class = row.class_ or "advertising"
        outcome = _OUTCOMES[row.outcome] if row.outcome else None
        touch = Touch("voice", class_, row.programme or "", felt_at(row), outcome, row.id)
        found[row.number].append(touch)
    for row in tx.execute(sent, asked):
        touch = Touch("sms", row.class_, row.programme or "", moment(row.sending_at), None, row.id)
        found[row.number].append(touch)
    for touches in found.values():
        touches.sort(key=attrgetter("at"))
    return {number: tuple(touches) for number, touches in found.items()}


def refusers(tx: Tx) -> list[str]:
    """Who refused advertising (R6)."""
    return [
        number for (number,) in tx.execute(select(numbers.c.number).where(numbers.c.refused_at.is_not(None)))
    ]


def called(tx: Tx, *, programme: str) -> list[str]:
    """Whom this programme called before (B3)."""
    tried = select(contacts.c.number).where(contacts.c.programme == programme, contacts.c.attempts > 0)
    return [number for (number,) in tx.execute(tried.distinct())]


class _Numbers(Sequence[str]):
    """Digits that are read as numbers."""

    def __init__(self, digits: Any) -> None:
        self._digits = digits

    def __len__(self) -> int:
        return len(self._digits)

    def __getitem__(self, place: Any) -> Any:
        return number_of(int(self._digits[place]))


def people_of(
    tx: Tx, programme: Programme, channel: Channel, now: datetime, event: Event | None = None
) -> People | None:
    """Everybody whom the programme might contact; None: it has no target list, or there is no base."""
    found = lists.in_force(tx, programme=programme.name)

    def file_of(kind: str, whose: str = "") -> ListFile | None:
        version = found.get((kind, whose))
        return lists.file_of(tx, version) if version else None

    base = file_of("subscribers")
    targets = file_of("targets", programme.name) if programme.campaign.trigger.kind == "list" else base
    if targets is None:
        return None
    digits = targets.array("number")
    place = _places(base, digits)
    here = place >= 0

    def codes_of(column: str) -> Any:
        if base is None:
            return np.zeros(len(digits), np.uint8)
        codes = base.array(column)
        return codes if targets is base else np.where(here, codes[place], 0)

    def texts_of(column: str) -> tuple[Any, Texts]:
        return codes_of(column), base.texts(column) if base else [None]

    past = touched(tx, now=now)
    felt = targets.places(np.array([digits_of(number) or 0 for number in past], np.uint32))
    history = dict(zip(felt.tolist(), past.values(), strict=True))
    history.pop(-1, None)
    dnc, excluded = file_of("dnc"), np.zeros(len(digits), bool)
    for whose in ("", programme.name):
        if (listed := file_of("exclusions", whose)) is not None:
            excluded |= _places(listed, digits) >= 0
    return People(
        numbers=_Numbers(digits),
        in_base=here,
        texts=texts_of,
        amounts=codes_of,
        excluded=excluded,
        do_not_call=found["dnc", ""].state if dnc else None,
        on_do_not_call=_listed(dnc, digits, channel),
        refused=_among(digits, refusers(tx)),
        called_before=_among(digits, called(tx, programme=programme.name)),
        history=history,
        paused=settings.paused_by(tx, programme=programme.name),
        event=event,
    )


def _places(file: ListFile | None, digits: Any) -> Any:
    """The row of each number in a list; -1: not on it."""
    return np.full(len(digits), -1) if file is None else file.places(digits)


def _listed(dnc: ListFile | None, digits: Any, channel: Channel) -> Any:
    if dnc is None:
        return np.zeros(len(digits), bool)
    place = dnc.places(digits)
    # as store/facts.py: a word that is not known means both
    blocks = np.array([text not in ("voice", "sms") or text == channel for text in dnc.texts("channel")])
    return (place >= 0) & blocks[dnc.array("channel")[place]] if dnc.rows else place >= 0


def _among(digits: Any, numbers: Iterable[str]) -> Any:
    wanted = [found for number in numbers if (found := digits_of(number)) is not None]
    mask = np.zeros(len(digits), bool)
    if wanted and len(digits):
        asked = np.array(wanted, np.uint32)
        place = np.searchsorted(digits, asked).clip(max=len(digits) - 1)
        mask[place[digits[place] == asked]] = True
    return mask
