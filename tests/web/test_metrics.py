"""GET /metrics: the counts of the store, as Prometheus reads them."""

import asyncio
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

import web.server
from core.outcomes import Outcome
from runtime.app import App
from store import messages, settings, triggers
from store.tx import Tx
from tests.small_app import closed_app, running
from tests.store import sample


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
    assert counted == {
        ("mai_triggers", "open"): 2,
        ("mai_triggers", "called"): 1,
        ("mai_calls", "out", "accepted"): 1,
        ("mai_open_calls", "out", "dialing"): 1,
        ("mai_contacts", "dialing"): 1,
        ("mai_contacts", "done"): 1,
        ("mai_messages", "missed", "due"): 1,
        ("mai_registrations", "due"): 1,
        ("mai_alarms", 'it is "odd"\n'): 1,
    }


async def test_many_who_ask_at_once_are_shown_one_count(asker: aiohttp.ClientSession, app: App) -> None:
    """However often it is asked, the store is counted now and then."""

    async def ask() -> str:
        async with asker.get("/metrics") as answer:
            return await answer.text()

    first = await ask()
    await app.store.write(lambda tx: triggers.add(tx, event=sample.topup(), received_at=sample.NOW))
    assert set(await asyncio.gather(*(ask() for _ in range(20)))) == {first}


async def test_a_store_that_is_gone_is_an_error_not_old_numbers(tmp_path: Path) -> None:
    async with (
        closed_app(tmp_path) as app,
        running(web.server.run, app, "web") as says,
        aiohttp.ClientSession(f"http://{says['address']}") as asker,
        asker.get("/metrics") as answer,
    ):
        assert answer.status == 500
        assert "log" in (await answer.json())["error"]
