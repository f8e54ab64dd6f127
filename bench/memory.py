"""Memory: how much does a call that is up cost the controller? Real Asterisk on both sides, people who listen and stay.

First calls that come and go, so that what is loaded once is loaded; then calls that stay in their menu until all are
up. What grows with them is what they cost: the resident memory of the process that steers them, nothing stubbed.
"""

import argparse
import asyncio
import json
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench._results import machine, write_section
from bench.dialer import top_ups, until_up
from demo.world import ROOT, World, stop_system, world, write_lists

_RATE = 8.0  #: calls a second: both networks speak on this machine
_WARM = 100
_PATIENCE_S = 300.0
_MENU = "      wait: 4s\n      tries: 1\n"
_PATIENT = "      wait: 60s\n      tries: 4\n"
_LIMIT_KIB = 100


def resident_kib(pid: int) -> int:
    """Memory of a process that is its own: no files mapped from disk."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} tells no RssAnon")


def _count(there: World, state: str) -> int:
    with closing(sqlite3.connect(f"file:{there.folder / 'mai.db'}?mode=ro", uri=True)) as store:
        (count,) = store.execute("SELECT count(*) FROM calls WHERE state = ?", (state,)).fetchone()
        return int(count)


async def _until(there: World, state: str, count: int) -> None:
    until = time.monotonic() + _PATIENCE_S
    while (have := await asyncio.to_thread(_count, there, state)) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{have} calls {state} where {count} were awaited")
        await asyncio.sleep(0.5)


def _installed(there: World) -> None:
    """The short programme, whose menu waits long for a key."""
    (there.folder / "campaigns").mkdir()
    written = (ROOT / "tests" / "kill" / "short.yaml").read_text(encoding="utf-8")
    changed = written.replace(_MENU, _PATIENT)
    assert changed != written
    (there.folder / "campaigns" / "short.yaml").write_text(changed, encoding="utf-8")
    found = json.loads(there.config.read_text(encoding="utf-8")) | {"campaigns": "campaigns"}
    there.config.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


async def measure(live: int) -> list[tuple[str, int]]:
    """What stands, and KiB of the controller: warm, half of the calls up, all up."""
    warm = [f"09012{place:04}1" for place in range(_WARM) if not 10 <= place % 100 < 80]
    stay = [f"0902{place:05}9" for place in range(live)]
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-memory-", ignore_cleanup_errors=True) as name:
        async with world(Path(name), ring_s=20, calls_per_second=_RATE * 2, channels=live + 50) as there:
            _installed(there)
            write_lists(there.folder, [*warm, *stay], [], [])
            for kind in ("subscribers", "dnc"):
                done = await asyncio.to_thread(there.mai, "import", kind, str(there.folder / f"{kind}.csv"))
                if done.returncode:
                    raise RuntimeError(done.stdout + done.stderr)
            process = there.start()
            try:
                await until_up(there)
                await top_ups(there, warm, _RATE)
                await _until(there, "done", len(warm))
                found.append((f"after {len(warm)} calls that ended", resident_kib(process.pid)))
                for part in (stay[: live // 2], stay[live // 2 :]):
                    await top_ups(there, part, _RATE)
                    up = live if part[-1] == stay[-1] else live // 2
                    await _until(there, "up", up)
                    found.append((f"{up} calls up", resident_kib(process.pid)))
            finally:
                await stop_system(there, process)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", type=int, default=300, help="calls that are up at once")
    given, _ = parser.parse_known_args()
    found = asyncio.run(measure(given.live))
    (_, before), (_, half), (_, all_) = found
    section = [
        "## Memory per live call",
        "",
        f"`python -m bench.memory --live {given.live}`, {machine()}",
        "Anonymous resident memory of the controller's process; SQLite, real Asterisk on both sides, nothing stubbed.",
        "",
        "| what stands | MiB | KiB for each call more |",
        "|---|---|---|",
        f"| {found[0][0]} | {before / 1024:.1f} | |",
        f"| {found[1][0]} | {half / 1024:.1f} | {(half - before) / (given.live // 2):.0f} |",
        f"| {found[2][0]} | {all_ / 1024:.1f} | {(all_ - half) / (given.live - given.live // 2):.0f} |",
        "",
        f"In all {(all_ - before) / given.live:.0f} KiB a live call; asked for: {_LIMIT_KIB}.",
    ]
    print("\n".join(section))
    write_section("memory", section)


if __name__ == "__main__":
    main()
