"""What did a programme achieve, and what is the system doing now? For `mai report` and `mai status`."""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from store import lists, settings, tallies
from store.contacts import running
from store.schema import calls, contacts, messages, registrations, triggers
from store.times import iso, us
from store.tx import Tx, word


def report(tx: Tx, *, programme: str, of_events: bool = True) -> dict[str, Any]:
    """Counts of a programme: events by fate, contacts by state, outcomes of contacts and of calls,
    registrations and messages by state, and the time from top-up to ringing in seconds (O20).

    Of contacts and calls the sums, no row is looked at. of_events False: no top-up starts its calls.
    """
    sums = tallies.of(tx, programme=programme)
    fates, rules = _events(tx, programme)
    return {
        "programme": programme,
        "triggers": fates,
        "refused_by": rules,
        "contacts": _by_state(sums, running(tx, programme=programme)),
        "outcomes": dict(sums.outcomes),
        "calls": dict(sums.calls),
        "registrations": _count(tx, registrations, registrations.c.state, programme),
        "messages": _messages(tx, programme),
        "topup_to_ringing_s": ringing(tx, programme=programme) if of_events else dict(_NEVER_RANG),
    }


_NEVER_RANG: dict[str, Any] = {"count": 0, "p50": None, "p99": None}


def _by_state(sums: tallies.Tallies, being_called: dict[str, int]) -> dict[str, int]:
    """Contacts by state: what is neither waiting nor being called is over."""
    due = sum(sums.waiting.values())
    unknown = sums.outcomes.get("unknown", 0)
    done = sums.planned - due - unknown - sum(being_called.values())
    found = {**being_called, "due": due, "done": done, "unknown": unknown}
    return {state: count for state, count in sorted(found.items()) if count}


def _count(tx: Tx, table: Any, by: ColumnElement[Any], programme: str) -> dict[str, int]:
    chosen = select(by.label("value"), func.count().label("counted")).where(
        table.c.programme == programme, by.is_not(None)
    )
    return {str(row.value): row.counted for row in tx.execute(chosen.group_by(by).order_by(by))}


def _events(tx: Tx, programme: str) -> tuple[dict[str, int], dict[str, int]]:
    """Events by fate, and by the rule that their reason names; the database looks at them once.

    Reasons carry the moment and the value: one of its own for nearly every event.
    """
    reason = triggers.c.rule
    end = func.instr(reason.concat(":"), ":") - 1
    rule = func.split_part(reason, ":", 1) if tx.on_postgres else func.substr(reason, 1, end)
    by = (triggers.c.fate.label("fate"), rule.label("rule"))
    chosen = select(*by, func.count().label("counted")).where(triggers.c.programme == programme)
    fates: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    for row in tx.execute(chosen.group_by(*by)):
        if row.fate is not None:
            fates[row.fate] += row.counted
        if row.rule is not None:
            rules[row.rule] += row.counted
    return dict(sorted(fates.items())), dict(sorted(rules.items()))


def _messages(tx: Tx, programme: str) -> dict[str, dict[str, int]]:
    by = (messages.c.kind, messages.c.state)
    chosen = (
        select(*by, func.count().label("counted"))
        .where(messages.c.programme == programme)
        .group_by(*by)
        .order_by(*by)
    )
    found: dict[str, dict[str, int]] = {}
    for row in tx.execute(chosen):
        found.setdefault(row.kind, {})[row.state] = row.counted
    return found


def ringing(tx: Tx, *, programme: str) -> dict[str, Any]:
    """From a top-up's receipt to the first 18x of its first call: count, and p50 and p99 in seconds (nearest
    rank; null when there is none)."""
    first = (
        select(calls.c.trigger, func.min(calls.c.rang_at).label("rang_at"))
        .where(calls.c.programme == programme, calls.c.rang_at.is_not(None))
        .group_by(calls.c.trigger)
        .subquery()
    )
    took = (first.c.rang_at - triggers.c.received_at).label("took")
    measured = (
        select(took)
        .select_from(first.join(triggers, triggers.c.id == first.c.trigger))
        .where(triggers.c.kind == "topup")
    )
    count = tx.execute(select(func.count()).select_from(measured.subquery())).scalar_one()
    result = _NEVER_RANG | {"count": count}
    for name, percent in (("p50", 50), ("p99", 99)) if count else ():
        rank = -(-count * percent // 100)
        value = tx.execute(measured.order_by(took).offset(rank - 1).limit(1)).scalar_one()
        result[name] = value / 1_000_000
    return result


def status(tx: Tx, *, now: datetime) -> dict[str, Any]:
    """What is up and what waits, what is paused and wrong, and which lists are in force.

    Calls that are unknown: all of them so far, those that are removed with age as well.
    """
    running = {"dialing": 0, "up": 0}
    open_ = calls.c.state.in_([word("dialing"), word("up")])
    for row in tx.execute(
        select(calls.c.state, func.count().label("counted")).where(open_).group_by(calls.c.state)
    ):
        running[row.state] = row.counted
    return {
        "calls": running,
        "triggers_new": _waiting(tx, triggers, triggers.c.received_at, now, "new")[0],
        "contacts": contacts_waiting(tx, now=now),
        **{name: _due(tx, table, now) for name, table in _QUEUES.items()},
        "sending": _number(tx, messages, "sending"),
        "asked": _number(tx, registrations, "asked"),
        "unknown": {"calls": _calls_unknown(tx), "messages": _number(tx, messages, "unknown")},
        "paused": [
            {"programme": each.programme, "by": each.by, "at": each.at.isoformat()}
            for each in settings.paused(tx)
        ],
        "alarms": [
            {"name": each.name, "text": each.text, "since": each.since.isoformat()}
            for each in settings.standing_alarms(tx)
        ],
        "lists": [_list(each) for each in lists.in_force(tx).values()],
    }


_QUEUES = {"registrations": registrations, "messages": messages}
#: Contacts of one pass that are counted one by one, where it must be.
_FEW = 10_000


def contacts_waiting(tx: Tx, *, now: datetime, few: int = _FEW) -> dict[str, Any]:
    """Contacts that wait now, and for later, and since when the first waits; exact, and no million is counted.

    A later pass of a programme, while an earlier one has not been called, is for later.
    """
    ready = every = 0
    firsts: list[int] = []
    for programme in tallies.programmes(tx):
        waiting = tallies.by_value(tx, programme=programme, what="waiting")
        passes = sorted((int(each), count) for each, count in waiting.items())
        every += sum(waiting.values())
        for place, (pass_no, count) in enumerate(passes):
            of = (contacts.c.state == word("due"), contacts.c.programme == programme,
                  contacts.c.pass_no == pass_no)  # fmt: skip
            firsts += tx.execute(select(func.min(contacts.c.due_at)).where(*of)).scalars()
            ready += _ready(tx, of, now, count, few) if place == 0 else 0
    oldest = min((each for each in firsts if each is not None), default=None)
    return {"due": ready, "later": every - ready, "oldest_due_at": iso(oldest)}


def _ready(tx: Tx, of: tuple[ColumnElement[bool], ...], now: datetime, every: int, few: int) -> int:
    """How many of these are due now: what is due is counted, or what is not, whichever are few."""
    for side, are_due in ((contacts.c.due_at <= us(now), True), (contacts.c.due_at > us(now), False)):
        some = select(contacts.c.id).where(*of, side).limit(few).subquery()
        counted: int = tx.execute(select(func.count()).select_from(some)).scalar_one()
        if counted < few:
            return counted if are_due else max(every - counted, 0)
    due = select(func.count()).select_from(contacts).where(*of, contacts.c.due_at <= us(now))
    return int(tx.execute(due).scalar_one())


def _calls_unknown(tx: Tx) -> int:
    sums = (tallies.by_value(tx, programme=each, what="ended") for each in tallies.programmes(tx))
    return sum(each.get("unknown", 0) for each in sums)


def _due(tx: Tx, table: Any, now: datetime) -> dict[str, Any]:
    due, later, oldest = _waiting(tx, table, table.c.due_at, now, "due")
    return {"due": due, "later": later, "oldest_due_at": iso(oldest)}


def _waiting(tx: Tx, table: Any, time: Any, now: datetime, state: str) -> tuple[int, int, int | None]:
    """How many wait now, how many for later, and since when the first waits."""
    ready = func.count().filter(time <= us(now))
    chosen = select(ready.label("ready"), func.count().label("every"), func.min(time).label("oldest")).where(
        table.c.state == word(state)
    )
    row = tx.execute(chosen).one()
    return row.ready, row.every - row.ready, row.oldest


def _number(tx: Tx, table: Any, state: str) -> int:
    counted: int = tx.execute(
        select(func.count()).select_from(table).where(table.c.state == word(state))
    ).scalar_one()
    return counted


def _list(each: lists.InForce) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "programme": each.programme or None,
        "version": each.state.version,
        "rows": each.state.rows,
        "rows_before": each.state.rows_before,
        "imported_at": each.state.imported_at.isoformat(),
        "source": each.source,
    }
