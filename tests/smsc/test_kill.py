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
from sqlalchemy import func, select

from runtime import sms
from runtime.clock import clock_of
from simulator.smsc import Faults, Smsc
from smpp.segments import how_many_parts
from store import logs, messages, received
from store.database import Tx, open_store
from store.schema import message_parts
from store.schema import messages as messages_table
from store.schema import received as received_table
from tests.smsc import gateway_child
from tests.smsc.world import TEN, World, app_in, gateway, new, numbers, wire

#: Forks processes that have imported everything already: a start costs nothing.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.smsc.gateway_child"])
_PATIENCE_S = 60
WINDOW = 10
MESSAGES = 60
LONGEST = 3  #: parts of the longest message


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
    assert max(how_many_parts(text.strip()) for text in texts.values()) == LONGEST

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


@dataclass
class Left:
    """What a killed gateway left as `sending`: their fate is unknown from then on."""

    numbers: set[str] = field(default_factory=set)
    most_parts: int = 0


async def _look(folder: Path, left: Left) -> None:
    def read(tx: Tx) -> list[tuple[str, int]]:
        sending = (
            select(messages_table.c.number, func.count().label("parts"))
            .join(message_parts, message_parts.c.message == messages_table.c.id)
            .where(messages_table.c.state == "sending", message_parts.c.state == "sending")
            .group_by(messages_table.c.number)
        )
        return [(row.number, row.parts) for row in tx.execute(sending)]

    async with open_store("sqlite:///mai.db", folder, readonly=True) as store:
        found = await store.read(read)
    left.numbers |= {number for number, _ in found}
    left.most_parts = max(left.most_parts, sum(parts for _, parts in found))


@pytest.mark.parametrize("seed", range(30))
async def test_nothing_is_felt_twice_and_nothing_is_lost_unmarked(tmp_path: Path, seed: int) -> None:
    """Issue 4: 0 messages of kind `once` twice, 0 lost unmarked, 0 receipts or MO lost; unknowns as bounded there."""
    run, who, left = Run(seed), numbers(MESSAGES), Left()
    texts = await _fill(tmp_path, who)
    mo = [
        (wire(n), f"hỏi {n} " * (1 if place % 3 else 12)) for place, n in enumerate(numbers(10, 935_000_000))
    ]
    async with Smsc(record=tmp_path / "smsc.jsonl", faults=run.faults) as smsc:
        asking = [asyncio.create_task(smsc.send_mo(number, "8989", text)) for number, text in mo]
        for at in run.kill_at:
            await _killed(tmp_path, smsc, at)
            await _look(tmp_path, left)
        async with open_store("sqlite:///mai.db", tmp_path) as store:
            app = app_in(store, gateway_child.configured(smsc.port, WINDOW), tmp_path)
            app.clock = await clock_of(store, TEN)
            async with gateway(app):
                states = ("delivered", "unknown")
                await World(app, smsc).until(
                    lambda rows: _acknowledged(smsc) and all(row["state"] in states for row in rows.values())
                )
                assert await asyncio.wait_for(asyncio.gather(*asking), _PATIENCE_S) == [0] * len(mo)
                shown = await sms.smsc(app)
        async with open_store("sqlite:///mai.db", tmp_path) as store:
            kept = await store.read(_kept)
        _judge(run, smsc, texts, kept)
        _judge_unknown(run, smsc, kept, left, {each["number"] for each in shown["unknown"]})
        assert kept.asked == sorted((f"+{number}", text) for number, text in mo)  # each once, none lost


def _submits(lines: list[dict[str, Any]]) -> int:
    return sum(line["event"] == "submit" for line in lines)


@dataclass
class Kept:
    """What the store holds in the end."""

    rows: dict[str, dict[str, Any]]  #: the log of SMS by number
    asked: list[tuple[str, str]]  #: SMS from subscribers
    receipts: set[str]  #: ids that receipts named


def _kept(tx: Tx) -> Kept:
    receipts = select(received_table.c.smsc_id).where(received_table.c.kind == "receipt")
    return Kept(
        {row["number"]: row for row in logs.sms(tx)},
        sorted((each.number, each.text) for each in received.new(tx, limit=100)),
        set(tx.execute(receipts).scalars()),
    )


def _judge(run: Run, smsc: Smsc, texts: dict[str, str], kept: Kept) -> None:
    """The SMSC's record beside the outbox: not a part twice, none lost unmarked, no receipt lost."""
    accepted = [s for s in smsc.record.lines if s["event"] == "submit" and s["accepted"]]
    parts = Counter((s["number"], s["octets"]) for s in accepted)
    assert not [part for part, count in parts.items() if count > 1]
    arrived = {f"+{message.number}": message.text for message in smsc.records()}
    assert all(texts[number] == text for number, text in arrived.items())
    assert kept.rows.keys() == texts.keys()
    for (
        number,
        row,
    ) in kept.rows.items():  # each that arrived is proved by its receipts, every other one is marked
        assert row["state"] == ("delivered" if number in arrived else "unknown"), row
        assert row["state"] == "delivered" or row["reason"]
    assert kept.receipts == {line["message_id"] for line in accepted}


def _judge_unknown(run: Run, smsc: Smsc, kept: Kept, left: Left, shown: set[str]) -> None:
    """Unknown is only what a kill left as `sending`, or what really got no answer; each stands in `mai smsc`."""
    unknown = {number for number, row in kept.rows.items() if row["state"] == "unknown"}
    assert shown == unknown
    assert left.most_parts <= 2 * WINDOW + LONGEST - 1  # the window, and one window marked ahead
    submits = [line for line in smsc.record.lines if line["event"] == "submit"]
    unanswered = {f"+{line['number']}" for line in submits if line["response"] != "sent"}
    dropped = any(line["response"] == "dropped" for line in submits)
    unread = (
        unknown - left.numbers - unanswered
    )  # written to a connection that ended before the SMSC read them
    assert len(unread) <= (WINDOW if dropped else 0), unread
