"""Does a call go on with somebody who refuses advertising meanwhile, by SMS or through a person? No: it ends (R6).

The refusal is stored already, and confirmed by who stored it; the call ends as `refused` and nothing follows. A key
that was pressed before stands, and so does the slot. The key 9 of the call itself does not end it here: its script
says that the refusal was noted.
"""

import asyncio

from ari_app.phone import Phone
from runtime.app import App
from runtime.logs import log
from store import numbers

logger = log("dialer")

#: A refusal wakes us; this is a safety net.
_IDLE_S = 1.0
#: A call that was just claimed and is not on the line yet is ended at the next look.
_AGAIN_S = 0.1


async def end_refused_calls(app: App, phone: Phone) -> None:
    """End advertising calls whose number has refused, as soon as the refusal is stored. Until cancelled."""
    refusals = app.store.watch("refusals")
    while True:
        found = False
        try:
            found = await _look(app, phone)
        except Exception:  # one look that fails must not end the looking
            logger.exception("who refused meanwhile cannot be read, trying again")
        await refusals.wait(_AGAIN_S if found else _IDLE_S)


async def _look(app: App, phone: Phone) -> bool:
    """End those there are; whether there was one."""
    running = await app.store.read(numbers.refused_while_called)
    for call in running:
        if phone.end_refused(call.id, call.via):
            logger.info("the call ends: advertising was refused", call=call.id, via=call.via)
    return bool(running)


async def ended_with(watching: asyncio.Task[None]) -> None:
    """Stop looking, when no call is left."""
    watching.cancel()
    await asyncio.wait([watching])
