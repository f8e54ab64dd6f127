"""Who calls back, and what were they offered? Calls to 9090 stand in the same log as the campaign's (O15)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from core.outcomes import Outcome
from store.schema import calls
from store.times import moment, us, us_or_none
from store.tx import Tx


@dataclass(frozen=True)
class LastOffer:
    """The programme and offer that a number had last."""

    programme: str
    offer: tuple[str, ...]
    at: datetime
    call_id: str
    outcome: str | None


def add_inbound(
    tx: Tx, *, call_id: str, number: str, at: datetime, wall_at: datetime, node: str | None = None
) -> LastOffer | None:
    """Write an incoming call as up, beside the campaign call it answers; returns what that one offered.

    An id that is already there is left alone. An incoming call takes no slot (R7).
    """
    last = last_offer(tx, number=number)
    row = {
        "id": call_id,
        "direction": "in",
        "number": number,
        "state": "up",
        "started_at": us(at),
        "answered_at": us(at),
        "wall_at": us(wall_at),
        "keeps_slot": False,
        "node": node,
        "programme": last.programme if last else None,
        "offer": list(last.offer) if last else None,
    }
    tx.insert_new(calls, row)
    return last


def last_offer(tx: Tx, *, number: str) -> LastOffer | None:
    """What this number was offered last by a call of ours."""
    chosen = (
        select(calls)
        .where(calls.c.number == number, calls.c.direction == "out", calls.c.programme.is_not(None))
        .order_by(calls.c.started_at.desc())
        .limit(1)
    )
    row = tx.execute(chosen).one_or_none()
    if row is None:
        return None
    return LastOffer(row.programme, tuple(row.offer or ()), moment(row.started_at), row.id, row.outcome)


def end_inbound(
    tx: Tx,
    *,
    call_id: str,
    at: datetime,
    outcome: Outcome,
    answered_at: datetime | None = None,
    reason: str | None = None,
) -> bool:
    """The end of an incoming call. False: it has ended before."""
    values = {"state": "done", "ended_at": us(at), "outcome": outcome.value, "reason": reason}
    if answered_at is not None:
        values["answered_at"] = us_or_none(answered_at)
    this = calls.c.id == call_id
    still = update(calls).where(this, calls.c.direction == "in", calls.c.state == "up")
    if tx.execute(still.values(values)).rowcount != 1:
        return False
    tx.count(tx.execute(select(calls.c.programme).where(this)).scalar(), "ended", outcome.value)
    return True
