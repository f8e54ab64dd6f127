"""Whose call is next? Programmes with work share the lines by their weights.

Each programme's calls are due in turn, the n-th between (n - 1) / share and n / share calls of all; of those whose turn
has begun the one is served whose turn ends first. So, while the same programmes have work, each has had its part of
the calls to within one call, whenever one looks. Who had no work has nothing saved up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Shares:
    """When each programme's next turn begins, in time that passes by 1 / (all weights) with each call; now is 0.

    Absent: now. Below 0: it is behind. What is above 0 was served ahead of its share and waits, also through a spell
    without work.
    """

    turns: Mapping[str, float] = field(default_factory=dict)


EVEN = Shares()  #: nobody was served yet


def next_served(shares: Shares, weights: Mapping[str, float]) -> str:
    """Which of the programmes that have work is served next; `weights`: theirs, each above 0, at least one."""
    turns = {name: shares.turns.get(name, 0.0) for name in weights}
    soonest = max(0.0, min(turns.values()))
    slot = 1 / sum(weights.values())
    begun = [name for name, turn in turns.items() if turn < soonest + slot - _ROUNDING]
    return min(begun, key=lambda name: (round(turns[name] + 1 / weights[name], 9), name))


def served(shares: Shares, weights: Mapping[str, float], name: str) -> Shares:
    """After one call of programme `name`, when those of `weights` had work."""
    slot = 1 / sum(weights.values())
    ahead = max(0.0, min(shares.turns.get(each, 0.0) for each in weights))
    turns: dict[str, float] = {}
    for each in {*shares.turns, *weights}:
        turn = shares.turns.get(each, 0.0)
        if each in weights:
            turns[each] = turn - ahead - slot + (1 / weights[each] if each == name else 0.0)
        elif turn - ahead - slot > 0:
            turns[each] = turn - ahead - slot
    return Shares(turns)


def without_work(shares: Shares, idle: frozenset[str]) -> Shares:
    """These had no work: what they were behind is forgotten, what they were ahead is not."""
    return Shares({name: turn for name, turn in shares.turns.items() if turn > 0 or name not in idle})
