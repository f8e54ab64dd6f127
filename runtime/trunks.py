"""How do the trunks do? Rate, channels, rest and prices of each, as all controllers together use them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.config import Config, Trunk
from core.congestion import Congestion, resting, seconds_of_rest
from core.pacing import rate, trunk_pace
from core.written import VIETNAM
from store import paces
from store.tx import Tx


def trunks(tx: Tx, config: Config) -> list[dict[str, Any]]:
    """A row for each trunk of config.yaml, in its order, for `mai status`."""
    states, held, now = paces.every(tx), paces.lines(tx), paces.now_s(tx)
    return [_row(trunk, states.get(paces.of_trunk(trunk.name)) or {}, held, now) for trunk in config.trunks]


def _row(
    trunk: Trunk, stored: Mapping[str, Any], held: Mapping[tuple[str, str], int], now: float
) -> dict[str, Any]:
    pace, congestion = trunk_pace(trunk), paces.congestion_of(stored)
    up = rate(pace, paces.started_of(stored, now), now)
    left = 0.0 if resting(congestion) else up * congestion.share
    return {
        "trunk": trunk.name,
        "calls_per_second": round(left, 2),
        "of": trunk.calls_per_second,
        "channels": sum(count for (line, _), count in held.items() if line == trunk.name),
        "max_channels": trunk.max_channels,
        "state": _state(congestion, up < trunk.calls_per_second, now),
        "last_failure": congestion.why or None,
        "prices": ", ".join(f"{row.prefix}: {row.per_minute}đ" for row in trunk.prices) or None,
        "prefixes": ", ".join(trunk.prefixes) or None,
    }


def _state(congestion: Congestion, slow_start: bool, now: float) -> str:
    if resting(congestion) and (left := seconds_of_rest(congestion, now)) > 0:
        until = datetime.fromtimestamp(now + left, UTC).astimezone(VIETNAM)
        return f"rests until {until:%H:%M:%S}"
    if resting(congestion):
        return "is tried with one call"
    if congestion.share < 1:
        return "slowed: it is congested"
    return "slow start" if slow_start else "well"
