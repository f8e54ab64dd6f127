"""What does one of two controllers do? It plans and dials over a shared database until it is told to stop.

Its telephone writes a line for every INVITE, into a file of its own.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ari_app import planner
from ari_app.dialling import Journal
from ari_app.phone import Attempt
from runtime.worker import enlist
from store.database import open_store
from tests.ari_app.office import FakeLine, FakePhone, SetClock
from tests.concurrency.town import DECLINES, NODES, NOW, app_on, dialer_of


class WritingPhone(FakePhone):
    """Every INVITE stands in a file before anything else happens."""

    def __init__(self, clock: SetClock, record: Path) -> None:
        super().__init__(clock, NODES)
        self.listeners[""] = DECLINES
        self._record = record

    @asynccontextmanager
    async def line(self, attempt: Attempt, journal: Journal) -> AsyncIterator[FakeLine]:
        with self._record.open("a") as record:
            record.write(f"{attempt.number} {attempt.id}\n")
        async with super().line(attempt, journal) as call:
            yield call


async def main(url: str, folder: Path, node: str, record: Path) -> None:
    clock, stopping = SetClock(NOW), asyncio.Event()
    async with open_store(url, folder) as store:
        app = app_on(store, folder, clock)
        app.process = node
        await enlist(app, alone=True)
        dialer = dialer_of(app, WritingPhone(clock, record), node)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        async with asyncio.TaskGroup() as group:
            group.create_task(planner.run(app, stopping))
            group.create_task(dialer.dial(stopping))
            await asyncio.to_thread(sys.stdin.readline)
            stopping.set()
        await dialer.finish_calls()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
