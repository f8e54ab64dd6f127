"""O2-O4, B1: who is meant, one condition at a time; what is not known is a no."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audience import arpu, asks, conditions, flagged
from core.campaigns import Arpu, Audience
from core.facts import Event, Subscriber
from tests.core.sample import NUMBER, TEN, facts, subscriber


def audience(**written: Any) -> Audience:
    return Audience.model_validate(written, strict=False)


def met(written: dict[str, Any], who: Subscriber, amount: int | None = 50_000) -> bool:
    event = Event("e", "topup", NUMBER, TEN, amount)
    answers = list(conditions(audience(**written), who, event))
    assert len(answers) == 1, "one key is one condition"
    return answers[0].met


@pytest.mark.parametrize(
    ("key", "wanted", "right", "wrong"),
    [
        ("payment", ["prepaid"], "prepaid", "postpaid"),
        ("device", ["smartphone"], "smartphone", "featurephone"),
        ("region", ["CTKV 1", "CTKV 2"], "CTKV 2", "CTKV 3"),
        ("status", ["two_way"], "two_way", "one_way"),
        ("segment", ["young"], "young", "old"),
        ("tariff", ["Q263"], "Q263", "T1"),
        ("vlr", True, True, False),
        ("vlr", False, False, True),
    ],
)
def test_a_condition_takes_what_it_names_and_no_unknown_value(
    key: str, wanted: Any, right: Any, wrong: Any
) -> None:
    """O2: a value that the base does not know is a no."""
    assert met({key: wanted}, subscriber(**{key: right}))
    assert not met({key: wanted}, subscriber(**{key: wrong}))
    assert not met({key: wanted}, subscriber(**{key: None}))


def test_an_absent_key_asks_nothing() -> None:
    """O2: an empty audience is met by whoever is in the base."""
    assert list(conditions(audience(), Subscriber(NUMBER), None)) == []


@pytest.mark.parametrize(("amount", "yes"), [(49_999, False), (50_000, True), (50_001, True), (None, False)])
def test_the_amount_of_the_event_may_be_asked_for(amount: int | None, yes: bool) -> None:
    """O2: at least that many đồng were topped up."""
    assert met({"topup_at_least": 50_000}, subscriber(), amount) is yes


@pytest.mark.parametrize(
    ("balance", "amount", "yes"),
    [(49_999, 50_000, True), (50_000, 50_000, False), (0, 1, True), (None, 50_000, False), (10, None, False)],
)
def test_a_reminder_is_for_whom_the_balance_does_not_suffice(
    balance: int | None, amount: int | None, yes: bool
) -> None:
    """O19: against the amount of the event; unknown is a no."""
    assert met({"balance_below": "amount"}, subscriber(balance=balance), amount) is yes


def test_without_an_event_its_amount_is_not_known() -> None:
    """O2: unknown is a no."""
    (answer,) = conditions(audience(topup_at_least=1), subscriber(), None)
    assert (answer.met, answer.seen) == (False, "unknown")


@pytest.mark.parametrize(
    ("written", "months", "yes"),
    [
        ({"at_least": 100_000}, (100_000, 100_000, 100_000), True),
        ({"at_least": 100_000}, (100_000, 100_000, 99_999), False),  # the average is a fraction below
        ({"at_most": 100_000}, (100_000, 100_000, 100_001), False),
        ({"at_most": 100_000}, (0, 0, 300_000), True),
        ({"at_least": 50, "at_most": 60}, (55, 55, 55), True),
        ({"at_least": 50, "at_most": 60}, (61, 61, 61), False),
        ({"at_least": 100, "months": 1}, (100, 0, 0), True),
        ({"at_least": 100, "months": 2}, (100, 99, 900), False),
        ({"at_least": 1}, (100, 100, None), False),  # two of three months known
        ({"at_least": 1, "months": 2}, (100, 100, None), True),
        ({}, (None, 1, 1), False),
        ({}, (0, 0, 0), True),
    ],
)
def test_arpu_is_the_exact_average_of_the_months_asked_for(
    written: dict[str, Any], months: tuple[int | None, int | None, int | None], yes: bool
) -> None:
    """O4: 1 to 3 months, at least and at most; fewer months known than asked for: no contact."""
    for kind, field in (("total", "arpu"), ("data", "arpu_data"), ("voice", "arpu_voice")):
        who = subscriber(**{field: months})
        assert arpu(Arpu.model_validate({"of": kind, **written})).of(facts(subscriber=who)).met is yes


def test_several_arpu_conditions_hold_together() -> None:
    """O4: total and data, each its own condition."""
    written = audience(arpu=[{"at_least": 100}, {"of": "data", "at_least": 50}])
    who = subscriber(arpu=(100, 100, 100), arpu_data=(50, 50, 49))
    assert [answer.met for answer in conditions(written, who, None)] == [True, False]


@given(st.tuples(*[st.integers(0, 10**7)] * 3), st.integers(0, 10**7))
def test_at_least_and_at_most_share_only_the_exact_average(months: tuple[int, int, int], limit: int) -> None:
    """O4: no rounding decides over a contact."""
    who = subscriber(arpu=months)
    both = Arpu(at_least=limit), Arpu(at_most=limit)
    at_least, at_most = (arpu(wanted).of(facts(subscriber=who)).met for wanted in both)
    assert at_least or at_most
    assert (at_least and at_most) is (sum(months) == 3 * limit)


@pytest.mark.parametrize(
    ("flags", "excluded", "yes"),
    [
        (frozenset(), {"vip"}, True),
        (frozenset({"gold"}), {"vip"}, True),
        (frozenset({"gold", "vip"}), {"vip", "duty"}, False),
        (None, {"vip"}, False),
    ],
)
def test_a_flagged_subscriber_is_excluded_and_unknown_flags_are_a_no(
    flags: frozenset[str] | None, excluded: set[str], yes: bool
) -> None:
    """O3, B1: VIP, internal, duty, MDT, Fastconnect, gold, diamond."""
    answer = flagged(flags, excluded)
    assert answer is not None
    assert answer.met is yes


def test_no_exclusion_asks_for_no_flags() -> None:
    """O3: a programme that excludes nobody needs no flags."""
    assert flagged(None, ()) is None


@pytest.mark.parametrize(
    ("written", "yes"),
    [({}, False), ({"topup_at_least": 1}, False), ({"vlr": False}, True), ({"exclude_flags": ["vip"]}, True)],
)
def test_an_audience_asks_the_base_when_it_names_a_field_of_it(written: dict[str, Any], yes: bool) -> None:
    """O2: only then must the number be in the base."""
    assert asks(audience(**written)) is yes


@pytest.mark.parametrize(
    ("written", "balance", "yes"),
    [
        ({"balance_at_least": 5_000}, 5_000, True),
        ({"balance_at_least": 5_000}, 4_999, False),
        ({"balance_at_most": 5_000}, 5_000, True),
        ({"balance_at_most": 5_000}, 5_001, False),
        ({"balance_at_least": 1, "balance_at_most": 2}, 3, False),
        ({"balance_at_most": 5_000}, None, False),
    ],
)
def test_the_balance_may_be_asked_for(written: dict[str, Any], balance: int | None, yes: bool) -> None:
    """Issue 3, 2."""
    assert met(written, subscriber(balance=balance)) is yes


@pytest.mark.parametrize(
    ("held", "holds", "holds_none"),
    [
        (frozenset({"C90N", "X"}), True, False),
        (frozenset({"X"}), False, True),
        (frozenset(), False, True),
        (None, False, False),
    ],
)
def test_a_package_may_be_asked_for_or_excluded(
    held: frozenset[str] | None, holds: bool, holds_none: bool
) -> None:
    """Issue 3, 2: holds package, does not; unknown is a no both ways."""
    assert met({"holds": ["C90N", "FD50"]}, subscriber(packages=held)) is holds
    assert met({"holds_none_of": ["C90N", "FD50"]}, subscriber(packages=held)) is holds_none


@pytest.mark.parametrize(
    ("since", "yes"),
    [(date(2026, 5, 23), True), (date(2026, 5, 24), False), (date(2020, 1, 1), True), (None, False)],
)
def test_the_age_on_the_network_is_counted_in_whole_months(since: date | None, yes: bool) -> None:
    """Issue 3, 2."""
    wanted, who = audience(months_on_network=6), subscriber(activated_on=since)
    (answer,) = conditions(wanted, who, None, date(2026, 11, 23))
    assert answer.met is yes
    assert not any(each.met for each in conditions(wanted, who, None))
