"""How does a program notice that another one wrote something for it? Without missing it."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from store.tx import Kind


class Wakes:
    """Counts the commits that concern each kind; belongs to one event loop."""

    def __init__(self) -> None:
        self._count: Counter[Kind] = Counter()
        self._sleeping: dict[asyncio.Future[None], frozenset[Kind]] = {}

    def wake(self, kinds: Iterable[Kind]) -> None:
        woken = frozenset(kinds)
        if not woken:
            return
        self._count.update(woken)
        for sleeper, wanted in list(self._sleeping.items()):
            if wanted & woken and not sleeper.done():
                sleeper.set_result(None)

    def count(self, kinds: Iterable[Kind]) -> int:
        return sum(self._count[kind] for kind in kinds)

    async def sleep(self, kinds: frozenset[Kind], seconds: float) -> None:
        """Until one of these kinds is woken, or `seconds` have passed."""
        sleeper = asyncio.get_running_loop().create_future()
        self._sleeping[sleeper] = kinds
        try:
            await asyncio.wait([sleeper], timeout=seconds)
        finally:
            del self._sleeping[sleeper]


class Watch:
    """Remembers how far its owner has looked: what comes while it works ends its next wait at once."""

    def __init__(self, wakes: Wakes, kinds: Iterable[Kind]) -> None:
        self._wakes = wakes
        self._kinds = frozenset(kinds)
        self._seen = wakes.count(self._kinds)

    async def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`. True: something was written since the last `wait` returned."""
        if self._wakes.count(self._kinds) == self._seen:
            await self._wakes.sleep(self._kinds, seconds)
        count = self._wakes.count(self._kinds)
        woken = count != self._seen
        self._seen = count
        return woken
