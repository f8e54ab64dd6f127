"""GET /metrics: the counts of the store, as Prometheus reads them."""

import asyncio
from dataclasses import replace
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

import web.server
from core.outcomes import Outcome
from runtime.app import App
from runtime.measures import Measure
from store import messages, settings, triggers
from store.tx import Tx
from tests.small_app import closed_app, running
from tests.store import sample
from web.metrics import Kept


def read(text: str) -> dict[tuple[str, ...], float]:
    """(name, label values…) -> value."""
    return {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


async def test_every_kind_of_row_is_counted_by_its_labels(asker: aiohttp.ClientSession, app: App) -> None:
    def fill(tx: Tx) -> None:
        triggers.add(tx, event=sample.topup("waits"), received_at=sample.NOW)
        sample.dialing(tx, "c1", "call-1")
        sample.dialing(tx, "c2", "call-2", number=sample.BINH)
        sample.end(tx, "call-2", Outcome.ACCEPTED, sample.REGISTER)
        messages.add(tx, sample.message("missed:c1"), now=sample.NOW)
        settings.raise_alarm(tx, name='it is "odd"\n', text="x", now=sample.NOW)

    await app.store.write(fill)
    async with asker.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].count("charset") == 1
        counted = read(await answer.text())
    assert counted.pop(("mai_counts_age_seconds",)) >= 0
    assert counted.pop(("mai_outbox_oldest_seconds", "", "due")) >= 0
    assert counted == {
        ("mai_triggers", "open"): 2,
        ("mai_triggers", "called"): 1,
        ("mai_calls", "out", "accepted"): 1,
        ("mai_open_calls", "out", "dialing"): 1,
        ("mai_contacts", "dialing"): 1,
        ("mai_contacts", "done"): 1,
        ("mai_messages", "missed", "due"): 1,
        ("mai_outbox_messages", "", "due"): 1,
        ("mai_registrations", "due"): 1,
        ("mai_alarms", 'it is "odd"\n'): 1,
    }


async def test_many_who_ask_at_once_are_shown_one_count(asker: aiohttp.ClientSession, app: App) -> None:
    """However often it is asked, the store is counted now and then."""

    async def ask() -> str:
        async with asker.get("/metrics") as answer:
            return await answer.text()

    def without_age(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("mai_counts_age_seconds")]

    first = without_age(await ask())
    await app.store.write(lambda tx: triggers.add(tx, event=sample.topup(), received_at=sample.NOW))
    assert all(without_age(text) == first for text in await asyncio.gather(*(ask() for _ in range(20))))


async def test_a_store_that_is_gone_is_an_error_not_old_numbers(tmp_path: Path) -> None:
    async with (
        closed_app(tmp_path) as app,
        running(web.server.run, app, "web") as says,
        aiohttp.ClientSession(f"http://{says['address']}") as asker,
        asker.get("/metrics") as answer,
    ):
        assert answer.status == 500
        assert "log" in (await answer.json())["error"]


async def test_nobody_waits_for_the_counts_of_a_store_that_is_large(app: App) -> None:
    """Whole tables are counted apart from the asking; meanwhile the last counts are shown."""
    counted: list[int] = []
    gate = asyncio.Event()

    async def count() -> int:
        counted.append(1)
        await gate.wait()
        return 7

    kept = Kept(count, share=1e-9)
    assert [await kept.value(0.001) for _ in range(3)] == [None, None, None]
    gate.set()
    assert await kept.value(None) == 7
    assert [await kept.value(0.001) for _ in range(3)] == [7, 7, 7]
    assert counted == [1]


async def test_what_the_parts_count_is_shown(asker: aiohttp.ClientSession, app: App) -> None:
    """Issue 4, 6: metrics for Prometheus."""
    one = Measure("counter", "mai_smsc_answers_total", "x", {"bind": "a", "answer": "accepted"}, 3)
    app.measures["sms"] = lambda: (one, replace(one, labels={"bind": "b", "answer": "failed"}, value=1))
    async with asker.get("/metrics") as answer:
        found = read(await answer.text())
    assert found["mai_smsc_answers_total", "accepted", "a"] == 3
    assert found["mai_smsc_answers_total", "failed", "b"] == 1
