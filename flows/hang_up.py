"""`hang_up`: end the call here; `outcome: declined` records a "no" key, without an outcome it is `no_key`."""

from core.outcomes import Outcome
from core.script import HangUp
from flows.talk import Talk


async def run(step: HangUp, talk: Talk) -> Outcome:
    """The hanging up itself is done where every script ends, in `flows.run`."""
    return step.outcome or Outcome.NO_KEY
