"""Does sending cost the same beside a million old messages? What SQLite says of how it would find the rows."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy.dialects import sqlite

from core.routes import Route
from store import deliveries, due, messages, part_state, parts, receipts
from store.database import Store, open_store
from store.prepared import Prepared

_BIG = {"messages", "message_parts", "received", "before"}
_ROUTE = Route(senders=("8989",), programmes=("a", "b"), but=(Route(senders=("8989",), programmes=("c",)),))


def _statements() -> dict[str, Prepared]:
    modules: list[ModuleType] = [deliveries, due, messages, part_state, parts, receipts]
    found = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Prepared)
    }
    routes = {
        f"due of {route}, held {held}": due._due(route, held, True)
        for route in (Route(), _ROUTE)
        for held in ((), ("*",), ("a",))
    }
    return found | routes


@pytest.fixture
async def store_on_sqlite(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        yield store


@pytest.mark.parametrize("name", _statements())
async def test_a_statement_of_the_outbox_reads_no_table_from_end_to_end(
    store_on_sqlite: Store, name: str
) -> None:
    """Issue 4, Numbers: the outbox is as fast after a year as on its first day."""
    sql = str(_statements()[name]._statement.compile(dialect=sqlite.dialect()))  # type: ignore[attr-defined]

    def plan(connection: object) -> list[str]:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?")).all()  # type: ignore[attr-defined]
        return [row[3] for row in rows]

    steps = await store_on_sqlite.read(lambda tx: plan(tx.connection))
    assert steps or sql.startswith("INSERT")
    scans = [step for step in steps if step.startswith("SCAN") and step.split()[1] in _BIG]
    assert not scans, (sql, steps)
