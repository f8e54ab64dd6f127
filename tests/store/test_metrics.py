"""The counts behind /metrics, on both engines."""

from core.outcomes import Outcome
from store import calls, inbound, messages, metrics, settings, triggers
from store.database import Store
from store.metrics import Counts
from store.tx import Tx
from tests.store import sample


async def test_an_empty_store_counts_nothing(store: Store) -> None:
    assert await store.read(metrics.counts) == Counts({}, {}, {}, {}, {}, {}, ())


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
    assert await store.read(metrics.counts) == Counts(
        triggers={("open",): 3, ("called",): 1},
        calls={("in", "hung_up"): 1, ("out", "accepted"): 1},
        open_calls={("out", "dialing"): 1, ("out", "up"): 1},
        contacts={("dialing",): 1, ("done",): 1, ("up",): 1},
        messages={("missed", "due"): 1},
        registrations={("due",): 1},
        alarms=("a", "b"),
    )
