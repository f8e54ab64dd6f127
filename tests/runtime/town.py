"""A small town for tests of what people ask: one installation with a programme, a base, a DoNotCall list."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.facts import Programme, Subscriber
from core.written import VIETNAM
from runtime.app import App
from runtime.clock import Clock
from store import facts, lists
from store.lists import ListKind
from tests.core.sample import CATALOGUE, LAW, programme, subscriber
from tests.small_app import small_app

#: A Monday.
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=VIETNAM)
AN = "+84901234567"


@dataclass(frozen=True)
class FixedClock(Clock):
    """A clock that tests drive: it stands still."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


async def put_list(
    app: App, kind: ListKind, rows: Iterable[Mapping[str, Any]], *, at: datetime, of: str = ""
) -> None:
    """Import a list, as of `at`."""
    built = lists.build(app.store.lists, kind, rows, programme=of)
    await app.store.write(lambda tx: lists.switch(tx, built, source="test", now=at, accept_shrink=True))


@asynccontextmanager
async def town(
    folder: Path,
    *programmes: Programme,
    base: Iterable[Subscriber] | None = None,
    do_not_call: Iterable[str] = ("+84900000000",),
    **sections: Any,
) -> AsyncIterator[App]:
    """An App at 09:00 with these programmes (none: one after a top-up), An in the base, lists an hour old."""
    known = {each.name: each for each in programmes or (programme(),)}
    async with small_app(folder, **sections) as app:
        app.clock = FixedClock()
        app.installation = replace(
            app.installation,
            catalogue=CATALOGUE,
            programmes=known,
            files={name: f"file of {name}" for name in known},
            law=LAW,
        )
        hour_ago = NOW - timedelta(hours=1)
        people = [subscriber()] if base is None else list(base)
        await put_list(app, "subscribers", [facts.row_of(each) for each in people], at=hour_ago)
        await put_list(app, "dnc", [{"number": n, "channel": "both"} for n in do_not_call], at=hour_ago)
        yield app


def set_clock(app: App, at: datetime) -> None:
    """It is `at` now."""
    app.clock = FixedClock(at=at)
