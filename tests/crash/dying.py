"""How does `mai run` kill itself at a named point?

The program is the real one, forked from a process that has imported it already. Its SQLite driver is not: the writing
connection sees the rows that take the point's arrow, and the process gets SIGKILL in the thread that commits them, right
before or right after the COMMIT.
"""

import os
import signal
import sqlite3
from typing import Any

from tests.crash.points import BY_NAME, Point


def _dying(point: Point) -> type[sqlite3.Connection]:
    class Dying(sqlite3.Connection):
        """Dies at the point."""

        _armed = _reached = _reached_before = False

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith("BEGIN IMMEDIATE") and not self._armed:  # the writer, its pragmas set
                self._arm()
            elif sql.startswith("SAVEPOINT"):
                self._reached_before = self._reached
            elif sql.startswith("ROLLBACK TO"):
                self._reached = self._reached_before
            return super().execute(sql, *values)

        def _arm(self) -> None:
            self._armed = True
            self.create_function("reached", 0, self._reach)
            super().execute(
                f"CREATE TEMP TRIGGER dying AFTER {point.arrow.event} "
                f"WHEN {point.arrow.when} BEGIN SELECT reached(); END"
            )

        def _reach(self) -> None:
            self._reached = True

        def commit(self) -> None:
            if self._reached and point.side == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            super().commit()
            if self._reached:
                os.kill(os.getpid(), signal.SIGKILL)

        def rollback(self) -> None:
            self._reached = False
            super().rollback()

    return Dying


def die_at(point: str) -> None:
    """From here on this process dies at the point of that name."""
    connect, factory = sqlite3.connect, _dying(BY_NAME[point])

    def by_factory(*values: Any, **named: Any) -> sqlite3.Connection:
        return connect(*values, **named, factory=factory)

    sqlite3.connect = by_factory  # type: ignore[assignment]
