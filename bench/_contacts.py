"""Where do millions of contacts come from? Written by bulk SQL as a mass list leaves them; no row is a person's."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from math import gcd
from pathlib import Path

from core.written import VIETNAM
from store.database import open_store
from store.times import us

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=VIETNAM)
_PRIME = 7_368_787  #: deals out the kinds: every place comes once
LIST, TOPUP = "bluezone", "topup-smartphone"


@dataclass(frozen=True)
class Mix:
    """How many contacts of each kind; those that are not done are spread over all of them."""

    rows: int
    due: int  #: of the list, first pass, due now
    again: int  #: of the list, waiting for the second pass
    later: int  #: of top-ups, waiting for tomorrow with a freshness limit
    programme: str = LIST
    now: datetime = NOW

    @property
    def done(self) -> int:
        return self.rows - self.due - self.again - self.later


def _series(mix: Mix, postgres: bool) -> str:
    """Rows `i`, ascending, and `k`: the same places in another order, by which the kinds are dealt out."""
    source = (
        f"generate_series(0::bigint, {mix.rows - 1}) AS s(i)"
        if postgres
        else f"(WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < {mix.rows - 1}) "
        "SELECT i FROM s) AS s"
    )
    return f"(SELECT i, (i * {_PRIME}) % {mix.rows} AS k FROM {source}) AS made"


def _statements(mix: Mix, postgres: bool) -> tuple[str, ...]:
    """What writes the contacts, a call for each that was called, and their sums."""
    assert gcd(mix.rows, _PRIME) == 1
    due, again, later = mix.due, mix.due + mix.again, mix.due + mix.again + mix.later
    number = "CAST(84900000000 + i AS TEXT)"
    now, hour = us(mix.now), 3_600_000_000
    open_ = f"k < {later}"
    kind = f"CASE WHEN k >= {again} AND {open_} THEN '{TOPUP}' ELSE '{mix.programme}' END"
    due_at = (
        f"CASE WHEN k < {due} THEN {now} - 1 - (i * 48271) % {hour} WHEN k < {again} THEN {now + 24 * hour} + k "
        f"WHEN {open_} THEN {now + 21 * hour} ELSE {now - 48 * hour} + k END"
    )
    called = f"k >= {due} AND (k < {again} OR k >= {later})"
    contacts = f"""INSERT INTO contacts (id, programme, version, class, unit, number, state, outcome, pass_no,
        attempts, test, created_at, due_at, stale_at, ended_at)
        SELECT {kind} || '-+' || {number}, {kind}, 'v1', 'public_notice', 'MobiFone', '+' || {number},
        CASE WHEN {open_} THEN 'due' ELSE 'done' END,
        CASE WHEN k < {due} THEN NULL WHEN k < {again} THEN 'no_answer' WHEN {open_} THEN NULL
        WHEN k % 20 = 0 THEN 'accepted' WHEN k % 3 = 0 THEN 'no_answer' ELSE 'no_key' END,
        CASE WHEN k >= {due} AND k < {again} THEN 2 ELSE 1 END, CASE WHEN {called} THEN 1 ELSE 0 END,
        {"false" if postgres else "0"}, {now - 49 * hour} + i, {due_at},
        CASE WHEN k >= {again} AND {open_} THEN {now + 30 * hour} END,
        CASE WHEN {open_} THEN NULL ELSE {now - 47 * hour} + k END FROM {_series(mix, postgres)}"""
    calls = f"""INSERT INTO calls (id, contact, programme, class, unit, number, state, started_at, ended_at,
        wall_at, outcome, text, node, trunk)
        SELECT 'call-' || {number}, {kind} || '-+' || {number}, '{mix.programme}', 'public_notice', 'MobiFone',
        '+' || {number}, 'done', {now - 48 * hour} + k, {now - 48 * hour} + k, {now - 48 * hour} + k, 'no_answer',
        'Xin chào quý khách!', 'ast1', 'trunk' FROM {_series(mix, postgres)} WHERE {called}"""
    return contacts, calls, *(_sum(*each) for each in _SUMS)


#: What store/tallies.py would have added up: of which table, value, which rows.
_SUMS = (
    ("planned", "contacts", "''", "TRUE"),
    ("called", "contacts", "''", "attempts > 0"),
    ("waiting", "contacts", "CAST(pass_no AS TEXT)", "state = 'due'"),
    ("outcome", "contacts", "outcome", "outcome IS NOT NULL"),
    ("ended", "calls", "outcome", "TRUE"),
)


def _sum(what: str, table: str, value: str, where: str) -> str:
    return (
        "INSERT INTO tallies (programme, what, value, shard, how_many) "
        f"SELECT programme, '{what}', {value}, 0, count(*) FROM {table} WHERE {where} GROUP BY 1, 3"
    )


async def fill(url: str, folder: Path, mix: Mix) -> None:
    """A store of this mix; on SQLite a file of its own in `folder`, blocking."""
    async with open_store(url, folder):
        pass
    if url.startswith("sqlite"):
        await asyncio.to_thread(
            _fill_sqlite, folder / url.removeprefix("sqlite:///"), _statements(mix, False)
        )
    else:
        import asyncpg

        connection = await asyncpg.connect(url)
        for statement in (*_statements(mix, True), "VACUUM ANALYZE"):
            await connection.execute(statement, timeout=None)
        await connection.close()


def _fill_sqlite(file: Path, statements: Sequence[str]) -> None:
    """Rows first, their indexes after: a twentieth of the time."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000", "threads=2"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name IN ('contacts', 'calls') "
            "AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        connection.execute("BEGIN")
        for statement in statements:
            connection.execute(statement)
        connection.execute("COMMIT")
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("PRAGMA journal_mode=WAL")
