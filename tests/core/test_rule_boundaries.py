"""Each rule with a clock in it: the last moment of a yes, the first of a no, to the microsecond."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.campaigns import Channel, Class
from core.facts import Event, Facts, Grant, Law, ListState, Programme
from core.outcomes import Outcome
from core.rules import may_contact
from core.written import VIETNAM
from tests.core.sample import LAW, NUMBER, TEN, at, facts, notice, programme, subscriber, touch

DAY, SECOND, MICRO = timedelta(hours=24), timedelta(seconds=1), timedelta(microseconds=1)
FOREVER = replace(LAW, granted=tuple(Grant(name, None) for name in ("9090", "8989", "090", "MOBIFONE.AI")))
#: A notice has its own windows: one without a night shows where a day begins.
ROUND_THE_CLOCK = notice(windows={"calls": ("00:00-24:00",), "messages": ("00:00-24:00",)})
CARE, ADVERTISING = programme(**{"class": "care"}), programme()


def refused_by(
    known: Facts,
    of: Programme = ADVERTISING,
    now: datetime = TEN,
    channel: Channel = "voice",
    law: Law = FOREVER,
) -> str | None:
    """The first rule that says no; None: may be contacted."""
    no = may_contact(known, of, channel, of.campaign.class_, now, law).no
    return no.rule if no else None


def moment(text: str) -> datetime:
    """A time of that Monday, with a fraction or without."""
    whole, _, fraction = text.partition(".")
    return at(whole) + timedelta(microseconds=int(fraction.ljust(6, "0")) if fraction else 0)


@pytest.mark.parametrize("of", [ADVERTISING, CARE], ids=["advertising", "care"])
@pytest.mark.parametrize(
    ("channel", "text", "yes"),
    [
        ("voice", "07:59:59.999999", False),
        ("voice", "08:00:00", True),
        ("voice", "16:59:29.999999", True),  # 30 s of ringing end just before 17:00
        ("voice", "16:59:30", False),
        ("voice", "16:59:59.999999", False),
        ("voice", "17:00:00", False),
        ("sms", "07:59:59.999999", False),
        ("sms", "08:00:00", True),
        ("sms", "21:59:59.999999", True),
        ("sms", "22:00:00", False),
        ("sms", "23:59:59.999999", False),
    ],
)
def test_the_hours_begin_and_end_to_the_microsecond(
    of: Programme, channel: Channel, text: str, yes: bool
) -> None:
    """R8, O8: [08:00,17:00) less the ringing, [08:00,22:00); for advertising and care alike."""
    now = moment(text)
    assert refused_by(facts(now), of, now, channel) == (None if yes else "R8")


@pytest.mark.parametrize("ring_s", [1, 20, 30, 60])
def test_the_last_moment_to_dial_is_the_end_less_the_longest_ringing(ring_s: int) -> None:
    """R8: whatever the trunks' limit, exclusive."""
    last, law = at("17:00:00") - timedelta(seconds=ring_s), replace(FOREVER, ring_s=ring_s)
    assert refused_by(facts(last), now=last, law=law) == "R8"
    assert refused_by(facts(last - MICRO), now=last - MICRO, law=law) is None


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("08:59:59.999999", False), ("09:00:00", True), ("11:29:29.999999", True), ("11:29:30", False),
        ("11:30:00", False), ("13:59:59.999999", False), ("14:00:00", True), ("15:59:30", False),
    ],
)  # fmt: skip
def test_each_window_of_a_day_ends_for_itself(text: str, yes: bool) -> None:
    """B2, R8: nothing rings into the pause at noon."""
    now, of = moment(text), programme(windows={"calls": ("09:00-11:30", "14:00-16:00")})
    assert refused_by(facts(now), of, now) == (None if yes else "R8")


@pytest.mark.parametrize(
    "first",
    [
        date(1985, 1, 21), date(2007, 2, 17), date(2027, 2, 6), date(2028, 1, 26), date(2029, 2, 13),
        date(2030, 2, 2), date(2031, 1, 23), date(2032, 2, 11), date(2053, 2, 18),
    ],
)  # fmt: skip
@pytest.mark.parametrize("channel", ["voice", "sms"])
def test_tet_is_two_whole_days_of_vietnam(first: date, channel: Channel) -> None:
    """R9, O8, R16: from midnight to midnight there; the host may live in any zone."""
    begins = datetime(first.year, first.month, first.day, tzinfo=VIETNAM).astimezone(UTC)
    said = [
        refused_by(facts(now, event=None), ROUND_THE_CLOCK, now, channel)
        for now in (
            begins - timedelta(minutes=1),
            begins,
            begins + 2 * DAY - timedelta(minutes=1),
            begins + 2 * DAY,
        )
    ]
    assert said == [None, "R9", "R9", None]


@pytest.mark.parametrize(("ago", "yes"), [(DAY - SECOND, False), (DAY - MICRO, False), (DAY, True)])
@pytest.mark.parametrize("day", ["Monday", "over a new year"])
def test_a_rolling_day_is_24_hours_to_the_microsecond(ago: timedelta, yes: bool, day: str) -> None:
    """R7, O7: a call, the third message, a successful call of the programme; it knows no calendar."""
    now = TEN if day == "Monday" else datetime(2027, 1, 1, 9, tzinfo=VIETNAM)
    call = facts(now, history=(touch(now - ago, programme="another"),))
    assert refused_by(call, now=now) == (None if yes else "R7")
    sms = facts(now, history=tuple(touch(now - each, "sms") for each in (ago, SECOND, MICRO)))
    assert refused_by(sms, now=now, channel="sms") == (None if yes else "R7")
    own = touch(now - ago, "voice", "public_notice", "bluezone", Outcome.NO_KEY)
    again = notice(per_subscriber="each_event", windows={"calls": ("00:00-24:00",)})
    assert refused_by(facts(now, event=None, history=(own,)), again, now) == (None if yes else "O7")


@pytest.mark.parametrize(
    ("age", "yes"),
    [
        (timedelta(minutes=15), True),
        (timedelta(minutes=15) + MICRO, False),
        (timedelta(seconds=-300), True),
        (timedelta(seconds=-300) - MICRO, False),
    ],
)
def test_an_event_is_fresh_to_the_microsecond(age: timedelta, yes: bool) -> None:
    """O20, R15: its limit included; further ahead than five minutes is a doubt about the clock."""
    known = facts(event=Event("e", "topup", NUMBER, TEN - age, 50_000))
    assert refused_by(known) == (None if yes else "O20")


@pytest.mark.parametrize("channel", ["voice", "sms"])
@pytest.mark.parametrize(
    ("age", "yes"),
    [
        (DAY, True),
        (DAY + MICRO, False),
        (timedelta(seconds=-300), True),
        (timedelta(seconds=-300) - MICRO, False),
    ],
)
def test_the_register_is_in_force_to_the_microsecond(age: timedelta, yes: bool, channel: Channel) -> None:
    """R2, R15: 24 hours after its import, and not when it comes from the future."""
    known = facts(do_not_call=ListState(1, TEN - age, 1000, 1000))
    assert refused_by(known, channel=channel) == (None if yes else "R2")


@pytest.mark.parametrize("when", [-400 * DAY, -MICRO, timedelta(0), MICRO, DAY])
def test_a_refusal_knows_no_time(when: timedelta) -> None:
    """R6: it holds in the instant that it is stored, never ages, and holds when the clock has gone back since."""
    for channel in ("voice", "sms"):
        assert refused_by(facts(refused_at=TEN + when), channel=channel) == "R6"


#: 23:59:59 of a day in Vietnam, and the second after it.
NIGHT = datetime(2026, 11, 23, 16, 59, 59, tzinfo=UTC)


def test_what_counts_days_changes_at_midnight_in_vietnam() -> None:
    """R16: a grant's last day (R10), months on the network (O2), an extra day of rest (R9)."""
    law = replace(FOREVER, granted=(Grant("090", date(2026, 11, 23)), Grant("MOBIFONE.AI", None)))
    base = subscriber(activated_on=date(2025, 11, 24))
    older = notice(
        audience={"months_on_network": 12}, windows={"calls": ("00:00-24:00",), "messages": ("00:00-24:00",)}
    )
    rest = replace(FOREVER, extra_tet_days=(date(2026, 11, 24),))
    before, after = NIGHT - timedelta(minutes=1), NIGHT + SECOND
    said = [
        (
            refused_by(facts(now, event=None), ROUND_THE_CLOCK, now, law=law),
            refused_by(facts(now, event=None, subscriber=base), older, now),
            refused_by(facts(now, event=None), ROUND_THE_CLOCK, now, law=rest),
        )
        for now in (before, after)
    ]
    assert said == [(None, "O2", None), ("R10", None, "R9")]


_ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))


@given(
    _MOMENTS,
    _ZONES,
    st.sampled_from(["voice", "sms"]),
    st.sampled_from(["advertising", "care", "public_notice"]),
)
def test_the_zone_that_a_moment_is_written_in_changes_no_verdict(
    now: datetime, zone: timezone, channel: Channel, class_: Class
) -> None:
    """R16: decisions are in Asia/Ho_Chi_Minh, wherever the host stands."""
    of = ROUND_THE_CLOCK if class_ == "public_notice" else programme(**{"class": class_})
    here, there = (
        may_contact(facts(each), of, channel, class_, each, FOREVER) for each in (now, now.astimezone(zone))
    )
    assert [(v.rule, v.allowed, v.seen, v.reason) for v in here.verdicts] == [
        (v.rule, v.allowed, v.seen, v.reason) for v in there.verdicts
    ]
