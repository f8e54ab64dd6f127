"""The counts behind /metrics, on both engines."""

from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import event

from core.outcomes import Outcome
from store import calls, inbound, messages, metrics, outbox, settings, triggers
from store.database import Store
from store.metrics import Now
from store.tx import Tx
from tests.store import sample


def tables(tx: Tx) -> dict[str, metrics.Labelled]:
    return {name: count(tx) for name, count in metrics.TABLES.items()}


async def test_an_empty_store_counts_nothing(store: Store) -> None:
    assert await store.read(partial(metrics.now_open, now=sample.NOW)) == Now({}, (), ())
    assert await store.read(tables) == {name: {} for name in metrics.TABLES}


async def test_every_row_is_counted_once_under_its_labels(store: Store) -> None:
    """O16: what the logs hold, counted."""

    def fill(tx: Tx) -> None:
        triggers.add(tx, event=sample.topup("waits"), received_at=sample.NOW)
        for number in range(3):
            subscriber = f"+8490000000{number}"
            sample.dialing(tx, f"c{number}", f"call-{number}", number=subscriber)
        calls.up(tx, call_id="call-1", at=sample.NOW)
        sample.end(tx, "call-2", Outcome.ACCEPTED, sample.REGISTER)
        inbound.add_inbound(tx, call_id="in-1", number=sample.AN, at=sample.NOW, wall_at=sample.NOW)
        inbound.end_inbound(tx, call_id="in-1", at=sample.NOW, outcome=Outcome.HUNG_UP)
        messages.add(tx, sample.message("missed:c1"), now=sample.NOW)
        settings.raise_alarm(tx, name="b", text="x", now=sample.NOW)
        settings.raise_alarm(tx, name="a", text="x", now=sample.NOW)
        settings.raise_alarm(tx, name="over", text="x", now=sample.NOW)
        settings.clear_alarm(tx, name="over", now=sample.NOW)

    await store.write(fill)
    assert await store.read(tables) == {
        "triggers": {("open",): 3, ("called",): 1},
        "calls": {("in", "hung_up"): 1, ("out", "accepted"): 1},
        "contacts": {("dialing",): 1, ("done",): 1, ("up",): 1},
        "messages": {("missed", "due"): 1},
        "registrations": {("due",): 1},
    }
    minute = timedelta(minutes=1)
    assert await store.read(partial(metrics.now_open, now=sample.NOW + minute)) == Now(
        open_calls={("out", "dialing"): 1, ("out", "up"): 1},
        outbox=(outbox.Standing("due", "", 1, minute),),
        alarms=("a", "b"),
    )


async def test_what_is_asked_each_time_reads_no_whole_table(store: Store) -> None:
    """Issue 4, 6: `/metrics` does not count whole tables each time, nor does the dialer when it looks at the outbox.

    The engine's own plan is the witness.
    """

    def plans(tx: Tx) -> list[str]:
        seen: list[tuple[str, Any]] = []
        if tx.on_postgres:  # an empty table is scanned whole there, whatever indexes it has
            tx.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")

        def explain(connection: Any, cursor: Any, sql: str, values: Any, *_: Any) -> None:
            if sql.startswith("SELECT"):
                seen.append((sql, values))

        event.listen(tx.connection, "before_cursor_execute", explain)
        metrics.now_open(tx, now=sample.NOW)
        outbox.backlog(tx, now=sample.NOW, held=("topup",))
        event.remove(tx.connection, "before_cursor_execute", explain)
        how = "EXPLAIN " if tx.on_postgres else "EXPLAIN QUERY PLAN "
        return [
            " ".join(str(row) for row in tx.connection.exec_driver_sql(how + sql, values))
            for sql, values in seen
            if "alarms" not in sql  # a table of a few rows
        ]

    found = await store.read(plans)
    assert len(found) == 4
    assert all("calls_open" in plan or "messages_" in plan for plan in found), found
