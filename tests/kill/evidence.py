"""What did the store hold at the moment of a kill, and what does it hold at the end? Read from copies, never written."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
TABLES = ("triggers", "contacts", "calls", "registrations", "messages", "numbers", "received")

#: Every state of DESIGN §3 that a kill must find: how many rows are in it now.
STATES = {
    "contact due": "SELECT count(*) FROM contacts WHERE state = 'due'",
    "contact dialing": "SELECT count(*) FROM contacts WHERE state = 'dialing'",
    "contact up": "SELECT count(*) FROM contacts WHERE state = 'up'",
    "call registers": "SELECT count(*) FROM calls WHERE state = 'up' AND decision LIKE '%\"register\"%'",
    "call refuses": "SELECT count(*) FROM calls WHERE state = 'up' AND decision LIKE '%\"refuse\"%'",
    "registration due": "SELECT count(*) FROM registrations WHERE state = 'due'",
    "registration asked": "SELECT count(*) FROM registrations WHERE state = 'asked'",
    "message due": "SELECT count(*) FROM messages WHERE state = 'due'",
    "message sending": "SELECT count(*) FROM messages WHERE state = 'sending'",
    "message accepted": "SELECT count(*) FROM messages WHERE state = 'accepted'",
}
#: What is still under way: nothing of this when everything has been drained.
_OPEN = """
    SELECT (SELECT count(*) FROM triggers WHERE fate IS NULL)
         + (SELECT count(*) FROM contacts WHERE state IN ('due', 'dialing', 'up'))
         + (SELECT count(*) FROM registrations WHERE state IN ('due', 'asked'))
         + (SELECT count(*) FROM messages WHERE state IN ('due', 'sending'))
"""


@dataclass(frozen=True)
class Snapshot:
    """All rows of the tables that matter, by table and id, as they were committed at one moment."""

    rows: dict[str, dict[str, Row]]
    hit: Counter[str]
    """State of DESIGN §3 -> how many rows were in it."""

    def of(self, table: str) -> dict[str, Row]:
        return self.rows[table]

    def ids(self, table: str, state: str) -> set[str]:
        return {id_ for id_, row in self.rows[table].items() if row["state"] == state}

    def decided(self) -> dict[str, Row]:
        """The calls whose decision was committed."""
        return {id_: row for id_, row in self.rows["calls"].items() if row["decision"] not in (None, "null")}


@contextmanager
def _read_only(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        yield connection


class Watched:
    """The store of the running system, seen read-only from outside."""

    def __init__(self, database: Path) -> None:
        self.database = database

    def count(self, state: str) -> int:
        """How many rows are in this state of STATES now; 0 before the store is made."""
        return self._number(STATES[state])

    def open(self) -> int:
        """How many rows are still under way."""
        return self._number(_OPEN)

    def _number(self, statement: str) -> int:
        if not self.database.exists():
            return 0
        with _read_only(self.database) as connection:
            return int(connection.execute(statement).fetchone()[0])

    def snapshot(self, folder: Path) -> Snapshot:
        """What was committed, read from a copy in `folder`: nobody may write meanwhile."""
        folder.mkdir(parents=True)
        for file in self.database.parent.glob(f"{self.database.name}*"):
            if not file.name.endswith((".lock", "-shm")):
                shutil.copy2(file, folder)
        with closing(sqlite3.connect(folder / self.database.name)) as connection:
            connection.row_factory = sqlite3.Row
            rows = {}
            for table in TABLES:
                key = "number" if table == "numbers" else "id"
                found = connection.execute(f"SELECT * FROM {table}").fetchall()
                rows[table] = {row[key]: dict(row) for row in found}
            hit = Counter(
                {state: int(connection.execute(sql).fetchone()[0]) for state, sql in STATES.items()}
            )
        return Snapshot(rows, hit)
