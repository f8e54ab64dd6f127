"""What small things does this installation remember? Its clock's offset, cursors, pauses, alarms."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, or_, select, update

from store.prepared import Prepared
from store.schema import alarms, pauses, settings
from store.times import moment, us
from store.tx import Tx

ALL = "*"  #: a pause of every programme


@dataclass(frozen=True)
class Alarm:
    """Something a person should look at."""

    name: str
    text: str
    since: datetime


@dataclass(frozen=True)
class Pause:
    programme: str  #: ALL: every programme
    by: str
    at: datetime


_VALUE = Prepared(select(settings.c.value).where(settings.c.name == bindparam("name")))


def get(tx: Tx, name: str) -> Any:
    """A remembered value (JSON); None: nothing remembered."""
    return tx.execute(_VALUE, {"name": name}).scalar_one_or_none()


def put(tx: Tx, name: str, value: Any) -> None:
    tx.put(settings, {"name": name, "value": value}, key=["name"])


def lock(tx: Tx, name: str) -> None:
    """Nobody else writes this value until this transaction ends. SQLite has one writer and needs no lock."""
    if tx.on_postgres and not tx.reading:
        tx.insert_new(settings, {"name": name, "value": None})
        tx.execute(select(settings.c.name).where(settings.c.name == name).with_for_update())


def raise_alarm(tx: Tx, *, name: str, text: str, now: datetime) -> bool:
    """Something is wrong from now on. False: it was known (its text is brought up to date)."""
    if tx.insert_new(alarms, {"name": name, "text": text, "since": us(now)}):
        return True
    over = update(alarms).where(alarms.c.name == name, alarms.c.until.is_not(None))
    if tx.execute(over.values(text=text, since=us(now), until=None)).rowcount == 1:
        return True
    tx.execute(update(alarms).where(alarms.c.name == name, alarms.c.text != text).values(text=text))
    return False


def clear_alarm(tx: Tx, *, name: str, now: datetime) -> bool:
    """It is well again. False: there was no such alarm."""
    standing = update(alarms).where(alarms.c.name == name, alarms.c.until.is_(None))
    return tx.execute(standing.values(until=us(now))).rowcount == 1


def standing_alarms(tx: Tx) -> tuple[Alarm, ...]:
    """What is wrong now, the oldest first."""
    rows = tx.execute(select(alarms).where(alarms.c.until.is_(None)).order_by(alarms.c.since))
    return tuple(Alarm(row.name, row.text, moment(row.since)) for row in rows)


def pause(tx: Tx, *, programme: str, by: str, now: datetime) -> bool:
    """Start no call and hold advertising SMS of this programme (ALL: of every one). False: it was paused."""
    tx.wake("pauses")
    return tx.insert_new(pauses, {"programme": programme, "by": by, "at": us(now)})


def resume(tx: Tx, *, programme: str) -> bool:
    """Go on; ALL lifts every pause. False: nothing was paused."""
    tx.wake("pauses", "contacts", "messages")
    lifted = delete(pauses) if programme == ALL else delete(pauses).where(pauses.c.programme == programme)
    return tx.execute(lifted).rowcount > 0


_EVERY_PAUSE = Prepared(select(pauses).order_by(pauses.c.at))


def paused(tx: Tx) -> tuple[Pause, ...]:
    """Every pause that stands."""
    return tuple(Pause(row.programme, row.by, moment(row.at)) for row in tx.execute(_EVERY_PAUSE))


_PAUSED = Prepared(
    select(pauses.c.by)
    .where(or_(pauses.c.programme == bindparam("programme"), pauses.c.programme == ALL))
    .order_by(pauses.c.at)
)


def paused_by(tx: Tx, *, programme: str) -> str | None:
    """Who paused this programme or all, in a sentence's words; None: it runs."""
    row = tx.execute(_PAUSED, {"programme": programme}).first()
    return row.by if row else None
