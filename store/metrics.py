"""How many of each are there? Counts of the whole store, for `/metrics`."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from store.schema import alarms, calls, contacts, messages, registrations, triggers
from store.tx import Tx, words


@dataclass(frozen=True)
class Counts:
    """Rows of the store by their labels, and what is open and wrong now."""

    triggers: dict[tuple[str, ...], int]  #: by fate; "open": none yet
    calls: dict[tuple[str, ...], int]  #: ended ones by direction and outcome
    open_calls: dict[tuple[str, ...], int]  #: by direction and state: dialing, up
    contacts: dict[tuple[str, ...], int]  #: by state
    messages: dict[tuple[str, ...], int]  #: by kind and state
    registrations: dict[tuple[str, ...], int]  #: by state
    alarms: tuple[str, ...]  #: names of those that stand


def counts(tx: Tx) -> Counts:
    """All counts at one moment."""
    still_open = calls.c.state.in_(words("dialing", "up"))
    return Counts(
        triggers=_by(tx, func.coalesce(triggers.c.fate, "open")),
        calls=_by(tx, calls.c.direction, calls.c.outcome, where=calls.c.outcome.is_not(None)),
        open_calls=_by(tx, calls.c.direction, calls.c.state, where=still_open),
        contacts=_by(tx, contacts.c.state),
        messages=_by(tx, messages.c.kind, messages.c.state),
        registrations=_by(tx, registrations.c.state),
        alarms=tuple(
            tx.execute(
                select(alarms.c.name).where(alarms.c.until.is_(None)).order_by(alarms.c.name)
            ).scalars()
        ),
    )


def _by(tx: Tx, *columns: Any, where: Any = None) -> dict[tuple[str, ...], int]:
    chosen = select(*columns, func.count().label("counted")).group_by(*columns).order_by(*columns)
    if where is not None:
        chosen = chosen.where(where)
    rows: list[tuple[Any, ...]] = [tuple(row) for row in tx.execute(chosen)]
    return {tuple(str(value) for value in row[:-1]): row[-1] for row in rows}
