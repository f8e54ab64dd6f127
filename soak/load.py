"""Which load? Top-ups over HTTP at an even rate, each again and again until it is taken; every fifth number twice."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

import aiohttp

#: The second top-up of a number comes so many numbers after the first.
_REPEAT_AFTER = 100
_AGAIN_S = 0.25
#: Clients that wait for an answer, or try again, at one time.
_MOST_ASKING = 500


@dataclass
class Load:
    """`run` until every number has been topped up."""

    token: str
    webs: list[str]  #: of the controllers, asked in turn
    numbers: list[str]
    per_second: float
    taken: dict[str, float] = field(default_factory=dict)
    """Event id -> when the system said 202 (stored) or 200 (it had it already)."""
    wrong: list[str] = field(default_factory=list)
    """Answers that no top-up may get."""

    def _events(self) -> Iterator[tuple[str, str]]:
        for place, number in enumerate(self.numbers):
            yield f"s-{number}", number
            if place % 5 == 0 and place >= _REPEAT_AFTER:
                again = self.numbers[place - _REPEAT_AFTER]
                yield f"again-{again}", again

    async def run(self) -> None:
        began, room = time.monotonic(), asyncio.Semaphore(_MOST_ASKING)
        session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=aiohttp.ClientTimeout(total=5),
            connector=aiohttp.TCPConnector(limit=50),
        )
        place = 0
        async with session, asyncio.TaskGroup() as asking:
            for id_, number in self._events():
                if id_.startswith("s-"):
                    await asyncio.sleep(max(0.0, began + place / self.per_second - time.monotonic()))
                    place += 1
                await room.acquire()
                task = asking.create_task(self._until_taken(session, id_, number))
                task.add_done_callback(lambda _: room.release())

    async def _until_taken(self, session: aiohttp.ClientSession, id_: str, number: str) -> None:
        body = {"id": id_, "number": number, "amount": 50_000}
        for web in cycle(self.webs):
            try:
                async with session.post(f"{web}/v1/topups", json=body) as answer:
                    if answer.status in (200, 202):
                        self.taken[id_] = time.monotonic()
                        return
                    if answer.status != 503:
                        self.wrong.append(f"top-up {id_}: {answer.status} {await answer.text()}")
                        return
            except (
                aiohttp.ClientError,
                TimeoutError,
            ):  # nobody is at home: it may have been stored all the same
                pass
            await asyncio.sleep(_AGAIN_S)
