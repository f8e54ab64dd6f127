"""How do many receipts share their statements? What comes while others are being written is written with the next.

A receipt that comes alone is written at once.
"""

import asyncio
from functools import partial

from runtime.app import App
from store.deliveries import Came, take_receipts
from store.tx import PASSING

#: Receipts in one transaction, at most.
_MOST = 200


class Gathered:
    """The receipts of one bind that are being written, and those that wait."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._waiting: list[tuple[Came, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def take(self, came: Came) -> None:
        """Returns when it is stored; raises what kept it from that."""
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((came, stored))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="receipts")
        await stored

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._store(batch)
        finally:
            self._writing = None

    async def _store(self, batch: list[tuple[Came, "asyncio.Future[None]"]]) -> None:
        """All at once; one by one where one of them cannot be stored, so that it keeps out no other."""
        told: Exception | None = None
        try:
            came = [each for each, _ in batch]
            await self._app.store.write(partial(take_receipts, came=came, at=self._app.now()))
        except PASSING as error:  # it is the store that is away
            told = error
        except Exception as error:
            if len(batch) > 1:
                for each in batch:
                    await self._store([each])
                return
            told = error
        for _, stored in batch:
            _tell(stored, told)


def _tell(stored: "asyncio.Future[None]", error: Exception | None) -> None:
    if stored.done():  # nobody waits any more: it comes again, and is known then
        return
    if error is None:
        stored.set_result(None)
    else:
        stored.set_exception(error)
