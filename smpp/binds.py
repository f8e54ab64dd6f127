"""How does a bind come back after it was lost, without hammering the SMSC?"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NoReturn

from smpp.errors import BindRefused, LinkError, NotConnected
from smpp.session import Session

log = logging.getLogger(__name__)

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
CREDENTIALS_WAIT_S: Final = 300.0  #: a wrong password stays wrong, and asking often locks the account
STEADY_S: Final = 60.0  #: a bind that held so long starts again at the first wait

OpenSession = Callable[[], AbstractAsyncContextManager[Session]]
OnUp = Callable[[Session], None]
OnDown = Callable[[LinkError, float], None]
"""Why there is no bind, and the seconds until the next try. A BindRefused with `.credentials` is an alarm."""


def next_wait(failures: int, credentials: bool, chance: float) -> float:
    """Seconds before the next try. `failures` in a row, 1 or more; `chance` 0…1 spreads many binds apart."""
    if credentials:
        return CREDENTIALS_WAIT_S
    whole = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures - 1, 30))
    return max(FIRST_WAIT_S, whole * (0.5 + chance / 2))


async def keep_bound(
    open_session: OpenSession,
    on_up: OnUp,
    on_down: OnDown,
    *,
    name: str = "smsc",
    clock: Callable[[], float] | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    chance: Callable[[], float] = random.random,
) -> NoReturn:
    """Binds, again and again, until it is cancelled; then the session ends well.

    `open_session` is `lambda: connect(link, on_deliver)`. `on_up` gets each new session, `on_down` is told of
    each failure and each loss. `name` is for the log; `clock` in seconds, by default the loop's.
    """
    clock = clock or asyncio.get_running_loop().time
    failures = 0
    while True:
        why: LinkError
        try:
            async with open_session() as session:
                since = clock()
                on_up(session)
                why = await session.wait_closed()
            failures = 1 if clock() - since >= STEADY_S else failures + 1
        except (BindRefused, NotConnected) as error:
            why = error
            failures += 1
        credentials = isinstance(why, BindRefused) and why.credentials
        seconds = next_wait(failures, credentials, chance())
        level = logging.ERROR if credentials else logging.WARNING
        log.log(level, "bind %s is down: %s; next try in %.1f s", name, why, seconds)
        on_down(why, seconds)
        await sleep(seconds)
