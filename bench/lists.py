"""Lists: how long do 12 million subscribers take to import, to count, to decide about, to explain one of?

Beside each stands the bare engine's figure: the same file or list, read or scanned and nothing decided.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from bench.data import installation, write_do_not_call, write_subscribers

ROWS = int(os.environ.get("BENCH_ROWS", "12000000"))
ROOT = Path(__file__).resolve().parent.parent
PROGRAMME = "topup-smartphone"
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


async def _decisions(config: Path, numbers: list[str]) -> dict[str, float]:
    """Decisions per second in one process, the look-up of the facts included; and milliseconds of one explanation."""
    from core.facts import Event
    from core.rules import may_contact
    from core.written import VIETNAM
    from runtime.explain import explain
    from runtime.loading import load, open_app
    from store.many import BATCH, facts_for_many
    from store.tx import Tx

    os.environ.update(_SECRETS)
    loaded = load(config)
    programme, now = loaded.programmes[PROGRAMME], datetime.now(VIETNAM).replace(hour=10, minute=0)
    async with open_app(loaded, readonly=True) as app:

        def decide(tx: Tx, first_no: bool, law: bool) -> None:
            for start in range(0, len(numbers), BATCH):
                batch = numbers[start : start + BATCH]
                events = {
                    number: Event("e", "topup", number, now - timedelta(seconds=5), 50_000)
                    for number in batch
                }
                many = facts_for_many(tx, numbers=batch, programme=PROGRAMME, events=events, now=now)
                for known in many if law else ():
                    may_contact(known, programme, "voice", "advertising", now, loaded.law, first_no=first_no)

        found: dict[str, float] = {}
        for name, first_no, law in (("facts", True, False), ("every", False, True), ("first", True, True)):
            begun = perf_counter()
            await app.store.read(lambda tx, f=first_no, w=law: decide(tx, f, w))  # type: ignore[misc]
            found[name] = len(numbers) / (perf_counter() - begun)
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
        speed = asyncio.run(_decisions(config, _numbers(file, 20_000)))
    read = f"{imported / bare_read:.1f} x DuckDB reading it"
    scan = f"{counted / bare_scan:.0f} x DuckDB's scan, {bare_scan:.2f} s"
    every, facts = f"{speed['every']:,.0f}/s", f"the facts alone {speed['facts']:,.0f}/s"
    rows = [
        (f"import of {ROWS:,} subscribers, CSV", f"{imported:.1f} s", "90 s", read),
        ("its peak of memory", f"{peak:.0f} MiB", "1536 MiB", ""),
        ("dry-run, the whole command", f"{counted:.1f} s", "15 s", scan),
        ("may_contact, every verdict, facts included", every, "10,000/s", facts),
        ("may_contact, up to the first no", f"{speed['first']:,.0f}/s", "30,000/s", ""),
        ("explain, p99", f"{speed['explain']:.1f} ms", "100 ms", ""),
    ]  # fmt: skip
    print("| what | measured | asked for | beside |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    own = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    print(f"\nLoad at the end {os.getloadavg()[0]:.1f}; CPU seconds of the commands {own:.0f}.")
