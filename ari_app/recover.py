"""What became of the calls that a controller left behind? Orphans are ended, the unknowable is called unknown.

Channels stay up in Stasis while the controller is away, and no StasisStart is replayed. A decision that was committed
is honoured; a call that was handed to an agent goes on; nothing is redialled (DESIGN.md §3).
"""

import asyncio
import time
from collections.abc import Callable, Collection
from functools import partial

from ari_app.ending import end_call
from ari_app.phone import LiveChannel, Phone
from core.outcomes import Outcome
from runtime.app import App
from runtime.logs import log
from store import calls, nodes, workers
from store.calls import Ended, OpenCall
from store.tx import PASSING, Tx

logger = log("recover")

#: Who drives a node can tell more of its calls than anybody else: so long one is waited for, in seconds.
_UNDRIVEN_S = 20.0
_LOOK_S = 5.0


async def recover(
    app: App, phone: Phone, only: Collection[str] | None = None, ours: Collection[str] = frozenset()
) -> int:
    """Close every call of these nodes (None: of all) that is open in the store and nobody's; returns how many.

    `ours`: calls that this process is making. Those of another worker that stands are its own. A call of a node that
    config.yaml does not name any more belongs to every node. All at once: while they are closed nobody dials. Raises
    AriAway when a node falls silent meanwhile; what is not closed then is closed by the next try.
    """
    wanted = phone.nodes if only is None else only
    others = {*(node.name for node in app.config.asterisk.nodes), *app.installation.other_nodes}
    left = {
        call.id: call
        for call in await app.store.read(lambda tx: _nobodys(tx, app))
        if call.id not in ours and (call.node in wanted or call.node not in others)
    }
    live = {channel.id: channel for channel in await phone.live_channels(wanted)}
    known = {*left, *ours}
    strangers = [channel for id_, channel in live.items() if channel.in_app and id_ not in known]
    closed = await asyncio.gather(
        *(_close(app, phone, call, live.get(call.id)) for call in left.values()),
        *(phone.hang_up_orphan(channel.node, channel.id) for channel in strangers),
        return_exceptions=True,
    )
    for error in closed:
        if isinstance(error, BaseException):
            raise error
    await _watch_agents(app, phone, wanted, others, live.keys())
    if left or strangers:
        logger.warning("recovered what a controller left behind", calls=len(left), channels=len(strangers))
    return len(left)


def _nobodys(tx: Tx, app: App) -> list[OpenCall]:
    """The outbound calls that no other worker makes."""
    others = {worker.id for worker in workers.standing(tx)} - {app.worker.id}
    return [call for call in calls.open_calls(tx) if call.direction == "out" and call.worker not in others]


async def close_undriven(app: App, ours: Callable[[], Collection[str]]) -> None:
    """Close what dead workers left on nodes that nobody drives any more; until cancelled.

    Nobody can tell what became of such a call. What is still up in Asterisk is ended by who drives its node next.
    """
    since: dict[str, float] = {}
    while True:
        await asyncio.sleep(_LOOK_S)
        try:
            found = await app.store.read(lambda tx: _undriven(tx, app))
            now, own = time.monotonic(), ours()
            since = {call.id: since.get(call.id, now) for call in found if call.id not in own}
            for call in found:
                if now - since.get(call.id, now) >= _UNDRIVEN_S:
                    logger.warning(
                        "nobody drives its node: its fate is unknown", call=call.id, node=call.node
                    )
                    await _record(
                        app, call, Outcome.UNKNOWN, "its controller ended, and nobody drives its node"
                    )
        except PASSING as error:
            logger.error("calls of nodes that nobody drives are not closed yet", error=str(error))


def _undriven(tx: Tx, app: App) -> list[OpenCall]:
    driven = workers.on_duty(tx)
    return [
        call
        for call in _nobodys(tx, app)
        if call.worker != app.worker.id and nodes.duty(call.node or "") not in driven
    ]


async def _watch_agents(
    app: App, phone: Phone, wanted: Collection[str], others: Collection[str], live: Collection[str]
) -> None:
    """The calls that agents took over: those that are up hold their line until they end, the others none any more."""
    for call in await app.store.read(calls.with_agents):
        if call.node is not None and call.node in wanted and call.id in live:
            phone.watch_left(call.node, call.id)
        elif call.node in wanted or call.node not in others:
            await app.store.write(partial(calls.free_line, call_id=call.id))


async def _close(app: App, phone: Phone, call: OpenCall, channel: LiveChannel | None) -> None:
    """End its channel unless an agent has it, then record the end."""
    with_agent = channel is not None and channel.state == "Up" and not channel.in_app
    if channel is not None and not with_agent:
        await phone.hang_up_orphan(channel.node, channel.id)
    if with_agent:
        await _record(app, call, Outcome.TRANSFERRED, "with an agent when the controller came back")
    else:
        await _record(app, call, Outcome.UNKNOWN, "the controller ended meanwhile")


async def _record(app: App, call: OpenCall, outcome: Outcome, reason: str) -> None:
    ended = Ended(
        call_id=call.id,
        outcome=outcome,
        ended_at=app.now(),
        rang=call.rang_at is not None or call.answered_at is not None,
        reason=reason,
        holds_line=outcome is Outcome.TRANSFERRED,
    )
    await app.store.write(partial(end_call, app=app, ended=ended, now=app.now()))
