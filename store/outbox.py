"""How full is the outbox? What waits, is being sent or is unknown, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, literal, not_, or_, select, true, union_all

from core.config import Bind
from store.schema import messages
from store.settings import ALL
from store.times import moment, us
from store.tx import Tx, word

#: Characters of a part in UCS2: what has not been cut yet is counted as dear as it may be.
_UCS2_PART = 67


@dataclass(frozen=True)
class Backlog:
    """What is due now and not yet with an SMSC; messages that are due later are not counted."""

    messages: int
    parts: int  #: at most so many
    oldest_due_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """Messages of one state on one bind ("": none yet), and how old the oldest is."""

    state: str
    bind: str
    messages: int
    oldest: timedelta


def _waiting(state: str, *where: Any) -> Any:
    """Each state by itself, for each has an index of its own."""
    return select(
        func.count().label("counted"),
        func.coalesce(func.sum((func.length(messages.c.text) + _UCS2_PART - 1) // _UCS2_PART), 0).label(
            "parts"
        ),
        func.min(messages.c.due_at).label("oldest"),
    ).where(messages.c.state == word(state), messages.c.due_at <= bindparam("now"), *where)


def backlog(tx: Tx, *, now: datetime, binds: Sequence[Bind] = (), held: Sequence[str] = ()) -> Backlog:
    """What is on its way out: for `core.sending.outbox_fullness`.

    Not counted: what none of `binds` takes (no bind: any does), and advertising of programmes that a pause holds.
    """
    where: list[Any] = []
    senders = [bind for bind in binds if bind.bind != "receiver"]
    if senders and all(bind.senders or bind.programmes for bind in senders):
        where.append(or_(*(_takes(bind) for bind in senders)))
    if held:
        advertising = messages.c["class"] == "advertising"
        of_held = true() if ALL in held else func.coalesce(messages.c.programme, "").in_(held)
        where.append(not_(and_(advertising, of_held)))
    rows = [tx.execute(_waiting(state, *where), {"now": us(now)}).one() for state in ("due", "sending")]
    oldest = min((row.oldest for row in rows if row.oldest is not None), default=None)
    return Backlog(sum(row.counted for row in rows), sum(int(row.parts) for row in rows), moment(oldest))


def untaken(tx: Tx, *, binds: Sequence[Bind]) -> list[dict[str, Any]]:
    """Messages that wait though none of `binds` takes them, counted by sender and programme; no bind takes any."""
    senders = [bind for bind in binds if bind.bind != "receiver"]
    if any(not bind.senders and not bind.programmes for bind in senders):
        return []
    c = messages.c
    chosen = select(c.sender, c.programme, func.count().label("waiting")).where(c.state == word("due"))
    if senders:
        chosen = chosen.where(not_(or_(*(_takes(bind) for bind in senders))))
    rows = tx.execute(chosen.group_by(c.sender, c.programme).order_by(c.sender, c.programme))
    return [{"sender": row.sender, "programme": row.programme, "messages": row.waiting} for row in rows]


def _takes(bind: Bind) -> Any:
    mine: list[Any] = []
    if bind.senders:
        mine.append(messages.c.sender.in_(bind.senders))
    if bind.programmes:
        mine.append(func.coalesce(messages.c.programme, "").in_(bind.programmes))
    return and_(*mine)


def _counted(state: str) -> Any:
    """Each state by itself, for each has an index of its own."""
    bind = func.coalesce(messages.c.bind, "").label("on_bind")
    since = func.min(func.coalesce(messages.c.sending_at, messages.c.due_at)).label("since")
    counted = select(literal(state).label("state"), bind, func.count().label("counted"), since)
    return counted.where(messages.c.state == word(state)).group_by(bind)


#: No bind has what is due, and its age is since when: both stand in the index, however many there are.
_DUE = (
    select(literal("due").label("state"), literal("").label("on_bind"), func.count().label("counted"))
    .add_columns(func.min(messages.c.due_at).label("since"))
    .where(messages.c.state == word("due"))
    .having(func.count() > 0)
)
_STANDING = union_all(_DUE, _counted("sending"), _counted("unknown")).order_by("state", "on_bind")


def standing(tx: Tx, *, now: datetime) -> tuple[Standing, ...]:
    """What has not ended well, by state and bind, with the age of the oldest: due, sending, unknown."""
    return tuple(
        Standing(row.state, row.on_bind, row.counted, max(now - moment(row.since), timedelta(0)))
        for row in tx.execute(_STANDING)
    )


def unknown(tx: Tx, *, limit: int = 100) -> list[dict[str, Any]]:
    """Messages whose fate is not known, the newest first, for a person to look at."""
    chosen = select(messages).where(messages.c.state == word("unknown"))
    rows = tx.execute(chosen.order_by(messages.c.sending_at.desc()).limit(limit))
    return [
        {"id": row.id, "number": row.number, "kind": row.kind, "bind": row.bind, "reason": row.reason}
        for row in rows
    ]
