"""What is under way by the store, and what became of each trigger? Read from outside, on either engine; never written."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

#: What is under way: the states of each table that have an index of their own.
_OPEN = {
    "contacts": ("state = 'due'", "state IN ('dialing','up')"),
    "registrations": ("state = 'due'", "state = 'asked'"),
    "messages": ("state = 'due'", "state = 'sending'"),
}
#: Every event is read for it.
_WITHOUT_A_FATE = "SELECT count(*) FROM triggers WHERE fate IS NULL"
_IN_FLIGHT = "SELECT number, wall_at FROM calls WHERE state IN ('dialing', 'up') AND direction = 'out'"
_WAITING = "SELECT count(*) FROM contacts WHERE state = 'due'"
_STALE = (
    "SELECT number, stale_at FROM contacts "
    "WHERE state = 'due' AND pass_no = 1 AND stale_at IS NOT NULL AND stale_at < {before}"
)
_OFFSET = "SELECT value FROM settings WHERE name = 'clock_offset_us'"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Alarm:
    name: str
    text: str
    open: bool


@dataclass(frozen=True)
class Ledger:
    """The store of a running system. `url` as in config.yaml, a SQLite file with its whole path."""

    url: str

    async def open(self) -> dict[str, int]:
        """What is under way: table -> rows; without the tables that have none. Events only when nothing else is."""
        found: dict[str, int] = {}
        for table, states in _OPEN.items():
            each = [f"(SELECT count(*) FROM {table} WHERE {state})" for state in states]
            if count := int((await self._rows(f"SELECT {' + '.join(each)}"))[0][0]):
                found[table] = count
        if not found and (count := int((await self._rows(_WITHOUT_A_FATE))[0][0])):
            found["triggers"] = count
        return found

    async def up(self) -> int:
        """How many calls are written as answered and not as ended."""
        return int((await self._rows("SELECT count(*) FROM calls WHERE state = 'up'"))[0][0])

    async def since(self) -> dict[str, datetime]:
        """Numbers of calls that are under way, since when (the host's clock)."""
        return {number: _moment(wall_at) for number, wall_at in await self._rows(_IN_FLIGHT)}

    async def waiting(self) -> int:
        """How many contacts wait for their call."""
        return int((await self._rows(_WAITING))[0][0])

    async def stale(self, now: datetime) -> dict[str, datetime]:
        """Numbers that wait for their call past their freshness limit, and that limit (the host's clock)."""
        kept = await self._rows(_OFFSET)
        offset = timedelta(microseconds=int(kept[0][0])) if kept else timedelta(0)
        before = (now + offset - _EPOCH) // timedelta(microseconds=1)
        return {number: _moment(at) - offset for number, at in await self._rows(_STALE.format(before=before))}

    async def fates(self) -> dict[str, str | None]:
        """Every trigger and what became of it."""
        return dict(await self._rows("SELECT id, fate FROM triggers"))

    async def rules(self) -> dict[str, str | None]:
        """Every trigger, and the rule that said no to it with its reason."""
        return dict(await self._rows("SELECT id, rule FROM triggers"))

    async def numbers_called(self) -> set[str]:
        """Numbers with a row of the log of calls, +84…"""
        return {number for (number,) in await self._rows("SELECT DISTINCT number FROM calls")}

    async def outcomes(self) -> dict[str, int]:
        rows = await self._rows("SELECT outcome, count(*) FROM calls GROUP BY outcome ORDER BY 2 DESC")
        return {str(outcome): count for outcome, count in rows}

    async def last_outcomes(self) -> dict[str, str | None]:
        """Numbers that were called, +84…, and how the last attempt ended."""
        return dict(await self._rows("SELECT number, outcome FROM calls ORDER BY started_at"))

    async def alarms(self) -> list[Alarm]:
        """What people were told: every alarm there was, those that are over too."""
        rows = await self._rows("SELECT name, text, until IS NULL FROM alarms ORDER BY since")
        return [Alarm(name, text, bool(open_)) for name, text, open_ in rows]

    async def _rows(self, query: str) -> list[tuple[Any, ...]]:
        if self.url.startswith("sqlite"):
            return await asyncio.to_thread(self._sqlite_rows, query)
        connection = await asyncpg.connect(self.url, timeout=10)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    def _sqlite_rows(self, query: str) -> list[tuple[Any, ...]]:
        file = Path(self.url.removeprefix("sqlite:///"))
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(query).fetchall()


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
