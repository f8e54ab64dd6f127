"""Who is told when an Asterisk is lost, or will not have us? An alarm, until events flow again.

One that we lost is an alarm at once, for its calls are cut off; one that was never there gets a while to start, and one
that is silent a moment to speak again.
"""

import asyncio
from contextlib import suppress

from ari_app.ari import Ari, State
from runtime.app import App
from runtime.logs import log
from store.tx import PASSING

logger = log("dialer")

#: How long an Asterisk may take to start before its absence is an alarm, in seconds.
_STARTS_S = 15.0
#: How long one may say nothing, in seconds: no call is begun meanwhile, and those that are up may live through it.
_SILENT_S = 5.0


async def tell_of(app: App, ari: Ari) -> None:
    """Raise `ari:<node>` while this node is away or silent, refuses us or another controller has it; until the
    connection closes."""
    alarm, known = f"ari:{ari.name}", False
    while ari.state != "closed":
        if ari.state == "connecting" or (ari.state == "away" and not known):
            await _changed(ari, _STARTS_S)
        elif ari.state == "silent":
            await ari.speaks(_SILENT_S)
        state, known = ari.state, True
        try:
            await _tell(app, alarm, state, ari.problem)
        except PASSING as error:
            logger.error("the store takes no writes: an alarm is not kept", alarm=alarm, error=str(error))
        await ari.until_not(state)


async def _tell(app: App, alarm: str, state: State, problem: str) -> None:
    if state == "connected":
        await app.clear_alarm(alarm)
    elif state != "closed":
        await app.alarm(alarm, f"{problem}: nothing is dialled from this node")


async def _changed(ari: Ari, seconds: float) -> None:
    """Until events flow or never will, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ari.until("connected", "refused", "replaced", "closed")
