"""rules.md: one gate, every rule with its boundaries, and which rule binds which class."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.campaigns import Channel, Class
from core.facts import Event, Facts, Grant, Law, ListState, Programme
from core.outcomes import SUCCESSFUL, Outcome
from core.rules import RULES, Answer, binding, fate, may_contact, nearest
from core.rules_of_law import grants_ending, list_trouble
from core.written import VIETNAM
from tests.core.sample import LAW, NUMBER, TEN, at, facts, notice, programme, subscriber, touch

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)


def ask(
    known: Facts | None = None,
    of: Programme | None = None,
    now: datetime = TEN,
    channel: Channel = "voice",
    law: Law = LAW,
    class_: Class | None = None,
) -> Answer:
    of = of or programme()
    return may_contact(known or facts(now), of, channel, class_ or of.campaign.class_, now, law)


def says_no(answer: Answer) -> list[str]:
    return [verdict.rule for verdict in answer.verdicts if not verdict.allowed]


@pytest.mark.parametrize("channel", ["voice", "sms"])
@pytest.mark.parametrize("of", [programme(), notice(), programme(**{"class": "care"})])
def test_where_nothing_is_wrong_every_rule_says_yes(of: Programme, channel: Channel) -> None:
    """R1-R16: the sample of these tests is one that may be contacted."""
    event = facts().event
    assert event is not None
    answer = ask(facts(event=replace(event, kind=of.campaign.trigger.kind)), of, channel=channel)
    assert says_no(answer) == []
    assert answer.allowed
    assert answer.no is None
    assert {verdict.version for verdict in answer.verdicts} == {f"v1 {LAW.version}"}


#: rules.md, "Which rule binds which class"; the law's rules only.
BINDS = {
    "advertising": {"R1", "R2", "R3", "R6", "R7", "R8", "R9", "R10", "R16"},
    "public_notice": {"R1", "R8", "R9", "R10", "R16"},  # R8: its own windows
    "care": {"R1", "R7", "R8", "R10", "R16"},
    "transactional": {"R1", "R10", "R16"},  # R1 asks of a public notice only
}


@pytest.mark.parametrize("channel", ["voice", "sms"])
@pytest.mark.parametrize("class_", BINDS)
def test_a_rule_of_the_law_binds_the_classes_that_the_paragraph_names(class_: str, channel: Channel) -> None:
    """rules.md, "Which rule binds which class"."""
    assert {rule.id for rule in binding(channel, class_) if rule.id.startswith("R")} == BINDS[class_]


def test_an_unknown_class_is_advertising() -> None:
    """R1: whoever writes a new word is bound by everything."""
    assert binding("sms", "news") == binding("sms", "advertising")
    unknown: Any = "news"
    refused = facts(refused_at=TEN)
    assert says_no(may_contact(refused, programme(), "sms", unknown, TEN, LAW)) == ["R6"]


def test_a_call_has_the_class_of_its_programme() -> None:
    """R1: a call of an advertising programme cannot be asked for as care."""
    assert says_no(ask(facts(refused_at=TEN), class_="care")) == ["R6"]


def test_a_public_notice_names_who_signed_it_off() -> None:
    """R1: without that name it is not sent."""
    known = facts(event=None)
    assert ask(known, notice()).allowed
    assert says_no(ask(known, notice(signed_off=None))) == ["R1"]


@pytest.mark.parametrize(
    ("moment", "yes"),
    [
        ("07:59:59", False),
        ("08:00:00", True),
        ("16:59:29", True),
        ("16:59:30", False),  # 30 s of ringing would end at 17:00:00
        ("17:00:00", False),
        ("00:00:00", False),
    ],
)
def test_calls_go_out_from_8_until_the_last_moment_to_dial(moment: str, yes: bool) -> None:
    """R8, O8: [08:00,17:00), the last moment to dial exclusive."""
    answer = ask(now=at(moment))
    assert answer.allowed is yes
    assert says_no(answer) == ([] if yes else ["R8"])


@pytest.mark.parametrize(
    ("moment", "yes"), [("07:59:59", False), ("08:00:00", True), ("21:59:59", True), ("22:00:00", False)]
)
def test_messages_go_out_from_8_to_22(moment: str, yes: bool) -> None:
    """O8, R8: [08:00,22:00), nothing rings."""
    assert ask(now=at(moment), channel="sms").allowed is yes


@pytest.mark.parametrize("class_", ["advertising", "care"])
def test_a_programme_cannot_widen_the_hours(class_: Class) -> None:
    """R8: stricter, never looser."""
    wide = programme(
        **{"class": class_, "windows": {"calls": ("06:00-21:00",), "messages": ("06:00-24:00",)}}
    )
    assert says_no(ask(now=at("18:00:00"), of=wide)) == ["R8"]
    assert says_no(ask(now=at("22:30:00"), of=wide, channel="sms")) == ["R8"]


@pytest.mark.parametrize(
    ("moment", "yes"),
    [
        ("09:59:59", False),
        ("10:00:00", True),
        ("11:59:29", True),
        ("11:59:30", False),
        ("12:00:00", False),
        ("15:30:00", True),
        ("17:29:29", True),  # a signed-off notice has its own windows
        ("17:29:30", False),
    ],
)
def test_a_public_notice_has_its_own_windows(moment: str, yes: bool) -> None:
    """B2, R8: 10:00-12:00 and 15:30-17:30."""
    now = at(moment)
    assert ask(facts(now, event=None), notice(), now).allowed is yes


@pytest.mark.parametrize("day", [date(1985, 1, 21), date(2007, 2, 17), date(2030, 2, 2), date(2053, 2, 18)])
@pytest.mark.parametrize(("channel", "class_"), [("voice", "advertising"), ("sms", "advertising")])
def test_nothing_goes_out_on_the_first_two_days_of_tet(day: date, channel: Channel, class_: Class) -> None:
    """R9, O8: the day before and the third day are ordinary."""
    law = replace(LAW, granted=(Grant("9090", None), Grant("8989", None)))
    answers = [
        says_no(ask(now=at("10:00:00", day + timedelta(days=n)), channel=channel, law=law))
        for n in (-1, 0, 1, 2)
    ]
    assert answers == [[], ["R9"], ["R9"], []]


def test_tet_holds_for_notices_and_not_for_care_and_transactions() -> None:
    """R9: which class it binds; extra days count like Tết."""
    day = at("10:00:00", date(2030, 2, 2))
    known = facts(day, event=None)
    law = replace(LAW, granted=(Grant("9090", None), Grant("090", None), Grant("8989", None)))
    assert says_no(ask(known, notice(), day, law=law)) == ["R9"]
    assert ask(known, programme(**{"class": "care"}), day, law=law).allowed
    assert ask(known, programme(), day, "sms", law, class_="transactional").allowed
    extra = replace(LAW, extra_tet_days=(date(2026, 11, 23),))
    assert says_no(ask(law=extra)) == ["R9"]


@pytest.mark.parametrize(
    ("now", "again"),
    [
        (at("07:00:00"), at("08:00:00")),
        (at("17:00:00"), at("08:00:00", date(2026, 11, 24))),
        (at("17:00:00", date(2030, 2, 1)), at("08:00:00", date(2030, 2, 4))),
    ],
)
def test_a_no_of_the_hours_says_when_it_ends(now: datetime, again: datetime) -> None:
    """R8, R9: over the night and over Tết."""
    no = ask(now=now).no
    assert no is not None
    assert (no.rule, no.again, no.fate) == ("R8", again, "out_of_window")


def test_after_the_last_moment_the_reason_says_when_again() -> None:
    """R8: 30 s of ringing would leave the window."""
    no = ask(now=at("16:59:45")).no
    assert no is not None
    assert no.reason.endswith("must not be left. Again from 24/11 08:00.")


@pytest.mark.parametrize(
    ("ago", "yes"),
    [(timedelta(0), False), (DAY - SECOND, False), (DAY, True), (DAY + SECOND, True), (-SECOND, False)],
)
def test_one_advertising_call_in_24_hours_to_the_second(ago: timedelta, yes: bool) -> None:
    """R7: exactly 24 h later is allowed; a call in the future (the clock went back) counts."""
    before = touch(TEN - ago, programme="another")
    answer = ask(facts(history=(before,)))
    assert answer.allowed is yes
    if not yes:
        assert answer.no is not None
        assert (answer.no.rule, answer.no.again) == ("R7", before.at + DAY)


def test_the_24_hours_roll_over_midnight() -> None:
    """R7: a rolling window knows no calendar day."""
    yesterday = touch(at("16:00:00", date(2026, 11, 22)))
    for moment, yes in (("08:00:00", False), ("15:59:59", False), ("16:00:00", True)):
        assert ask(facts(at(moment), history=(yesterday,)), now=at(moment)).allowed is yes


@pytest.mark.parametrize("outcome", [*Outcome, None])
def test_whatever_became_of_a_call_it_counts(outcome: Outcome | None) -> None:
    """R7: an unknown fate counts too; what is given back never comes in the history."""
    assert says_no(ask(facts(history=(touch(TEN - SECOND, programme="another", outcome=outcome),)))) == ["R7"]


def test_three_advertising_messages_in_24_hours() -> None:
    """R7: the fourth waits until the first is 24 h old."""
    times = [TEN - DAY + SECOND, TEN - 2 * SECOND, TEN - SECOND]
    two = tuple(touch(when, "sms", programme="p") for when in times[1:])
    three = tuple(touch(when, "sms", programme="p") for when in times)
    assert ask(facts(history=two), channel="sms").allowed
    no = ask(facts(history=three), channel="sms").no
    assert no is not None
    assert (no.rule, no.again) == ("R7", TEN + SECOND)
    five = (touch(TEN, "sms"), touch(TEN, "sms"), *three)
    no = ask(facts(history=five), channel="sms").no
    assert no is not None
    assert no.again == TEN - SECOND + DAY, "three of five must have gone"


def test_calls_messages_and_classes_are_counted_apart() -> None:
    """R7: per channel, and of advertising only."""
    others = (
        touch(TEN - SECOND, "sms"),
        touch(TEN - SECOND, "voice", "public_notice", "bluezone"),
        touch(TEN - SECOND, "voice", "care", "bill"),
        touch(TEN - SECOND, "voice", "transactional", "bill"),
    )
    assert ask(facts(history=others)).allowed
    care = programme(**{"class": "care"})
    assert says_no(ask(facts(history=others), care)) == ["R7"]
    assert ask(facts(history=others), care, law=replace(LAW, care_calls_per_24h=2)).allowed


def test_a_lower_cap_holds_and_none_at_all_never_ends() -> None:
    """R7: may be set lower only; 0 is never."""
    one = facts(history=(touch(TEN - SECOND, "sms"),))
    assert says_no(ask(one, channel="sms", law=replace(LAW, sms_per_24h=1))) == ["R7"]
    no = ask(law=replace(LAW, calls_per_24h=0)).no
    assert no is not None
    assert (no.rule, no.again) == ("R7", None)


@pytest.mark.parametrize("outcome", [*Outcome, None])
def test_one_successful_call_of_a_programme_in_24_hours(outcome: Outcome | None) -> None:
    """O7: on top of R7, for notices too; one that runs or whose fate is unknown counts."""
    of = notice(per_subscriber="each_event")
    before = touch(TEN - DAY + SECOND, "voice", "public_notice", "bluezone", outcome)
    counts = outcome in SUCCESSFUL or outcome in (None, Outcome.UNKNOWN)
    assert says_no(ask(facts(history=(before,), event=None), of)) == (["O7"] if counts else [])
    assert ask(facts(history=(before._replace(programme="other"),), event=None), of).allowed
    assert ask(facts(history=(before._replace(at=TEN - DAY),), event=None), of).allowed


@pytest.mark.parametrize(
    ("state", "trouble"),
    [
        (None, "missing"),
        (ListState(1, TEN - DAY, 10, None), None),
        (ListState(1, TEN - DAY - SECOND, 10, None), "old"),
        (ListState(2, TEN, 950, 1000), None),
        (ListState(2, TEN, 949, 1000), "shrank from 1000 to 949"),
        (ListState(2, TEN, 0, 0), None),
        (ListState(1, TEN + timedelta(seconds=300), 10, None), None),
        (ListState(1, TEN + timedelta(seconds=301), 10, None), "in the future"),
    ],
)
def test_without_a_list_to_rely_on_all_advertising_stops(
    state: ListState | None, trouble: str | None
) -> None:
    """R2: missing, older than 24 h, shrunk by more than 5 %; the same sentence is the alarm."""
    said = list_trouble(state, TEN, LAW)
    assert (said is None) if trouble is None else (said is not None and trouble in said)
    for channel in ("voice", "sms"):
        answer = ask(facts(do_not_call=state), channel=channel)
        assert says_no(answer) == ([] if trouble is None else ["R2"])
    assert ask(facts(do_not_call=state, event=None), notice()).allowed, "a notice needs no DoNotCall list"


def test_what_a_person_must_mend_holds_lists_and_messages_and_refuses_a_topup() -> None:
    """R2, R15: a target or a message waits; the moment after a top-up passes, and the log names the rule."""
    for known in (facts(do_not_call=None), facts(history=("no touch",))):
        topup, listed = ask(known).no, ask(known._replace(event=None)).no
        message = ask(known, channel="sms").no
        assert topup is not None
        assert listed is not None
        assert message is not None
        assert topup.again is None
        assert listed.again == message.again == TEN + timedelta(seconds=60)


def test_the_register_tells_calls_and_messages_apart() -> None:
    """R2: listed for one channel is not listed for the other."""
    for listed, other in (("voice", "sms"), ("sms", "voice")):
        known = facts(on_do_not_call=frozenset({listed}))
        channel: Any = listed
        assert says_no(ask(known, channel=channel)) == ["R2"]
        rest: Any = other
        assert ask(known, channel=rest).allowed


@pytest.mark.parametrize("consent", [None, ""])
def test_silence_is_not_consent(consent: str | None) -> None:
    """R3: no evidence, no advertising."""
    for channel in ("voice", "sms"):
        known = facts(subscriber=subscriber(consent=consent))
        assert says_no(ask(known, channel=channel)) == ["R3"]


def test_a_refusal_holds_for_calls_and_messages_of_every_programme() -> None:
    """R6, O21: and for nothing but advertising."""
    known = facts(refused_at=TEN - timedelta(days=400))
    for channel in ("voice", "sms"):
        assert says_no(ask(known, channel=channel)) == ["R6"]
        assert says_no(ask(known, programme(name="other"), channel=channel)) == ["R6"]
    assert ask(known, channel="sms", class_="transactional").allowed
    assert ask(known._replace(event=None), notice()).allowed


@pytest.mark.parametrize(
    ("grants", "yes"),
    [
        ((), False),
        ((Grant("9091", None),), False),
        ((Grant("9090", None),), True),
        ((Grant("9090", date(2026, 11, 23)),), True),  # the last day
        ((Grant("9090", date(2026, 11, 22)),), False),
    ],
)
def test_only_a_granted_caller_id_until_its_last_day(grants: tuple[Grant, ...], yes: bool) -> None:
    """R10, O6: refused before any call."""
    answer = ask(law=replace(LAW, granted=grants))
    assert says_no(answer) == ([] if yes else ["R10"])


def test_the_last_day_of_a_grant_is_vietnams() -> None:
    """R10, R16: 17:00 UTC is the next day there."""
    law = replace(LAW, granted=(Grant("8989", date(2026, 11, 23)),))
    for hour, yes in ((16, True), (17, False)):
        now = datetime(2026, 11, 23, hour, 59, 59, tzinfo=UTC)
        answer = may_contact(facts(now), programme(), "sms", "transactional", now, law, sender="8989")
        assert answer.allowed is yes


def test_a_message_is_sent_from_a_granted_sender() -> None:
    """R10: its own sender; unless one is named, every sender of the programme."""
    law = replace(LAW, granted=(Grant("8989", None),))
    asked = {"facts": facts(), "programme": programme(), "channel": "sms", "class_": "transactional"}
    for sender, yes in (("8989", True), ("Shop", False), (None, False)):
        assert may_contact(**asked, now=TEN, law=law, sender=sender).allowed is yes  # type: ignore[arg-type]


def test_grants_are_warned_of_thirty_days_ahead() -> None:
    """R10: 30 days before the end, and after it."""
    law = Law(granted=(Grant("a", None), Grant("b", date(2027, 5, 1))))
    ends = date(2027, 5, 1)
    warned = {ahead: grants_ending(law, ends - timedelta(days=ahead)) for ahead in (31, 30, 29, 0, -5)}
    assert {ahead: bool(grants) for ahead, grants in warned.items()} == {
        31: False, 30: True, 29: True, 0: True, -5: True,
    }  # fmt: skip


@pytest.mark.parametrize("unit", ["CTKV 1", "CTKV 2"])
def test_audience_and_offers_carry_an_approval(unit: str) -> None:
    """O5, O18: unless configuration exempts the unit."""
    law = replace(LAW, approval_exempt_units=frozenset({"CTKV 2"}))
    answer = ask(of=programme(approval=None, unit=unit), law=law)
    assert says_no(answer) == (["O5"] if unit == "CTKV 1" else [])


@pytest.mark.parametrize(
    ("age", "yes"),
    [
        (timedelta(minutes=15), True),
        (timedelta(minutes=15, seconds=1), False),
        (timedelta(seconds=-300), True),  # clocks differ a little
        (timedelta(seconds=-301), False),
    ],
)
def test_a_stale_event_starts_no_call(age: timedelta, yes: bool) -> None:
    """O20: older than its freshness limit; from the future is a doubt about the clock (R15)."""
    answer = ask(facts(event=Event("e", "topup", NUMBER, TEN - age, 50_000)))
    assert says_no(answer) == ([] if yes else ["O20"])
    assert fate(answer) == ("refused_by_rule" if yes else "stale")


def test_a_list_has_no_freshness_and_no_event_is_not_stale() -> None:
    """O20 is about triggers right after an event."""
    old = Event("e", "list", NUMBER, TEN - timedelta(days=3))
    assert ask(facts(event=old), notice()).allowed
    assert ask(facts(event=None)).allowed


def test_an_event_of_another_kind_is_not_this_programmes() -> None:
    """O1: a top-up starts no list programme, a list no top-up programme."""
    assert says_no(ask(of=notice())) == ["O1"]


def test_the_first_unmet_condition_of_the_audience_is_the_reason() -> None:
    """O2: with the value that was seen."""
    of = programme(audience={"device": ["featurephone"], "vlr": True})
    answer = ask(of=of)
    assert says_no(answer) == ["O2"]
    assert answer.no is not None
    assert answer.no.reason == "device is smartphone; the programme asks for featurephone."
    assert ask(of=programme(audience={"device": ["smartphone"], "vlr": True})).allowed


def test_a_number_that_is_not_in_the_base_is_unknown() -> None:
    """O2, DESIGN.md §5: fate unknown_number."""
    answer = ask(facts(subscriber=None))
    assert not answer.allowed
    assert fate(answer) == "unknown_number"


def test_a_notice_that_asks_nothing_needs_no_base() -> None:
    """B1: the list itself says who; with a condition the base must know the number."""
    nobody = facts(subscriber=None, event=None)
    assert ask(nobody, notice()).allowed
    assert says_no(ask(nobody, notice(audience={"topup_at_least": 1}))) == ["O2"]
    for audience in ({"device": ["smartphone"]}, {"exclude_flags": ["gold"]}):
        assert fate(ask(nobody, notice(audience=audience))) == "unknown_number"


@pytest.mark.parametrize("flag", ["vip", "internal", "duty"])
def test_vip_internal_and_duty_numbers_get_no_advertising(flag: str) -> None:
    """O3: whatever the campaign file says; a notice excludes what it writes (B1)."""
    known = facts(subscriber=subscriber(flags=frozenset({flag})))
    for channel in ("voice", "sms"):
        assert says_no(ask(known, channel=channel)) == ["O3"]
    listed = known._replace(event=None)
    assert ask(listed, notice()).allowed
    assert says_no(ask(listed, notice(audience={"exclude_flags": [flag]}))) == ["O3"]


def test_unknown_flags_and_exclusion_lists_say_no() -> None:
    """O3: what a base without flags cannot tell, and the lists of `mai import exclusions`."""
    unknown = ask(facts(subscriber=subscriber(flags=None)))
    assert says_no(unknown) == ["O3"]
    assert unknown.no is not None
    assert unknown.no.reason.startswith("The subscriber's flags are unknown")
    vip = ask(facts(subscriber=subscriber(flags=frozenset({"vip"})))).no
    assert vip is not None
    assert vip.reason.startswith("Flagged vip")
    answer = ask(facts(excluded="complained"))
    assert says_no(answer) == ["O3"]
    assert answer.no is not None
    assert "complained" in answer.no.reason
    assert says_no(ask(facts(excluded="complained", event=None), notice())) == ["O3"]


def test_a_paused_programme_starts_no_call_and_holds_advertising() -> None:
    """DESIGN.md §5, `mai pause`: messages that tell of a registration still go out."""
    known = facts(paused="mai pause --all by An")
    for channel in ("voice", "sms"):
        answer = ask(known, channel=channel)
        assert says_no(answer) == ["pause"]
        assert answer.no is not None
        assert answer.no.again == TEN + timedelta(seconds=60)
    assert ask(known, channel="sms", class_="transactional").allowed


def test_a_programme_that_is_not_enabled_calls_nobody() -> None:
    """O18: samples are not started by default."""
    assert says_no(ask(of=programme(enabled=False))) == ["enabled"]


def test_a_once_only_programme_calls_nobody_again() -> None:
    """B3: one call per subscriber."""
    known = facts(called_before=True)
    assert says_no(ask(known._replace(event=None), notice())) == ["B3"]
    assert ask(known).allowed, "a top-up programme answers to each event"


def test_a_clock_without_a_zone_contacts_nobody() -> None:
    """R15, R16: no class, no channel."""
    naive = datetime(2026, 11, 23, 10)
    for class_ in BINDS:
        asked: Any = class_
        assert not may_contact(facts(), programme(), "sms", asked, naive, LAW).allowed


def test_an_error_in_a_rule_is_a_no_with_its_reason() -> None:
    """R15: fail closed, the other rules are still asked, no number leaks into the reason."""
    year_unknown = datetime(2150, 1, 10, 10, tzinfo=VIETNAM)
    known = facts(year_unknown)
    answer = ask(known, now=year_unknown)
    assert says_no(answer) == ["R15"]
    assert answer.no is not None
    assert answer.no.reason.startswith("Rule R9 could not be decided (ValueError: the calendar does not know")
    broken: Any = f"{NUMBER} is no list"
    answer = ask(facts(history=(broken,)))
    assert says_no(answer) == ["R15", "R15"]
    assert len(answer.verdicts) == len(binding("voice", "advertising"))
    assert NUMBER[1:] not in str(answer)


def test_up_to_the_first_no_is_the_same_answer() -> None:
    """The dialer stops early, explain does not: the same functions in the same order."""
    known = facts(refused_at=TEN, on_do_not_call=frozenset({"voice"}))
    every = ask(known)
    first = may_contact(known, programme(), "voice", "advertising", TEN, LAW, first_no=True)
    assert says_no(every) == ["R6", "R2"]
    assert says_no(first) == ["R6"]
    assert first.no == every.no
    assert first.verdicts == every.verdicts[: len(first.verdicts)]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"subscriber": None}, "unknown_number"),
        ({"event": Event("e", "topup", NUMBER, TEN - DAY)}, "stale"),
        ({"refused_at": TEN}, "refused_by_rule"),
        ({"paused": "An"}, "refused_by_rule"),
    ],
)
def test_a_refused_trigger_has_a_fate(changes: dict[str, Any], word: str) -> None:
    """DESIGN.md §5: fates of triggers."""
    assert fate(ask(facts(**changes))) == word


@pytest.mark.parametrize("now", [at("07:59:59"), at("10:00:00", date(2030, 2, 2))])
def test_outside_the_hours_the_fate_is_out_of_window(now: datetime) -> None:
    """DESIGN.md §5: for R8 and R9 alike."""
    assert fate(ask(now=now)) == "out_of_window"


def test_the_programme_that_came_furthest_tells_the_reason() -> None:
    """O1: a top-up at night is out of window, not the wrong phone for the other programme."""
    night = at("20:00:00")
    known = facts(night)
    smart, simple = (
        programme(name=name, audience={"device": [name]}) for name in ("smartphone", "featurephone")
    )
    asked = [(of, ask(known, of, night)) for of in (simple, smart)]
    found = nearest(asked)
    assert found is not None
    assert (found[0].name, fate(found[1])) == ("smartphone", "out_of_window")
    assert nearest([]) is None
    assert nearest([(smart, ask(of=smart)), (simple, ask(of=simple))]) == (smart, ask(of=smart))


def test_among_audiences_the_one_that_fits_best_tells_the_reason() -> None:
    """O1: low revenue on the right phone, not the wrong phone of the programme that is first by name."""
    arpu = [{"at_least": 10_000_000}]
    feature = programme(name="a-feature", audience={"device": ["featurephone"], "arpu": arpu})
    smart = programme(name="b-smart", audience={"device": ["smartphone"], "arpu": arpu})
    found = nearest([(of, ask(of=of)) for of in (feature, smart)])
    assert found is not None
    assert found[1].no is not None
    assert (found[0].name, found[1].no.seen.partition(":")[0]) == ("b-smart", "arpu total")


def test_programmes_of_other_classes_are_compared_by_the_table() -> None:
    """A class that fewer rules bind does not look nearer, nor further."""
    care = programme(name="a-care", **{"class": "care"}, audience={"device": ["featurephone"]})
    late = programme(name="b", trigger={"kind": "topup", "fresh_for": "1m"})
    old = facts(event=Event("e", "topup", NUMBER, TEN - timedelta(minutes=5), 50_000))
    found = nearest([(of, ask(old, of)) for of in (care, late)])
    assert found is not None
    assert (found[0].name, fate(found[1])) == ("b", "stale")


@pytest.mark.parametrize(("channel", "what"), [("voice", "calls"), ("sms", "messages")])
def test_a_reason_names_the_channel_it_is_about(channel: Channel, what: str) -> None:
    """R2, R7: `mai explain` shows these sentences to people."""
    sent = tuple(touch(TEN - SECOND, channel, programme="p") for _ in range(3))
    listed: Any = frozenset({channel})
    reasons = [v.reason for v in ask(facts(history=sent, on_do_not_call=listed), channel=channel).verdicts]
    assert f"The number is on the DoNotCall list for {what}." in reasons
    assert any(f"3 advertising {what} in the last 24 h" in reason for reason in reasons)


def test_every_rule_is_in_the_table_once_for_each_question() -> None:
    """rules.md: one function per rule, one table."""
    checks = [rule.check for rule in RULES]
    assert len(checks) == len(set(checks))


@given(
    st.lists(st.tuples(st.sampled_from(["voice", "sms"]), st.integers(-3 * 86400, 3 * 86400)), max_size=60),
    st.integers(0, 1),
    st.integers(0, 3),
)
def test_no_rolling_day_ever_holds_more_than_the_caps(
    asked: list[tuple[Channel, int]], calls: int, messages: int
) -> None:
    """R7: over every history of asked moments, clock jumps included, what it let through keeps the caps."""
    law = replace(LAW, calls_per_24h=calls, sms_per_24h=messages)
    history: dict[Channel, list[datetime]] = {"voice": [], "sms": []}
    for channel, seconds in asked:
        now = TEN + timedelta(seconds=seconds)
        known = facts(
            now,
            history=tuple(touch(when, kind, programme="p") for kind in history for when in history[kind]),
        )
        if may_contact(known, programme(), channel, "advertising", now, law).allowed:
            history[channel].append(now)
    for channel, cap in (("voice", calls), ("sms", messages)):
        times = sorted(history[channel])
        for first in times:
            assert sum(first <= when < first + DAY for when in times) <= cap
