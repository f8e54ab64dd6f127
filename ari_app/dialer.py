"""When is the next call placed, over which node and trunk? As fast as trunks and rules allow, and no call is left alone.

A contact is claimed in one transaction: the rules are asked again, the 24-hour slot is reserved and the attempt is
stored as `dialing`, all committed before the INVITE leaves (R7). A node is dialled from when what an earlier
controller left on it has been recovered; one that is away does not hold up the others.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

from ari_app.ari import Ari, AriAway, AriError
from ari_app.attempt import Claimed, make_call
from ari_app.claim import NO_LINE, Asks, Claims, claim
from ari_app.coupling import Coupling
from ari_app.driving import Driving
from ari_app.lines import Line, Lines
from ari_app.phone import Phone
from ari_app.recover import close_undriven, recover
from ari_app.refused import end_refused_calls, ended_with
from core.shares import EVEN, Shares
from runtime.app import App
from runtime.logs import log
from runtime.until_stored import until_stored
from store import calls as stored_calls
from store.tx import PASSING
from store.waking import Watch

logger = log("dialer")

#: How long a stop waits for calls that are up before it hangs up on them, in seconds.
STOP_S = 60.0
_ASTERISK_CHECK_S = 0.2
#: A wait that something else ends sooner; a safety net, no more.
_IDLE_S = 1.0
#: After so many looks at which another controller was claiming, this one queues up behind it.
_MOST_PASSED = 5
#: The rate allows the next call so soon that nothing else is waited for.
_SOON_S = 0.2


@dataclass
class Dialer:
    """The loop that claims and dials."""

    app: App
    phone: Phone
    clients: Collection[Ari]  #: of the nodes that this process drives; they come and go
    lines: Lines
    drives: Callable[[str], bool] = lambda node: True  #: whether nobody else can have this node now
    why_none: Callable[[], str] = lambda: ""  #: why there are no clients
    calls: set[asyncio.Task[None]] = field(default_factory=set)
    recovered: set[str] = field(default_factory=set)  #: nodes where nothing is left that is not ours
    reason: str = "starting"  #: why nothing is dialled, for `mai status`
    _shares: Shares = EVEN
    _begun: int = 0
    _woken: bool = False  #: something was written that may be work
    _passed: int = 0  #: looks, one after the other, at which another controller was claiming
    _worker: str = ""  #: under which the nodes were recovered

    def __post_init__(self) -> None:
        self.coupling = Coupling(self.app, self._answers_s, lambda: self._begun)

    def says(self) -> dict[str, object]:
        """For `mai status` and /health; `left_out`: why some nodes get no calls while the others do."""
        said: dict[str, object] = {"reason": self.reason, "calls": len(self.calls)}
        not_there = [ari.problem for ari in self.clients if ari.state != "connected"]
        if not_there and len(not_there) < len(self.clients):
            said["left_out"] = "; ".join(not_there)
        return said

    def _answers_s(self) -> float:
        """What the slowest Asterisk let requests wait; one that is silent gets no calls anyway."""
        waited = [(ari.waited_s(), ari.state) for ari in self.clients]
        return max((seconds for seconds, state in waited if state == "connected"), default=0.0)

    async def dial(self, stopping: asyncio.Event) -> None:
        """Claim and dial until told to stop."""
        await self.coupling.look(time.monotonic())
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(self.coupling.keep_looking(), name="coupling")
            try:
                await self._dial(stopping)
            finally:
                looking.cancel()

    async def _dial(self, stopping: asyncio.Event) -> None:
        freed = self.app.store.watch("lines")
        work = self.app.store.watch("contacts", "pauses")
        work_or_line = self.app.store.watch("contacts", "pauses", "lines")
        while not stopping.is_set():
            nodes = await self._nodes()
            self.lines.slower = self.coupling.slower
            if not nodes:
                await stopped_within(stopping, _ASTERISK_CHECK_S)
            elif self.lines.slower <= 0:
                self.reason = self.coupling.why
                await stopped_within(stopping, _IDLE_S)
            elif (found := await self._claim(nodes)) is None:
                await stopped_within(stopping, _IDLE_S)
            elif found.more and found.line_s > 0:
                await self._line(found.line_s, freed, stopping)
            elif not (found.more and found.looked_at):  # a limited programme waits for a line of its own
                waited = work_or_line if found.limited else work
                self._woken = await waited.wait(min(found.again_s, _IDLE_S)) or found.passed

    async def _line(self, seconds: float, freed: Watch, stopping: asyncio.Event) -> None:
        """Until a line may be free, of whichever controller; a call that ends does not make the rate faster."""
        if seconds < _SOON_S:
            await stopped_within(stopping, seconds)
        else:
            await freed.wait(min(seconds, _IDLE_S))

    async def _claim(self, nodes: Sequence[str]) -> Claims | None:
        """Claim what is due and begin its calls; None: the store takes no writes."""
        first = self._begun % len(nodes)
        asks = Asks(
            (*nodes[first:], *nodes[:first]),
            self.lines.ways(),
            self._shares,
            self._worker,
            glance=self._woken
            and self._passed < _MOST_PASSED
            and self.app.installation.shares_store
            and not self.lines.anew,
        )
        self._woken = False
        job = partial(claim, app=self.app, asks=asks, now=self.app.now())
        try:
            found = await self.app.store.write(job)
        except PASSING as error:
            logger.error("the store takes no writes, trying again", error=str(error))
            self.reason = f"the store takes no writes: {error}"
            self.recovered.clear()  # what was claimed all the same is nobody's call
            return None
        except OSError as error:  # R15: nobody is called without every list; it may be on its way here
            logger.error("a list cannot be read: nobody is called", error=str(error))
            self.reason = f"a list cannot be read: {error}"
            return None
        for each in found.claimed:
            self._begin(each)
        self._passed = self._passed + 1 if found.passed else 0
        self._shares = found.shares
        self.lines.told(asks.ways, found.unheard)
        self.reason = self.coupling.why if found.idle in ("", NO_LINE) and self.coupling.why else found.idle
        self.reason = self.reason or "dialling"
        return found

    async def _nodes(self) -> list[str]:
        """The nodes that can be dialled from: ours, their events flow, and what was left on them is recovered."""
        if (
            self._worker != self.app.worker.id
        ):  # taken for dead meanwhile: others may have closed what was ours
            self._worker = self.app.worker.id
            self.recovered.clear()
        connected = [ari.name for ari in self.clients if ari.state == "connected" and self.drives(ari.name)]
        self.recovered.intersection_update(connected)
        self.lines.anew = self.lines.anew or not self.recovered
        for node in connected:
            if node not in self.recovered:
                await self._recover(node)
        if not self.app.worker.sure():
            self.reason = "the lease of this process has run out: the store was away, or the machine slept"
            return []
        if not connected:
            self.reason = self.why_none() or "; ".join(ari.problem for ari in self.clients)
        return [node for node in connected if node in self.recovered]

    async def _recover(self, node: str) -> None:
        """Nothing is claimed meanwhile: every call in the store is one that has begun here, or nobody's."""
        try:
            await recover(self.app, self.phone, {node}, self.own())
        except (AriAway, AriError, *PASSING) as error:
            self.reason = f"what was left on Asterisk {node} is not recovered yet: {error}"
        else:
            self.recovered.add(node)

    def own(self) -> frozenset[str]:
        """The calls that this process makes."""
        return frozenset(task.get_name() for task in self.calls)

    def _begin(self, claimed: Claimed) -> None:
        self._begun += 1
        call = make_call(self.app, self.phone, claimed, Line(self.lines, self.app.store, self._worker))
        task = asyncio.create_task(call, name=claimed.attempt.id)
        self.calls.add(task)

        def over(task: asyncio.Task[None]) -> None:
            self.calls.discard(task)
            if not task.cancelled() and (error := task.exception()):
                logger.error(
                    "the end of a call could not be recorded", call=task.get_name(), error=repr(error)
                )

        task.add_done_callback(over)

    async def finish_calls(self) -> None:
        """Let the calls that are up end by themselves for a while, then hang up."""
        if self.calls:
            logger.info("stopping: calls are still up", calls=len(self.calls), wait_s=STOP_S)
            _, late = await asyncio.wait(self.calls, timeout=STOP_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=10)


async def stopped_within(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait for `stopping`, at most `seconds`; whether it was set."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _agent_gone(app: App, call: str) -> None:
    """A call that an agent took over has ended: its line is free."""
    await until_stored(app.store, lambda tx: stored_calls.free_line(tx, call_id=call), what=f"end of {call}")


async def run(app: App, stopping: asyncio.Event) -> None:
    """The dialer: recover what was left, then claim and dial until told to stop."""
    async with AsyncExitStack() as stack:
        driving = Driving(app)
        for node in app.config.asterisk.nodes:
            task = asyncio.create_task(driving.drive(node), name=f"node {node.name}")
            stack.push_async_callback(ended_with, task)
        phone = Phone(app.config, driving.clients, app.sound, app.now, partial(_agent_gone, app))
        stack.push_async_callback(phone.close)
        lines = Lines(app.config.trunks)
        dialer = Dialer(app, phone, driving.clients.values(), lines, driving.drives, lambda: driving.why_none)
        app.says["dialer"] = dialer.says
        refused = asyncio.create_task(end_refused_calls(app, phone), name="refused calls")
        stack.push_async_callback(ended_with, refused)
        if app.installation.shares_store:
            closing = asyncio.create_task(close_undriven(app, dialer.own), name="undriven nodes")
            stack.push_async_callback(ended_with, closing)
        try:
            await dialer.dial(stopping)
        finally:
            dialer.reason = "stopping"
            await dialer.finish_calls()
