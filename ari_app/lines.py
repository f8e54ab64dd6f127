"""Which trunk may carry one more call now? Calls per second and channels of every trunk, taken and given back.

Times are monotonic seconds. A call that a script handed over to agents has ended for us and still holds its channel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ari_app.phone import Attempt
from core.config import Trunk
from core.pacing import Pace, Started, begin, may_start, seconds_until_next, started

_NOBODY: Callable[[str], int] = lambda trunk: 0  # noqa: E731 a default, not a function of its own


@dataclass
class PacedTrunk:
    """One trunk and what it bears now."""

    trunk: Trunk
    pace: Pace
    state: Started
    up: int = 0  #: calls of ours, from the claim to the recorded end


@dataclass
class Lines:
    """Every trunk of config.yaml, in its order: the first one that has room is used."""

    trunks: Sequence[PacedTrunk]
    with_agents: Callable[[str], int] = _NOBODY  #: channels of a trunk that agents talk on
    slower: float = 1.0  #: what is left of the calls per second while the SMSCs lag behind: 0...1

    def room(self, trunk: PacedTrunk, now: float, *, slower: float) -> int:
        return may_start(trunk.pace, trunk.state, self._channels(trunk), now, slower)

    def free(self, now: float, most: int) -> list[Trunk]:
        """The trunks that may start a call now, one entry a call, at most `most`."""
        return [each.trunk for each in self.trunks for _ in range(self.room(each, now, slower=self.slower))][
            :most
        ]

    def wait_s(self, now: float) -> float | None:
        """When the rate allows the next call, in seconds; None: no channel is free, one that ends tells."""
        waits = [
            seconds_until_next(each.pace, each.state, now, self.slower)
            for each in self.trunks
            if self._channels(each) < each.pace.max_channels
        ]
        return min(waits, default=None)

    def take(self, name: str, now: float) -> "Line":
        """A line on this trunk, counted from now on."""
        trunk = next(each for each in self.trunks if each.trunk.name == name)
        self._start(trunk, now)
        return Line(self, trunk)

    def says(self) -> dict[str, object]:
        return {
            each.trunk.name: {"up": self._channels(each), "channels": each.pace.max_channels}
            for each in self.trunks
        }

    def _channels(self, trunk: PacedTrunk) -> int:
        return trunk.up + self.with_agents(trunk.trunk.name)

    def _start(self, trunk: PacedTrunk, now: float) -> None:
        trunk.state = started(trunk.pace, trunk.state, 1, now, self.slower)
        trunk.up += 1


@dataclass
class Line:
    """What one attempt holds: a channel of a trunk, which it may leave for another one."""

    lines: Lines
    trunk: PacedTrunk
    tried: set[str] = field(default_factory=set)

    def move(self, attempt: Attempt, now: float) -> Attempt | None:
        """The same attempt on a trunk that it has not tried and that has room now; None: there is none."""
        self.tried.add(self.trunk.trunk.name)
        for other in self.lines.trunks:
            # A call that has begun is finished, however full the outbox is.
            if other.trunk.name not in self.tried and self.lines.room(other, now, slower=1.0):
                self.trunk.up -= 1
                self.lines._start(other, now)
                self.trunk = other
                return replace(attempt, trunk=other.trunk.name)
        return None

    def give_back(self) -> None:
        self.trunk.up -= 1


def lines_of(trunks: Sequence[Trunk], now: float, with_agents: Callable[[str], int] = _NOBODY) -> Lines:
    """Nothing was started yet."""
    paced = [PacedTrunk(each, Pace(each.calls_per_second, each.max_channels), begin(now)) for each in trunks]
    return Lines(paced, with_agents)
