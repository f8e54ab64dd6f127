"""What is known about a batch of numbers at this moment? `store.facts.facts_for` for many, column by column.

One statement for each table, one pass over each column of a list.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import bindparam, select

from core.facts import Event, Facts
from store import lists, settings
from store.columns import digits_of
from store.facts import blocked_channels, subscriber_of
from store.prepared import Prepared, among
from store.reach import touched
from store.schema import contacts
from store.schema import numbers as known
from store.times import moment
from store.tx import Tx

_NONE: Mapping[str, str] = {}
#: Numbers in one statement.
BATCH = 2000

_REFUSED = Prepared(
    select(known.c.number, known.c.refused_at).where(
        among(known.c.number, "numbers"), known.c.refused_at.is_not(None)
    )
)
_CALLED = Prepared(
    select(contacts.c.number, contacts.c.id).where(
        among(contacts.c.number, "numbers"),
        contacts.c.programme == bindparam("programme"),
        contacts.c.attempts > 0,
    )
)


def facts_for_many(
    tx: Tx,
    *,
    numbers: Sequence[str],
    programme: str,
    events: Mapping[str, Event],
    now: datetime,
    without: Mapping[str, str] = _NONE,
) -> list[Facts]:
    """The facts of each number, in their order; `events`: by number, those that have one.

    `without`: by number, the contact that is being decided about; it does not count against itself.
    """
    found: list[Facts] = []
    for start in range(0, len(numbers), BATCH):
        found += _batch(tx, numbers[start : start + BATCH], programme, events, now, without)
    return found


def _batch(
    tx: Tx,
    batch: Sequence[str],
    programme: str,
    events: Mapping[str, Event],
    now: datetime,
    without: Mapping[str, str],
) -> list[Facts]:
    force = lists.in_force(tx, programme=programme)
    dnc = force.get(("dnc", ""))
    wanted = _Wanted(tx, batch)
    base = wanted.rows(force.get(("subscribers", "")))
    blocked = wanted.rows(dnc)
    excluded = wanted.rows(force.get(("exclusions", programme))) | wanted.rows(force.get(("exclusions", "")))
    in_order = sorted(batch)  # neighbours in an index: a fifth faster
    past = touched(tx, now=now, numbers=in_order)
    refused = {number: moment(at) for number, at in tx.execute(_REFUSED, {"numbers": in_order})}
    tried = tx.execute(_CALLED, {"numbers": in_order, "programme": programme})
    called = {number for number, contact in tried if without.get(number) != contact}
    paused = settings.paused_by(tx, programme=programme)
    state, nobody = dnc.state if dnc else None, blocked_channels(None)
    return [
        Facts(
            number,
            subscriber_of(number, base.get(number)),
            past.get(number, ()),
            refused.get(number),
            state,
            blocked_channels(blocked[number]) if number in blocked else nobody,
            str(excluded[number][0] or "on the exclusion list") if number in excluded else None,
            number in called,
            paused,
            events.get(number),
        )
        for number in batch
    ]


class _Wanted:
    """The numbers of a batch, in the order of the lists."""

    def __init__(self, tx: Tx, batch: Sequence[str]) -> None:
        self._tx = tx
        digits = {found: number for number in batch if (found := digits_of(number)) is not None}
        self._digits = np.array(sorted(digits), np.uint32)
        self._numbers = [digits[each] for each in self._digits.tolist()]

    def rows(self, version: lists.InForce | None) -> dict[str, tuple[Any, ...]]:
        """The rows of those that are on a list, as `lists.look_up` gives them."""
        if version is None:
            return {}
        file = lists.file_of(self._tx, version)
        places = file.places(self._digits)
        here = np.flatnonzero(places >= 0)
        found = (self._numbers[at] for at in here.tolist())
        return dict(zip(found, file.rows_at(places[here]), strict=True))
