"""When has all come that will? A machine that slows down still does all of its work."""

import asyncio
import time
from collections.abc import Callable


async def until_came(count: Callable[[], int], wanted: int, quiet_s: float) -> None:
    """Until so many have come, or none more for so long: a machine that slows down still does all of it."""
    came, since = -1, time.monotonic()
    while (now := count()) < wanted and time.monotonic() - since < quiet_s:
        if now > came:
            came, since = now, time.monotonic()
        await asyncio.sleep(0.5)
