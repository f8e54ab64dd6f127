"""The whole system in its simulated world, to break one thing of it: what it says, and what the world outside saw."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench.dialer import of_folder, until_up
from demo.world import World, world, write_lists
from simulator.behaviours import digits
from soak.ledger import Ledger
from tests.crash.forked import Forked
from tests.kill.load import quick_installation

#: What the tests wait for comes in a moment; on a loaded machine it may take long.
PATIENCE_S = 90.0
_LOOK_S = 0.1
_SHORT = Path(__file__).parent.parent / "kill" / "short.yaml"
_HUNDREDS = 40


def numbers(tail: str, many: int, *, block: int = 0) -> list[str]:
    """Different numbers that behave by their last three digits (simulator/behaviours.py)."""
    return [f"090{block * _HUNDREDS + place:04d}{tail}" for place in range(many)]


@dataclass
class Site:
    """A running system. Numbers are national."""

    there: World
    ledger: Ledger
    process: Forked
    topped_up: set[str] = field(default_factory=set)

    # -- what is done to it

    def start(self, alter: Callable[[], None] | None = None) -> None:
        self.process = Forked(self.there, alter)

    async def killed(self) -> None:
        self.process.kill()
        await asyncio.to_thread(self.process.wait, 30)

    def asterisk(self) -> int:
        """The process of the managed Asterisk."""
        return next(of_folder(self.there.folder / "run", "asterisk"))

    def signal_asterisk(self, sign: signal.Signals) -> None:
        os.kill(self.asterisk(), sign)

    async def top_up(self, wanted: Iterable[str], event: str = "t") -> None:
        """Each until it is taken."""
        headers = {"Authorization": f"Bearer {self.there.token}"}
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            for number in wanted:
                self.topped_up.add(number)
                body = {"id": f"{event}-{number}", "number": number, "amount": 50_000}
                async with asyncio.timeout(PATIENCE_S):
                    while not await self._took(session, body):  # noqa: ASYNC110
                        await asyncio.sleep(_LOOK_S)

    async def _took(self, session: aiohttp.ClientSession, body: dict[str, object]) -> bool:
        try:
            async with session.post(f"{self.there.web}/v1/topups", json=body) as answer:
                assert answer.status in (200, 202, 503), await answer.text()
                return answer.status != 503
        except (aiohttp.ClientError, TimeoutError):
            return False

    # -- what is seen

    async def until(self, what: str, holds: Callable[[], Any]) -> None:
        """Look until it holds (a coroutine is awaited); AssertionError says what did not come."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    assert self.process.poll() is None, (
                        f"mai run ended with {self.process.poll()}; {self._log_s()}"
                    )
                    held = holds()
                    if asyncio.iscoroutine(held):
                        held = await held
                    if held:
                        return
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE_S:g} s: {what}; {self._log_s()}") from None

    def calls(self) -> Counter[str]:
        """National number -> how many INVITEs reached its phone."""
        return Counter(
            f"0{digits(call.number)}" for call in self.there.network.records() if call.role == "subscriber"
        )

    async def until_called(self, wanted: Iterable[str]) -> None:
        left = set(wanted)
        await self.until("a call to each", lambda: not left - self.calls().keys())

    def up(self) -> set[str]:
        """Numbers whose calls are up, as their phones see it."""
        records = self.there.network.records()
        return {f"0{digits(c.number)}" for c in records if c.answered_at and not c.ended_at}

    async def until_all_ended(self) -> None:
        """Nothing is under way any more."""

        async def nothing() -> bool:
            return not await self.ledger.open()

        await self.until("the end of everything", nothing)

    async def alarm(self, name: str, *, open_: bool) -> str:
        """Wait for an alarm of this name, or for its end; its text."""
        found: list[str] = []

        async def there_is() -> bool:
            found[:] = [
                row.text for row in await self.ledger.alarms() if row.name == name and row.open == open_
            ]
            return bool(found)

        await self.until(f"the alarm {name}, {'open' if open_ else 'over'}", there_is)
        return found[0]

    def log(self) -> str:
        return (self.there.folder / "mai.log").read_text(encoding="utf-8")

    def _log_s(self) -> str:
        return f"the log ends with\n{self.log()[-3000:]}"

    async def health(self) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.there.web}/health") as answer:
            told: dict[str, Any] = await answer.json()
            return told

    async def fates(self) -> dict[str, str | None]:
        """By number: what became of its top-up `t`."""
        return {id_.removeprefix("t-"): fate for id_, fate in (await self.ledger.fates()).items()}


@asynccontextmanager
async def site(
    folder: Path,
    known: Iterable[str],
    *,
    store: str = "",
    alter: Callable[[], None] | None = None,
    asterisk_of_others: Callable[[World], AbstractAsyncContextManager[object]] | None = None,
) -> AsyncIterator[Site]:
    """A system that runs and would dial. `known`: the subscribers; `store`: its URL, a SQLite file if there is none;
    `asterisk_of_others`: runs beside it, and is not managed."""
    async with world(folder, ring_s=7, calls_per_second=50, channels=200) as there:
        quick_installation(there, there.folder, _SHORT)
        config = json.loads(there.config.read_text(encoding="utf-8"))
        if store:
            config["store"]["url"] = store
        config["asterisk"]["nodes"][0]["managed"] = asterisk_of_others is None
        there.config.write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
        write_lists(folder, sorted(known), [], [])
        for kind in ("subscribers", "dnc"):
            done = await asyncio.to_thread(there.mai, "import", kind, str(folder / f"{kind}.csv"))
            assert done.returncode == 0, done.stdout + done.stderr
        async with asterisk_of_others(there) if asterisk_of_others else nullcontext():
            made = Site(there, Ledger(store or f"sqlite:///{folder}/mai.db"), Forked(there, alter))
            try:
                await until_up(there)
                yield made
            finally:
                await asyncio.to_thread(there.mai, "stop")
                try:
                    await asyncio.to_thread(made.process.wait, 60)
                finally:
                    made.process.kill()
