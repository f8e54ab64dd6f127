"""Which load does the kill test put on the system? Top-ups over HTTP, again and again until they are taken."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import aiohttp

from demo.world import World

#: Last three digits of the numbers, in turn: simulator/behaviours.py says what each does. Mostly keys with a
#: consequence, and package answers that take their time; 3 before the last 1 presses early.
_TAILS = (
    *("031", "831", "111", "931", "002", "131", "731", "802", "011", "041", "631"),
    *("061", "000", "031", "003", "905", "111", "051", "009", "041", "007", "001"),
)
#: How long a client waits that found nobody at home, in seconds.
_AGAIN_S = 0.1
#: So many may wait for their calls: more would only make the end of the test long.
_MOST_WAITING = 60
#: Top-ups of one number lie this many top-ups apart.
_REPEAT_AFTER = 40


def numbers() -> Iterator[str]:
    """Different national numbers, without end."""
    for i in count():
        yield f"090{i // len(_TAILS):04d}{_TAILS[i % len(_TAILS)]}"


def sample(many: int) -> list[str]:
    source = numbers()
    return [next(source) for _ in range(many)]


@dataclass
class Load:
    """Top-ups at an even rate; every third number is topped up a second time, under another id."""

    world: World
    per_second: float
    numbers: list[str]
    taken: dict[str, float] = field(default_factory=dict)
    """Event id -> wall time at which the system said 202 (stored) or 200 (it had it already)."""
    sent: dict[str, str] = field(default_factory=dict)
    """Event id -> number; sent at least once, perhaps never taken."""
    wrong: list[str] = field(default_factory=list)
    """Answers that no top-up may get."""
    full: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to end the load after the top-up that is under way."""

    def _events(self) -> Iterator[tuple[str, str]]:
        for place, number in enumerate(self.numbers):
            yield f"t-{number}", number
            if place % 3 == 0 and place >= _REPEAT_AFTER:
                again = self.numbers[place - _REPEAT_AFTER]
                yield f"again-{again}", again

    async def run(self) -> None:
        """Until `full` is set; each event goes again, the same, until it is taken."""
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {self.world.token}"}
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            for place, (id_, number) in enumerate(self._events()):
                await self._pause(began + place / self.per_second - time.monotonic())
                while self._waiting() > _MOST_WAITING and not self.full.is_set():
                    await self._pause(_AGAIN_S)
                if self.full.is_set():
                    return
                self.sent[id_] = number
                await self._until_taken(session, id_, number)
        self.wrong.append("the numbers of the test ran out")

    def _waiting(self) -> int:
        """Numbers that were topped up and not called yet, by the network's record."""
        return sum(id_.startswith("t-") for id_ in self.sent) - len(self.world.network.records())

    async def _pause(self, seconds: float) -> None:
        """The rate of the load; ends early when the load does."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.full.wait(), max(seconds, 0))

    async def _until_taken(self, session: aiohttp.ClientSession, id_: str, number: str) -> None:
        body = {"id": id_, "number": number, "amount": 50_000}
        while True:
            try:
                async with session.post(f"{self.world.web}/v1/topups", json=body) as answer:
                    if answer.status in (200, 202):
                        self.taken[id_] = time.time()
                        return
                    if answer.status != 503:
                        self.wrong.append(f"top-up {id_}: {answer.status} {await answer.text()}")
                        return
            except (aiohttp.ClientError, TimeoutError):
                if self.full.is_set():
                    return
            await self._pause(_AGAIN_S)


def quick_installation(world: World, folder: Path, script: Path) -> None:
    """Rewrite the world's config.yaml: one short programme, and limits low enough that every state lasts."""
    campaigns = folder / "campaigns"
    campaigns.mkdir()
    (campaigns / "short.yaml").write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    config = json.loads(world.config.read_text(encoding="utf-8"))
    config["campaigns"] = "campaigns"
    config["prompts"] |= {"cache": "prompts", "rate": 250}
    config["smsc"][0] |= {"window": 6}
    config["registration"] |= {"tries": 50, "backoff_s": 0.5, "concurrency": 4}
    world.config.write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
