"""How full is the outbox? What waits, is being sent or is unknown, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, not_, or_, select, true

from core.config import Bind
from store.schema import messages
from store.settings import ALL
from store.times import moment, us
from store.tx import Tx, word, words

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


_BACKLOG = select(
    func.count().label("counted"),
    func.coalesce(func.sum((func.length(messages.c.text) + _UCS2_PART - 1) // _UCS2_PART), 0).label("parts"),
    func.min(messages.c.due_at).label("oldest"),
).where(
    messages.c.state.in_(words("due", "sending")),
    messages.c.due_at <= bindparam("now"),
)


def backlog(tx: Tx, *, now: datetime, binds: Sequence[Bind] = (), held: Sequence[str] = ()) -> Backlog:
    """What is on its way out: for `core.sending.outbox_fullness`.

    Not counted: what none of `binds` takes (no bind: any does), and advertising of programmes that a pause holds.
    """
    chosen = _BACKLOG
    senders = [bind for bind in binds if bind.bind != "receiver"]
    if senders and all(bind.senders or bind.programmes for bind in senders):
        chosen = chosen.where(or_(*(_takes(bind) for bind in senders)))
    if held:
        advertising = messages.c["class"] == "advertising"
        of_held = true() if ALL in held else func.coalesce(messages.c.programme, "").in_(held)
        chosen = chosen.where(not_(and_(advertising, of_held)))
    row = tx.execute(chosen, {"now": us(now)}).one()
    return Backlog(row.counted, int(row.parts), moment(row.oldest))


def _takes(bind: Bind) -> Any:
    mine: list[Any] = []
    if bind.senders:
        mine.append(messages.c.sender.in_(bind.senders))
    if bind.programmes:
        mine.append(func.coalesce(messages.c.programme, "").in_(bind.programmes))
    return and_(*mine)


def standing(tx: Tx, *, now: datetime) -> tuple[Standing, ...]:
    """What has not ended well, by state and bind, with the age of the oldest: due, sending, unknown."""
    bind = func.coalesce(messages.c.bind, "").label("on_bind")
    since = func.min(func.coalesce(messages.c.sending_at, messages.c.due_at)).label("since")
    chosen: Any = (
        select(messages.c.state, bind, func.count().label("counted"), since)
        .where(messages.c.state.in_((word("due"), word("sending"), word("unknown"))))
        .group_by(messages.c.state, bind)
        .order_by(messages.c.state, bind)
    )
    return tuple(
        Standing(row.state, row.on_bind, row.counted, max(now - moment(row.since), timedelta(0)))
        for row in tx.execute(chosen)
    )


def unknown(tx: Tx, *, limit: int = 100) -> list[dict[str, Any]]:
    """Messages whose fate is not known, the newest first, for a person to look at."""
    chosen = select(messages).where(messages.c.state == word("unknown"))
    rows = tx.execute(chosen.order_by(messages.c.sending_at.desc()).limit(limit))
    return [
        {"id": row.id, "number": row.number, "kind": row.kind, "bind": row.bind, "reason": row.reason}
        for row in rows
    ]
