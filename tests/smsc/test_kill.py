"""The gateway is killed, disconnected, not answered and throttled, all at once: is anything felt twice, or lost?

Judged by the SMSC's own record beside the outbox.
"""

import asyncio
import multiprocessing
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from runtime.clock import clock_of
from simulator.smsc import Faults, Smsc
from store import logs, messages, received
from store.database import Tx, open_store
from tests.smsc import gateway_child
from tests.smsc.world import TEN, World, app_in, gateway, new, numbers, wire

#: Forks processes that have imported everything already: a start costs nothing.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.smsc.gateway_child"])
_PATIENCE_S = 60
WINDOW = 10
MESSAGES = 60


@dataclass
class Run:
    """One way in which everything goes wrong."""

    seed: int
    kills: int = field(init=False)
    faults: Faults = field(init=False)
    kill_at: list[int] = field(init=False)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self.kills = chance.randint(1, 2)
        self.kill_at = sorted(chance.sample(range(1, MESSAGES - 5), self.kills))
        self.faults = Faults(
            response_delay_s=chance.choice([0, 0.005, 0.05]),
            lose_responses=chance.randint(0, 4),
            drop_after=chance.randint(0, MESSAGES),
            drop_accepted=chance.random() < 0.5,
            statuses=chance.sample([0, 0, 0, 0x58, 0x14, 0], 6) * 3,
            receipts=chance.choice(["normal", "double"]),
            receipt_delay_s=chance.choice([0, 0.01, 0.1]),
            receipt_first=chance.random() < 0.3,
        )


async def _killed(folder: Path, smsc: Smsc, at: int) -> None:
    """A gateway in a process of its own that is killed when the SMSC has seen so many submits."""
    process = _FORKS.Process(target=gateway_child.main, args=(folder, smsc.port, WINDOW))
    process.start()
    try:
        await smsc.wait_until(lambda lines: _submits(lines) >= at, _PATIENCE_S)
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


async def _fill(folder: Path, who: list[str]) -> dict[str, str]:
    """Messages of kind `once`, every fourth in parts; returns text by number."""
    texts = {n: f"đoạn {n} " * (8 if place % 4 == 0 else 1) for place, n in enumerate(who)}

    def add(tx: Tx) -> None:
        for number, text in texts.items():
            messages.add(tx, new(f"missed:{number}", text.strip(), number=number), now=TEN)

    async with open_store("sqlite:///mai.db", folder) as store:
        await store.write(add)
    return {number: text.strip() for number, text in texts.items()}


def _acknowledged(smsc: Smsc) -> bool:
    """Whether the SMSC has an acknowledgement of a receipt of every part it accepted."""
    lines = smsc.record.lines
    ids = {line["message_id"] for line in lines if line["event"] == "acknowledged" and "message_id" in line}
    return ids >= {line["message_id"] for line in lines if line["event"] == "submit" and line["accepted"]}


@pytest.mark.parametrize("seed", range(30))
async def test_nothing_is_felt_twice_and_nothing_is_lost_unmarked(tmp_path: Path, seed: int) -> None:
    """Issue 4: 0 messages of kind `once` twice, 0 lost unmarked, 0 receipts or MO lost."""
    run, who = Run(seed), numbers(MESSAGES)
    texts = await _fill(tmp_path, who)
    mo = [(wire(n), f"hỏi {n}") for n in numbers(10, 935_000_000)]
    async with Smsc(record=tmp_path / "smsc.jsonl", faults=run.faults) as smsc:
        asking = [asyncio.create_task(smsc.send_mo(number, "8989", text)) for number, text in mo]
        for at in run.kill_at:
            await _killed(tmp_path, smsc, at)
        async with open_store("sqlite:///mai.db", tmp_path) as store:
            app = app_in(store, gateway_child.configured(smsc.port, WINDOW), tmp_path)
            app.clock = await clock_of(store, TEN)
            async with gateway(app):
                states = ("delivered", "unknown")
                await World(app, smsc).until(
                    lambda rows: _acknowledged(smsc) and all(row["state"] in states for row in rows.values())
                )
                assert await asyncio.wait_for(asyncio.gather(*asking), _PATIENCE_S) == [0] * len(mo)
        await _judge(tmp_path, run, smsc, texts, mo)


def _submits(lines: list[dict[str, Any]]) -> int:
    return sum(line["event"] == "submit" for line in lines)


async def _judge(
    folder: Path, run: Run, smsc: Smsc, texts: dict[str, str], mo: list[tuple[str, str]]
) -> None:
    """The invariants, over the SMSC's record and the outbox."""
    async with open_store("sqlite:///mai.db", folder) as store:
        rows = {row["number"]: row for row in await store.read(lambda tx: list(logs.sms(tx)))}
        stored = await store.read(lambda tx: received.new(tx, limit=100))
    parts = Counter(
        (s["number"], s["octets"]) for s in smsc.record.lines if s["event"] == "submit" and s["accepted"]
    )
    assert not [part for part, count in parts.items() if count > 1]  # not a part of one twice
    arrived = {f"+{message.number}": message.text for message in smsc.records()}
    assert all(texts[number] == text for number, text in arrived.items())
    assert rows.keys() == texts.keys()
    states = Counter(row["state"] for row in rows.values())
    assert set(states) <= {"delivered", "unknown"}, states
    unproved = {number: rows[number] for number in arrived if rows[number]["state"] != "delivered"}
    assert not unproved  # each is proved by its receipts
    lost = [number for number in texts if number not in arrived]
    assert all(rows[number]["state"] == "unknown" and rows[number]["reason"] for number in lost)
    assert len(lost) <= run.kills * 2 * WINDOW + WINDOW  # marked ahead and the window; a dropped connection
    assert sorted((each.number, each.text) for each in stored) == sorted((f"+{n}", t) for n, t in mo)
