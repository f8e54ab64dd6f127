"""Whom could a programme reach, of everybody? What the store knows, by number, for core/funnel.py.

The same rows that store/facts.py reads for one number.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Select, select

from core.campaigns import Channel, Class
from core.facts import Event, Programme, Touch
from core.funnel import People, Texts
from core.outcomes import Outcome
from store import lists, settings
from store.columns import ListFile, digits_of, number_of
from store.facts import FELT, HISTORY
from store.schema import calls, contacts, messages, numbers
from store.times import moment, us
from store.tx import Tx, words

Histories = dict[str, tuple[Touch, ...]]


def touched(tx: Tx, *, now: datetime, among: Sequence[str] | None = None) -> Histories:
    """Who felt a call or a message in the last 24 h (a little more), or may have; newest last.

    `among`: only these numbers.
    """
    since = us(now - HISTORY)
    found: defaultdict[str, list[Touch]] = defaultdict(list)
    made: Select[Any] = select(
        calls.c.number, calls.c.id, calls.c["class"], calls.c.programme, calls.c.started_at, calls.c.outcome
    )
    if among is not None:
        made = made.where(calls.c.number.in_(among))
    for row in tx.execute(
        made.where(calls.c.started_at > since, calls.c.direction == "out", calls.c.keeps_slot)
    ):
        class_: Class = row._mapping["class"] or "advertising"
        outcome = Outcome(row.outcome) if row.outcome else None
        touch = Touch("voice", class_, row.programme or "", moment(row.started_at), outcome, row.id)
        found[row.number].append(touch)
    sent: Select[Any] = select(
        messages.c.number, messages.c.id, messages.c["class"], messages.c.programme, messages.c.sending_at
    ).where(messages.c.sending_at > since, messages.c.state.in_(words(*FELT)))
    if among is not None:
        sent = sent.where(messages.c.number.in_(among))
    for row in tx.execute(sent):
        touch = Touch("sms", row._mapping["class"], row.programme or "", moment(row.sending_at), None, row.id)
        found[row.number].append(touch)
    return {number: tuple(sorted(touches, key=lambda touch: touch.at)) for number, touches in found.items()}


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

    history = {int(_places(targets, [digits_of(n)])[0]): past for n, past in touched(tx, now=now).items()}
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
    wanted = np.asarray(
        [-1 if each is None else each for each in digits] if isinstance(digits, list) else digits
    )
    if file is None or not file.rows:
        return np.full(len(wanted), -1)
    known = file.array("number")
    if wanted is known or (len(wanted) == len(known) and np.array_equal(wanted, known)):
        return np.arange(len(known))
    place = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return np.where(known[place] == wanted, place, -1)


def _listed(dnc: ListFile | None, digits: Any, channel: Channel) -> Any:
    if dnc is None:
        return np.zeros(len(digits), bool)
    place = _places(dnc, digits)
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
