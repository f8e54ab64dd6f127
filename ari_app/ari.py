"""How do we stay connected to one Asterisk over ARI? One websocket of events, beside the requests (requests.py).

Knows nothing of ours. Facts it rests on: ids are chosen by the caller and listened to before the request is
sent, because StasisStart may come before the answer to POST; events of a gap are lost, so after a reconnect
every listener gets `Reconnected` and asks Asterisk what is left; a second client of the same application
takes all events (ApplicationReplaced), so then we stop and say so loudly; an Asterisk that stood still carries
out, late, what it was asked and we had given up, so a channel that nobody waits for is ended when it comes.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
import structlog

from ari_app.requests import SILENT_S, AriAway, AriError, Requests

__all__ = ["Ari", "AriAway", "AriError", "AriRefused", "Event", "Events", "State", "channel_of"]

Event = Mapping[str, Any]
#: Events of one channel, in order, with those of its playbacks, and our own `Lost` and `Reconnected`.
Events = asyncio.Queue[Event]
#: Silent: its websocket is there, and it answers nothing any more (silence.py).
State = Literal["connecting", "connected", "silent", "away", "refused", "replaced", "closed"]

#: The events that are of use to a call. Asterisk makes none of the others (a ChannelVarset for each variable, a
#: ChannelDialplan for each step), and we read none.
_WANTED = (
    "ApplicationReplaced", "ChannelDestroyed", "ChannelDtmfReceived", "ChannelHangupRequest", "ChannelStateChange",
    "Dial", "PlaybackFinished", "PlaybackStarted", "StasisStart",
)  # fmt: skip
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0
#: Pauses in which Asterisk comes to know the application of a websocket that it has answered.
_KNOWN_IN_S = (0.02, 0.05, 0.1, 0.2, 0.4)


class AriRefused(Exception):
    """This Asterisk will not have us: wrong password, or another controller took our application."""


class Ari(Requests):
    """The connection to one Asterisk: `async with Ari(…) as ari`. It connects by itself, again and again."""

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        app: str = "mai",
        name: str = "asterisk",
        deadline_s: float = 5.0,
        silent_s: float = SILENT_S,
        allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        """`allowed`: whether we may connect now; connecting takes the events away from who is connected."""
        super().__init__(url, user, password, name=name, deadline_s=deadline_s, silent_s=silent_s)
        self.app = app
        self._allowed = allowed
        self._unheard = asyncio.Event()
        self._unheard.set()
        self._link: State = "connecting"
        self._queues: dict[str, Events] = {}
        self._changed = asyncio.Event()  #: set when the state changes; another one then takes its place
        self._log = structlog.get_logger(part="ari", node=name)
        self._session: aiohttp.ClientSession | None = None  #: of the websocket
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()  #: channels that nobody waits for
        self._late = 0  #: connections that we asked for and gave up, and that Asterisk may still answer

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=aiohttp.ClientTimeout(total=self._deadline_s)
        )
        self._task = asyncio.create_task(self._stay_connected(), name=f"ari {self.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session
        await self._connect_no_more()
        for task in self._ending:
            task.cancel()
        await self._session.close()
        self._close_requests()
        self._become("closed")

    @property
    def state(self) -> State:
        """Whether events flow and requests are answered (connected), or why not."""
        return "silent" if self._silence.silent else self._link

    @contextmanager
    def listen(self, channel: str) -> Iterator[Events]:
        """All events of a channel from now on. Call it before the request that creates the channel."""
        if channel in self._queues:
            raise ValueError(f"channel {channel} is listened to already")
        queue: Events = asyncio.Queue()
        self._queues[channel] = queue
        self._unheard.clear()
        try:
            yield queue
        finally:
            del self._queues[channel]
            if not self._queues:
                self._unheard.set()
            while not queue.empty():  # it may have come just now
                self._nobody_takes(channel, queue.get_nowait())

    async def let_go(self) -> None:
        """Hear no more and connect no more: this node is another controller's. Returns when no call listens."""
        await self._connect_no_more()
        if self._link != "replaced":
            self._become("replaced")
            self._tell_all("Lost")
        await self._unheard.wait()

    async def _connect_no_more(self) -> None:
        """aiohttp takes a cancel that meets its own deadline for that deadline: told until it has ended."""
        assert self._task
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)
        with suppress(asyncio.CancelledError):
            await self._task

    async def ready(self, timeout_s: float) -> None:
        """Returns when events flow. Raises AriRefused when they never will, AriAway after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.until("connected", "refused", "replaced", "closed")
        except TimeoutError:
            raise AriAway(
                f"Asterisk {self.name} did not answer within {timeout_s:g} s at {self._url}", False
            ) from None
        if self.state != "connected":
            raise AriRefused(self.problem)

    async def until(self, *states: State) -> None:
        """Returns when the connection is in one of these states."""
        while self.state not in states:
            await self._changed.wait()

    async def until_not(self, state: State) -> None:
        """Returns when the connection is in another state."""
        while self.state == state:
            await self._changed.wait()

    async def speaks(self, within_s: float) -> bool:
        """Wait until it is silent no longer, at most so long; whether events flow and requests are answered then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.until_not("silent")
        return self.state == "connected"

    @property
    def problem(self) -> str:
        """Why no events flow, in one sentence; empty when they do."""
        return {
            "connecting": f"Asterisk {self.name} at {self._url} is not connected yet",
            "connected": "",
            "silent": f"Asterisk {self.name} does not answer at {self._url}: it takes what it is asked and says nothing",
            "away": f"Asterisk {self.name} does not answer at {self._url}",
            "refused": f"Asterisk {self.name} at {self._url} refuses the user or password of config.yaml",
            "replaced": f"another controller took over the application {self.app!r} of Asterisk {self.name}: "
            "two of them run on one node",
            "closed": f"the connection to Asterisk {self.name} is closed",
        }[self.state]

    def _become(self, state: State) -> None:
        if state == self._link:
            return
        self._link = state
        self._silence.watch(state == "connected")
        self._tell_change()
        if state == "connected":
            self._log.info("connected")
        elif state == "away":
            self._log.warning("Asterisk is away, waiting for it", problem=self.problem)
        elif state in ("refused", "replaced"):
            self._log.error(self.problem)

    def _turned(self) -> None:
        self._tell_change()
        if self.state == "silent":
            self._log.warning("Asterisk is silent, asking until it answers", problem=self.problem)
        else:
            self._log.info("Asterisk answers again")

    def _tell_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _stay_connected(self) -> None:
        wait_s, before = _FIRST_WAIT_S, False
        while True:
            if not self._allowed():
                self._become("away")
                await asyncio.sleep(_LONGEST_WAIT_S)
                continue
            try:
                if await self._connected_once(again=before) and not self._replaced_by_ourselves():
                    self._become("replaced")
                    self._tell_all("Lost")
                    return
                wait_s, before = _FIRST_WAIT_S, True
                self._become("away")
                self._tell_all("Lost")
            except aiohttp.WSServerHandshakeError as error:
                self._become("refused" if error.status in (401, 403) else "away")
            except aiohttp.ClientConnectorError:  # nobody listens: what we asked before was never heard
                self._late = 0
                self._become("away")
            except TimeoutError:
                self._late += 1
                self._become("away")
            except (aiohttp.ClientError, OSError):
                self._become("away")
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def _replaced_by_ourselves(self) -> bool:
        """An Asterisk that stood still answers, in any order, also the connections that we had given up: each of those
        takes the application from us once. We take it back; anybody else is another controller."""
        if self._late == 0:
            return False
        self._late -= 1
        self._log.warning("a connection that we had given up took our events: connecting again")
        return True

    async def _connected_once(self, again: bool) -> bool:
        """Take events until the websocket ends. True: another client took our application."""
        assert self._session
        async with self._session.ws_connect(
            f"{self._url}/events",
            params={"app": self.app},
            heartbeat=10,
            max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=1),
        ) as socket:
            if not await self._want_few_events():
                return False
            self._become("connected")
            if again:
                self._tell_all("Reconnected")
            async for message in socket:
                if (
                    message.type is aiohttp.WSMsgType.TEXT
                    and self._take(message.data) == "ApplicationReplaced"
                ):
                    return True
        return False

    async def _want_few_events(self) -> bool:
        """Ask for the events that somebody takes; an Asterisk that does not know how sends all of them.

        False: Asterisk does not know our application (its end of a connection that we gave up took it away), so that
        no event will ever come and every call would end at once.
        """
        wanted = {"allowed": [{"type": kind} for kind in _WANTED]}
        try:
            for wait_s in _KNOWN_IN_S:
                if await self._done("PUT", "eventFilter", body=wanted):
                    return True
                await asyncio.sleep(wait_s)
            if not await self._done("GET"):
                self._log.warning("Asterisk does not know our application: connecting again")
                return False
            why = "it cannot filter them"
        except (AriError, AriAway) as error:
            why = str(error)
        self._log.warning("every kind of event will come", why=why)
        return True

    async def _done(self, method: str, *path: str, body: object = None) -> bool:
        """A request about our application; False: 404."""
        try:
            await self.request(method, "applications", self.app, *path, body=body)
        except AriError as error:
            if error.status != 404:
                raise
            return False
        return True

    def _take(self, text: str) -> str:
        """Put one event where somebody listens; returns its type. What nobody listens to is dropped."""
        try:
            event = json.loads(text)
        except ValueError:
            self._log.warning("an event that is not JSON", text=text[:80])
            return ""
        channel, kind = channel_of(event), _field(event, "type")
        self._silence.heard()
        if channel in self._queues and isinstance(kind, str):
            self._queues[channel].put_nowait(event)
        elif channel is not None:
            self._nobody_takes(channel, event)
        return str(kind)

    def _nobody_takes(self, channel: str, event: Event) -> None:
        """A channel that comes after its call was given up: it is not dialled (Down), and nobody else would end it."""
        if _field(event, "type") == "StasisStart" and _field(_field(event, "channel"), "state") == "Down":
            task = asyncio.create_task(self._end_late(channel), name=f"end of {channel}")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end_late(self, channel: str) -> None:
        self._log.warning("a channel came whose call was given up: it is ended", channel=channel)
        try:
            await self.request("DELETE", "channels", channel)
        except (AriError, AriAway) as error:  # gone already; or it is seen when what is left is asked for
            self._log.warning("it was not ended", channel=channel, error=str(error))

    def _tell_all(self, what: Literal["Lost", "Reconnected"]) -> None:
        for queue in self._queues.values():
            queue.put_nowait({"type": what})


def channel_of(event: Any) -> str | None:
    """Which channel an event is about: its channel, a Dial's called side, a playback's target."""
    if not isinstance(event, dict):
        return None
    if event.get("type") == "Dial":
        found = _field(event.get("peer"), "id")
    elif "playback" in event:
        kind, _, found = str(_field(event["playback"], "target_uri")).partition(":")
        found = found if kind == "channel" else None
    else:
        found = _field(event.get("channel"), "id")
    return found if isinstance(found, str) else None


def _field(of: Any, name: str) -> Any:
    return of.get(name) if isinstance(of, dict) else None
