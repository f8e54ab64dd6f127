"""What does a second controller cost? The same calls by one and by two, over one PostgreSQL.

Real programs, real PostgreSQL, the simulated SMSC and package system. Stubbed: Asterisk, whose ARI answers from a
process of its own (`bench/_stub_asterisk.py`), so that what is counted is controllers and database.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench._results import machine, write_section
from bench.dialer import cpu_s, import_lists, installation, of_folder, plain_numbers, top_ups, until_up
from demo.world import MAI, ROOT, World
from simulator.ports import free_port
from simulator.sipp import SippCallee
from tests.store import server

_NODES = ("one", "two")
_MOST_ALLOWED = 1.15
_AFTER_S = 60.0


@dataclass(frozen=True)
class Run:
    """What so many controllers cost."""

    controllers: int
    calls: int
    seconds: float
    controllers_ms: float  #: CPU of all of them, each call
    postgres_ms: float
    shares: tuple[int, ...]  #: calls by node

    @property
    def whole_ms(self) -> float:
        return self.controllers_ms + self.postgres_ms


@contextmanager
def stubs() -> Iterator[list[str]]:
    """A stub of an Asterisk for each node; their ARI addresses."""
    ports = [free_port() for _ in _NODES]
    command = (sys.executable, "-m", "bench._stub_asterisk")
    running = [subprocess.Popen([*command, str(port)], cwd=ROOT) for port in ports]
    try:
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        for each in running:
            each.terminate()
            each.wait()


def write_configs(there: World, url: str, addresses: Sequence[str], rate: float) -> list[Path]:
    """One file for each process, with a run folder of its own."""
    found = json.loads(there.config.read_text(encoding="utf-8"))
    node = found["asterisk"]["nodes"][0]
    found["asterisk"]["nodes"] = [
        node | {"name": name, "managed": False, "ari_url": address}
        for name, address in zip(_NODES, addresses, strict=True)
    ]
    found["store"] = {"url": url}
    found["trunks"][0] |= {"calls_per_second": rate * 2, "max_channels": 1000}
    files = []
    for name in _NODES:
        file = there.folder / f"{name}.yaml"
        file.write_text(json.dumps(found | {"run_dir": f"run-{name}"}, ensure_ascii=False), encoding="utf-8")
        files.append(file)
    there.config = files[0]
    return files


def start(there: World, file: Path, *words: str) -> "subprocess.Popen[bytes]":
    with (there.folder / f"{file.stem}.log").open("ab") as log:
        command = [str(MAI), "run", *words, "--config", str(file)]
        return subprocess.Popen(command, env=there.environment, cwd=ROOT, stdout=log, stderr=log)


def of_postgres(data: str) -> float:
    """CPU seconds of the server whose data lie there, its children included that are no more."""
    return _family(next(of_folder(Path(data), "postgres")))


def _family(pid: int) -> float:
    """A process, its living children, and those that it has waited for."""
    total = cpu_s(pid)
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    total += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split():
        total += cpu_s(int(child))
    return total


async def measure(folder: Path, controllers: int, rate: float, seconds: float, address: str) -> Run:
    """So many controllers make the calls of so many top-ups."""
    wanted = plain_numbers(int(rate * seconds))
    data = address.rpartition("host=")[2]
    url = await server.new_database(address)
    with stubs() as addresses:
        async with (
            SippCallee(folder / "sipp", ring_s=0.1) as callee,  # asked by nobody: the world wants an address
            installation(folder, callee, rate) as there,
        ):
            files = write_configs(there, url, addresses, rate)
            await import_lists(there, wanted)
            running = [start(there, files[0], "--node", "one")]
            if controllers == 2:
                running.append(start(there, files[1], "dialer", "--node", "two"))
            try:
                await until_up(there)
                before = [cpu_s(each.pid) for each in running]
                database = of_postgres(data)
                began = asyncio.get_running_loop().time()
                await top_ups(there, wanted, rate)
                await _until_done(there, 2 * len(wanted))
                took = asyncio.get_running_loop().time() - began
                spent = sum(cpu_s(each.pid) for each in running) - sum(before)
                database = of_postgres(data) - database
                log = await asyncio.to_thread(there.mai, "log", "calls", "--json")
            finally:
                for each in reversed(running):
                    each.terminate()
                for each in running:
                    await asyncio.to_thread(each.wait)
    rows = [json.loads(line) for line in log.stdout.splitlines()]
    good = [row for row in rows if row["outcome"] == "accepted"]
    if len(good) != len(wanted):
        raise RuntimeError(f"{len(good)} of {len(wanted)} calls ended as they should: {rows[:1]}")
    each_ms = 1000 / len(good)
    shares = tuple(sum(row["node"] == name for row in good) for name in _NODES)
    return Run(controllers, len(good), took, spent * each_ms, database * each_ms, shares)


async def _until_done(there: World, messages: int) -> None:
    """Until every SMS has come."""
    async with asyncio.timeout(_AFTER_S):
        while len(there.smsc.records()) < messages:  # noqa: ASYNC110 - the end of a bench
            await asyncio.sleep(0.2)


async def _all(rate: float, seconds: float, rounds: int) -> list[list[Run]]:
    place = server.programs()
    if place is None:
        raise SystemExit("no PostgreSQL on this machine: `make postgresql` gets one")
    found = []
    with server.running(place) as address:
        for _ in range(rounds):
            runs = []
            for controllers in (1, 2):
                with tempfile.TemporaryDirectory(
                    prefix="bench-controllers-", ignore_cleanup_errors=True
                ) as name:
                    runs.append(await measure(Path(name), controllers, rate, seconds, address))
                print(f"  {runs[-1]}", flush=True)
            found.append(runs)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Example: python -m bench.controllers --rate 20"
    )
    parser.add_argument("--rate", type=float, default=20.0, help="top-ups per second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    given, _ = parser.parse_known_args()
    found = asyncio.run(_all(given.rate, given.seconds, given.rounds))
    ratios = sorted(two.whole_ms / one.whole_ms for one, two in found)
    one, two = min(
        found, key=lambda pair: abs(pair[1].whole_ms / pair[0].whole_ms - ratios[len(ratios) // 2])
    )
    lines = [
        "## Two controllers over PostgreSQL",
        "",
        f"`python -m bench.controllers --rate {given.rate:g} --seconds {given.seconds:g}`, {machine()}",
        "Stubbed: Asterisk (its ARI answers, from a process of its own). Real: everything else, PostgreSQL included.",
        "",
        "| controllers | calls | by node | controllers ms CPU/call | PostgreSQL ms CPU/call | all, ratio | wanted |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in (one, two):
        shares = " + ".join(map(str, run.shares))
        ratio = run.whole_ms / one.whole_ms
        wanted = f"≤ {_MOST_ALLOWED}" if run is two else ""
        lines.append(
            f"| {run.controllers} | {run.calls} | {shares} | {run.controllers_ms:.1f} | {run.postgres_ms:.1f} "
            f"| {run.whole_ms:.1f}, {ratio:.2f} | {wanted} |"
        )
    lines.append("")
    lines.append(f"Ratios of the {len(ratios)} rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)}.")
    print("\n".join(lines))
    write_section("controllers", lines)


if __name__ == "__main__":
    main()
