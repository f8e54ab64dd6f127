"""How fast is dialled over each trunk and for each programme, and on how many lines? Shared by all controllers.

One row for each trunk and for each programme with limits of its own. Who starts calls takes the rows it needs, decides
by them, and writes them, in the transaction that stores the calls as dialing. Who finds a row with another controller
queues up for it, a moment only: nobody waits for one that sleeps. Lines are counted from the calls' own rows.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.exc import DBAPIError

from core.congestion import WELL, Congestion
from core.pacing import Started, begin
from store.prepared import Prepared, among
from store.schema import calls, paces
from store.tx import Tx

_ROWS = select(paces.c.name, paces.c.state).where(among(paces.c.name, "names")).order_by(paces.c.name)
_TAKE = Prepared(_ROWS.with_for_update(skip_locked=True))
_QUEUE = Prepared(_ROWS.with_for_update())
#: How long a controller waits for another one's transaction at most, with all that it wants to write.
_PATIENCE = text("SET LOCAL lock_timeout = '100ms'")
_NO_LIMIT = text("SET LOCAL lock_timeout = 0")
_NOT_AVAILABLE = "55P03"
_PUT = Prepared(update(paces).where(paces.c.name == bindparam("of")).values(state=bindparam("b_state")))
_EVERY = Prepared(select(paces.c.name, paces.c.state))
_LINES = Prepared(
    select(calls.c.line, calls.c.programme, func.count().label("held"))
    .where(calls.c.line.is_not(None))
    .group_by(calls.c.line, calls.c.programme)
)
_CLOCK = Prepared(select(func.extract("epoch", func.clock_timestamp()).label("now")))


def take(tx: Tx, names: Sequence[str]) -> dict[str, Any]:
    """The states under these names until the transaction ends; {}: nothing was started yet.

    Absent: another controller has it now.
    """
    tx.commit_soon = tx.on_postgres
    found = {row.name: row.state for row in tx.execute(_TAKE, {"names": names})}
    missing = [name for name in names if name not in found]
    new = [name for name in missing if tx.insert_new(paces, {"name": name, "state": {}})]
    if taken := [name for name in missing if name not in new]:
        found |= _queue_for(tx, taken)
    return {name: state or {} for name, state in found.items()} | {name: {} for name in new}


def with_another(tx: Tx, names: Sequence[str]) -> bool:
    """Whether another controller has one of these rows at this moment, or one is not there; the rest is ours now."""
    if not tx.on_postgres:
        return False
    tx.commit_soon = True
    return len(tx.execute(_TAKE, {"names": names}).all()) < len(names)


def _queue_for(tx: Tx, names: Sequence[str]) -> dict[str, Any]:
    """Rows that another controller has: its transaction takes some milliseconds, if it does not sleep."""
    try:
        with tx.connection.begin_nested():
            tx.execute(_PATIENCE)
            found = {row.name: row.state for row in tx.execute(_QUEUE, {"names": names})}
            tx.execute(_NO_LIMIT)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_AVAILABLE:
            raise
        return {}
    return found


def put(tx: Tx, states: Mapping[str, Any]) -> None:
    """Write states that `take` gave, in this same transaction."""
    if states:
        tx.execute(_PUT, [{"of": name, "b_state": state} for name, state in sorted(states.items())])


def every(tx: Tx) -> dict[str, Any]:
    """All states by name, to look at."""
    return {row.name: row.state for row in tx.execute(_EVERY)}


def lines(tx: Tx) -> dict[tuple[str, str], int]:
    """How many calls hold a line, by trunk and programme; those that agents took over are among them."""
    return {(row.line, row.programme or ""): row.held for row in tx.execute(_LINES)}


def now_s(tx: Tx) -> float:
    """Seconds since 1970 by the clock that every controller of this store shares.

    Not the decision clock: pacing is about real seconds. To be asked after `take`, which may have waited.
    """
    return float(tx.execute(_CLOCK).scalar_one()) if tx.on_postgres else time.time()


def of_trunk(name: str) -> str:
    """The name of a trunk's row."""
    return f"trunk:{name}"


def of_programme(name: str) -> str:
    """The name of a programme's row."""
    return f"programme:{name}"


def started_of(stored: Mapping[str, Any], now: float) -> Started:
    """What a row tells about what was started; {}: nothing was yet."""
    if "at" not in stored:
        return begin(now)
    recent = tuple((at, count) for at, count in stored["recent"])
    return Started(stored["since"], stored["at"], stored["credit"], recent)


def congestion_of(stored: Mapping[str, Any]) -> Congestion:
    """What a row tells about a trunk's answers."""
    return Congestion(**stored["congestion"]) if "congestion" in stored else WELL
