"""What may a test change in a system that runs? How many pages its SQLite file may have, and its host's clock.

Each is done to the libraries that our code stands on, in the process of the system alone (tests/crash/forked.py).
"""

import signal
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import time_machine

#: SQLite's own limit.
NO_LIMIT = 4294967294
#: As many as there are: SQLite takes no less.
FULL = 1


def pages_as_told(told: Path) -> None:
    """From here on the writing connection asks this file before each transaction how many pages there may be."""
    connect = sqlite3.connect

    class Bounded(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith("BEGIN IMMEDIATE") and told.exists():
                super().execute(f"PRAGMA max_page_count = {int(told.read_text())}").close()
            return super().execute(sql, *values)

    def bounded(*values: Any, **named: Any) -> sqlite3.Connection:
        return connect(*values, **named, factory=Bounded)

    sqlite3.connect = bounded  # type: ignore[assignment]


def clock_as_told(told: Path) -> None:
    """From here on SIGUSR1 steps the host's clock, as this process sees it, by the seconds in this file."""
    clock = time_machine.travel(datetime.now(UTC), tick=True).start()

    def step(_signal: int, _frame: FrameType | None) -> None:
        clock.shift(timedelta(seconds=float(told.read_text())))

    signal.signal(signal.SIGUSR1, step)
