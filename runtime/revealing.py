"""Who looked at subscribers' numbers in full? R14: a reveal is logged, before it is made.

A running system writes it into the journal. Where nothing runs it waits in a file of the run folder, so that looking
needs no right to write the store and holds up nobody who starts; the next start takes the file into the journal.
"""

import fcntl
import json
import os
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from runtime.app import App
from runtime.asking import ask_running, who
from runtime.control import NobodyRuns
from runtime.failed import CommandFailed
from runtime.logs import log
from store import journal
from store.tx import Tx

logger = log("system")

_FILE = "reveals.jsonl"
_ANSWER_S = 3.0


async def reveal(config: Path, app: App, *, what: str, number: str | None = None) -> None:
    """Note that whoever gives this command sees `what` in full. Raises CommandFailed: it cannot be noted."""
    entry = {"at": app.now().isoformat(), "by": who(), "what": what, "number": number}
    try:
        await ask_running(config, "revealed", timeout_s=_ANSWER_S, **entry)
    except (NobodyRuns, CommandFailed):
        try:
            _keep(app.installation.run_dir, entry)
        except OSError as error:
            raise CommandFailed(
                f"who sees numbers in full is noted (R14), and that cannot be written: {error}; "
                "without --json and --csv they are masked"
            ) from error


async def revealed(app: App, *, at: str, by: str, what: str, number: str | None) -> Any:
    """A request of a command: one line of the journal."""
    entry = {"at": at, "by": by, "what": what, "number": number}
    await app.store.write(partial(_write, entries=[entry]))
    return True


async def take_reveals(app: App) -> int:
    """Take what waits in the run folder into the journal; returns how many. Twice rather than not at all."""
    try:
        handle = os.open(app.installation.run_dir / _FILE, os.O_RDWR)
    except FileNotFoundError:
        return 0
    with os.fdopen(handle, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        entries = [entry for line in file.read().splitlines() if (entry := _read(line))]
        await app.store.write(partial(_write, entries=entries))
        file.truncate(0)
    return len(entries)


def _keep(run_dir: Path, entry: dict[str, Any]) -> None:
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(run_dir / _FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _read(line: str) -> dict[str, Any] | None:
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:  # its writer was killed: what it wrote was never shown
        logger.warning("a line of who saw numbers in full is torn", file=_FILE)
        return None
    return entry


def _write(tx: Tx, *, entries: list[dict[str, Any]]) -> None:
    for each in entries:
        journal.write(
            tx,
            at=datetime.fromisoformat(each["at"]),
            by=each["by"],
            did="revealed",
            number=each["number"],
            reason=each["what"],
        )
