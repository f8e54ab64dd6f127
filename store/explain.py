"""What was known about a number at a moment, and what happened to it? For `mai explain` and the complaint desk.

The facts come from `store.facts`, as the dialer reads them. For a moment that has passed, what became known
only later is left out; what the store does not keep of the past is named in `Known.doubts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.facts import Event, Facts, ListState, Touch
from store import facts, journal, lists, settings, triggers
from store.schema import calls, contacts, pauses, received, versions
from store.schema import lists as lists_table
from store.schema import triggers as triggers_table
from store.times import iso, moment, us
from store.tx import Tx


@dataclass(frozen=True)
class Known:
    """The facts of a moment, and what they cannot tell about it."""

    facts: Facts
    doubts: tuple[str, ...] = ()


def known_at(
    tx: Tx, *, number: str, programme: str, event: Event | None, at: datetime, now: datetime
) -> Known:
    """What the dialer would look at for this programme at `at`; before `now`: what it looked at then."""
    if at >= now:
        return Known(facts.facts_for(tx, number=number, programme=programme, event=event, now=at))
    found, doubts = _lists_at(tx, programme, at)
    known = facts.facts_for(tx, number=number, programme=programme, event=event, now=at, found=found)
    ended = _ended_later(tx, number, at)
    then = known._replace(
        history=tuple(_as_of(touch, ended) for touch in known.history if touch.at <= at),
        refused_at=_refused_at(tx, number, at, known.refused_at),
        called_before=_called_before(tx, number, programme, at),
        paused=_paused_at(tx, programme, at),
    )
    return Known(then, (*doubts, "Pauses that were lifted since are not kept."))


def _lists_at(
    tx: Tx, programme: str, at: datetime
) -> tuple[Mapping[tuple[str, str], lists.InForce], tuple[str, ...]]:
    """The versions of the lists that were in force at `at`; a list whose version then is gone is named."""
    found, doubts = dict(lists.in_force(tx, programme=programme)), []
    for key, newest in found.items():
        if newest.state.imported_at <= at:
            continue
        then = _version_at(tx, *key, at)
        if then is None:
            doubts.append(f"The {newest.kind} list of then is not kept: a later one was looked at.")
        else:
            found[key] = then
    return found, tuple(doubts)


def _version_at(tx: Tx, kind: str, programme: str, at: datetime) -> lists.InForce | None:
    table = lists_table
    chosen = select(table).where(
        table.c.kind == kind, table.c.programme == programme, table.c.imported_at <= us(at)
    )
    row = tx.execute(chosen.order_by(table.c.version.desc()).limit(1)).one_or_none()
    if row is None or not (tx.lists / row.file).exists():
        return None
    state = ListState(row.version, moment(row.imported_at), row.rows, row.rows_before)
    return lists.InForce(kind, programme, row.file, state, row.source)


def _ended_later(tx: Tx, number: str, at: datetime) -> frozenset[str]:
    """Calls that were still up at that moment: their outcome was not known."""
    later = select(calls.c.id).where(
        calls.c.number == number, calls.c.started_at <= us(at), calls.c.ended_at > us(at)
    )
    return frozenset(row.id for row in tx.execute(later))


def _as_of(touch: Touch, open_then: frozenset[str]) -> Touch:
    return touch._replace(outcome=None) if touch.ref in open_then else touch


def _refused_at(tx: Tx, number: str, at: datetime, now_known: datetime | None) -> datetime | None:
    """The refusal that held at `at`, by the journal; one from before there was a journal holds on."""
    held: datetime | None = now_known if now_known is not None and now_known <= at else None
    for entry in journal.of_number(tx, number=number):
        if entry.at <= at and entry.did in ("refused", "refusal_undone"):
            held = entry.at if entry.did == "refused" else None
    return held


def _called_before(tx: Tx, number: str, programme: str, at: datetime) -> bool:
    earlier = select(calls.c.id).where(
        calls.c.number == number,
        calls.c.programme == programme,
        calls.c.direction == "out",
        calls.c.started_at <= us(at),
    )
    return tx.execute(earlier.limit(1)).first() is not None


def _paused_at(tx: Tx, programme: str, at: datetime) -> str | None:
    standing = select(pauses.c.by).where(
        pauses.c.programme.in_((programme, settings.ALL)), pauses.c.at <= us(at)
    )
    row = tx.execute(standing.order_by(pauses.c.at)).first()
    return row.by if row else None


def last_event(tx: Tx, *, number: str, kind: str, since: datetime, at: datetime) -> Event | None:
    """The newest event of this kind that happened in [since, at] and was known at `at`."""
    table = triggers_table
    chosen = select(table.c.id).where(
        table.c.number == number,
        table.c.kind == kind,
        table.c.at >= us(since),
        table.c.at <= us(at),
        table.c.received_at <= us(at),
        table.c.fate.is_distinct_from("invalid"),
    )
    id = tx.execute(chosen.order_by(table.c.at.desc(), table.c.id).limit(1)).scalar_one_or_none()
    return triggers.event_of(tx, id=id) if id is not None else None


def version_at(tx: Tx, *, programme: str, at: datetime) -> str | None:
    """The version of a programme that was loaded last at that moment; None: none was yet."""
    chosen = select(versions.c.version).where(
        versions.c.programme == programme, versions.c.loaded_at <= us(at)
    )
    found: str | None = tx.execute(chosen.order_by(versions.c.loaded_at.desc()).limit(1)).scalar_one_or_none()
    return found


def received_from(tx: Tx, *, number: str) -> list[dict[str, Any]]:
    """Every SMS that came from a number, the oldest first."""
    chosen = select(received).where(received.c.number == number, received.c.kind == "mo")
    return [
        {"id": row.id, "at": iso(row.at), "number": row.number, "to": row.to, "text": row.text}
        for row in tx.execute(chosen.order_by(received.c.at, received.c.id))
    ]


def contents(tx: Tx, *, of: set[str]) -> list[dict[str, Any]]:
    """What these versions of programmes were, word for word."""
    chosen = select(versions).where(versions.c.version.in_(sorted(of)))
    return [
        {
            "version": row.version,
            "programme": row.programme,
            "loaded_at": iso(row.loaded_at),
            "content": row.content,
        }
        for row in tx.execute(chosen.order_by(versions.c.loaded_at))
    ]


def planned(tx: Tx, *, number: str) -> list[dict[str, Any]]:
    """Every contact of a number, the oldest first: what was planned, and what became of it."""
    chosen = select(contacts).where(contacts.c.number == number)
    return [
        {
            "id": row.id,
            "programme": row.programme,
            "number": row.number,
            "trigger": row.trigger,
            "version": row.version,
            "state": row.state,
            "outcome": row.outcome,
            "attempts": row.attempts,
            "pass": row.pass_no,
            "created_at": iso(row.created_at),
            "due_at": iso(row.due_at),
            "stale_at": iso(row.stale_at),
            "ended_at": iso(row.ended_at),
            "reason": row.reason,
        }
        for row in tx.execute(chosen.order_by(contacts.c.created_at, contacts.c.id))
    ]
