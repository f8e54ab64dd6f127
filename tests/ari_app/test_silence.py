"""Is an Asterisk that says nothing any more known as silent: soon, never wrongly, and only as long as it is?"""

import asyncio
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.ari import Ari
from ari_app.silence import Silence
from tests.ari_app.fake_ari import PATIENCE_S, FakeAri, fake_ari

PING = "/ari/asterisk/ping"
LIMIT_S = 1.0


class _NoWait(selectors.DefaultSelector):
    """What would be waited for is added to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class SteppedLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer."""

    def __init__(self) -> None:
        self._stepped = _NoWait()
        super().__init__(self._stepped)

    def time(self) -> float:
        return self._stepped.now


def at_once(script: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await script()

    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        runner.run(main())


class Watched:
    """A Silence, and how often its Asterisk was pinged; `answers`: whether it answers those."""

    def __init__(self, answers: bool = False) -> None:
        self.answers, self.pings, self.turns = answers, 0, 0
        self.silence = Silence(LIMIT_S, self._ping, self._turned)
        self.silence.watch(True)

    async def _ping(self, seconds: float) -> None:
        self.pings += 1
        if self.answers:
            self.silence.heard()
        else:
            await asyncio.sleep(seconds)

    def _turned(self) -> None:
        self.turns += 1


def test_nothing_is_watched_while_nothing_is_asked() -> None:
    """What was answered leaves no ping behind, however long nothing is asked after it."""

    async def script() -> None:
        one = Watched()
        await asyncio.sleep(1000)
        one.silence.asked()
        one.silence.heard()
        await asyncio.sleep(1000)
        assert (one.pings, one.turns) == (0, 0)

    at_once(script)


def test_a_request_that_takes_long_makes_nobody_silent_who_answers_a_ping() -> None:
    """During a prompt Asterisk keeps some requests waiting to its end."""

    async def script() -> None:
        one = Watched(answers=True)
        one.silence.asked()
        await asyncio.sleep(100 * LIMIT_S)
        assert (one.pings, one.turns) == (1, 0)

    at_once(script)


def test_a_silent_asterisk_is_pinged_until_it_speaks() -> None:
    async def script() -> None:
        one = Watched()
        one.silence.asked()
        await asyncio.sleep(10 * LIMIT_S)
        assert one.silence.silent
        one.answers, pings = True, one.pings
        await asyncio.sleep(10 * LIMIT_S)
        assert (one.silence.silent, one.pings, one.turns) == (False, pings + 1, 2)

    at_once(script)


def test_without_its_websocket_it_is_away_and_not_pinged() -> None:
    """Whoever connects sees when it is back."""

    async def script() -> None:
        one = Watched()
        one.silence.asked()
        await asyncio.sleep(5 * LIMIT_S)
        one.silence.watch(False)
        pings = one.pings
        one.silence.asked()
        await asyncio.sleep(5 * LIMIT_S)
        assert (one.silence.silent, one.pings) == (False, pings)

    at_once(script)


@given(st.lists(st.tuples(st.floats(0, 3 * LIMIT_S), st.sampled_from(["asked", "heard"])), max_size=30))
def test_it_is_silent_when_nothing_was_heard_for_the_limit_and_never_sooner(
    history: list[tuple[float, str]],
) -> None:
    """For every history of requests and signs of life; what is asked during a ping is known one limit later at most."""

    async def script() -> None:
        one, loop = Watched(), asyncio.get_running_loop()
        asked_at: float | None = None
        for pause, what in [*history, (0.0, "")]:
            await asyncio.sleep(pause)
            waited = 0.0 if asked_at is None else loop.time() - asked_at
            if one.silence.silent:
                assert waited >= LIMIT_S * 0.999
            else:
                assert waited <= 2.001 * LIMIT_S
            if what == "asked":
                one.silence.asked()
                asked_at = loop.time() if asked_at is None else asked_at
            elif what == "heard":
                one.silence.heard()
                asked_at = None

    at_once(script)


@asynccontextmanager
async def frozen() -> AsyncIterator[tuple[FakeAri, Ari, "asyncio.Task[object]"]]:
    """An Asterisk that is connected, has been asked something and has fallen silent."""
    async with fake_ari() as fake, Ari(fake.url, "u", "p", deadline_s=PATIENCE_S, silent_s=0.1) as ari:
        await ari.ready(PATIENCE_S)
        fake.answering.clear()
        asking = asyncio.create_task(ari.request("POST", "channels", "create"))
        async with asyncio.timeout(PATIENCE_S):
            await ari.until("silent")
            yield fake, ari, asking
        asking.cancel()
        await asyncio.wait({asking})


async def test_an_asterisk_that_answers_nothing_is_silent_until_it_does() -> None:
    """Its websocket stays; a person is told in words."""
    async with frozen() as (fake, ari, asking):
        assert ("GET", PING) in fake.asked
        assert "it takes what it is asked and says nothing" in ari.problem
        assert fake.connections == 1
        fake.answering.set()
        await ari.until("connected")
        await asking
        assert ari.problem == ""


async def test_an_event_is_a_sign_of_life() -> None:
    async with frozen() as (fake, ari, _):
        await fake.send(
            {"type": "PlaybackFinished", "playback": {"id": "p", "target_uri": "channel:nobody's"}}
        )
        await ari.until("connected")


async def test_a_silent_asterisk_whose_websocket_ends_is_away() -> None:
    async with frozen() as (fake, ari, _):
        await fake.drop()
        await ari.until("away")
        fake.answering.set()
        await ari.until("connected")


async def test_a_ping_waits_behind_no_request() -> None:
    """All connections wait for what takes long: Asterisk is slow, and answers the ping."""
    async with fake_ari() as fake, Ari(fake.url, "u", "p", deadline_s=PATIENCE_S, silent_s=0.1) as ari:
        await ari.ready(PATIENCE_S)
        fake.always.add(PING)
        fake.answering.clear()
        long = [asyncio.create_task(ari.request("GET", "channels", str(n))) for n in range(50)]
        await fake.was_asked("GET", PING)
        fake.answering.set()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*long)


@pytest.mark.parametrize("within_s", [0.0, PATIENCE_S])
async def test_who_waits_for_it_to_speak_is_told_whether_it_does(within_s: float) -> None:
    async with frozen() as (fake, ari, _):
        waiting = asyncio.create_task(ari.speaks(within_s))
        await asyncio.wait({waiting}, timeout=None if within_s == 0 else 0)
        fake.answering.set()
        assert await waiting is (within_s > 0)
