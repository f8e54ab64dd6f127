"""Who stores what comes in, and how is it answered? Each in a task of its own: many may share a commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from smpp import pdu, statuses
from smpp.pdu import DataSm, DeliverSm

log = logging.getLogger(__name__)

MOST_AT_A_TIME: Final = 1_000  #: more are told to come again

Inbound = DeliverSm | DataSm
InboundResp = pdu.DeliverSmResp | pdu.DataSmResp
OnDeliver = Callable[[Inbound], Awaitable[int]]
"""Stores an inbound message or receipt; the status it returns is the answer. An exception: come again."""
Say = Callable[[InboundResp, int, int], None]


class Inbox:
    """The inbound messages of one session that are being stored."""

    def __init__(self, on_deliver: OnDeliver, say: Say) -> None:
        self._on_deliver = on_deliver
        self._say = say
        self.tasks: set[asyncio.Task[None]] = set()

    def take(self, sequence: int, body: Inbound, resp: InboundResp) -> None:
        if len(self.tasks) >= MOST_AT_A_TIME:
            self._say(resp, sequence, statuses.TEMPORARY_APPLICATION_ERROR)
            return
        task = asyncio.get_running_loop().create_task(self._store(sequence, body, resp))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _store(self, sequence: int, body: Inbound, resp: InboundResp) -> None:
        try:
            status = await self._on_deliver(body)
        except Exception as error:
            # The error's own words may hold what a subscriber wrote.
            log.error("an inbound message could not be stored: %s", type(error).__name__)
            status = statuses.TEMPORARY_APPLICATION_ERROR
        self._say(resp, sequence, status)

    async def finish(self, seconds: float) -> None:
        """Lets what is being stored be committed, for so long; then it must come again."""
        if self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=seconds)
            for task in late:
                task.cancel()
