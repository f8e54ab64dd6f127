"""What is left when the writing process is killed? All that was acknowledged, nothing by halves."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from store.database import Tx, open_store

_ROOT = Path(__file__).resolve().parents[2]


def _killed_after(lines: int, url: str, folder: Path) -> list[str]:
    """What a writing process said until it was killed in the middle of its work, whole lines only."""
    command = [sys.executable, "-m", "tests.store.crash_child", url, str(folder)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        said += child.stdout.read().splitlines(keepends=True)
    return [line.decode().strip() for line in said if line.endswith(b"\n")]


def _stored(tx: Tx) -> tuple[set[str], set[str], int]:
    rows = {row.name: row.value for row in tx.execute(text("SELECT name, value FROM settings"))}
    first = {name[2:] for name in rows if name.startswith("a-")}
    second = {name[2:] for name in rows if name.startswith("b-")}
    return first, second, int(rows["count"])


@pytest.mark.parametrize("lines", [1, 40, 300, 1_000])
async def test_what_was_acknowledged_is_there_after_a_kill(url: str, tmp_path: Path, lines: int) -> None:
    """Issue 2 item 10: after kill -9 at any moment no row is lost, and savepoints stay apart."""
    said = _killed_after(lines, url, tmp_path)
    stored = {line.removeprefix("stored ") for line in said if line.startswith("stored ")}
    failed = {line.removeprefix("failed ") for line in said if line.startswith("failed ")}
    assert stored
    async with open_store(url, tmp_path) as store:
        first, second, count = await store.read(_stored)
    assert stored <= first
    assert first == second  # never half of a function
    assert not failed & first
    assert not {name for name in first if name.endswith("3")}
    assert count == len(first)
