"""How many of each are there? Counts for `/metrics`: of what is open now, and, far dearer, of whole tables."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from store.outbox import Standing
from store.outbox import standing as standing_messages
from store.schema import alarms, calls, contacts, messages, registrations, triggers
from store.tx import Tx, words

Labelled = dict[tuple[str, ...], int]


@dataclass(frozen=True)
class Now:
    """What is open and wrong now: read from the indexes of what is still to be worked on."""

    open_calls: Labelled  #: by direction and state: dialing, up
    outbox: tuple[Standing, ...]  #: messages by state and bind: due, sending, unknown
    alarms: tuple[str, ...]  #: names of those that stand


def now_open(tx: Tx, *, now: datetime) -> Now:
    """All of it at one moment."""
    still_open = calls.c.state.in_(words("dialing", "up"))
    standing = select(alarms.c.name).where(alarms.c.until.is_(None)).order_by(alarms.c.name)
    return Now(
        open_calls=_by(tx, calls.c.direction, calls.c.state, where=still_open),
        outbox=standing_messages(tx, now=now),
        alarms=tuple(tx.execute(standing).scalars()),
    )


#: Whole tables, by what each is counted: for a large store a matter of seconds each.
TABLES: dict[str, Callable[[Tx], Labelled]] = {
    "triggers": lambda tx: _by(tx, func.coalesce(triggers.c.fate, "open")),
    "calls": lambda tx: _by(tx, calls.c.direction, calls.c.outcome, where=calls.c.outcome.is_not(None)),
    "contacts": lambda tx: _by(tx, contacts.c.state),
    "messages": lambda tx: _by(tx, messages.c.kind, messages.c.state),
    "registrations": lambda tx: _by(tx, registrations.c.state),
}


def _by(tx: Tx, *columns: Any, where: Any = None) -> Labelled:
    chosen = select(*columns, func.count().label("counted")).group_by(*columns).order_by(*columns)
    if where is not None:
        chosen = chosen.where(where)
    rows: list[tuple[Any, ...]] = [tuple(row) for row in tx.execute(chosen)]
    return {tuple(str(value) for value in row[:-1]): row[-1] for row in rows}
