"""In which order do the parts start and stop, and what happens when one of them fails?

Started in the order given and stopped in reverse: what takes work in stops first, so that what carries it out
can finish. A part that fails is logged, alarmed and started again after a while; the others go on.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from runtime.app import App
from runtime.logs import log

#: A part runs until its event is set, finishes what it has begun, and returns.
Run = Callable[[App, asyncio.Event], Awaitable[None]]

#: Started in this order, stopped in reverse: what takes work in stops first.
ORDER = ("asterisk", "sms", "registrar", "agi", "dialer", "planner", "web")
_AGAIN_FIRST_S = 1.0
_AGAIN_MOST_S = 30.0


@dataclass
class Part:
    """One program of the system, e.g. the dialer. `stop_s`: how long it may take to finish its work."""

    name: str
    run: Run
    stop_s: float = 10.0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


async def _supervised(app: App, part: Part) -> None:
    """Run a part, again after a fault, until it is told to stop."""
    again_s = _AGAIN_FIRST_S
    while not part.stopping.is_set():
        try:
            await part.run(app, part.stopping)
            await app.clear_alarm(f"part:{part.name}")
            return
        except Exception as error:  # one part must not end the others
            log(part.name).exception("part failed, starting it again", again_s=again_s)
            await app.alarm(f"part:{part.name}", f"{part.name} failed: {type(error).__name__}: {error}")
        try:
            await asyncio.wait_for(part.stopping.wait(), again_s)
        except TimeoutError:
            again_s = min(again_s * 2, _AGAIN_MOST_S)


async def run_parts(app: App, parts: Sequence[Part], stop: asyncio.Event) -> None:
    """Start the parts in order, run until `stop` is set, stop them in reverse, each within its `stop_s`."""
    tasks: dict[str, asyncio.Task[None]] = {}
    try:
        for part in parts:
            tasks[part.name] = asyncio.create_task(_supervised(app, part), name=part.name)
            await asyncio.sleep(0)  # lets it begin before the next one
        await stop.wait()
    finally:
        for part in reversed(parts):
            if part.name not in tasks:
                continue
            part.stopping.set()
            task = tasks[part.name]
            _, late = await asyncio.wait({task}, timeout=part.stop_s)
            if late:
                log(part.name).warning("did not finish in time, cancelled", after_s=part.stop_s)
                task.cancel()
                await asyncio.wait({task}, timeout=5)


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGINT and SIGTERM set `stop`: everything finishes what it has begun."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
