"""How does a command get its request done, quickly? By the running system, else by itself with the store open.

A running system has read the configuration already; so a command that finds one reads no more of config.yaml than
where its run folder is. Everything else is imported only when nobody runs.
"""

import getpass
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from runtime.control import NobodyRuns, ask
from runtime.failed import CommandFailed

NOTHING_RUNS = "nothing runs here: start the system with `mai run`"


def run_dir_of(config: Path) -> Path:
    """The run folder that config.yaml names. Raises NobodyRuns when the file does not tell: `load` says why."""
    from core.yaml_file import read

    try:
        written = read(config.read_bytes(), str(config)).value
    except OSError:
        raise NobodyRuns from None
    named = written.get("run_dir", ".run") if isinstance(written, dict) else None
    if not isinstance(named, str) or "${" in named:
        raise NobodyRuns
    return (config.resolve().parent / named).resolve()


async def ask_running(config: Path, do: str, *, timeout_s: float = 60, **fields: Any) -> Any:
    """Ask the system that runs here. Raises NobodyRuns, CommandFailed."""
    return await ask(run_dir_of(config), do, timeout_s=timeout_s, **fields)


async def ask_live(config: Path, do: str, **fields: Any) -> Any:
    """Ask what only a running system can answer. Raises CommandFailed, BadInstallation."""
    try:
        return await ask_running(config, do, **fields)
    except NobodyRuns:
        from runtime.loading import load

        load(config)  # a wrong configuration is why nothing runs: say that first
        raise CommandFailed(NOTHING_RUNS) from None


async def carry_out(config: Path, do: str, **fields: Any) -> Any:
    """Hand a request to the running system, or do it here when nobody runs.

    Raises CommandFailed, BadInstallation, store.errors.StoreError.
    """
    try:
        return await ask_running(config, do, **fields)
    except NobodyRuns:
        from runtime.loading import load, open_app
        from runtime.requests import REQUESTS

        async with open_app(load(config)) as app:
            return await REQUESTS[do](app, **fields)


def new_id(kind: str) -> str:
    """An id for an event that came without one."""
    return f"{kind}-{uuid4().hex[:16]}"


def who() -> str:
    """Who gives this command, for the log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"
