"""Lists: how long do 12 million subscribers take to import, to count, to decide about, to explain one of?

Beside each stands the bare engine's figure: the same file or list, read or scanned and nothing decided.
"""

import asyncio
import gc
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

from bench._results import machine, write_section
from bench.data import installation, write_do_not_call, write_subscribers
from core.facts import Event
from core.rules import Gate
from core.written import VIETNAM
from runtime.app import Installation
from runtime.explain import explain
from runtime.loading import load, open_app
from store import schema
from store.many import BATCH, facts_for_many
from store.times import us
from store.tx import Tx

ROWS = int(os.environ.get("BENCH_ROWS", "12000000"))
ROOT = Path(__file__).resolve().parent.parent
PROGRAMME = "topup-smartphone"
ASKED, PAST = 20_000, 200_000  #: numbers
ROUNDS = 15
_SECRETS = {f"MAI_{name}": "only-for-benchmarks" for name in (
    "ARI_PASSWORD", "SMSC_PASSWORD", "WEB_TOKEN", "AGENT1_PASSWORD")}  # fmt: skip


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = perf_counter()
    found = work()
    return perf_counter() - begun, found


def _mai(*arguments: str) -> tuple[float, float]:
    """Seconds and the peak of memory (MiB) of a command in a process of its own."""
    program = (
        "import resource, sys; from cli import main\n"
        "try: main()\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, *arguments]
    environment = {**os.environ, **_SECRETS, "PYTHONPATH": str(ROOT)}
    seconds, done = _timed(
        lambda: subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    )
    if done.returncode:
        raise RuntimeError(f"mai {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return seconds, int(done.stderr.split()[-1]) / 1024


def _bare_read(file: Path) -> float:
    import duckdb

    with duckdb.connect(config={"threads": 2, "memory_limit": "600MB"}) as connection:
        relation = f"read_csv('{file}', all_varchar=true)"
        return _timed(lambda: connection.execute(f"SELECT max(COLUMNS(*)) FROM {relation}").fetchall())[0]


def _bare_scan(file: Path, work: Path) -> float:
    """The conditions of the audience alone, by SQL over Parquet."""
    import duckdb

    with duckdb.connect(config={"threads": 2, "memory_limit": "600MB"}) as connection:
        table = work / "bare.parquet"
        connection.execute(f"COPY (SELECT * FROM read_csv('{file}')) TO '{table}' (FORMAT parquet)")
        return _timed(
            lambda: connection.execute(
                f"SELECT count(*) FROM '{table}' WHERE device = 'smartphone' AND status = 'two_way' AND vlr = 1 "
                "AND arpu_1 + arpu_2 + arpu_3 >= 90000 AND consent <> '' AND flags NOT LIKE '%vip%'"
            ).fetchall()
        )[0]


def _numbers(file: Path, count: int) -> list[str]:
    """Numbers from all over a file."""
    random, size = Random(1), file.stat().st_size
    found: list[str] = []
    with file.open("rb") as lines:
        while len(found) < count:
            lines.seek(random.randrange(size - 1000))
            lines.readline()
            found.append("+84" + lines.readline().split(b",")[0].decode()[1:])
    return found


def _remembered(numbers: Sequence[str], before: datetime) -> dict[str, list[dict[str, Any]]]:
    """A day of calls and messages: rows of each table, one of each for every number."""
    at = [us(before) - (1 + place * 79 % 72_000) * 1_000_000 for place in range(len(numbers))]
    made = [(f"x{place}", number, at[place]) for place, number in enumerate(numbers)]
    usual = {"programme": "other", "class": "advertising"}
    return {
        "contacts": [
            usual | {"id": id_, "version": "v", "unit": "u", "number": number, "state": "done", "attempts": 1,
                     "created_at": when, "due_at": when} for id_, number, when in made
        ],
        "calls": [
            usual | {"id": id_, "contact": id_, "number": number, "state": "done", "outcome": "no_key",
                     "started_at": when, "wall_at": when} for id_, number, when in made
        ],
        "messages": [
            usual | {"id": id_, "key": id_, "kind": "missed", "policy": "once", "number": number, "sender": "s",
                     "text": "x", "state": "delivered", "at": when, "due_at": when, "sending_at": when}
            for id_, number, when in made
        ],
    }  # fmt: skip


async def _remember(loaded: Installation, rows: dict[str, list[dict[str, Any]]]) -> None:
    def insert(tx: Tx) -> None:
        for table, those in rows.items():
            tx.execute(schema.metadata.tables[table].insert(), those)

    async with open_app(loaded) as app:
        await app.store.write(insert)


async def _decisions(config: Path, numbers: list[str], past: list[str]) -> dict[str, float]:
    """Decisions per second in one process, the look-up of the facts included; and milliseconds of one explanation.

    `past`: numbers that were called and got a message in the last 24 h.
    """
    os.environ.update(_SECRETS)
    loaded = load(config)
    programme, wall = loaded.programmes[PROGRAMME], datetime.now(VIETNAM)
    now = wall.replace(hour=10, minute=0) + timedelta(
        days=wall.hour >= 10
    )  # inside the hours, the list is fresh
    await _remember(loaded, _remembered(past, now))
    events = {number: Event("e", "topup", number, now - timedelta(seconds=5), 50_000) for number in numbers}

    def decide(tx: Tx, first_no: bool, law: bool) -> int:
        allowed = 0
        for start in range(0, len(numbers), BATCH):
            batch = numbers[start : start + BATCH]
            many = facts_for_many(tx, numbers=batch, programme=PROGRAMME, events=events, now=now)
            gate = Gate(programme, "voice", "advertising", now, loaded.law)
            for known in many if law else ():
                allowed += gate.answer(known, first_no=first_no).allowed
        return allowed

    found: dict[str, float] = {}
    gc.freeze()  # as the running system does
    async with open_app(loaded, readonly=True) as app:
        rates: dict[str, list[float]] = {"facts": [], "every": [], "first": []}
        for _ in range(ROUNDS):  # in turn: what disturbs one disturbs them all
            for name, first_no, law in (
                ("facts", True, False),
                ("every", False, True),
                ("first", True, True),
            ):
                begun = perf_counter()
                allowed = await app.store.read(lambda tx, f=first_no, w=law: decide(tx, f, w))  # type: ignore[misc]
                rates[name].append(len(numbers) / (perf_counter() - begun))
        found |= {name: median(each) for name, each in rates.items()} | {"allowed": allowed}
        gc.unfreeze()
        times = []
        for number in numbers[:200]:
            begun = perf_counter()
            await explain(app, number=number, programme=None, at=now)
            times.append(perf_counter() - begun)
    return found | {"explain": sorted(times)[len(times) * 99 // 100] * 1000}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-lists-") as name:
        work = Path(name)
        config = installation(work, ROOT)
        file = write_subscribers(work / "subscribers.csv", ROWS)
        dnc = write_do_not_call(work / "dnc.csv", file)
        _mai("import", "dnc", str(dnc), "--config", str(config))
        imported, peak = _mai("import", "subscribers", str(file), "--config", str(config))
        bare_read, bare_scan = _bare_read(file), _bare_scan(file, work)
        counted, _ = _mai("dry-run", PROGRAMME, "--config", str(config))
        numbers = _numbers(file, ASKED + PAST)
        past = sorted({*numbers[: ASKED // 10], *numbers[ASKED:]})
        speed = asyncio.run(_decisions(config, numbers[:ASKED], past))
    read = f"{imported / bare_read:.1f} x DuckDB reading it, {bare_read:.1f} s"
    scan = f"{counted / bare_scan:.0f} x DuckDB's scan, {bare_scan:.2f} s"
    facts = f"the facts alone {speed['facts']:,.0f}/s"
    yes = f"{speed['allowed'] / ASKED:.0%} may be called"
    rows = [
        (f"import of {ROWS:,} subscribers, CSV", f"{imported:.1f} s", "90 s", read),
        ("its peak of memory", f"{peak:.0f} MiB", "1536 MiB", ""),
        ("dry-run, the whole command", f"{counted:.1f} s", "15 s", scan),
        ("may_contact, every verdict, facts included", f"{speed['every']:,.0f}/s", "10,000/s", facts),
        ("may_contact, up to the first no", f"{speed['first']:,.0f}/s", "30,000/s", yes),
        ("explain, p99", f"{speed['explain']:.1f} ms", "100 ms", ""),
    ]  # fmt: skip
    own = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    section = [
        "## Lists and rules",
        "",
        f"`BENCH_ROWS={ROWS} python -m bench lists`, {machine()}",
        f"{ASKED:,} numbers are asked about in batches of {BATCH}, in one process, medians of {ROUNDS} rounds; the store",
        f"holds {len(past):,} calls and as many messages of the last 24 h, a tenth of those asked about among them.",
        "",
        "| what | measured | asked for | beside |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"CPU of the commands: {own:.0f} s.",
    ]
    print("\n".join(section))
    write_section("lists", section)
