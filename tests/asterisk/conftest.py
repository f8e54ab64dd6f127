"""One real Asterisk of ours for all tests here; each test has its own callee on the trunk."""

import asyncio
import math
import socket
import struct
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ari_app.ari import Ari
from ari_app.call import AriCall
from ari_app.phone import Attempt, Phone
from core.config import Config, Node
from core.outcomes import Outcome
from core.phone import CallEnded, Decision
from core.speech import Line
from runtime.asterisk import ManagedNode
from runtime.asterisk_files import ROOT, Installed, installed
from simulator.ports import free_port
from tests.asterisk.callee import Callee

PASSWORD = "a-password-of-tests"


def make_config(*, trunk_port: int, agi_port: int = 4573, rtp: str = "41000-41999", **trunk: Any) -> Config:
    """An installation on free loopback ports: one trunk, and an agent whose phone is on the trunk's port."""
    node = {
        "name": "ast1",
        "ari_url": f"http://127.0.0.1:{free_port()}",
        "password": PASSWORD,
        "sip_bind": f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
        "rtp_ports": rtp,
    }
    way_out = {
        "name": "viettel",
        "address": f"127.0.0.1:{trunk_port}",
        "caller_id": "090",
        "ring_s": 5,
    } | trunk
    agent = {
        "name": "an",
        "extension": "101",
        "password": "phone-of-an",
        "contact": f"127.0.0.1:{trunk_port}",
    }
    return Config.model_validate(
        {
            "asterisk": {"nodes": (node,)},
            "trunks": (way_out,),
            "agi": {"port": agi_port},
            "agents": (agent,),
        },
        strict=False,
    )


@dataclass(frozen=True)
class World:
    """Our Asterisk, running, and where its trunk and its FastAGI server are expected."""

    config: Config
    trunk_port: int
    agi_port: int

    @property
    def node(self) -> Node:
        return self.config.asterisk.nodes[0]

    @property
    def sip(self) -> tuple[str, int]:
        host, _, port = self.node.sip_bind.rpartition(":")
        return host, int(port)


def asterisk() -> Installed:
    found = installed(ROOT)
    assert found, "Asterisk is missing: run `make setup`"
    return found


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    trunk_port, agi_port = free_port(socket.SOCK_DGRAM), free_port()
    config = make_config(trunk_port=trunk_port, agi_port=agi_port)
    node = ManagedNode(config, config.asterisk.nodes[0], tmp_path_factory.mktemp("ours"), asterisk())
    asyncio.run(node.start())
    try:
        yield World(config, trunk_port, agi_port)
    finally:
        asyncio.run(node.stop())


@pytest_asyncio.fixture
async def callee(world: World) -> AsyncIterator[Callee]:
    async with Callee(world.trunk_port) as callee:
        yield callee
        assert callee.faults == []


@pytest_asyncio.fixture
async def ari(world: World) -> AsyncIterator[Ari]:
    async with Ari(world.node.ari_url, world.node.user, PASSWORD) as ari:
        await ari.ready(10)
        yield ari


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Prompts named after their length in seconds: `line("0.5")`."""
    folder = tmp_path_factory.mktemp("prompts")

    def media(name: str) -> Path:
        path = folder / f"{name}.wav"
        if not path.exists() and name != "missing":
            tone(path, float(name.rpartition("-")[2]))
        return path

    return media


def tone(path: Path, seconds: float) -> None:
    samples = [int(8000 * math.sin(2 * math.pi * 440 * i / 8000)) for i in range(200)]  # eleven whole waves
    wave_of_25_ms = b"".join(struct.pack("<h", sample) for sample in samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(wave_of_25_ms * round(seconds * 40))


def line(*pieces: str) -> Line:
    return Line(" ".join(pieces), pieces)


@dataclass
class MemoryJournal:
    """What was committed, in order."""

    entries: list[str] = field(default_factory=list)

    async def rang(self, at: datetime) -> None:
        self.entries.append("rang")

    async def up(self, at: datetime) -> None:
        self.entries.append("up")

    async def decide(self, decision: Decision) -> None:
        self.entries.append(f"decided {decision.kind} {decision.key}")


@dataclass(frozen=True)
class Placed:
    """A call that was made: what it said, how it ended (None: the script came to its end)."""

    call: AriCall
    journal: MemoryJournal
    said: Any
    outcome: Outcome | None
    why: str = ""


async def place(
    phone: Phone, attempt: Attempt, script: Callable[[AriCall], Awaitable[Any]] | None = None
) -> Placed:
    """Dial, run the script, and tell what happened, as make_call does."""
    journal, said, outcome, why = MemoryJournal(), None, None, ""
    async with phone.line(attempt, journal) as call:
        try:
            await call.dial()
            said = await script(call) if script else None
        except CallEnded as ended:
            outcome, why = ended.outcome, str(ended)
    return Placed(call, journal, said, outcome, why)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def left() -> "asyncio.Queue[str]":
    """The calls that agents took over, as they end."""
    return asyncio.Queue()


@pytest_asyncio.fixture
async def phone(
    world: World, ari: Ari, prompts: Callable[[str], Path], left: "asyncio.Queue[str]"
) -> AsyncIterator[Phone]:
    phone = Phone(world.config, {"ast1": ari}, prompts, now, left.put)
    yield phone
    await phone.close()


def attempt(number: str, **more: Any) -> Attempt:
    """An attempt to call `number`, written 0901234567."""
    values: dict[str, Any] = {
        "id": f"call-{number}-{free_port()}",
        "number": "+84" + number[1:],
        "node": "ast1",
        "trunk": "viettel",
        "caller_id": "090",
        "talk_limit": timedelta(seconds=60),
    }
    return Attempt(**(values | more))
