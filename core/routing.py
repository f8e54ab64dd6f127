"""Over which trunk does a call to this number go? The cheapest that may carry it (T8).

Prices are đồng per minute by prefix of the national number (0901234567); the longest prefix that fits counts. A trunk
without a price for the number comes after those with one; trunks of the same price in the order of config.yaml.
"""

from collections.abc import Iterable, Sequence

from core.config import Trunk
from core.numbers import national


def carries(trunk: Trunk, number: str) -> bool:
    """Whether this trunk may carry calls to `number` (+84…) at all."""
    return not trunk.prefixes or national(number).startswith(trunk.prefixes)


def price(trunk: Trunk, number: str) -> int | None:
    """Đồng per minute of a call to `number` (+84…) over this trunk; None: config.yaml does not say."""
    written = national(number)
    fitting = [row for row in trunk.prices if written.startswith(row.prefix)]
    return max(fitting, key=lambda row: len(row.prefix)).per_minute if fitting else None


def by_cost(trunks: Iterable[Trunk], number: str) -> Sequence[Trunk]:
    """The trunks that may carry calls to `number` (+84…), the cheapest first."""
    allowed = [trunk for trunk in trunks if carries(trunk, number)]
    return sorted(allowed, key=lambda trunk: _rank(price(trunk, number)))  # stable: else as in config.yaml


def _rank(price: int | None) -> tuple[bool, int]:
    return price is None, price or 0
