"""`agent`: hand the call over to a dialplan context where agents are reached; the flow ends there."""

from core.outcomes import Outcome
from core.script import Agent
from flows.talk import Talk


async def run(step: Agent, talk: Talk) -> Outcome:
    await talk.call.hand_over(step.context)
    return Outcome.TRANSFERRED
