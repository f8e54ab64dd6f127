"""Does every kind of event come in as a top-up does: checked, stored once, planned for its own programme?"""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ari_app.planner import plan_events
from core.triggers import EVENTS, TriggerKind
from runtime import requests
from runtime.app import App
from runtime.failed import CommandFailed, WrongUsage
from store import logs
from tests.core.sample import programme
from tests.runtime.town import AN, NOW, town


async def _trigger(app: App, kind: str, **fields: Any) -> Any:
    return await requests.trigger(
        app, kind=kind, **{"id": "e1", "number": "0901234567", "amount": 9000, **fields}
    )


async def _log(app: App) -> list[dict[str, Any]]:
    return await app.store.read(lambda tx: [*logs.triggers(tx, number=None)])


@pytest.mark.parametrize("kind", EVENTS)
async def test_an_event_is_planned_for_the_programme_that_waits_for_its_kind(
    tmp_path: Path, kind: TriggerKind
) -> None:
    """O1, O19."""
    waiting = [programme(name=f"of-{each}".replace("_", "-"), trigger={"kind": each}) for each in EVENTS]
    async with town(tmp_path, *waiting) as app:
        assert await _trigger(app, kind) == "stored"
        assert await _trigger(app, kind) == "repeated"
        assert await _trigger(app, kind, amount=9001) == "conflict"
        await app.store.write(partial(plan_events, app=app, now=NOW))
        (row,) = await _log(app)
    assert (row["kind"], row["programme"], row["fate"]) == (kind, f"of-{kind}".replace("_", "-"), None)


@pytest.mark.parametrize(
    ("kind", "amount", "says"),
    [
        ("low_balance", -1, "not between 0 and"),
        ("renewal", 0, "not between 1 and"),
        ("bill_due", 1.5, "not a whole number"),
        ("renewal", None, "not a whole number"),
    ],
)
async def test_an_amount_that_makes_no_sense_is_refused_and_kept_as_invalid(
    tmp_path: Path, kind: str, amount: object, says: str
) -> None:
    async with town(tmp_path) as app:
        with pytest.raises(CommandFailed, match=f"amount: .*{says}"):
            await _trigger(app, kind, amount=amount)
        (row,) = await _log(app)
    assert (row["kind"], row["number"], row["fate"]) == (kind, "0901234567", "invalid")


async def test_a_balance_may_have_fallen_to_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as app:
        assert await _trigger(app, "low_balance", amount=0) == "stored"
        (row,) = await _log(app)
    assert (row["number"], row["amount"]) == (AN, 0)


@pytest.mark.parametrize("kind", ["list", "test", "birthday", ""])
async def test_what_is_no_kind_of_event_is_refused_with_the_kinds_that_are(tmp_path: Path, kind: str) -> None:
    async with town(tmp_path) as app:
        with pytest.raises(WrongUsage, match="one of topup, renewal, bill_due, low_balance"):
            await _trigger(app, kind)
        assert await _log(app) == []
