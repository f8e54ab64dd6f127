"""Does a lost bind come back, soon but never in a hurry?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp import binds, pdu
from smpp.binds import keep_bound, next_wait
from smpp.errors import BindRefused, LinkError, LinkLost, NotConnected
from smpp.session import Session, connect
from tests.smpp.peer import PATIENCE_S, Peer, smsc, store_nothing


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_wait_is_between_one_second_and_a_minute(failures: int, chance: float) -> None:
    """Issue 4, 1: reconnect with back-off and jitter."""
    assert 1 <= next_wait(failures, False, chance) <= 60
    assert next_wait(failures, False, 1.0) <= next_wait(failures + 1, False, 1.0)


def test_waits_double_and_spread() -> None:
    assert [next_wait(n, False, 1.0) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [next_wait(n, False, 0.0) for n in range(1, 9)] == [1, 1, 2, 4, 8, 16, 30, 30]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_wrong_password_is_retried_slowly(failures: int, chance: float) -> None:
    assert next_wait(failures, True, chance) == binds.CREDENTIALS_WAIT_S


@dataclass
class World:
    """A clock that only sleeping and a bind's life move, and what was told."""

    lives: Iterator[float] = field(default_factory=lambda: iter(()))
    now: float = 0.0
    ups: int = 0
    downs: list[tuple[LinkError, float]] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def up(self, _: Session) -> None:
        self.ups += 1
        self.now += next(self.lives, 0.0)

    def down(self, why: LinkError, seconds: float) -> None:
        self.downs.append((why, seconds))


async def hangs_up(peer: Peer) -> None:
    await peer.accept_bind()


async def refuses_the_bind(peer: Peer) -> None:
    bind = await peer.expect(pdu.BindTransceiver)
    peer.say(pdu.BindTransceiverResp(), bind.sequence, 0x0D)


async def refuses_the_password(peer: Peer) -> None:
    bind = await peer.expect(pdu.BindTransceiver)
    peer.say(pdu.BindTransceiverResp(), bind.sequence, 0x0E)


async def hangs_up_before_the_bind(peer: Peer) -> None:
    await peer.expect(pdu.BindTransceiver)


async def test_every_failure_is_told_and_a_bind_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    bound_for_good = asyncio.Event()

    async def stays(peer: Peer) -> None:
        await peer.accept_bind()
        bound_for_good.set()
        await peer.accept_unbind()

    scripts = (hangs_up, refuses_the_bind, hangs_up_before_the_bind, refuses_the_password, stays)
    async with smsc(*scripts) as link:
        keeping = asyncio.create_task(
            keep_bound(
                lambda: connect(link, store_nothing),
                world.up,
                world.down,
                clock=lambda: world.now,
                sleep=world.sleep,
                chance=lambda: 1.0,
                name="viettel",
            )
        )
        await asyncio.wait_for(bound_for_good.wait(), PATIENCE_S)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
    assert [(type(why), wait) for why, wait in world.downs] == [
        (LinkLost, 1),
        (BindRefused, 2),
        (NotConnected, 4),
        (BindRefused, 300),
    ]
    assert [record.levelname for record in caplog.records if record.name == "smpp.binds"] == [
        "WARNING",
        "WARNING",
        "WARNING",
        "ERROR",
    ]
    assert all("viettel" in record.message for record in caplog.records if record.name == "smpp.binds")
    assert "secret" not in caplog.text


async def test_a_bind_that_held_starts_again_at_the_first_wait_and_one_that_did_not_does_not() -> None:
    """An SMSC that accepts and drops at once is not hammered."""
    world = World(lives=iter([0.0, 0.0, binds.STEADY_S, 0.0]))
    async with smsc(hangs_up, hangs_up, hangs_up, hangs_up) as link:
        four = asyncio.Event()

        def down(why: LinkError, seconds: float) -> None:
            world.down(why, seconds)
            if len(world.downs) == 4:
                four.set()

        async def sleep(seconds: float) -> None:
            await world.sleep(seconds)
            if four.is_set():
                await asyncio.Event().wait()

        keeping = asyncio.create_task(
            keep_bound(
                lambda: connect(link, store_nothing),
                world.up,
                down,
                clock=lambda: world.now,
                sleep=sleep,
                chance=lambda: 1.0,
            )
        )
        await asyncio.wait_for(four.wait(), PATIENCE_S)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
    assert [wait for _, wait in world.downs] == [1, 2, 1, 2]
    assert world.ups == 4
