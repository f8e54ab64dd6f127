"""Who was called, texted and registered, when, and with what words? The logs of O16, as DESIGN §5 names them.

Each function streams rows as dicts with exactly the keys of `--json`; it is used up inside the transaction:
`await store.read(lambda tx: [*logs.calls(tx, number="+84901234567")])`.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, TypedDict, Unpack

from sqlalchemy import Row, Select, select

from store.schema import calls as calls_table
from store.schema import message_parts
from store.schema import messages as messages_table
from store.schema import received as received_table
from store.schema import registrations as registrations_table
from store.schema import triggers as triggers_table
from store.times import iso, us
from store.tx import Tx

Entry = dict[str, Any]
_AT_ONCE = 500


class Which(TypedDict, total=False):
    """Which rows of a log: what is left out or None does not matter. Times are aware."""

    number: str | None
    since: datetime | None
    until: datetime | None
    programme: str | None


def triggers(tx: Tx, **which: Unpack[Which]) -> Iterator[Entry]:
    """Events received in [since, until), in that order."""
    chosen = _chosen(triggers_table, "received_at", which)
    for row in _stream(tx, chosen):
        yield {
            "id": row.id,
            "kind": row.kind,
            "number": row.number,
            "amount": row.amount,
            "at": iso(row.at),
            "received_at": iso(row.received_at),
            "fate": row.fate,
            "rule": row.rule,
            "programme": row.programme,
            "call": row.call,
        }


def calls(tx: Tx, **which: Unpack[Which]) -> Iterator[Entry]:
    """Attempts and incoming calls begun in [since, until), in that order."""
    chosen = _chosen(calls_table, "started_at", which)
    plain = ("id", "contact", "trigger", "programme", "unit", "number", "outcome", "text", "prompt_version")
    for row in _stream(tx, chosen):
        yield {name: row._mapping[name] for name in plain} | {
            "direction": row.direction,
            "started_at": iso(row.started_at),
            "answered_at": iso(row.answered_at),
            "ended_at": iso(row.ended_at),
            "keys": [{"key": pressed["key"], "at": iso(pressed["at"])} for pressed in row.keys_ or ()],
            "offer": list(row.offer or ()),
            "cause": row.cause,
            "sip_code": row.sip_code,
            "node": row.node,
            "trunk": row.trunk,
            "wall_at": iso(row.wall_at),
        }


def sms(tx: Tx, **which: Unpack[Which]) -> Iterator[Entry]:
    """Messages written in [since, until), in that order; `message_ids` are the SMSC's, part by part."""
    chosen = _chosen(messages_table, "at", which)
    plain = ("id", "programme", "class", "kind", "number", "sender", "text", "parts", "state", "reason")
    rows = _stream(tx, chosen)
    while some := list(islice(rows, _AT_ONCE)):
        ids = _smsc_ids(tx, [row.id for row in some])
        for row in some:
            yield {name: row._mapping[name] for name in plain} | {
                "at": iso(row.at),
                "accepted_at": iso(row.accepted_at),
                "message_ids": ids.get(row.id, []),
                "delivered_at": iso(row.delivered_at),
            }


def _smsc_ids(tx: Tx, messages: list[str]) -> dict[str, list[str]]:
    chosen = (
        select(message_parts.c.message, message_parts.c.smsc_id)
        .where(message_parts.c.message.in_(messages), message_parts.c.smsc_id.is_not(None))
        .order_by(message_parts.c.message, message_parts.c.part)
    )
    found: dict[str, list[str]] = {}
    for row in tx.execute(chosen):
        found.setdefault(row.message, []).append(row.smsc_id)
    return found


def registrations(tx: Tx, **which: Unpack[Which]) -> Iterator[Entry]:
    """Registrations decided in [since, until), in that order."""
    chosen = _chosen(registrations_table, "at", which)
    plain = ("id", "number", "package", "state", "reference", "reason")
    for row in _stream(tx, chosen):  # ordered by SMS: of no programme
        own = {"programme": row.programme or None, "at": iso(row.at)}
        yield {name: row._mapping[name] for name in plain} | own


def received(tx: Tx, **which: Unpack[Which]) -> Iterator[Entry]:
    """SMS from subscribers in [since, until), in that order; `understood`: as what it was acted on (refusal, help,
    order, not_on_sale; null: as nothing). None is of a programme."""
    if which.get("programme") is not None:
        return
    chosen = _chosen(received_table, "at", which).where(received_table.c.kind == "mo")
    plain = ("id", "number", "to", "text", "bind", "state")
    for row in _stream(tx, chosen):
        yield {name: row._mapping[name] for name in plain} | {"understood": row.status, "at": iso(row.at)}


#: `mai log KIND`.
KINDS: dict[str, Callable[..., Iterator[Entry]]] = {
    "triggers": triggers,
    "calls": calls,
    "sms": sms,
    "registrations": registrations,
    "received": received,
}


def _chosen(table: Any, time: str, which: Which) -> Select[Any]:
    columns = [column.label("keys_") if column.name == "keys" else column for column in table.c]
    # SMS1 before the SMS2 that waits for it
    first = [table.c.after.is_not(None)] if table is messages_table else []
    chosen = select(*columns).order_by(table.c[time], *first, table.c.id)
    if (number := which.get("number")) is not None:
        chosen = chosen.where(table.c.number == number)
    if (since := which.get("since")) is not None:
        chosen = chosen.where(table.c[time] >= us(since))
    if (until := which.get("until")) is not None:
        chosen = chosen.where(table.c[time] < us(until))
    if (programme := which.get("programme")) is not None:
        chosen = chosen.where(table.c.programme == programme)
    return chosen


def _stream(tx: Tx, chosen: Select[Any]) -> Iterator[Row[Any]]:
    """Row by row: a year's log is never in memory."""
    yield from tx.execute(chosen.execution_options(yield_per=_AT_ONCE))
