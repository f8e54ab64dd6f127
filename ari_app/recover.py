"""What became of the calls that a controller left behind? Orphans are ended, the unknowable is called unknown.

Channels stay up in Stasis while the controller is away, and no StasisStart is replayed. A decision that was committed
is honoured; a call that was handed to an agent goes on; nothing is redialled (DESIGN.md §3).
"""

from functools import partial

from ari_app.ending import end_call
from ari_app.phone import Phone
from core.outcomes import Outcome
from runtime.app import App
from runtime.logs import log
from store import calls
from store.calls import Ended

logger = log("recover")


async def recover(app: App, phone: Phone) -> int:
    """Close every call that is open in the store and not ours any more; returns how many."""
    left = {call.id: call for call in await app.store.read(calls.open_calls) if call.direction == "out"}
    live = {channel.id: channel for channel in await phone.live_channels()}
    for call in left.values():
        channel = live.get(call.id)
        with_agent = channel is not None and channel.state == "Up" and not channel.in_app
        if channel is not None and not with_agent:
            await phone.hang_up_orphan(channel.node, channel.id)
        ended = Ended(
            call_id=call.id,
            outcome=Outcome.TRANSFERRED if with_agent else Outcome.UNKNOWN,
            ended_at=app.now(),
            rang=call.rang_at is not None,
            reason="with an agent when the controller came back"
            if with_agent
            else "the controller ended meanwhile",
        )
        await app.store.write(partial(end_call, app=app, ended=ended, now=app.now()))
    strangers = [channel for id_, channel in live.items() if channel.in_app and id_ not in left]
    for channel in strangers:
        await phone.hang_up_orphan(channel.node, channel.id)
    if left or strangers:
        logger.warning("recovered what a controller left behind", calls=len(left), channels=len(strangers))
    return len(left)
