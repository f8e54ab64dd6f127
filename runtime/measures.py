"""What does a running part tell a monitoring system? Named numbers with labels, taken at the moment of asking."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measure:
    """One number. A counter counts since the part began; its name ends in `_total`."""

    kind: Literal["gauge", "counter"]
    name: str
    help: str
    labels: Mapping[str, str]
    value: float


Measures = Callable[[], Iterable[Measure]]
