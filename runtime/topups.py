"""Is this a top-up event, and was it stored? The same for HTTP, the command line, files and the bus (O1).

An event is stored before it is acknowledged; a repeated id changes nothing. One that cannot be a top-up but names itself
is kept as `invalid`, so that people can see it; a later one of that id that is right replaces it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from core.facts import Event
from core.numbers import BadNumber, subscriber_number
from core.triggers import KINDS, TriggerKind
from runtime.app import App
from store import triggers
from store.triggers import Stored
from store.tx import Tx

_ID = re.compile(r"[!-~]{1,64}\Z")
#: Clocks differ a little; an event from further ahead is not believed.
_AHEAD = timedelta(minutes=5)
#: Years at the edge of the calendar cannot be put into another time zone.
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
#: A larger top-up is a mistake of units.
_MOST_DONG = 100_000_000
FIELDS = ("id", "number", "amount", "at")
#: What is wrong is repeated to its sender and kept in the log, at most this much of it.
_MOST_SHOWN = 200


class BadTopup(ValueError):
    """Not a top-up event: `field` is wrong, and `reason` says what would be right."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = _shown(field, 40)
        self.reason = _shown(reason, _MOST_SHOWN)
        super().__init__(f"{self.field}: {self.reason}")


def _shown(text: str, most: int) -> str:
    """Foreign text that every store, terminal and answer can hold: no NUL, no half of a surrogate pair."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:most])


def parse_event(kind: TriggerKind, raw: Mapping[str, object], now: datetime) -> Event:
    """The event that `raw` describes; `at` absent: now. Raises BadTopup for the first field that is wrong.

    The amount of a top-up must be there; of another event it may be absent: a script that says it is not said then.
    """
    if strange := sorted(set(raw) - set(FIELDS)):
        what = "a top-up" if kind == "topup" else f"a {kind} event"
        raise BadTopup(strange[0], f"is not a field of {what}: those are {', '.join(FIELDS)}")
    id_ = raw.get("id")
    if not isinstance(id_, str) or not _ID.match(id_):
        raise BadTopup("id", "must be 1 to 64 printable ASCII characters without spaces")
    number = raw.get("number")
    if not isinstance(number, str):
        raise BadTopup("number", 'must be a text like "0901234567"')
    try:
        subscriber = subscriber_number(number)
    except BadNumber as error:
        raise BadTopup("number", str(error)) from error
    known = "amount" in raw
    if kind == "topup" and not known:
        raise BadTopup("amount", "is missing: write a whole number of đồng, like 90000")
    amount = _amount(raw.get("amount"), KINDS[kind].least) if known else None
    return Event(id_, kind, subscriber, _time(raw.get("at"), now), amount)


def _amount(amount: object, least: int) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise BadTopup("amount", f"{amount!r} is not a whole number of đồng, like 90000")
    if not least <= amount <= _MOST_DONG:
        raise BadTopup("amount", f"{amount} is not between {least} and {_MOST_DONG} đồng")
    return amount


def _time(at: object, now: datetime) -> datetime:
    if at is None:
        return now
    try:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadTopup("at", f"{at!r} is not a time with its offset, like 2026-11-21T09:00:00+07:00")
    if moment > now + _AHEAD:
        raise BadTopup("at", f"{at} is in the future: it is {now.isoformat(timespec='seconds')} here")
    if moment < _EARLIEST:
        raise BadTopup("at", f"{at} is before there were prepaid cards")
    return moment.astimezone(now.tzinfo)


async def take_topup(app: App, raw: Mapping[str, object]) -> Stored:
    """Store a top-up event; returns when it is committed. Raises BadTopup, store.errors.StoreError."""
    return await take_event(app, "topup", raw)


async def take_event(app: App, kind: TriggerKind, raw: Mapping[str, object]) -> Stored:
    """Store an event of this kind; returns when it is committed. Raises BadTopup, store.errors.StoreError."""
    now = app.now()
    try:
        event = parse_event(kind, raw, now)
    except BadTopup as error:
        await _keep_invalid(app, kind, raw, error, now)
        raise
    return await app.store.write(lambda tx: triggers.add(tx, event=event, received_at=now))


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a source brought: an event's fields as HTTP takes them, or why it is none.

    `place`: the id under which it is kept when it is invalid and names itself by none. `happened`: when it
    happened if it does not say so itself; None: now.
    """

    raw: Mapping[str, object]
    place: str
    happened: datetime | None = None
    wrong: str = ""


async def take_events(app: App, kind: TriggerKind, arrived: Sequence[Arrived]) -> list[Stored | BadTopup]:
    """Store many events in one go; returns, when all are committed, what became of each, in order.

    One that is none is stored as `invalid`, and its BadTopup answered. Raises store.errors.StoreError and what
    the database raises: then none is stored.
    """
    now = app.now()
    read = [_event_of(kind, each, now) for each in arrived]

    def store(tx: Tx) -> list[Stored | BadTopup]:
        became: list[Stored | BadTopup] = []
        for each, event in zip(arrived, read, strict=True):
            if isinstance(event, BadTopup):
                _add_invalid(tx, kind, each.raw, event, now, each.place)
                became.append(event)
            else:
                own_time = "at" in each.raw
                became.append(triggers.add(tx, event=event, received_at=now, own_time=own_time))
        return became

    return await app.store.write(store)


def _event_of(kind: TriggerKind, arrived: Arrived, now: datetime) -> Event | BadTopup:
    if arrived.wrong:
        return BadTopup("event", arrived.wrong)
    try:
        event = parse_event(kind, arrived.raw, now)
    except BadTopup as error:
        return error
    if arrived.happened is None or "at" in arrived.raw:
        return event
    return replace(event, at=min(arrived.happened, now))


async def _keep_invalid(
    app: App, kind: TriggerKind, raw: Mapping[str, object], error: BadTopup, now: datetime
) -> None:
    await app.store.write(lambda tx: _add_invalid(tx, kind, raw, error, now))


def _add_invalid(
    tx: Tx,
    kind: TriggerKind,
    raw: Mapping[str, object],
    error: BadTopup,
    now: datetime,
    place: str | None = None,
) -> None:
    """Kept under its own id, else under `place`; without both there is nothing to find it by."""
    id_, number, amount = raw.get("id"), raw.get("number"), raw.get("amount")
    if not isinstance(id_, str) or not _ID.match(id_):
        if place is None:
            return
        id_ = place
    whole = (
        amount if isinstance(amount, int) and not isinstance(amount, bool) and abs(amount) < 2**62 else None
    )
    triggers.add_invalid(
        tx,
        id=id_,
        kind=kind,
        number=_shown(number, 40) if isinstance(number, str) else "",
        amount=whole,
        at=now,
        received_at=now,
        reason=str(error),
    )
