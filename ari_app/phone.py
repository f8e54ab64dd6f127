"""Which line does a call take? Trunks and nodes; `Phone.line` always hangs up. Lines are counted in the store (rooms.py)."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ari_app import machine
from ari_app.ari import Ari, AriAway, AriError, Events
from ari_app.call import AriCall
from ari_app.dialling import Dialling, Journal
from core.config import Config, Trunk
from core.numbers import national

_SUBSCRIBER = re.compile(r"\+84[0-9]{9}\Z")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_CALLER_ID = re.compile(r"[A-Za-z0-9+ ._-]{1,15}\Z")
#: How often we ask whether a call that was handed over still holds its line.
_HANDED_OVER_CHECK_S = 5.0


@dataclass(frozen=True)
class Attempt:
    """One call to be made. `id` becomes the channel's id; `offer_text` is what an agent reads."""

    id: str
    number: str
    node: str
    trunk: str
    caller_id: str
    talk_limit: timedelta
    offer_text: str = ""


@dataclass(frozen=True)
class LiveChannel:
    """A channel that an Asterisk still has."""

    id: str
    node: str
    state: str  #: Down, Ringing, Up …
    in_app: bool  #: held by our application: nobody else will end it


class Phone:
    """All nodes and trunks of the installation. `clients` by node name, connected by who made them.

    `left` is told the id of a call that agents took over, when it has ended.
    """

    def __init__(
        self,
        config: Config,
        clients: Mapping[str, Ari],
        media: Callable[[str], Path],
        clock: Callable[[], datetime],
        left: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._trunks: dict[str, Trunk] = {trunk.name: trunk for trunk in config.trunks}
        self._clients, self._media, self._clock = clients, media, clock
        self._left = left
        self._agents: set[str] = set()
        self._calls: dict[str, AriCall] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def nodes(self) -> Collection[str]:
        """The names of the nodes that there are."""
        return self._clients.keys()

    def watch_left(self, node: str, call: str) -> None:
        """A call that agents took over, maybe before this process began, still holds its line until it ends."""
        if call not in self._agents:
            self._watch(self._clients[node], call)

    async def close(self) -> None:
        """Stop looking after calls that were handed over; they go on with their agents."""
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    @asynccontextmanager
    async def line(self, attempt: Attempt, journal: Journal) -> AsyncIterator[AriCall]:
        """A call to dial. Always hangs up at the end, unless it was handed over.

        Raises ValueError for an attempt that cannot be dialled as written, AriAway when its node is gone; nothing
        was sent then.
        """
        dialling = self._dialling(attempt)
        ari = self._clients.get(attempt.node)
        if ari is None:
            raise AriAway(f"node {attempt.node} is not driven from here any more", sent=False)
        handed_over = False
        try:
            with ari.listen(attempt.id) as events:
                call = AriCall(ari, events, dialling, journal, self._media, self._clock)
                self._calls[attempt.id] = call
                try:
                    yield call
                finally:
                    del self._calls[attempt.id]
                    handed_over = call.handed_over
                    await asyncio.shield(call.hang_up())
        finally:
            if handed_over:
                self._watch(ari, attempt.id)

    def end_refused(self, call: str, via: str) -> bool:
        """R6: end a call of ours, since its subscriber refused advertising `via` another way. False: none is up."""
        held = self._calls.get(call)
        return held is not None and held.end_refused(via)

    async def live_channels(self, nodes: Collection[str] | None = None) -> list[LiveChannel]:
        """Every channel of these nodes (None: of all), for recover. Raises AriAway when one does not answer."""
        found = []
        for node, ari in self._clients.items():
            if nodes is not None and node not in nodes:
                continue
            for channel in await ari.request("GET", "channels"):
                held = _held(channel["dialplan"], ari.app)
                found.append(LiveChannel(channel["id"], node, channel["state"], held))
        return found

    async def hang_up_orphan(self, node: str, channel: str) -> bool:
        """End a channel that no call of ours holds; False when it was gone already. Raises AriAway."""
        try:
            await self._clients[node].request("DELETE", "channels", channel)
        except AriError as error:
            if error.status != 404:
                raise
            return False
        return True

    def _dialling(self, attempt: Attempt) -> Dialling:
        trunk = self._trunks[attempt.trunk]
        if not _SUBSCRIBER.match(attempt.number):
            raise ValueError("the number is not +84 and nine digits")
        if not _ID.match(attempt.id) or not _CALLER_ID.match(attempt.caller_id):
            raise ValueError(f"attempt {attempt.id!r}: id or caller id {attempt.caller_id!r} cannot be sent")
        return Dialling(
            channel=attempt.id,
            endpoint=f"PJSIP/{written_for(trunk, attempt.number)}@trunk-{trunk.name}",
            caller_id=attempt.caller_id,
            ring=timedelta(seconds=trunk.ring_s),
            talk_limit=attempt.talk_limit,
            subscriber=national(attempt.number),
            offer_text=attempt.offer_text,
        )

    def _watch(self, ari: Ari, call: str) -> None:
        """A call handed over to agents still holds its line until it ends."""
        self._agents.add(call)
        task = asyncio.create_task(self._until_gone(ari, call))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _until_gone(self, ari: Ari, call: str) -> None:
        try:
            with ari.listen(call) as events:
                while await _exists(ari, call):
                    await _destroyed_or_timeout(events, _HANDED_OVER_CHECK_S)
            if self._left is not None:
                await self._left(call)
        finally:
            self._agents.discard(call)


def _held(dialplan: Mapping[str, Any], app: str) -> bool:
    """Whether a channel is in our application now, or will be once it is known who answered. One that was handed
    over stays among the application's `channel_ids`, for we created it, but runs the agents' dialplan."""
    if dialplan.get("context") == machine.CONTEXT:
        return True
    return dialplan.get("app_name") == "Stasis" and str(dialplan.get("app_data")).split(",")[0] == app


async def _exists(ari: Ari, channel: str) -> bool:
    try:
        await ari.request("GET", "channels", channel)
    except AriError as error:
        return error.status != 404
    except AriAway:
        return True  # not known: better one line too few than one too many
    return True


async def _destroyed_or_timeout(events: Events, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while (await events.get())["type"] != "ChannelDestroyed":
                pass
    except TimeoutError:
        return


def written_for(trunk: Trunk, number: str) -> str:
    """`+84901234567` as this trunk wants it: 0901234567, 84901234567 or +84901234567."""
    if trunk.number_format == "national":
        return national(number)
    return number if trunk.number_format == "plus" else number.removeprefix("+")
