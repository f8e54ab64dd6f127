"""How does a command get its request done, quickly? By the running system, else by itself with the store open.

A running system has read the configuration already; so a command that finds one reads no more of config.yaml than
where its run folder is. Everything else is imported only when nobody runs.
"""

import getpass
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from runtime.control import NobodyRuns, ask
from runtime.failed import CommandFailed, WrongUsage

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")  # as in core/loading.py, which is slow to import
NOTHING_RUNS = "nothing runs here: start the system with `mai run`"


def filled(text: str, env: Mapping[str, str]) -> str:
    """The text with each `${NAME}` from the environment. Raises WrongUsage naming one that is not set."""
    for name in _VARIABLE.findall(text):
        if not env.get(name):
            raise WrongUsage(f"the variable {name} is not set: export {name}=…")
    return _VARIABLE.sub(lambda found: env[found[1]], text)


def run_dir_of(config: Path) -> Path:
    """The run folder that config.yaml names, or its `${NAME}` of the environment.

    Raises NobodyRuns when the file does not tell: `load` says why.
    """
    from core.yaml_file import read

    try:
        written = read(config.read_bytes(), str(config)).value
    except OSError:
        raise NobodyRuns from None
    named = written.get("run_dir", ".run") if isinstance(written, dict) else None
    if not isinstance(named, str):
        raise NobodyRuns
    try:
        return (config.resolve().parent / filled(named, os.environ)).resolve()
    except WrongUsage:
        raise NobodyRuns from None


async def ask_running(config: Path, do: str, *, timeout_s: float = 60, **fields: Any) -> Any:
    """Ask the system that runs here. Raises NobodyRuns, CommandFailed, WrongUsage."""
    return await ask(run_dir_of(config), do, timeout_s=timeout_s, **fields)


async def ask_live(config: Path, do: str, **fields: Any) -> Any:
    """Ask what only a running system can answer. Raises CommandFailed, WrongUsage, BadInstallation."""
    try:
        return await ask_running(config, do, **fields)
    except NobodyRuns:
        from runtime.loading import load

        load(config)  # a wrong configuration is why nothing runs: say that first
        raise CommandFailed(NOTHING_RUNS) from None


async def carry_out(config: Path, do: str, **fields: Any) -> Any:
    """Hand a request to the running system, or do it here when nobody runs.

    Raises CommandFailed, WrongUsage, BadInstallation, store.errors.StoreError.
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
