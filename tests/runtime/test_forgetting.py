"""Is the house kept at night, and is a request to forget answered with what was done and what was not?"""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from core.outcomes import Outcome
from core.written import VIETNAM
from runtime.forgetting import forget_number, keep_house, next_night, remove_expired, show
from store import journal, logs, numbers, settings, triggers
from store.retention import USUAL
from store.tx import Tx
from tests.runtime.town import AN, NOW, set_clock, town
from tests.store import sample


def _over(tx: Tx) -> None:
    """A call of two days before NOW that ended without a decision."""
    then = NOW - timedelta(days=2)
    sample.dialing(tx, at=then)
    sample.end(tx, "call-1", Outcome.NO_KEY, at=then)


@pytest.mark.parametrize(
    ("last", "night"),
    [
        (datetime(2026, 11, 23, 2, 29), datetime(2026, 11, 23, 2, 30)),
        (datetime(2026, 11, 23, 2, 30), datetime(2026, 11, 24, 2, 30)),
        (datetime(2026, 11, 23, 9, 0), datetime(2026, 11, 24, 2, 30)),
        (datetime(2026, 11, 23, 23, 59), datetime(2026, 11, 24, 2, 30)),
    ],
)
def test_the_night_after_the_last_one(last: datetime, night: datetime) -> None:
    """R8: outside every window."""
    assert next_night(last.replace(tzinfo=VIETNAM), NOW) == night.replace(tzinfo=VIETNAM)


async def test_what_is_too_old_goes_in_batches_and_young_rows_stay(tmp_path: Path) -> None:
    """R13."""
    async with town(tmp_path) as app:
        for n in range(5):
            await app.store.write(partial(_event, id=f"old-{n}", at=NOW - USUAL - timedelta(days=1)))
        await app.store.write(partial(_event, id="young", at=NOW))
        assert await remove_expired(app, batch=2) == {"triggers": 5}
        left = await app.store.read(lambda tx: [each["id"] for each in logs.triggers(tx)])
    assert left == ["young"]


def _event(tx: Tx, *, id: str, at: datetime) -> None:
    triggers.add(tx, event=sample.topup(id, at=at), received_at=at)
    triggers.settle(tx, id=id, fate="stale")


async def test_a_missed_night_is_made_up_for_at_once_and_the_next_one_is_waited_for(tmp_path: Path) -> None:
    async with town(tmp_path) as app:
        await app.store.write(partial(_event, id="old", at=NOW - USUAL - timedelta(days=1)))
        stopping = _StopsWhenAsked()
        await keep_house(app, stopping)
        kept_at = await app.store.read(lambda tx: settings.get(tx, name="house_kept_at"))
        assert datetime.fromisoformat(kept_at) == NOW
        assert stopping.waited == 1
        assert await app.store.read(lambda tx: [*logs.triggers(tx)]) == []


class _StopsWhenAsked(asyncio.Event):
    """The system stops as soon as somebody waits for it."""

    waited = 0

    async def wait(self) -> Literal[True]:
        type(self).waited += 1
        self.set()
        return True


async def test_the_answer_names_what_changed_and_what_stays_in_lists_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """R13, R14: the journal knows of the request and not of the number."""
    async with town(tmp_path) as app:
        await app.store.write(_over)
        await app.store.write(lambda tx: numbers.refuse(tx, number=AN, at=NOW, via="cli", ref="r", by="lan"))
        found = await forget_number(app, number=AN, by="minh")
        calls = await app.store.read(lambda tx: [each["number"] for each in logs.calls(tx)])
        kept = await app.store.read(partial(journal.of_number, number=calls[0]))
    assert (found["changed"]["calls"], calls[0].startswith("forgotten-")) == (1, True)
    assert [(entry.did, entry.by) for entry in kept] == [("forgotten", "minh")]
    assert {each["table"] for each in found["kept"]} == {"list of subscribers", "numbers", "journal"}
    show(found)
    shown = capsys.readouterr().out
    assert "+8490****567" in shown
    assert "901234567" not in shown
    assert "goes with the next import" in shown


async def test_forgetting_a_stranger_changes_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as app:
        set_clock(app, NOW)
        found = await forget_number(app, number="+84911111111", by="minh")
    assert set(found["changed"].values()) == {0}
    assert found["kept"] == []
