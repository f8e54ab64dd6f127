"""Where is a call in its script? What its steps share: the call, what may be said, what is decided."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.outcomes import Outcome
from core.phone import Call, Decision
from core.script import HangUp, Key, Register, Say, Step
from core.speech import Line, Speech

#: Runs one step; returns the outcome when the flow ends with it, None when the next step follows.
Run = Callable[[Any, "Talk"], Awaitable[Outcome | None]]


@dataclass
class Talk:
    """One call on its way through a script."""

    call: Call
    speech: Speech
    kinds: Mapping[str, Run]
    key: str = ""  #: the key last taken
    offer: str | None = None  #: the offer that the steps under way are about
    decision: Decision | None = None
    announced: Outcome | None = None  #: what the key taken will end with, if the listener stays that long

    def line(self, text: str) -> Line:
        return self.speech.line(text, self.offer)

    async def follow(self, steps: tuple[Step, ...]) -> Outcome | None:
        """Run the steps in order until one ends the flow."""
        for step in steps:
            outcome = await self.kinds[step.kind](step, self)
            if outcome is not None:
                return outcome
        return None

    async def follow_key(self, pressed: str, key: Key) -> Outcome | None:
        """Run what follows a key that was pressed."""
        outer = self.offer
        self.key, self.offer, self.announced = pressed, key.offer or outer, announced(key)
        outcome = await self.follow(key.then)
        self.offer = outer
        return outcome

    async def decide(self, decision: Decision) -> None:
        """Commit what the key asks for, before anything else is said. The first of a call is final."""
        if self.decision is None:
            await self.call.decide(decision)
            self.decision = decision

    def settled(self, ended: Outcome) -> Outcome:
        """What the call counts as: a decision outweighs any ending, a "no" key the hang-up."""
        if self.decision is not None:
            return self.decision.outcome
        if ended is Outcome.HUNG_UP and self.announced is not None:
            return self.announced
        return ended


def announced(key: Key) -> Outcome | None:
    """What a key means from the moment it is pressed: its `hang_up: declined`, when only words come before.

    Who presses "no" and hangs up during the goodbye has said no; an SMS for the undecided would be wrong.
    """
    for step in key.then:
        if isinstance(step, HangUp):
            return step.outcome
        if not isinstance(step, Say):
            return None
    return None


def offer_of(key: Key) -> str | None:
    """The offer that a key depends on: the one it names, or the one it registers."""
    if key.offer is None and key.then and isinstance(key.then[0], Register):
        return key.then[0].offer
    return key.offer


def eligible(keys: Mapping[str, Key], speech: Speech) -> dict[str, Key]:
    """The keys of a menu without those whose offer is not for this subscriber."""
    return {
        pressed: key
        for pressed, key in keys.items()
        if all(offer is None or offer in speech.offers for offer in (key.offer, offer_of(key)))
    }
