"""What does one of two controllers do? It plans and dials over a shared database until it is told to stop.

Its telephone writes a line for every INVITE, into a file of its own; over a shared trunk also one for every end.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ari_app import planner
from ari_app.dialling import Journal
from ari_app.lines import Lines
from ari_app.phone import Attempt
from runtime.worker import enlist
from store.database import open_store
from tests.ari_app.office import FakeLine, FakePhone, SetClock
from tests.concurrency.town import DECLINES, NODES, NOW, app_on, dialer_of

#: How long each subscriber stays on the line of a shared trunk.
TALK_S = 0.15


class WritingPhone(FakePhone):
    """Every INVITE stands in a file before anything else happens."""

    def __init__(self, clock: SetClock, record: Path, talk_s: float = 0.0) -> None:
        super().__init__(clock, NODES)
        self.listeners[""] = DECLINES
        self._record, self._talk_s = record, talk_s

    @asynccontextmanager
    async def line(self, attempt: Attempt, journal: Journal) -> AsyncIterator[FakeLine]:
        self._write(f"{attempt.number} {attempt.id} {time.time()}")
        async with super().line(attempt, journal) as call:
            yield call
            if self._talk_s:
                await asyncio.sleep(self._talk_s)
                self._write(f"ends {attempt.id} {time.time()}")

    def _write(self, line: str) -> None:
        with self._record.open("a") as record:
            record.write(line + "\n")


async def main(url: str, folder: Path, node: str, record: Path, rate: float = 0.0, channels: int = 0) -> None:
    """`rate`, `channels`: of one trunk that the controllers share; 0: each has its own, without limits."""
    clock, stopping = SetClock(NOW), asyncio.Event()
    async with open_store(url, folder) as store:
        app = app_on(store, folder, clock)
        app.process = node
        await enlist(app, alone=True)
        phone = WritingPhone(clock, record, TALK_S if rate else 0.0)
        dialer = dialer_of(app, phone, node)
        if rate:
            shared = {"max_channels": channels, "calls_per_second": rate}
            dialer.lines = Lines([app.config.trunks[0].model_copy(update=shared)])
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
    limits = (float(sys.argv[5]), int(sys.argv[6])) if sys.argv[5:] else (0.0, 0)
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), *limits))
