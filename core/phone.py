"""What may a flow ask of a call? The `Call` protocol that flows speak to.

The position in the flow is the state of the call. When the other side hangs up, the method that was
waiting raises `CallEnded`. There is one implementation over ARI (outbound), one over AGI (inbound) and
a fake for the tests of flows.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from core.outcomes import Outcome
from core.speech import Line


@dataclass(frozen=True)
class Decision:
    """What a pressed key asks for. Committed before the next prompt starts; it outweighs a hang-up."""

    kind: Literal["register", "agree", "refuse"]
    key: str
    package: str | None = None  #: code of the package to register, for kind "register"
    offer: str | None = None  #: key of that package in the campaign's `offers`

    @property
    def outcome(self) -> Outcome:
        return Outcome.REFUSED if self.kind == "refuse" else Outcome.ACCEPTED


class CallEnded(Exception):
    """The call is over: busy, no answer, hung up… `outcome` says how; a decision taken outweighs it."""

    def __init__(self, outcome: Outcome, why: str = "") -> None:
        super().__init__(f"{outcome}: {why}" if why else str(outcome))
        self.outcome = outcome


class Call(Protocol):
    """One call, from the flow's side. Once over, all but `decide` and `hang_up` raise CallEnded."""

    async def say(self, line: Line) -> None:
        """Play a line to its end. Keys pressed meanwhile are kept for the next `ask`."""

    async def ask(
        self, lines: tuple[Line, ...], keys: str, wait: timedelta, barge_in: bool = True
    ) -> str | None:
        """Play the lines and take one key; returns the key pressed (any of 0-9*#, also one not in `keys`)
        or None when `wait` passed after the last line without a key. With barge_in a key stops the prompt;
        without, the prompt is played to its end and the first key pressed meanwhile is the answer.

        Kept keys (pressed during an earlier line) answer at once, before anything is played: the first of
        them that is in `keys` is returned, those before it are dropped. A key that came before the hang-up
        is returned, not CallEnded: a key once pressed is honoured.
        """

    async def decide(self, decision: Decision) -> None:
        """Commit a decision to the store; returns after it is durable. A second decision changes nothing.

        Does so on a call that is already over too, and never raises CallEnded: who presses 1 and hangs up
        at once has chosen.
        """

    async def hand_over(self, context: str) -> None:
        """Send the call into a dialplan context (an agent queue); raises CallEnded(TRANSFERRED)."""

    async def hang_up(self) -> None:
        """End the call; returns when it is over. Harmless when already over."""
