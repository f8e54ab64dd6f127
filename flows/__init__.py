"""What happens in a call? A script, a tree of steps, is run on a `Call`; one file per kind of step.

A kind is one line in `KINDS`: the model that a person writes (core/script.py) and the coroutine that runs it.
"""

from collections.abc import Iterator

from core.outcomes import Outcome
from core.phone import Call, CallEnded
from core.script import Menu, Script
from core.speech import Speech
from flows import agent, agree, hang_up, menu, refuse, register, say
from flows.talk import Run, Talk, eligible, offer_of

__all__ = ["KINDS", "cannot_be_said", "has_offer", "run"]

#: Kind of step -> what runs it.
KINDS: dict[str, Run] = {
    "say": say.run,
    "menu": menu.run,
    "register": register.run,
    "agree": agree.run,
    "refuse": refuse.run,
    "agent": agent.run,
    "hang_up": hang_up.run,
}


async def run(script: Script, call: Call, speech: Speech) -> Outcome:
    """Run a script on an answered call and hang up; returns how the call ended.

    A decision taken is the outcome, whatever follows: a further key, a hang-up, an agent. Without one, a
    script that runs off its end is `no_key`. Raises CallEnded where the call ended with nothing decided.
    """
    talk = Talk(call, speech, KINDS)
    try:
        outcome = await talk.follow(script) or Outcome.NO_KEY
        await call.hang_up()
    except CallEnded as ended:
        if (settled := talk.settled(ended.outcome)) is ended.outcome:
            raise
        return settled
    return talk.settled(outcome)


def cannot_be_said(script: Script, speech: Speech) -> str | None:
    """Why the script cannot be said to this subscriber, as a verdict of the log; None: it can."""
    if not has_offer(script, speech):
        return "O5: none of the programme's offers is left for this subscriber"
    if missing := speech.unknown(script):
        return f"R15: the script says {', '.join(missing)}, which is not known"
    return None


def has_offer(script: Script, speech: Speech) -> bool:
    """Whether the listener would be offered anything; if not there must be no call.

    True for a script that is about no offer at all (an announcement), else when a key of an eligible offer
    can be reached.
    """
    return not any(_offers(script, None)) or any(_offers(script, speech))


def _offers(script: Script, speech: Speech | None) -> Iterator[str]:
    """The offers that the keys are about; with `speech` the eligible ones, under keys that can be reached."""
    for step in script:
        if not isinstance(step, Menu):
            continue
        keys = step.keys if speech is None else eligible(step.keys, speech)
        for key in keys.values():
            if offer := offer_of(key):
                yield offer
            yield from _offers(key.then, speech)
        yield from _offers(step.no_key, speech)
