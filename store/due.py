"""Which messages may be looked at for sending now, and what does the gateway need to know of each?"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, exists, func, not_, or_, select, true

from core.campaigns import Class
from core.routes import EVERYTHING, Route
from store.prepared import Prepared, among
from store.schema import message_parts, messages
from store.times import moment, us
from store.tx import Tx, word, words

#: A message that waits for another one (`after`) goes once that one is in one of these.
SETTLED = ("accepted", "delivered", "failed", "unknown", "dropped")


class Message(NamedTuple):
    """A message as the gateway sees it, in the order of _COLUMNS. Moments are microseconds, as stored."""

    id: str
    key: str
    programme: str | None
    class_: Class
    number: str
    sender: str
    text: str
    at_us: int
    valid_until_us: int | None
    tries: int  #: times handed to an SMSC so far
    parts: int | None
    reference: int | None = None  #: of its parts, once it has one
    sent_parts: frozenset[int] = frozenset()  #: of an earlier try, perhaps felt: not to be sent again

    @property
    def at(self) -> datetime:
        return moment(self.at_us)

    @property
    def valid_until(self) -> datetime | None:
        return moment(self.valid_until_us)


#: In the order of the fields of Message: what the gateway needs to know, for each costs something.
_COLUMNS = (
    "id", "key", "programme", "class", "number", "sender", "text", "at", "valid_until", "tries", "parts", "reference",
)  # fmt: skip


#: An earlier message to the same number that was refused for now goes first, if it does within this time.
_SOON = timedelta(minutes=1)

_BEFORE = messages.alias("before")
_WAITS = exists().where(_BEFORE.c.id == messages.c.after, _BEFORE.c.state.not_in(words(*SETTLED)))
#: Order within a destination: one message at a time, the earlier first.
_OVERTAKES = exists().where(
    _BEFORE.c.number == messages.c.number,
    _BEFORE.c.id != messages.c.id,
    or_(
        _BEFORE.c.state == word("sending"),
        and_(
            _BEFORE.c.state == word("due"),
            _BEFORE.c.at < messages.c.at,
            _BEFORE.c.sending_at.is_not(None),
            _BEFORE.c.due_at <= bindparam("soon"),
        ),
    ),
)


_NONE: frozenset[int] = frozenset()


def _unsent(row: Any) -> Message:
    return tuple.__new__(Message, (*row, _NONE))


@lru_cache(maxsize=256)
def _due(route: Route, programmes_held: tuple[str, ...], looking: bool) -> Prepared:
    """The statement. Rows that another program has taken are passed over, unless one is just `looking`."""
    chosen = select(*(messages.c[name] for name in _COLUMNS)).where(
        messages.c.state == word("due"), messages.c.due_at <= bindparam("now"), ~_WAITS, ~_OVERTAKES
    )
    if route != EVERYTHING:
        chosen = chosen.where(_taken_by(route))
    if programmes_held:
        advertising = messages.c["class"] == "advertising"
        held = advertising if "*" in programmes_held else and_(advertising, _of(programmes_held))
        chosen = chosen.where(~held)
    chosen = chosen.order_by(messages.c.due_at, messages.c.at, messages.c.id).limit(bindparam("most"))
    chosen = chosen if looking else chosen.with_for_update(skip_locked=True, of=messages)
    return Prepared(chosen, row=_unsent)


def _taken_by(route: Route) -> Any:
    mine: list[Any] = [true()]
    if route.senders:
        mine.append(or_(*(messages.c.sender == sender for sender in route.senders)))
    if route.programmes:
        mine.append(_of(route.programmes))
    return and_(*mine, *(not_(_taken_by(better)) for better in route.but))


def due(
    tx: Tx,
    *,
    now: datetime,
    limit: int,
    programmes_held: tuple[str, ...] = (),
    route: Route = EVERYTHING,
) -> tuple[Message, ...]:
    """Messages that may be looked at for sending now, in order within each number.

    Left out: those that wait for another message, those whose number has one under way, advertising of the
    programmes that a pause holds ("*": all), and what `route` does not take. The caller asks `may_send` for
    each and answers with mark_sending, postpone or drop in this transaction.
    """
    wanted = {"now": us(now), "soon": us(now + _SOON), "most": limit}
    found: list[Message] = tx.execute(_due(route, programmes_held, tx.reading), wanted).all()
    tried = [message.id for message in found if message.parts is not None]
    if tried:
        sent = _sent_parts(tx, tried)
        found = [each._replace(sent_parts=sent.get(each.id, each.sent_parts)) for each in found]
    return tuple(found)


def _of(programmes: tuple[str, ...]) -> Any:
    return or_(*(func.coalesce(messages.c.programme, "") == programme for programme in programmes))


_PARTS_OF = Prepared(
    select(message_parts.c.message, message_parts.c.part).where(among(message_parts.c.message, "ids"))
)


def _sent_parts(tx: Tx, ids: list[str]) -> dict[str, frozenset[int]]:
    """Parts that were written before: accepted, or of a fate unknown. What is to be sent again has no row."""
    if not ids:
        return {}
    rows = tx.execute(_PARTS_OF, {"ids": ids})
    found: dict[str, set[int]] = {}
    for row in rows:
        found.setdefault(row.message, set()).add(row.part)
    return {message: frozenset(parts) for message, parts in found.items()}


def next_due_at(tx: Tx) -> datetime | None:
    """When the next message will be due."""
    return moment(
        tx.execute(select(func.min(messages.c.due_at)).where(messages.c.state == word("due"))).scalar()
    )
