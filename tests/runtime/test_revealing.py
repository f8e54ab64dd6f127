"""Is it known who saw numbers in full? R14, with and without a running system."""

from pathlib import Path

import pytest

from runtime.control import alone_in, listening
from runtime.failed import CommandFailed
from runtime.requests import handlers
from runtime.revealing import reveal, take_reveals
from store import journal
from tests.runtime.office import office, write_files
from tests.store.sample import AN


async def test_where_nothing_runs_it_waits_in_a_private_file_until_a_start(tmp_path: Path) -> None:
    """R14: looking needs no right to write the store."""
    write_files(tmp_path)
    async with office(tmp_path) as app:
        for what in ("log calls", "explain"):
            await reveal(tmp_path / "config.yaml", app, what=what, number=AN)
        file = app.installation.run_dir / "reveals.jsonl"
        assert file.stat().st_mode & 0o777 == 0o600
        with file.open("a") as torn:
            torn.write('{"at": "2026')
        assert await app.store.read(lambda tx: journal.of_number(tx, number=AN)) == ()
        assert [await take_reveals(app), await take_reveals(app)] == [2, 0]
        kept = await app.store.read(lambda tx: journal.of_number(tx, number=AN))
        assert [(entry.did, entry.reason) for entry in kept] == [
            ("revealed", "log calls"), ("revealed", "explain"),
        ]  # fmt: skip
        assert all(entry.by for entry in kept)


async def test_a_running_system_writes_it_at_once(tmp_path: Path) -> None:
    """R14"""
    write_files(tmp_path)
    async with office(tmp_path) as app:
        run_dir = app.installation.run_dir
        with alone_in(run_dir):
            async with listening(run_dir, handlers(app)):
                await reveal(tmp_path / "config.yaml", app, what="log sms", number=AN)
        [entry] = await app.store.read(lambda tx: journal.of_number(tx, number=AN))
        assert (entry.did, entry.reason) == ("revealed", "log sms")


async def test_what_cannot_be_noted_is_not_shown(tmp_path: Path) -> None:
    """R15: fail closed."""
    write_files(tmp_path)
    async with office(tmp_path) as app:
        app.installation.run_dir.parent.mkdir(parents=True, exist_ok=True)
        app.installation.run_dir.write_text("no folder")
        with pytest.raises(CommandFailed, match=r"is noted \(R14\)"):
            await reveal(tmp_path / "config.yaml", app, what="log sms")
