"""In which order do the parts start and stop, and what happens when one of them fails?

Started in the order given and stopped in reverse: what takes work in stops first, so that what carries it out
can finish. A part that fails is logged, alarmed and started again after a while; the others go on.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from runtime.app import App
from runtime.logs import log

#: A part runs until its event is set, finishes what it has begun, and returns.
Run = Callable[[App, asyncio.Event], Awaitable[None]]

#: Started in this order, stopped in reverse: what takes work in stops first.
ORDER = ("asterisk", "campaigns", "sms", "registrar", "agi", "dialer", "planner", "house", "intake", "web")
_AGAIN_MOST_S = 30.0


@dataclass
class Part:
    """One program of the system, e.g. the dialer. `stop_s`: how long it may take to finish its work.

    After a fault it starts again in `again_s` seconds, then twice that, and so on; one that has run for `steady_s`
    is well again.
    """

    name: str
    run: Run
    stop_s: float = 10.0
    again_s: float = 1.0
    steady_s: float = 10.0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


async def _supervised(app: App, part: Part) -> None:
    """Run a part, again after a fault, until it is told to stop."""
    again_s = part.again_s
    while not part.stopping.is_set():
        running = asyncio.create_task(_until_fault(part, app), name=f"{part.name} running")
        try:
            _, young = await asyncio.wait({running}, timeout=part.steady_s)
            if young:
                again_s = part.again_s
                await _told(app, part, None)
            why = await running
        finally:
            if running.cancel():
                await asyncio.wait({running})
        if part.stopping.is_set():
            break
        await _told(app, part, f"{part.name} {why}; it is started again")
        with suppress(TimeoutError):
            await asyncio.wait_for(part.stopping.wait(), again_s)
        again_s = min(again_s * 2, _AGAIN_MOST_S)
    await _told(app, part, None)


async def _until_fault(part: Part, app: App) -> str:
    """Why it ended, in words; the log has the rest."""
    try:
        await part.run(app, part.stopping)
    except Exception as error:  # one part must not end the others
        if isinstance(
            error.__cause__, OSError
        ):  # a port that is taken, a file that is away: no fault of the code
            log(part.name).error("failed", why=str(error))
            return str(error)
        log(part.name).exception("failed")
        return f"failed: {type(error).__name__}: {error}"
    if not part.stopping.is_set():
        log(part.name).error("ended by itself")
    return "ended by itself"


async def _told(app: App, part: Part, alarm: str | None) -> None:
    """Raise or clear the part's alarm. A store that cannot be written must not end the part as well."""
    try:
        name = app.own(f"part:{part.name}")
        await (app.alarm(name, alarm) if alarm else app.clear_alarm(name))
    except Exception:
        log(part.name).exception("its alarm was not stored")


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
            task, since = tasks[part.name], time.monotonic()
            _, late = await asyncio.wait({task}, timeout=part.stop_s)
            if late:
                log(part.name).warning("did not finish in time, cancelled", after_s=part.stop_s)
                task.cancel()
                await asyncio.wait({task}, timeout=5)
            log(part.name).info("stopped", took_s=round(time.monotonic() - since, 1))


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGINT and SIGTERM set `stop`: everything finishes what it has begun."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
