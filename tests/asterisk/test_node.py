"""Is the managed Asterisk started, adopted, renewed and stopped as it must be?"""

import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ari_app.ari import Ari
from ari_app.phone import Phone
from core.config import Config
from runtime.asterisk import AsteriskTrouble, ManagedNode
from simulator.ports import free_port
from tests.asterisk.callee import Callee
from tests.asterisk.conftest import MemoryJournal, asterisk, attempt, make_config, now
from tests.asterisk.test_calls import listens

pytestmark = pytest.mark.asterisk


def managed(config: Config, run_dir: Path) -> ManagedNode:
    return ManagedNode(config, config.asterisk.nodes[0], run_dir, asterisk())


def changed(config: Config, **trunk: Any) -> Config:
    """The same installation with another value in its trunk."""
    return config.model_copy(update={"trunks": (config.trunks[0].model_copy(update=trunk),)})


@asynccontextmanager
async def running(config: Config, run_dir: Path) -> AsyncIterator[ManagedNode]:
    node = managed(config, run_dir)
    assert await node.start() == "started"
    try:
        yield node
    finally:
        await managed(config, run_dir).stop()


async def test_a_running_asterisk_is_adopted_renewed_and_stopped(tmp_path: Path) -> None:
    """Issue 2: it outlives its controller, the next one adopts it; changed settings start it again."""
    config = make_config(trunk_port=5999, rtp="43000-43999")
    async with running(config, tmp_path) as first:
        pid = first.pid
        assert pid
        assert os.getsid(pid) == pid  # a session of its own: a signal to the controller's group passes it by
        second = managed(config, tmp_path)
        assert (await second.start(), second.pid) == ("adopted", pid)
        third = managed(changed(config, qualify_s=60), tmp_path)
        assert await third.start() == "started"
        assert third.pid not in (None, pid)
        assert await third.stop()
        assert not await third.stop()
    assert managed(config, tmp_path).pid is None


async def test_an_asterisk_that_stands_still_is_started_again(tmp_path: Path) -> None:
    """Issue 5, recovery: the next controller finds it frozen, with other settings: it cannot say whether calls are up."""
    config = make_config(trunk_port=5999, rtp="43000-43999")
    async with running(config, tmp_path) as frozen:
        pid = frozen.pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        after = managed(changed(config, qualify_s=60), tmp_path)
        assert await after.start() == "started"
        assert after.pid not in (None, pid)


async def test_changed_settings_do_not_cut_off_a_call(tmp_path: Path, prompts: Callable[[str], Path]) -> None:
    async with Callee() as callee:
        config = make_config(trunk_port=callee.port, rtp="43000-43999")
        async with (
            running(config, tmp_path) as node,
            Ari(node.node.ari_url, node.node.user, node.node.password.get_secret_value()) as ari,
        ):
            await ari.ready(10)
            callee.behaves["0901000001"] = listens
            async with Phone(config, {"ast1": ari}, prompts, now).line(
                attempt("0901000001"), MemoryJournal()
            ) as call:
                await call.dial()
                again = managed(changed(config, qualify_s=60), tmp_path)
                assert (await again.start(), again.pid) == ("reloaded", node.pid)
                await call.hang_up()
            await (await callee.leg("0901000001")).wait_for("BYE")


async def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    """Bad input: nothing is started, and the key of config.yaml is named."""
    config = make_config(trunk_port=5999)
    port = int(config.asterisk.nodes[0].sip_bind.rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        with pytest.raises(AsteriskTrouble, match=f"sip_bind 127.0.0.1:{port} cannot be used"):
            await managed(config, tmp_path).start()
    assert managed(config, tmp_path).pid is None


async def test_without_asterisk_the_command_that_helps_is_named(tmp_path: Path) -> None:
    config = make_config(trunk_port=5999)
    with pytest.raises(AsteriskTrouble, match="make setup"):
        await ManagedNode(config, config.asterisk.nodes[0], tmp_path, None).start()


async def test_an_asterisk_that_dies_at_start_says_why(tmp_path: Path) -> None:
    config = make_config(trunk_port=5999)
    broken = asterisk()
    broken = type(broken)((*broken.command,), broken.version, "/nowhere", "/nowhere", None)
    with pytest.raises(AsteriskTrouble, match=r"ended at start: .+"):
        await ManagedNode(config, config.asterisk.nodes[0], tmp_path, broken).start()


async def test_a_pid_that_belongs_to_somebody_else_is_never_touched(tmp_path: Path) -> None:
    """Pids are used again: our own pid in the file does not make us an Asterisk."""
    config = make_config(trunk_port=free_port())
    node = managed(config, tmp_path)
    note = node.folder / "run" / "managed.json"
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"pid": os.getpid(), "started": 1, "digest": "x"}))
    assert node.pid is None
    assert not await node.stop()
