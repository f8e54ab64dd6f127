"""R1-R10: the figures that hold in an installation."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import Config
from core.decree import parse_law
from core.facts import Grant, Law, law_of
from core.figures import strictest
from core.rules import may_contact
from core.written import VIETNAM, Window
from core.yaml_file import BadYaml
from tests.core import sample


def config(**changes: Any) -> Config:
    return Config.model_validate(
        {
            "asterisk": {"nodes": [{"password": "x"}]},
            "trunks": [
                {"name": "a", "address": "127.0.0.1:5070", "caller_id": "9090", "ring_s": 20},
                {"name": "b", "address": "127.0.0.1:5071", "caller_id": "9090", "ring_s": 45},
            ],
            **changes,
        },
        strict=False,
    )


def test_what_nothing_is_written_about_is_the_law() -> None:
    """rules.md: the defaults of the table, the ring limit of the slowest trunk."""
    law, default = law_of(config()), Law()
    assert law.ring_s == 45
    assert (law.calls_per_24h, law.sms_per_24h, law.dnc_max_age_hours, law.dnc_max_shrink) == (1, 3, 24, 0.05)
    assert (str(law.call_window), str(law.sms_window)) == ("08:00-17:00", "08:00-22:00")
    assert law.always_excluded == default.always_excluded == {"vip", "internal", "duty"}


def test_what_is_written_holds_and_changes_the_version() -> None:
    """rules.md: a verdict names the figures it was given under."""
    limits = {
        "calls_per_24h": 0,
        "sms_per_24h": 2,
        "dnc_max_age": timedelta(hours=6),
        "dnc_max_shrink": 0.01,
        "approval_exempt_units": ["CTKV 1"],
        "extra_tet_days": [date(2027, 2, 8)],
    }
    granted = [{"name": "9090", "reference": "1/GP", "until": date(2027, 1, 1)}]
    law = law_of(config(limits=limits, granted=granted))
    assert (law.calls_per_24h, law.sms_per_24h, law.dnc_max_age_hours, law.dnc_max_shrink) == (0, 2, 6, 0.01)
    assert law.approval_exempt_units == {"CTKV 1"}
    assert law.extra_tet_days == (date(2027, 2, 8),)
    assert law.granted == (Grant("9090", date(2027, 1, 1), "1/GP"),)
    assert law.version != law_of(config()).version
    assert law.version == law_of(config(limits=limits, granted=granted)).version


def dated(*rows: dict[str, Any], **always: Any) -> Config:
    return config(limits={**always, "dated": list(rows)})


@pytest.mark.parametrize(
    "looser",
    [
        {"calls_per_24h": 2},
        {"sms_per_24h": 4},
        {"dnc_max_shrink": 0.06},
        {"dnc_max_age": timedelta(hours=48)},
        {"call_hours": "07:00-18:00"},
        {"keep_logs": timedelta(days=30)},
    ],
)
def test_configuration_may_be_stricter_and_never_looser(looser: dict[str, Any]) -> None:
    """R2, R7, R8, R13: whatever is written, the law's figure holds; `mai check` refuses it (test_loading)."""
    held, lawful = law_of(config(limits=looser)), Law()
    assert (held.calls_per_24h, held.sms_per_24h) == (lawful.calls_per_24h, lawful.sms_per_24h)
    assert (held.dnc_max_shrink, held.dnc_max_age_hours) == (lawful.dnc_max_shrink, lawful.dnc_max_age_hours)
    assert held.call_window == lawful.call_window
    assert held.keep_logs >= lawful.keep_logs


def test_a_dated_row_holds_on_its_days_only() -> None:
    """rules.md: every figure is a dated row; both days of the row included, Vietnamese midnight (R16)."""
    row = {"effective_from": date(2027, 1, 10), "effective_to": date(2027, 1, 20), "sms_per_24h": 1}
    law = law_of(dated(row, sms_per_24h=2), date(2026, 11, 23))
    assert law.sms_per_24h == 2
    moments = {
        datetime(2027, 1, 9, 23, 59, 59, tzinfo=VIETNAM): 2,
        datetime(2027, 1, 9, 17, tzinfo=UTC): 1,
        datetime(2027, 1, 20, 23, 59, 59, tzinfo=VIETNAM): 1,
        datetime(2027, 1, 21, tzinfo=VIETNAM): 2,
    }
    assert {now: law.at(now).sms_per_24h for now in moments} == moments


def test_the_verdict_says_which_rows_held() -> None:
    """rules.md: the version of a verdict names since when the law's and the installation's rows hold."""
    law = law_of(dated({"effective_from": date(2027, 1, 10), "calls_per_24h": 0}))
    before, after = law.on(date(2027, 1, 9)), law.on(date(2027, 1, 10))
    assert before.version.startswith("law 2020-10-01, limits undated, ")
    assert after.version.startswith("law 2020-10-01, limits 2027-01-10, ")
    for day, said in ((9, before), (10, after)):
        now = datetime(2027, 1, day, 10, tzinfo=VIETNAM)
        answer = may_contact(sample.facts(), sample.programme(), "voice", "advertising", now, law)
        assert {verdict.version for verdict in answer.verdicts} == {f"v1 {said.version}"}
        frequency = next(verdict for verdict in answer.verdicts if verdict.rule == "R7")
        assert frequency.allowed is (day == 9)


DECREE = """\
rows:
  - source: old
    effective_from: 2020-10-01
    effective_to: 2027-06-30
    calls_per_24h: 1
    sms_per_24h: 3
  - {source: new, effective_from: 2027-07-01, calls_per_24h: 0, sms_per_24h: 2}
  - source: rest
    effective_from: 2020-10-01
    call_hours: "08:00-17:00"
    sms_hours: "08:00-22:00"
    dnc_max_age: 24h
    dnc_max_shrink: 0.05
    keep_logs: 366d
    care_calls_per_24h: 1
    care_sms_per_24h: 3
    clock_doubt: 5m
"""


def test_a_new_decree_holds_from_its_day_whatever_an_installation_wrote() -> None:
    """rules.md: the stricter holds; before the first row and after it nothing is free (R15)."""
    law = law_of(config(limits={"sms_per_24h": 3}), decree=parse_law(DECREE, "law.yaml"))
    assert (law.calls_per_24h, law.sms_per_24h) == (0, 2)
    assert (law.on(date(2027, 6, 30)).calls_per_24h, law.on(date(2027, 6, 30)).sms_per_24h) == (1, 3)
    assert law.on(date(2027, 7, 1)).version.startswith("law 2027-07-01")
    assert law.on(date(2019, 1, 1)).calls_per_24h == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("source: old", "sourse: old", "law.yaml:2: rows[0].source: is missing"),
        ("    clock_doubt: 5m\n", "", "law.yaml:1: rows: no row sets clock_doubt"),
        ("2027-06-30", "2020-06-30", "rows[0].effective_to: 2020-06-30 is before effective_from 2020-10-01"),
    ],
)
def test_a_wrong_law_is_refused_with_its_line(old: str, new: str, said: str) -> None:
    """R15: nothing is decided by half a law."""
    with pytest.raises(BadYaml) as wrong:
        parse_law(DECREE.replace(old, new), "law.yaml")
    assert said in str(wrong.value)


_hours = st.tuples(st.integers(0, 23), st.integers(1, 24), st.frozensets(st.integers(0, 6), min_size=1))


@given(st.lists(_hours.filter(lambda h: h[0] < h[1]), min_size=1, max_size=3), st.datetimes())
def test_the_strictest_hours_lie_in_each(
    written: list[tuple[int, int, frozenset[int]]], at: datetime
) -> None:
    """R8: where several rows bound the hours, a moment is inside the result when it is inside all."""
    windows = [Window(time(a), None if b == 24 else time(b), days) for a, b, days in written]
    moment = at.replace(tzinfo=VIETNAM)
    assert (moment in strictest("call_hours", windows)) is all(moment in window for window in windows)
