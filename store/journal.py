"""Who did what to a number or a programme, when and why? Written beside the deed, in its transaction (R13)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

from sqlalchemy import select

from store.schema import journal
from store.times import moment, us
from store.tx import Tx

Did = Literal[
    "refused", "refusal_undone", "forgotten", "complaint", "campaign_changed", "packages_changed", "rule_waived",
    "sent_anyway", "revealed",
]  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One line of the journal."""

    at: datetime
    by: str
    did: str
    number: str | None
    programme: str | None
    reason: str | None
    ref: str | None


def write(
    tx: Tx,
    *,
    at: datetime,
    by: str,
    did: Did,
    number: str | None = None,
    programme: str | None = None,
    reason: str | None = None,
    ref: str | None = None,
) -> None:
    """Keep that `by` (a person's account, or a part of the program) did this, and why."""
    row = {"id": f"j-{uuid4().hex}", "at": us(at), "by": by, "did": did, "number": number}
    tx.execute(journal.insert(), row | {"programme": programme, "reason": reason, "ref": ref})


def of_number(tx: Tx, *, number: str) -> tuple[Entry, ...]:
    """What was done about a number, in order."""
    chosen = select(journal).where(journal.c.number == number).order_by(journal.c.at, journal.c.id)
    return tuple(
        Entry(moment(row.at), row.by, row.did, row.number, row.programme, row.reason, row.ref)
        for row in tx.execute(chosen)
    )
