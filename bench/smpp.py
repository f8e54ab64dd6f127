"""How fast is the SMS gateway, and beside what? All clients in turn against the same SMSC, several rounds, ratios.

`python -m bench.smpp` writes the section of bench/RESULTS.md about SMS. Absolute figures depend on the machine
and on what else it does; the ratios of one run do not.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench._results import machine, write_section
from bench._smpp_clients import CLIENTS, WINDOW, installed


@contextmanager
def smsc(delay_s: float) -> Iterator[int]:
    """The SMSC in a process of its own; its port."""
    command = [sys.executable, "-m", "bench._smpp_smsc", str(delay_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        yield int(process.stdout.readline())
        process.stdin.close()


def measure(name: str, port: int, count: int) -> dict[str, Any]:
    """One client, once."""
    command = [sys.executable, "-m", "bench._smpp_clients", name, str(port), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"rate": count / found["seconds"]}


@dataclass(frozen=True)
class Row:
    """A client's median over the rounds. `ratio`: to the first client of its own round, then the median."""

    name: str
    rate: float
    ratio: float
    cpu_us: float
    commit_ms: float | None  #: almost empty, with nothing else to do
    beside_ms: float | None  #: the same beside the load: what it waits for, and itself
    worst_ms: float | None


def compare(names: Sequence[str], delay_s: float, counts: dict[str, int], rounds: int) -> list[Row]:
    """All clients in each round, one after the other: what disturbs one round disturbs them all."""
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with smsc(delay_s) as port:
        for _ in range(rounds):
            first: float | None = None
            for name in names:
                found = measure(name, port, counts[name])
                first = first or found["rate"]
                taken[name].append(found | {"ratio": found["rate"] / first})
    rows = []
    for name, runs in taken.items():
        middle: dict[str, Any] = {
            key: statistics.median(run[key] for run in runs) for key in ("rate", "ratio", "cpu_us")
        }
        for key in ("commit_ms", "beside_ms", "worst_ms"):
            middle[key] = statistics.median(run[key] for run in runs) if key in runs[0] else None
        rows.append(Row(name, **middle))
    return rows


def _table(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| client | msg/s | ratio | CPU µs/msg | commit ms | beside it | worst |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = ["" if ms is None else f"{ms:.1f}" for ms in (row.commit_ms, row.beside_ms, row.worst_ms)]
        commit = " | ".join(times)
        lines.append(f"| {row.name} | {row.rate:,.0f} | {row.ratio:.2f} | {row.cpu_us:.0f} | {commit} |")
    return lines


def _print_and_write(section: Sequence[str], name: str) -> None:
    print("\n".join(section))
    write_section(name, section)


def main(argv: Sequence[str] = ()) -> None:
    """Measure, print, and write the section."""
    parser = argparse.ArgumentParser(prog="python -m bench.smpp", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="messages of the quick clients")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--million",
        type=int,
        nargs="?",
        const=1_000_000,
        help="only: memory over so many messages of the outbox",
    )
    arguments = parser.parse_args(argv)
    count = arguments.count
    if arguments.million:
        _print_and_write(_million(arguments.million), "smpp-million")
        return
    here = [name for name in CLIENTS if installed(name) and name != "outbox-long"]
    away = [name for name in CLIENTS if not installed(name)]
    few = {"outbox": count // 2, "smpplib": count // 10, "aiosmpplib": 1000}
    quick = compare(here, 0.0, {name: few.get(name, count) for name in here}, arguments.rounds)
    slow_count = max(count // 2, 4000)  # the outbox's clock runs while it binds
    delayed = compare(
        ["session", "outbox"], 0.02, dict.fromkeys(["session", "outbox"], slow_count), arguments.rounds
    )
    section = [
        "## SMS over SMPP",
        "",
        f"Window {WINDOW}, Vietnamese in UCS2 (one part), {arguments.rounds} rounds, medians; ratio to the first row of the",
        f"same round. `python -m bench smpp`, {machine()}",
        "`bare`: asyncio and `struct`, a future a message. `session`: ours without outbox, as the outbox may use it",
        "(`post`, told by a call). `session-futures`: the same by `send`, a future a message. From the first message",
        "to the last answer. `outbox`: the whole gateway on SQLite with",
        "`synchronous=FULL`, transactional messages; beside it the median of an almost empty commit before,",
        "and of such commits in between: what they wait for the outbox's, and themselves.",
        *([f"Not installed here: {', '.join(away)}."] if away else []),
        "",
        "No response delay:",
        "",
        *_table(quick),
        "",
        "Responses after 20 ms (ratio to the session):",
        "",
        *_table(delayed),
    ]
    _print_and_write(section, "smpp")


def _million(count: int) -> list[str]:
    """Memory over many messages."""
    with smsc(0.0) as port:
        found = measure("outbox-long", port, count)
    return [
        "## SMS: memory over many messages",
        "",
        f"The whole gateway as above, rows written while it sends; {found['rate']:,.0f} msg/s,",
        f"{found['cpu_us']:.0f} µs CPU a message, writing the rows included.",
        f"`python -m bench.smpp --million`, {machine()}",
        "",
        "| messages | resident MB |",
        "|---|---|",
        *(f"| {int(done):,} | {mb} |" for done, mb in found["memory_mb"].items()),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
