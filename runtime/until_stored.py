"""What if the store is away at the moment when something must not be forgotten? Ask again until it is kept."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from runtime.logs import log
from store.database import Store
from store.errors import StoreClosed
from store.tx import PASSING, Tx

T = TypeVar("T")
logger = log("store")

_FIRST_S = 0.5
_MOST_S = 10.0


async def until_stored(store: Store, fn: Callable[[Tx], T], *, what: str) -> T:
    """Write what only this process knows, however long the store is full or away; `fn` must bear being repeated.

    Raises StoreClosed at the end of the process, and what is no trouble of the store (that would fail again).
    """
    wait_s = _FIRST_S
    while True:
        try:
            return await store.write(fn)
        except StoreClosed:
            raise
        except PASSING as error:
            logger.error("not stored, trying again", what=what, again_s=wait_s, error=str(error))
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, _MOST_S)
