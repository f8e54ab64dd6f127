"""Does `mai calendar` show the days as the rules see them?"""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from core.rules import may_contact
from core.written import VIETNAM
from runtime.calendar_view import calendar, calendar_of, show
from runtime.failed import WrongUsage
from tests.core.sample import LAW, facts, notice, programme
from tests.runtime.town import town

TET = date(2027, 2, 6)


def _calls(day: date, **changes: object) -> list[tuple[str, str, str]]:
    (found,) = calendar(programme(**changes), LAW, day, 1)
    return [(w["start"][11:19], w["last_dial"][11:19], w["end"][11:19]) for w in found["calls"]]


def test_a_call_must_be_dialled_before_the_windows_end_less_the_ring_limit() -> None:
    """R8: 08:00-17:00, and 30 s of ringing."""
    assert _calls(date(2026, 11, 23)) == [("08:00:00", "16:59:30", "17:00:00")]


def test_several_windows_have_each_their_last_moment() -> None:
    """B2: a public notice has windows of its own, until 17:30."""
    (day,) = calendar(notice(), LAW, date(2026, 11, 23), 1)
    assert [(w["start"][11:16], w["last_dial"][11:19]) for w in day["calls"]] == [
        ("10:00", "11:59:30"),
        ("15:30", "17:29:30"),
    ]


def test_a_day_of_the_week_without_a_window_has_no_calls() -> None:
    """Issue 3, item 7: weekdays; Saturday 21 to Monday 23 November 2026."""
    windows = {"calls": ["mon-sat 08:00-11:30", "mon-fri 13:30-17:00"]}
    week = calendar(programme(windows=windows), LAW, date(2026, 11, 21), 3)
    assert [(each["weekday"], len(each["calls"])) for each in week] == [("Sat", 1), ("Sun", 0), ("Mon", 2)]


def test_days_of_rest_have_no_windows_and_say_why() -> None:
    """R9: Tết of 2027, and an extra day of the installation."""
    law = replace(LAW, extra_tet_days=(date(2027, 2, 8),))
    found = {day["date"]: day for day in calendar(programme(), law, date(2027, 2, 5), 5)}
    assert {day: each["rest"] for day, each in found.items()} == {
        "2027-02-05": None,
        "2027-02-06": "Tết day 1",
        "2027-02-07": "Tết day 2",
        "2027-02-08": "an extra day of rest",
        "2027-02-09": None,
    }
    assert [bool(each["calls"]) for each in found.values()] == [True, False, False, False, True]
    assert [bool(each["messages"]) for each in found.values()] == [True, False, False, False, True]


def test_care_goes_on_at_tet_and_so_the_calendar_says() -> None:
    """R9 binds advertising and public notices."""
    assert _calls(TET, **{"class": "care"}) == [("08:00:00", "16:59:30", "17:00:00")]


@pytest.mark.parametrize("day", [date(2026, 11, 23), TET, date(2027, 2, 8)])
def test_the_calendar_and_the_rules_agree_at_the_edges(day: date) -> None:
    """R8, R9: what the table promises, `may_contact` allows; the moment after, it refuses."""
    (shown,) = calendar(programme(), LAW, day, 1)
    edges = [
        edge
        for w in shown["calls"]
        for edge in ((w["start"], True), (w["last_dial"], False), (w["end"], False))
    ]
    for moment, allowed in edges or [
        (datetime.combine(day, datetime.min.time(), VIETNAM).isoformat(), False)
    ]:
        now = datetime.fromisoformat(moment)
        answer = may_contact(facts(now), programme(), "voice", "advertising", now, LAW)
        assert answer.allowed is allowed, answer.no


async def test_it_begins_today_by_the_decision_clock_and_has_thirty_days(tmp_path: Path) -> None:
    """DESIGN §5, clock.now: before anything was stored too."""
    clock = {"now": datetime(2027, 2, 5, 23, 30, tzinfo=VIETNAM)}
    async with town(tmp_path / "elsewhere", clock=clock) as app:
        installation = replace(app.installation, folder=tmp_path)
        days = await calendar_of(installation, "topup")
        with pytest.raises(WrongUsage, match="'nope' is not a programme: one of topup"):
            await calendar_of(installation, "nope")
    assert (days[0]["date"], len(days)) == ("2027-02-05", 30)


def test_the_table_shows_what_a_person_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    show("topup", calendar(programme(), LAW, date(2027, 2, 5), 2))
    shown = capsys.readouterr().out
    assert "Fri 05/02/2027" in shown
    assert "16:59:30" in shown
    assert "Tết day 1" in shown
