"""What is known about a batch of numbers at this moment? `store.facts.facts_for` for many in a few statements."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from core.facts import Event, Facts
from store import lists, settings
from store.facts import blocked_channels, subscriber_of
from store.reach import touched
from store.schema import contacts, numbers
from store.times import moment
from store.tx import Tx

#: Numbers in one statement.
BATCH = 500


def facts_for_many(
    tx: Tx, *, numbers: Sequence[str], programme: str, events: Mapping[str, Event], now: datetime
) -> list[Facts]:
    """The facts of each number, in their order; `events`: by number, those that have one."""
    found: list[Facts] = []
    for start in range(0, len(numbers), BATCH):
        found += _batch(tx, numbers[start : start + BATCH], programme, events, now)
    return found


def _batch(
    tx: Tx, batch: Sequence[str], programme: str, events: Mapping[str, Event], now: datetime
) -> list[Facts]:
    force = lists.in_force(tx, programme=programme)
    base, dnc = force.get(("subscribers", "")), force.get(("dnc", ""))
    excluding = [force.get(("exclusions", whose)) for whose in ("", programme)]
    past = touched(tx, now=now, among=batch)
    known = select(numbers.c.number, numbers.c.refused_at).where(numbers.c.number.in_(batch))
    refused = {row.number: row.refused_at for row in tx.execute(known)}
    tried = select(contacts.c.number).where(
        contacts.c.number.in_(batch), contacts.c.programme == programme, contacts.c.attempts > 0
    )
    called = set(tx.execute(tried).scalars())
    paused = settings.paused_by(tx, programme=programme)
    state = dnc.state if dnc else None
    found = []
    for number in batch:
        rows = (lists.look_up(tx, each, number=number) for each in excluding)
        why = next((row for row in rows if row is not None), None)
        found.append(
            Facts(
                number=number,
                subscriber=subscriber_of(number, lists.look_up(tx, base, number=number)),
                history=past.get(number, ()),
                refused_at=moment(refused.get(number)),
                do_not_call=state,
                on_do_not_call=blocked_channels(lists.look_up(tx, dnc, number=number)),
                excluded=None if why is None else str(why[0] or "on the exclusion list"),
                called_before=number in called,
                paused=paused,
                event=events.get(number),
            )
        )
    return found
