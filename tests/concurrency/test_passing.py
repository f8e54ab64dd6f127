"""Two controllers are woken by one top-up: what does the one that comes second do? It leaves the trunks to the other."""

import asyncio
from pathlib import Path

import asyncpg

from ari_app import claim
from runtime.worker import enlist
from store.database import Store, open_store
from tests.ari_app.office import SetClock
from tests.concurrency.test_races import until_all_have_a_fate, working
from tests.concurrency.town import NOW, app_on, opened, phone_of, rows, some_numbers, top_up
from tests.store.server import new_database

NUMBERS = some_numbers(3)


async def _rows_there(store: Store) -> None:
    """The dialer has looked once: the row of its trunk is there."""
    async with asyncio.timeout(30):
        while not await rows(store, "paces"):
            await store.watch("lines").wait(0.05)


async def test_who_finds_another_controller_at_the_trunks_does_not_wait_and_looks_again(
    postgres: str, tmp_path: Path
) -> None:
    """Issue 5, 2: the other has them for some milliseconds; what it leaves is called, although nobody says so."""
    url = await new_database(postgres)
    async with open_store(url, tmp_path) as store:
        await opened(store, NUMBERS)
        app = app_on(store, tmp_path, SetClock(NOW), store_url=url)
        await enlist(app, alone=True)
        phone = phone_of(app.clock)  # type: ignore[arg-type]
        async with working(app, phone) as dialer:
            await _rows_there(store)
            other = await asyncpg.connect(url)
            try:
                async with other.transaction():
                    await other.execute("SELECT name FROM paces FOR UPDATE")
                    await top_up(store, NUMBERS, None)
                    async with asyncio.timeout(30):
                        while dialer.reason != claim.ANOTHER:
                            await store.write(lambda tx: None)
                    assert phone.dialled == []
            finally:
                await other.close()
            await until_all_have_a_fate(app)
    assert sorted(attempt.number for attempt in phone.dialled) == sorted(NUMBERS)
