"""How a command reaches the running system: the socket, whoever is at its other end."""

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from runtime.asking import run_dir_of
from runtime.control import SOCKET, CommandFailed, NobodyRuns, RunsHere, alone_in, ask, listening
from runtime.failed import WrongUsage


async def _echo(fields: dict[str, Any]) -> Any:
    return fields


async def _fails(fields: dict[str, Any]) -> Any:
    raise CommandFailed("the kettle is empty: fill it")


HANDLERS = {"echo": _echo, "fails": _fails}


async def _raw(folder: Path, octets: bytes) -> bytes:
    """What a stranger at the socket is answered."""
    reader, writer = await asyncio.open_unix_connection(str(folder / SOCKET))
    writer.write(octets)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_request_is_answered_in_a_folder_deeper_than_a_socket_address_is_long(tmp_path: Path) -> None:
    """sun_path has 108 bytes; a run folder may be deeper."""
    deep = tmp_path / ("d" * 90) / ("e" * 90)
    async with listening(deep, HANDLERS):
        assert await ask(deep, "echo", word="Xin chào") == {"word": "Xin chào"}


async def test_where_nobody_runs_the_asker_is_told_so(tmp_path: Path) -> None:
    """No folder, an empty folder, the socket of a killed system: the command does its work itself."""
    with pytest.raises(NobodyRuns):
        await ask(tmp_path / "nowhere", "echo")
    with pytest.raises(NobodyRuns):
        await ask(tmp_path, "echo")
    async with listening(tmp_path, HANDLERS):
        os.link(tmp_path / SOCKET, tmp_path / "kept")
    os.rename(tmp_path / "kept", tmp_path / SOCKET)
    with pytest.raises(NobodyRuns):
        await ask(tmp_path, "echo")


@pytest.mark.parametrize(
    "octets",
    [b"\n", b"{\n", b"[]\n", b'{"do": []}\n', b'{"do": "dance"}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n"],
    ids=["nothing", "half", "a list", "no name", "unknown", "no text", "deep"],
)
async def test_garbage_gets_a_sentence_and_the_next_request_is_answered(
    tmp_path: Path, octets: bytes
) -> None:
    """A stranger's bytes end nothing."""
    async with listening(tmp_path, HANDLERS):
        assert b"does not know this request" in await _raw(tmp_path, octets)
        assert await ask(tmp_path, "echo") == {}


async def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    """A request is bounded."""
    async with listening(tmp_path, HANDLERS):
        assert b"a request is one line of at most" in await _raw(tmp_path, b"x" * ((1 << 20) + 10))
        assert await ask(tmp_path, "echo") == {}


async def test_what_failed_reaches_the_asker_in_its_own_words(tmp_path: Path) -> None:
    """Bad input: the message is where the person looks."""
    async with listening(tmp_path, HANDLERS):
        with pytest.raises(CommandFailed, match=r"^the kettle is empty: fill it$"):
            await ask(tmp_path, "fails")


async def test_words_that_are_wrong_are_wrong_usage_for_the_asker_too(tmp_path: Path) -> None:
    """§5: exit status 2, whether the system runs or not."""

    async def refuses(fields: dict[str, Any]) -> Any:
        raise WrongUsage("'nope' is not a programme: one of topup")

    async with listening(tmp_path, {"pause": refuses}):
        with pytest.raises(WrongUsage, match=r"^'nope' is not a programme: one of topup$"):
            await ask(tmp_path, "pause")


async def test_an_answer_that_is_being_made_leaves_before_the_end(tmp_path: Path) -> None:
    """`mai stop` is answered by the system that it ends."""
    asked, ready = asyncio.Event(), asyncio.Event()

    async def slow(fields: dict[str, Any]) -> Any:
        asked.set()
        await ready.wait()
        return "ended well"

    async with listening(tmp_path, {"stop": slow}):
        answer = asyncio.create_task(ask(tmp_path, "stop"))
        await asked.wait()
        ready.set()
    assert await answer == "ended well"


async def test_only_its_owner_reaches_the_socket(tmp_path: Path) -> None:
    """Secure by default: folder 0700, socket 0600."""
    folder = tmp_path / "run"
    async with listening(folder, HANDLERS):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / SOCKET).stat().st_mode) == 0o600
    assert not (folder / SOCKET).exists()


def test_a_run_folder_is_one_processs_until_it_ends(tmp_path: Path) -> None:
    """Issue 5, 2: over one PostgreSQL store several may run; two in one folder would take each other's socket."""
    with alone_in(tmp_path / "run"):
        with (
            pytest.raises(RunsHere, match=r"another process runs in .*/run: `mai stop` ends it"),
            alone_in(tmp_path / "run"),
        ):
            raise AssertionError("both hold it")
        with alone_in(tmp_path / "other"):
            pass
    with alone_in(tmp_path / "run"):
        assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_the_run_folder_may_be_named_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes on one machine share config.yaml and have a folder each; a name that is not set is nobody's."""
    config = tmp_path / "config.yaml"
    config.write_text("run_dir: ${MAI_RUN_DIR}/a\n", "utf-8")
    monkeypatch.setenv("MAI_RUN_DIR", "elsewhere")
    assert run_dir_of(config) == tmp_path / "elsewhere" / "a"
    monkeypatch.delenv("MAI_RUN_DIR")
    with pytest.raises(NobodyRuns):
        run_dir_of(config)
