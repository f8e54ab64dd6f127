"""In which order are those called again who did not pick up, and what does the report of a list say? (B3, B6)"""

from typing import Any

import pytest

from core.outcomes import Outcome
from runtime import progress
from store import reports, settings
from tests.ari_app.office import Listener, Office, notice

EVERYBODY = [f"+849010{n:05}" for n in range(120)]


def _again(**retry: Any) -> dict[str, Any]:
    return {"no_answer": {"retry": {"times": 1, **retry}}}


async def _called(office: Office, *, times: int) -> list[str]:
    """Whom so many calls reached, one call after the other, a minute each."""
    for _ in range(times):
        office.clock.move(minutes=1)
        await office.call()
    return [attempt.number for attempt in office.phone.dialled]


async def _told(office: Office) -> dict[str, Any]:
    seen = await office.store.read(lambda tx: progress.seen(tx, programme="bluezone"))
    installation = office.app.installation
    return progress.progress(seen, installation.programmes["bluezone"], installation, office.clock.now())


async def test_those_who_did_not_pick_up_are_called_after_all_others(office: Office) -> None:
    """B3: `after_first_pass: true`; the list is longer than what is planned ahead at once."""
    office.programmes(notice(audience={}, after=_again(after_first_pass=True)))
    office.phone.listeners[""] = Listener(ends=Outcome.NO_ANSWER)
    office.places = 50
    await office.targets(EVERYBODY)
    called = await _called(office, times=8)
    assert (set(called[:120]), set(called[120:])) == (set(EVERYBODY), set(EVERYBODY))
    assert len(called) == 240


async def test_interleaved_they_are_called_again_among_the_others(office: Office) -> None:
    """B3: without `after_first_pass` a retry stands in line with the others, behind what was planned before it."""
    office.programmes(notice(audience={}, after=_again(after="1m")))
    everybody = [f"+849010{n:05}" for n in range(340)]
    office.phone.listeners[everybody[0]] = Listener(ends=Outcome.NO_ANSWER)
    office.places = 50
    await office.targets(everybody)
    called = await _called(office, times=8)
    assert sorted(called) == sorted([*everybody, everybody[0]])
    again = called.index(everybody[0], 1)
    assert len(everybody) - again > 25, "others still waited for their first call"
    contact = await office.one("contacts", number=everybody[0])
    assert (contact["pass_no"], contact["attempts"], contact["state"]) == (1, 2, "done")


async def test_a_retry_is_made_as_often_as_written_and_no_more(office: Office) -> None:
    """B3: `times`."""
    office.programmes(notice(audience={}, after={"no_answer": {"retry": {"times": 3}}}))
    office.phone.listeners[""] = Listener(ends=Outcome.NO_ANSWER)
    await office.targets(EVERYBODY[:2])
    assert len(await _called(office, times=6)) == 8


async def test_the_report_says_how_far_a_list_is(office: Office) -> None:
    """B6, issue 5, 4: taken, called, refused by rule, waiting and in which pass; every number is somewhere."""
    office.programmes(notice(audience={}, after=_again(after_first_pass=True)))
    office.phone.listeners[EVERYBODY[3]] = Listener(ends=Outcome.NO_ANSWER)
    await office.list_of("exclusions", [{"number": EVERYBODY[1], "reason": "liên lạc nghiệp vụ"}])
    await office.targets(EVERYBODY)
    before = await _told(office)
    assert (before["targets"], before["taken"], before["planned"], before["share"]) == (120, 0, 0, 0.0)
    assert before["calls_per_hour"] is None
    await _called(office, times=1)
    told = await _told(office)
    assert (
        told["taken"]
        == told["planned"]
        == told["done"] + told["being_called"] + sum(told["waiting"].values())
    )
    assert (told["called"], told["refused_by"], told["being_called"]) == (10, {"O3": 1}, 0)
    assert told["waiting"]["2"] == 1
    assert told["pass"] == 1
    await _called(office, times=20)
    told = await _told(office)
    assert (told["taken"], told["called"], told["waiting"], told["share"]) == (120, 119, {}, 1.0)
    assert (told["calls_left"], told["finished"]) == (0, None)
    found = await office.store.read(lambda tx: reports.report(tx, programme="bluezone", of_events=False))
    assert found["contacts"] == {"done": 120}
    assert found["calls"]["no_answer"] == 2
    assert sum(found["outcomes"].values()) == 119


async def test_the_end_is_foretold_from_the_calls_of_the_last_hour(office: Office) -> None:
    """Issue 5, 4: 10 calls a minute, 110 numbers left: 11 minutes on, within the window."""
    office.programmes(notice(audience={}, after={}))
    await office.targets(EVERYBODY)
    start = office.clock.now()
    await office.call()
    office.clock.move(minutes=1)
    told = await _told(office)
    assert (told["calls_per_hour"], told["calls_left"], told["days"]) == (600, 110, 1)
    assert told["forecast_by"] == "calls lately"
    office.clock.move(hours=1)
    slower = await _told(office)
    assert slower["calls_per_hour"] == 60, "one slice of ten minutes in which ten calls began"
    assert (start.hour, start.minute) == (10, 0)


@pytest.mark.parametrize(
    ("excluded", "line"),
    [
        ((), "planned: 3, of them 3 called; being called now: 0; waiting: 0"),
        ((1,), "planned: 3, of them 2 called, 1 refused by a rule; being called now: 0; waiting: 0"),
    ],
)
async def test_whom_a_rule_refused_is_told_beside_who_was_called(
    office: Office, capsys: pytest.CaptureFixture[str], excluded: tuple[int, ...], line: str
) -> None:
    """It said "called 2 of 3", which looked as if one were still to come."""
    office.programmes(notice(audience={}, after={}))
    rows = [{"number": EVERYBODY[place], "reason": "liên lạc nghiệp vụ"} for place in excluded]
    await office.list_of("exclusions", rows or [{"number": EVERYBODY[9], "reason": "x"}])
    await office.targets(EVERYBODY[:3])
    await _called(office, times=2)
    progress.show(await _told(office))
    assert line in capsys.readouterr().out


async def test_people_read_it_with_vietnamese_numbers(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.programmes(notice(audience={}, after={}))
    await office.targets([f"+84901{n:06}" for n in range(12_345)])
    await office.call()
    office.clock.move(minutes=1)
    await office.store.write(
        lambda tx: settings.pause(tx, programme="bluezone", by="Lan", now=office.clock.now())
    )
    progress.show(await _told(office))
    said = capsys.readouterr().out
    assert "0,1 %" in said
    assert "list: 12.345 numbers" in said
    assert "calls an hour, lately: 600" in said
    assert "left: about 12.335 calls; through at " in said
    assert "paused by Lan" in said
