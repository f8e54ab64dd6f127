"""What does `mai status` say of the trunks? Rate, channels, slow start, congestion, rest, prices."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ari_app.rooms import Heard, Ways, open_rooms
from core.config import Config
from core.congestion import REST_FROM
from runtime.shown import status
from runtime.trunks import trunks
from store import paces
from store.database import open_store
from store.tx import Tx
from tests.small_app import small_config
from tests.store.sample import NOW, dialing

TRUNK = {"name": "mobifone", "address": "127.0.0.1:5070", "caller_id": "9090", "calls_per_second": 10}


def config(**changes: Any) -> Config:
    return small_config(trunks=(TRUNK | changes,))


def heard(written: Config, *answers: str) -> Callable[[Tx], None]:
    """`+` went through, `-` failed; now."""

    def tell(tx: Tx) -> None:
        rooms = open_rooms(tx, Ways(written.trunks))
        said = [Heard("mobifone", "through" if each == "+" else "failed", "SIP 503") for each in answers]
        rooms.hear(tx, said, NOW)
        rooms.write(tx)

    return tell


async def row(folder: Path, written: Config, answers: str = "", calls: int = 0) -> dict[str, Any]:
    async with open_store("sqlite:///mai.db", folder) as store:
        await store.write(heard(written, *answers))
        for n in range(calls):
            await store.write(lambda tx, n=n: dialing(tx, f"c{n}", f"call-{n}"))  # type: ignore[misc]
        (found,) = await store.read(lambda tx: trunks(tx, written))
        return found


async def test_a_trunk_that_is_well(tmp_path: Path) -> None:
    """The channels of all controllers, from the calls' rows."""
    found = await row(tmp_path, config(prices=({"prefix": "0", "per_minute": 400},)), calls=2)
    assert found == {
        "trunk": "mobifone", "calls_per_second": 10, "of": 10, "channels": 2, "max_channels": 30, "state": "well",
        "last_failure": None, "prices": "0: 400đ", "prefixes": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "state", "rate"),
    [("---", "slowed: it is congested", 5), ("---+", "slowed: it is congested", 5.1), ("--+", "well", 10)],
)
async def test_a_congested_trunk_is_slowed(tmp_path: Path, answers: str, state: str, rate: float) -> None:
    found = await row(tmp_path, config(), answers)
    assert (found["state"], found["calls_per_second"]) == (state, rate)


async def test_a_trunk_that_rests_says_until_when_and_why(tmp_path: Path) -> None:
    found = await row(tmp_path, config(), "-" * REST_FROM)
    assert found["state"].startswith("rests until ")
    assert (found["calls_per_second"], found["last_failure"]) == (0, "SIP 503")


async def test_a_slow_start_is_said(tmp_path: Path) -> None:
    found = await row(tmp_path, config(slow_start_s=3600))
    assert (found["state"], round(found["calls_per_second"], 1)) == ("slow start", 1)


def test_people_read_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Only columns that say something."""
    said = {"trunk": "a", "calls_per_second": 5.0, "state": "well", "prices": None}
    names = ("now", "parts", "calls", "alarms", "nodes")
    status(dict.fromkeys(names) | {"running": True, "held_back": {}, "why": [], "trunks": [said]})
    printed = capsys.readouterr().out
    assert "calls per second" in printed
    assert "prices" not in printed


def test_names_of_rows_are_apart() -> None:
    assert paces.of_trunk("a") != paces.of_programme("a")
