"""What became of the calls that a controller left behind? Orphans are ended, the unknowable is called unknown.

Channels stay up in Stasis while the controller is away, and no StasisStart is replayed. A decision that was committed
is honoured; a call that was handed to an agent goes on; nothing is redialled (DESIGN.md §3).
"""

import asyncio
from collections.abc import Collection
from functools import partial

from ari_app.ending import end_call
from ari_app.phone import LiveChannel, Phone
from core.outcomes import Outcome
from runtime.app import App
from runtime.logs import log
from store import calls
from store.calls import Ended, OpenCall

logger = log("recover")


async def recover(
    app: App, phone: Phone, nodes: Collection[str] | None = None, ours: Collection[str] = frozenset()
) -> int:
    """Close every call of these nodes (None: of all) that is open in the store and not ours; returns how many.

    `ours`: calls that this process is making. A call of a node that config.yaml does not name any more belongs to
    every node: nobody else will close it. All at once: while they are closed nobody dials. Raises AriAway when a
    node falls silent meanwhile; what is not closed then is closed by the next try.
    """
    wanted = phone.nodes if nodes is None else nodes
    others = {*phone.nodes, *app.installation.other_nodes}
    open_ = await app.store.read(calls.open_calls)
    left = {
        call.id: call
        for call in open_
        if call.direction == "out"
        and call.id not in ours
        and (call.node in wanted or call.node not in others)
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
    if left or strangers:
        logger.warning("recovered what a controller left behind", calls=len(left), channels=len(strangers))
    return len(left)


async def _close(app: App, phone: Phone, call: OpenCall, channel: LiveChannel | None) -> None:
    """End its channel unless an agent has it, then record the end."""
    with_agent = channel is not None and channel.state == "Up" and not channel.in_app
    if channel is not None and not with_agent:
        await phone.hang_up_orphan(channel.node, channel.id)
    ended = Ended(
        call_id=call.id,
        outcome=Outcome.TRANSFERRED if with_agent else Outcome.UNKNOWN,
        ended_at=app.now(),
        rang=call.rang_at is not None or call.answered_at is not None,
        reason="with an agent when the controller came back"
        if with_agent
        else "the controller ended meanwhile",
    )
    await app.store.write(partial(end_call, app=app, ended=ended, now=app.now()))
