"""A call without a telephone: a listener who presses what the test says and hangs up where it says."""

from collections.abc import Mapping
from datetime import timedelta

from core.outcomes import Outcome
from core.phone import CallEnded, Decision
from core.speech import Line

SILENCE = "-"


class FakeCall:
    """A `Call` that keeps what was done in `done`, in order: ("say", text), ("ask", texts), ("decide", …)…

    keys: what is pressed in the first, second… ask; `-` and the end of the text: nothing.
    early: keys pressed during the first (0), second… `say`, kept for the next ask.
    hangs_up_at: the listener is gone when this many lines and questions have been played.
    gone_after_key: the listener is gone as soon as a key was taken.
    """

    def __init__(
        self,
        keys: str = "",
        *,
        early: Mapping[int, str] | None = None,
        hangs_up_at: int | None = None,
        gone_after_key: bool = False,
    ) -> None:
        self.done: list[tuple[object, ...]] = []
        self._answers = iter(keys)
        self._early = early or {}
        self._kept = ""
        self._hangs_up_at = hangs_up_at
        self._gone_after_key = gone_after_key
        self._played = self._says = 0
        self._over = False
        self.handed_over = False

    async def say(self, line: Line) -> None:
        self._play()
        self.done.append(("say", line.written))
        self._kept += self._early.get(self._says, "")
        self._says += 1

    async def ask(
        self, lines: tuple[Line, ...], keys: str, wait: timedelta, barge_in: bool = True
    ) -> str | None:
        self._still_up()
        while self._kept:
            kept, self._kept = self._kept[0], self._kept[1:]
            if kept in keys:
                self.done.append(("kept", kept))
                return self._taken(kept)
        self._play()
        self.done.append(("ask", *(line.written for line in lines)))
        pressed = next(self._answers, SILENCE)
        return None if pressed == SILENCE else self._taken(pressed)

    async def decide(self, decision: Decision) -> None:
        self.done.append(("decide", decision))

    async def hand_over(self, context: str) -> None:
        self._still_up()
        self.done.append(("hand_over", context))
        self.handed_over = True
        self._over = True
        raise CallEnded(Outcome.TRANSFERRED)

    async def hang_up(self) -> None:
        self.done.append(("hang_up",))
        self._over = True

    @property
    def decisions(self) -> list[Decision]:
        return [decision for _, decision in self._of("decide") if isinstance(decision, Decision)]

    @property
    def said(self) -> list[object]:
        """Every text heard, in order."""
        return [text for kind, *texts in self.done if kind in ("say", "ask") for text in texts]

    def _of(self, kind: str) -> list[tuple[object, ...]]:
        return [thing for thing in self.done if thing[0] == kind]

    def _taken(self, key: str) -> str:
        self._over = self._gone_after_key
        return key

    def _play(self) -> None:
        self._over = self._over or self._played == self._hangs_up_at
        self._still_up()
        self._played += 1

    def _still_up(self) -> None:
        if self._over:
            raise CallEnded(Outcome.HUNG_UP)
