"""Who is told when an Asterisk will not have us? An alarm, until it does: a wrong password does not mend itself.

That one is away is no alarm here: a managed one has its own (runtime/running.py), and it comes back by itself.
"""

from ari_app.ari import Ari
from runtime.app import App
from runtime.logs import log
from store.tx import PASSING

logger = log("dialer")


async def tell_of(app: App, ari: Ari) -> None:
    """Raise `ari:<node>` while this node refuses us or another controller has it; until the connection is closed."""
    alarm = f"ari:{ari.name}"
    while ari.state != "closed":
        await ari.until("connected", "refused", "replaced", "closed")
        state = ari.state
        try:
            if state == "connected":
                await app.clear_alarm(alarm)
            elif state in ("refused", "replaced"):
                await app.alarm(alarm, f"{ari.problem}: nothing is dialled from this node")
        except PASSING as error:
            logger.error("the store takes no writes: an alarm is not kept", alarm=alarm, error=str(error))
        await ari.until_not(state)
