"""How does .venv come about? `python -m setup.venv`: hashed requirements first, then the project itself,
editable.

The mark that all is well is written last and names what it was made from, so that an interrupted set-up is
made again by the next one, a changed pin is installed, and a second run with nothing changed does nothing.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from setup import CannotInstall

ROOT = Path(__file__).resolve().parent.parent


def fingerprint(root: Path, python: str) -> str:
    """What an environment is made from: the place, the Python, the pinned requirements, the project's
    description.
    """
    digest = hashlib.sha256(f"{root}\n{python}\n".encode())
    for name in ("requirements-dev.txt", "pyproject.toml"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def main() -> int:
    """Makes or completes .venv beside this folder. 0: in place; 1: one sentence says what is missing."""
    python = os.path.realpath(sys.executable)
    wanted = fingerprint(ROOT, python)
    mark = ROOT / ".venv" / "made-from"
    if _is(mark, wanted):
        return 0
    # Beside .venv, not in it: a broken .venv is removed while the lock is held.
    with (ROOT / "setup" / "venv.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is(mark, wanted):
            return 0
        try:
            make(ROOT, python, mark)
        except CannotInstall as problem:
            print(problem, file=sys.stderr)
            return 1
        fresh = mark.with_suffix(".new")
        fresh.write_text(wanted, "utf-8")
        fresh.replace(mark)
    return 0


def _is(mark: Path, wanted: str) -> bool:
    return mark.exists() and mark.read_text("utf-8") == wanted


def make(root: Path, python: str, mark: Path) -> None:
    """Makes .venv with `python`, or brings a finished one up to date. Raises CannotInstall.

    One without its mark was interrupted: pip may take a half-unpacked package for an installed one, so that
    it is made from nothing.
    """
    inside = root / ".venv" / "bin" / "python"
    finished = mark.exists() and runs_as(inside, root / ".venv", python)
    mark.unlink(missing_ok=True)
    if not finished:
        shutil.rmtree(root / ".venv", ignore_errors=True)
        made = subprocess.run(
            [python, "-m", "venv", str(root / ".venv")], capture_output=True, text=True, check=False
        )
        if made.returncode:
            shutil.rmtree(root / ".venv", ignore_errors=True)
            detail = (made.stdout + made.stderr).strip().splitlines()[-1:] or ["no word from it"]
            raise CannotInstall(
                f"{python} cannot make a virtual environment ({detail[0]}): apt-get install python3-venv."
            )
    print("venv: installing the pinned requirements", file=sys.stderr)
    _pip(inside, ["--require-hashes", "--requirement", str(root / "requirements-dev.txt")])
    _pip(inside, ["--no-deps", "--no-build-isolation", "--editable", str(root)])


def runs_as(inside: Path, folder: Path, python: str) -> bool:
    """Whether the environment's own Python runs, has pip, lives in `folder` and comes from `python`."""
    question = "import os, pip, sys; print(sys.prefix); print(os.path.realpath(sys.executable))"
    try:
        done = subprocess.run([str(inside), "-c", question], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.split("\n")[:2] == [str(folder), python]


def _pip(inside: Path, arguments: Sequence[str]) -> None:
    command = [str(inside), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *arguments]
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    if subprocess.run([*command, *quiet], check=False).returncode:
        raise CannotInstall(
            "pip could not install what .venv needs (its own words are above): check the network, then run "
            "`make venv` again."
        )


if __name__ == "__main__":
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # Ctrl-C is no error of ours: no traceback, the next run heals
    sys.exit(main())
