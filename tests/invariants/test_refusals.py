"""A refusal that was taken back: does the next one hold, however soon it comes and whatever the clock did?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from tests.invariants.town import NUMBERS, Town

AN = NUMBERS[0]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    found = Town("sqlite:///mai.db", tmp_path)
    await found.start()
    await found.import_subscribers(NUMBERS)
    await found.import_do_not_call([])
    yield found
    await found.stop()


@pytest.mark.parametrize("how", ["sms", "cli"])
@pytest.mark.parametrize("seconds", [0.0, 599.0, 600.0, -86_400.0])
async def test_who_refuses_again_is_not_called(
    town: Town, how: Literal["sms", "cli"], seconds: float
) -> None:
    """R6: the same words within the time of a redelivery, and after the clock went back, are a refusal too."""
    await town.refuse(AN, how)
    await town.allow_again(AN)
    await town.time_passes(seconds=seconds)
    await town.refuse(AN, how)
    await town.import_do_not_call([])
    await town.topup(AN, None)
    await town.turn()
    assert town.record.left == []
    assert [(row["fate"], row["rule"][:2]) for row in await town.rows("triggers")] == [
        ("refused_by_rule", "R6")
    ]


async def test_a_refusal_that_is_delivered_twice_is_confirmed_once(town: Town) -> None:
    """R6: the SMSC did not hear our answer."""
    for _ in range(2):
        await town.refuse(AN, "sms")
    assert [row["kind"] for row in await town.rows("messages")] == ["refusal_confirmed"]


async def test_who_took_it_back_is_called(town: Town) -> None:
    """O21: the town of these tests is one where calls are made."""
    await town.refuse(AN, "sms")
    await town.allow_again(AN)
    await town.topup(AN, None)
    await town.turn()
    assert len(town.record.left) == 1
