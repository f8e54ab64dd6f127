"""Start: how long until the system runs and the first contact is claimed, with a million contacts that wait?

The real process, a real Asterisk, SIPp as the network. Beside it the same start with few contacts; and one after a
kill -9, which left calls open in the store that Asterisk does not have.
"""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench._contacts import Mix, fill
from bench._results import machine, write_section
from bench.dialer import cpu_s, installation, numbers, of_folder, until_up
from demo.world import World, stop_system, write_lists
from simulator.sipp import SippCallee

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
FEW, OPEN = 1_000, 300
_PATIENCE_S = 120.0
_LOOK_S = 0.02
_LIST = "mass"


@dataclass(frozen=True)
class Start:
    """What one start took, from the command on."""

    what: str
    running_s: float  #: until it says that it runs
    claim_s: float  #: until the first call stands in the store
    cpu_s: float  #: of the process, until then


async def start(there: World, what: str) -> Start:
    """Start, measure, and end it without ceremony: nothing is tidied up for the next start."""
    log, database = there.folder / "mai.log", there.folder / "mai.db"
    said = log.stat().st_size
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
        before = _newest(store)
        began, process = time.monotonic(), there.start()
        try:
            running_s = await _until(lambda: _says_running(log, said), began)
            claim_s = await _until(lambda: _newest(store) > before, began)
            spent = cpu_s(process.pid)
        finally:
            _killed(there, process)
    return Start(what, running_s, claim_s, spent)


def _newest(store: sqlite3.Connection) -> int:
    (newest,) = store.execute("SELECT coalesce(max(rowid), 0) FROM calls").fetchone()
    return int(newest)


def _says_running(log: Path, since: int) -> bool:
    with log.open("rb") as text:
        text.seek(since)
        return any(b"running " in line and b"system" in line for line in text)


async def _until(there_is: Callable[[], bool], began: float) -> float:
    while not there_is():
        if time.monotonic() - began > _PATIENCE_S:
            raise TimeoutError("it does not start")
        await asyncio.sleep(_LOOK_S)
    return time.monotonic() - began


def _killed(there: World, process: "subprocess.Popen[bytes]") -> None:
    """The system, and its Asterisk, which would outlive it."""
    process.kill()
    process.wait()
    for pid in of_folder(there.folder / "run", "asterisk"):
        os.kill(pid, signal.SIGKILL)


def _waiting(there: World, rows: int) -> Mix:
    clock = datetime.fromisoformat(json.loads(there.config.read_text(encoding="utf-8"))["clock"]["now"])
    return Mix(rows, rows, 0, 0, programme=_LIST, now=clock)


def _leave_open(there: World) -> None:
    """As if a controller had died in the middle of so many calls."""
    node = json.loads(there.config.read_text(encoding="utf-8"))["asterisk"]["nodes"][0]["name"]
    with closing(sqlite3.connect(there.folder / "mai.db")) as store, store:
        chosen = "SELECT id FROM contacts WHERE state = 'due' ORDER BY due_at DESC LIMIT ?"
        ids = [id_ for (id_,) in store.execute(chosen, (OPEN,))]
        for place, id_ in enumerate(ids):
            store.execute("UPDATE contacts SET state = 'dialing', attempts = 1 WHERE id = ?", (id_,))
            store.execute(
                "INSERT INTO calls (id, contact, programme, class, unit, number, state, started_at, wall_at, node) "
                "SELECT ?, id, programme, class, unit, number, 'dialing', due_at, due_at, ? FROM contacts WHERE id = ?",
                (f"call-left-{place}", node, id_),
            )


async def measure() -> list[Start]:
    """Few contacts, many, many after a crash."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-start-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        async with SippCallee(work / "sipp", ring_s=0.1) as callee:
            for rows in (FEW, ROWS):
                async with installation(work / f"of-{rows}", callee, 5.0) as there:
                    await _prepare(there, rows)
                    found.append(await start(there, f"{rows:,} contacts wait"))
                    if rows == ROWS:
                        await asyncio.to_thread(_leave_open, there)
                        found.append(await start(there, f"the same, {OPEN} calls were open"))
    return found


async def _prepare(there: World, rows: int) -> None:
    """Lists, prompts, a store that was used before, and the contacts."""
    folder = there.folder
    short = (folder / "campaigns" / "short.yaml").read_text(encoding="utf-8")
    of_list = short.replace("trigger: {kind: topup, fresh_for: 15m}", "trigger: {kind: list}")
    (folder / "campaigns" / f"{_LIST}.yaml").write_text(of_list, encoding="utf-8")
    write_lists(folder, numbers(rows), [], [])
    for kind in ("subscribers", "dnc"):
        done = await asyncio.to_thread(there.mai, "import", kind, str(folder / f"{kind}.csv"))
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
    process = there.start()
    await until_up(there)
    await stop_system(there, process)
    await fill("sqlite:///mai.db", folder, _waiting(there, rows))


def main() -> None:
    found = asyncio.run(measure())
    section = [
        "## Start beside a million contacts",
        "",
        f"`BENCH_ROWS={ROWS} python -m bench start`, {machine()}",
        "From `mai run` on, a managed Asterisk started with it; the store is SQLite, its prompts are made. Asked for: 5 s.",
        "",
        "| store | says it runs | first claim committed | CPU of the process until then |",
        "|---|---|---|---|",
        *(
            f"| {each.what} | {each.running_s:.1f} s | {each.claim_s:.1f} s | {each.cpu_s:.1f} s |"
            for each in found
        ),
    ]
    print("\n".join(section))
    write_section("start", section)
