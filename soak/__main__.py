"""`make soak`: does everything that must hold still hold after half an hour of calls in which something breaks every minute?

Top-ups at an even rate to the real system with a real Asterisk; SIPp answers every call and presses 1; SMSC and package
system take what follows. Exit status 1: something did not hold, and the report names the numbers.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.dialer import installation, numbers
from demo.world import ROOT, write_lists
from simulator.sipp import SippCallee
from soak.controllers import started
from soak.faults import FAULTS, ON_POSTGRESQL, Site
from soak.ledger import Ledger
from soak.load import Load
from soak.watch import Watch
from tests.store.server import Server, new_database, programs, served

#: When nothing has ended for so long after the end of the load, what is left is stuck, in seconds.
_STUCK_S = 120.0
_LOOK_S = 10.0
#: Seconds between two looks at what is still under way.
_OPEN_S = 3.0


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line."""

    minutes: float
    rate: float
    store: str
    fault_s: tuple[float, float]  #: the pause between two faults, at least and at most
    seed: int
    folder: Path

    @property
    def calls(self) -> int:
        return int(self.minutes * 60 * self.rate)


@contextmanager
def _database(store: str) -> Iterator[Server | None]:
    """The server, where the store is one."""
    if store == "sqlite":
        yield None
        return
    place = programs()
    if place is None:
        raise SystemExit("no PostgreSQL on this machine: `make postgresql` gets one")
    with served(place) as server:
        yield server


@asynccontextmanager
async def _site(
    wanted: Wanted, callee: SippCallee, server: Server | None
) -> AsyncIterator[tuple[Site, Ledger]]:
    """The world with the system running in it, and where its store is read."""
    async with installation(wanted.folder, callee, wanted.rate) as there:
        there.smsc.faults.receipt_delay_s = 1.0
        config = json.loads(there.config.read_text(encoding="utf-8"))
        config["registration"] |= {"tries": 8, "backoff_s": 1, "concurrency": 100}
        url = f"sqlite:///{wanted.folder}/mai.db"
        if server is not None:
            url = config["store"]["url"] = await new_database(server.address)
        there.config.write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
        write_lists(wanted.folder, numbers(wanted.calls), [], [])
        for kind in ("subscribers", "dnc"):
            done = await asyncio.to_thread(there.mai, "import", kind, str(wanted.folder / f"{kind}.csv"))
            if done.returncode:
                raise SystemExit(done.stdout + done.stderr)
        controllers = await started(there, two=server is not None)
        try:
            yield Site(there, server, controllers, random.Random(wanted.seed)), Ledger(url)
        finally:
            for controller in controllers:
                await controller.stop()


async def _break(wanted: Wanted, site: Site, watch: Watch, over: asyncio.Event) -> None:
    """One fault after another, each kind in every round, in a seeded order, until it is over. The last one is mended."""
    kinds = FAULTS | (ON_POSTGRESQL if site.database else {})
    while True:
        for name in site.chance.sample(sorted(kinds), len(kinds)):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), site.chance.uniform(*wanted.fault_s))
                return
            watch.broke(name)
            await kinds[name](site)


async def _look(watch: Watch, site: Site) -> None:
    """A line of progress every few seconds; until cancelled."""
    while True:
        await asyncio.sleep(_LOOK_S)
        site.look()
        print(await watch.look(), flush=True)


async def _soak(wanted: Wanted) -> bool:
    """Load with faults, then quiet until everything has ended; whether all held."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(_database(wanted.store))
        callee = await stack.enter_async_context(SippCallee(wanted.folder / "sipp", ring_s=0.1))
        site, ledger = await stack.enter_async_context(_site(wanted, callee, server))
        webs = [controller.there.web for controller in site.controllers]
        load = Load(site.there.token, webs, numbers(wanted.calls), wanted.rate)
        watch = Watch(site.there, callee, ledger, load)
        looking = asyncio.create_task(_look(watch, site))
        over = asyncio.Event()
        breaking = asyncio.create_task(_break(wanted, site, watch, over))
        try:
            await load.run()
            over.set()
            await breaking
            print("the load is over: what is under way has its time to end", flush=True)
            await _drained(ledger)
        finally:
            await _ended(breaking)
            await _ended(looking)
        report = await watch.report(site.died)
        (wanted.folder / "report.txt").write_text(report.text, encoding="utf-8")
        print(report.text)
        return report.held


async def _drained(ledger: Ledger) -> None:
    """Until nothing is under way, or nothing has ended any more for a while: what is left is stuck."""
    left, since = await ledger.open(), time.monotonic()
    while left and time.monotonic() - since < _STUCK_S:
        await asyncio.sleep(_OPEN_S)
        now = await ledger.open()
        if now != left:
            left, since = now, time.monotonic()


async def _ended(task: "asyncio.Task[None]") -> None:
    """Cancel it, and hear of its failure."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _arguments() -> Wanted:
    parser = argparse.ArgumentParser(
        prog="python -m soak", description=__doc__, epilog="Example: python -m soak --minutes 5 --rate 15"
    )
    add = parser.add_argument
    add("--minutes", type=float, default=30.0, help="of load (%(default)s)")
    add("--rate", type=float, default=50.0, help="top-ups of new numbers per second (%(default)s)")
    add("--store", choices=["sqlite", "postgresql"], default="sqlite", help="(%(default)s)")
    add("--fault-s", type=float, nargs=2, default=(30.0, 60.0), metavar=("LEAST", "MOST"),
        help="pause between two faults (30 60)")  # fmt: skip
    add("--seed", type=int, default=int(time.time()), help="of the order of the faults")
    add("--folder", type=Path, default=ROOT / ".run" / "soak", help="records, logs, report (.run/soak)")
    given = parser.parse_args()
    return Wanted(
        given.minutes, given.rate, given.store, tuple(given.fault_s), given.seed, given.folder.resolve()
    )


def main() -> int:
    wanted = _arguments()
    shutil.rmtree(wanted.folder, ignore_errors=True)
    print(
        f"soak: {wanted.minutes:g} minutes at {wanted.rate:g} calls/s on {wanted.store}, "
        f"a fault every {wanted.fault_s[0]:g}-{wanted.fault_s[1]:g} s, seed {wanted.seed}, "
        f"{os.cpu_count()} cores; records in {wanted.folder}",
        flush=True,
    )
    return 0 if asyncio.run(_soak(wanted)) else 1


if __name__ == "__main__":
    sys.exit(main())
