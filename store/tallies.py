"""How many are there of each? What a programme's contacts and calls add up to, kept while they change.

Nobody counts twelve million rows: `tx.count` notes what a function changes, and each transaction adds it up in a row
for each sum. Every program has rows of its own (`shard`), so that no two wait for each other.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from zlib import crc32

from sqlalchemy import BigInteger, bindparam, cast, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from store.prepared import Prepared
from store.schema import tallies
from store.times import moment, us
from store.tx import Counts, Tx, word

SLICE = timedelta(minutes=10)  #: calls that began are counted by these
#: Slices of calls that are kept for `mai report`.
_KEPT = timedelta(days=31)
_MICRO = timedelta(microseconds=1)
_SHARDS = 64
_SHARD = crc32(f"{socket.gethostname()}:{os.getpid()}".encode()) % _SHARDS
_COLUMNS = ("programme", "what", "value", "shard", "how_many")


@dataclass(frozen=True)
class Tallies:
    """The sums of a programme since it began; what is removed with age stays counted."""

    planned: int = 0  #: contacts
    called: int = 0  #: contacts that were called at least once
    waiting: Mapping[int, int] = field(default_factory=dict)  #: contacts that are due, now or later, by pass
    outcomes: Mapping[str, int] = field(default_factory=dict)  #: contacts by their last call that has ended
    refused: Mapping[str, int] = field(default_factory=dict)  #: contacts that no call was made to, by rule
    calls: Mapping[str, int] = field(default_factory=dict)  #: calls that have ended, by outcome


@lru_cache
def _adding(on_postgres: bool) -> Prepared:
    insert = postgresql.insert(tallies) if on_postgres else sqlite.insert(tallies)
    summed = {"how_many": tallies.c.how_many + insert.excluded["how_many"]}
    return Prepared(insert.on_conflict_do_update(index_elements=_COLUMNS[:-1], set_=summed), _COLUMNS)


def add(tx: Tx, counts: Counts) -> None:
    """Add up what the functions of a transaction noted, as its last step; in one order, so that none wait crosswise."""
    shard = _SHARD if tx.on_postgres else 0
    rows = [
        {"programme": programme, "what": what, "value": value, "shard": shard, "how_many": by}
        for (programme, what, value), by in sorted(counts.items())
        if by
    ]
    if rows:
        tx.execute(_adding(tx.on_postgres), rows)


_SUM = cast(func.sum(tallies.c.how_many), BigInteger)
_ALL = Prepared(
    select(tallies.c.what, tallies.c.value, _SUM.label("how_many"))
    .where(tallies.c.programme == bindparam("programme"), tallies.c.what != word("started"))
    .group_by(tallies.c.what, tallies.c.value)
    .order_by(tallies.c.what, tallies.c.value)
)
_STARTED = Prepared(
    select(tallies.c.value, _SUM.label("how_many"))
    .where(tallies.c.programme == bindparam("programme"), tallies.c.what == word("started"))
    .group_by(tallies.c.value)
    .order_by(tallies.c.value.desc())
    .limit(bindparam("most"))
)


def of(tx: Tx, *, programme: str) -> Tallies:
    """The sums of this programme."""
    found: dict[str, dict[str, int]] = {}
    for row in tx.execute(_ALL, {"programme": programme}):
        if row.how_many:
            found.setdefault(row.what, {})[row.value] = row.how_many
    return Tallies(
        planned=found.get("planned", {}).get("", 0),
        called=found.get("called", {}).get("", 0),
        waiting={int(each): count for each, count in found.get("waiting", {}).items()},
        outcomes=found.get("outcome", {}),
        refused=found.get("refused", {}),
        calls=found.get("ended", {}),
    )


_NEXT_PROGRAMME = Prepared(
    select(func.min(tallies.c.programme)).where(tallies.c.programme > bindparam("after"))
)
_BY_VALUE = Prepared(
    select(tallies.c.value, _SUM.label("how_many"))
    .where(tallies.c.programme == bindparam("programme"), tallies.c.what == bindparam("what"))
    .group_by(tallies.c.value)
)


def programmes(tx: Tx) -> tuple[str, ...]:
    """The programmes that have sums, also those whose file is gone. A step of the index for each."""
    found: list[str] = []
    after: str | None = ""
    while (after := tx.execute(_NEXT_PROGRAMME, {"after": after}).scalar()) is not None:
        found.append(after)
    return tuple(found)


def by_value(tx: Tx, *, programme: str, what: str) -> dict[str, int]:
    """One kind of a programme's sums: those that are not 0."""
    rows = tx.execute(_BY_VALUE, {"programme": programme, "what": what})
    return {row.value: row.how_many for row in rows if row.how_many}


def began(at: datetime) -> str:
    """The slice in which a call began, as `value`: texts of one length, in the order of time."""
    return f"{us(at) // (SLICE // _MICRO):08}"


def begun_lately(tx: Tx, *, programme: str, most: int) -> tuple[tuple[datetime, int], ...]:
    """The latest slices in which calls of this programme began: the moment each begins, and how many."""
    rows = tx.execute(_STARTED, {"programme": programme, "most": most})
    return tuple((moment(int(row.value) * (SLICE // _MICRO)), row.how_many) for row in rows)


def remove_old(tx: Tx, *, now: datetime) -> int:
    """Take out slices that nobody asks for any more; returns how many rows went."""
    old = (tallies.c.what == word("started"), tallies.c.value < began(now - _KEPT))
    return tx.execute(delete(tallies).where(*old)).rowcount


def rule_in(reason: str) -> str:
    """The rule that a reason names, `R2: …`; a reason that names none counts as `other`."""
    rule, colon, _ = reason.partition(":")
    return rule if colon and rule.isidentifier() else "other"
