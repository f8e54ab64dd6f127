"""Who kills and restarts the system? Only the controller dies; its Asterisk outlives it and is adopted."""

import asyncio
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp

from demo.world import World
from tests.kill.evidence import Snapshot, Watched

#: Between two looks at what only a look can tell, in seconds.
_LOOK_S = 0.02
_UP_S = 120.0
_SEEN_S = 60.0


@dataclass(frozen=True)
class Kill:
    """One kill: what was waited for, when it came (wall time), and what the store held then."""

    wanted: str
    at: float
    came_up_s: float | None
    """From the start of the process to its health page; None: it was killed before."""
    ran_s: float
    store: Snapshot

    @property
    def hit(self) -> Counter[str]:
        return self.store.hit


class Process(Protocol):
    """What is asked of a running system: subprocess.Popen, or one that was forked (tests/crash/forked.py)."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


@dataclass
class System:
    """`mai run` as a process that is killed again and again."""

    world: World
    store: Watched
    folder: Path
    kills: list[Kill] = field(default_factory=list)
    _process: Process | None = None
    _started: float = 0.0
    _came_up_s: float | None = None
    _calls_before: int = 0

    def start(self, begin: Callable[[], Process] | None = None) -> None:
        """`mai run`, or what `begin` starts in its place."""
        self._calls_before = len(self.world.network.records())
        self._process = begin() if begin else self.world.start()
        self._started, self._came_up_s = time.monotonic(), None

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = _SEEN_S) -> None:
        """Look until the condition holds. TimeoutError says what did not come; a system that ended by itself too."""
        assert self._process
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    if (status := self._process.poll()) is not None:
                        raise AssertionError(f"mai run ended by itself with {status}")
                    await asyncio.sleep(_LOOK_S)  # a store and a log of another process can only be looked at
        except TimeoutError:
            raise TimeoutError(f"not within {seconds:g} s: {what}; see {self.folder / 'mai.log'}") from None

    async def up(self) -> None:
        """Until it answers on its health page."""
        async with aiohttp.ClientSession() as session:
            answered = asyncio.create_task(_answers(session, f"{self.world.web}/health"))
            try:
                await self.until(answered.done, "the health page", _UP_S)
            finally:
                answered.cancel()
        self._came_up_s = time.monotonic() - self._started

    async def dialling(self, calls: int) -> None:
        """Until so many INVITEs have reached the network since the start."""
        enough = self._calls_before + calls
        await self.until(lambda: len(self.world.network.records()) >= enough, f"{calls} INVITEs")

    async def says(self, word: str) -> None:
        """Until its log has this word once more than when it was started."""
        log = self.world.folder / "mai.log"
        before = log.read_bytes().count(word.encode())
        await self.until(
            lambda: log.read_bytes().count(word.encode()) > before, f"{word!r} in the log", _UP_S
        )

    async def kill(self, wanted: str) -> Kill:
        """SIGKILL, now; then what the store holds."""
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        return await self._dead(wanted)

    async def dies(self, wanted: str, seconds: float = _SEEN_S) -> Kill:
        """It kills itself. AssertionError: it ended another way, or it lives on."""
        assert self._process
        try:
            status = await asyncio.to_thread(self._process.wait, seconds)
        except (subprocess.TimeoutExpired, TimeoutError):
            raise AssertionError(
                f"not within {seconds:g} s: {wanted}; see {self.world.folder / 'mai.log'}"
            ) from None
        assert status == -signal.SIGKILL, f"{wanted}: mai run ended with {status}"
        return await self._dead(wanted)

    async def _dead(self, wanted: str) -> Kill:
        assert self._process
        at = time.time()
        await asyncio.to_thread(self._process.wait)
        ran = time.monotonic() - self._started
        snapshot = await asyncio.to_thread(
            self.store.snapshot, self.folder / "snapshots" / f"{len(self.kills):02}"
        )
        made = Kill(wanted, at, self._came_up_s, ran, snapshot)
        self.kills.append(made)
        self._process = None
        return made

    async def stop(self) -> None:
        """End it well, and its Asterisk; harmless when it does not run."""
        done = await asyncio.to_thread(self.world.mai, "stop")
        if self._process is not None:
            try:
                await asyncio.to_thread(self._process.wait, 30)
            except (subprocess.TimeoutExpired, TimeoutError):
                self._process.kill()
                self._process.wait()
                raise
            self._process = None
        assert done.returncode == 0, done.stderr


async def _answers(session: aiohttp.ClientSession, url: str) -> None:
    while True:
        try:
            async with session.get(url, timeout=aiohttp.ClientTimeout(total=5)) as answer:
                await answer.read()
                return
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(_LOOK_S)


@dataclass(frozen=True)
class Moment:
    """When the next kill comes: so many INVITEs after the start, then as soon as a state is seen.

    `word`: while the system starts, as soon as its log says this.
    """

    wanted: str
    calls: int = 0
    state: str = ""
    word: str = ""

    async def come(self, system: System) -> None:
        if self.word:
            await system.says(self.word)
            return
        await system.up()
        await system.dialling(self.calls)
        if self.state:
            await system.until(lambda: system.store.count(self.state) > 0, f"a {self.state}")


def moments(states: Sequence[str], words: Sequence[str], seed: int) -> list[Moment]:
    """Each of these states and words of the start, and two moments by chance alone; in a seeded order."""
    chance = random.Random(seed)
    chosen = [Moment(state, chance.randint(2, 14), state=state) for state in states]
    chosen += [Moment(f"starting: {word}", word=word) for word in words]
    chosen += [Moment("any moment", chance.randint(1, 24)) for _ in range(2)]
    chance.shuffle(chosen)
    # The first has an empty store and a new Asterisk: let it come to work.
    return [Moment("any moment", 12), *chosen]
