"""O5, O10, O17: does each subscriber get the packages that are meant for them, and always the same?"""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.facts import Event, Programme
from core.offering import bucket, candidates, every_package, held_out, offers_of, within_reach
from core.packages import Catalogue
from core.rules import may_contact
from core.speech import pieces_to_make
from core.triggers import TriggerKind
from tests.core.sample import CATALOGUE, LAW, NUMBER, TEN, facts, programme, subscriber

TODAY = date(2026, 11, 23)
_ONE = CATALOGUE.packages["C90N"]
CATALOGUE_ = Catalogue(
    packages={
        **CATALOGUE.packages,
        **{
            code: _ONE.model_copy(update={"price": price})
            for code, price in (("C120", 120_000), ("CK30", 30_000))
        },
        "OLD": _ONE.model_copy(update={"valid_to": date(2026, 11, 22)}),
        "SOON": _ONE.model_copy(update={"valid_from": date(2026, 11, 24)}),
        "NOW": _ONE.model_copy(update={"valid_from": TODAY, "valid_to": TODAY}),
    }
)
numbers = st.integers(0, 10**9 - 1).map(lambda n: f"+84{n:09d}")


def _offered(written: dict[str, Any], event: Event | None = None, **who: Any) -> dict[str, str]:
    known = facts(subscriber=subscriber(**who), event=event)
    return offers_of(programme(**written), CATALOGUE_, known, TODAY)


def test_offers_are_on_sale_not_held_and_keep_their_order() -> None:
    """O17: validity dates, the last day included; a package that left the catalogue is no offer."""
    offers = {"1": "OLD", "2": "C90N", "3": "SOON", "4": "NOW", "5": "FD50", "6": "GONE"}
    assert _offered({"offers": offers}, packages=frozenset({"C90N"})) == {"4": "NOW", "5": "FD50"}
    assert list(_offered({"offers": offers}, packages=None)) == ["2", "4", "5"]


def test_the_next_choice_stands_in_and_no_package_is_offered_under_two_keys() -> None:
    """Issue 3, 4: by priority."""
    written = {
        "offers": {"1": "C90N", "2": "FD50"},
        "otherwise": {"1": ["FD50", "C120"], "2": ["FD50", "CK30"]},
    }
    assert _offered(written) == {"1": "C90N", "2": "FD50"}
    assert _offered(written, packages=frozenset({"C90N"})) == {"1": "FD50", "2": "CK30"}
    assert _offered(written, packages=frozenset({"C90N", "FD50"})) == {"1": "C120", "2": "CK30"}
    assert _offered(written, packages=frozenset({"C90N", "FD50", "C120", "CK30"})) == {}


@pytest.mark.parametrize(
    ("segment", "first"), [("S1", "C120"), ("S2", "C120"), ("S3", "CK30"), ("S9", "C90N"), (None, "C90N")]
)
def test_a_segment_has_its_own_packages_under_the_same_keys(segment: str | None, first: str) -> None:
    """O19: the first line that fits; an unknown segment fits no line that names one."""
    lines = [{"segment": ["S1", "S2"], "offers": {"1": "C120"}}, {"segment": ["S3"], "offers": {"1": "CK30"}}]
    assert _offered({"offers_for": lines}, segment=segment) == {"1": first, "2": "FD50"}


@pytest.mark.parametrize(
    ("kind", "amount", "balance", "reach"),
    [
        ("topup", 50_000, 40_000, 90_000),
        ("topup", 50_000, None, 50_000),
        ("low_balance", 3_000, 40_000, 3_000),
        ("low_balance", 0, 40_000, 0),
        ("bill_due", 50_000, 40_000, 40_000),
        ("renewal", 50_000, None, 0),
        ("topup", None, 40_000, 40_000),
    ],
)
def test_what_is_within_reach_is_the_balance_with_the_event(
    kind: TriggerKind, amount: int | None, balance: int | None, reach: int
) -> None:
    event = Event("e", kind, NUMBER, TEN, amount)
    assert within_reach(subscriber(balance=balance), event) == reach


@pytest.mark.parametrize(("balance", "left"), [(39_999, {}), (40_000, {"1": "C90N", "2": "FD50"})])
def test_a_price_out_of_reach_is_not_offered_where_the_file_asks_for_it(
    balance: int, left: dict[str, str]
) -> None:
    """Issue 3, 4: to the đồng."""
    topup = Event("e", "topup", NUMBER, TEN, 50_000)
    assert _offered({"within_balance": True}, topup, balance=balance) == left
    assert _offered({}, topup, balance=0) == {"1": "C90N", "2": "FD50"}


@given(numbers)
def test_the_lines_of_an_ab_test_share_all_numbers_between_them(number: str) -> None:
    """A/B by a stable hash: each number has exactly one line, today as tomorrow."""
    lines = [{"share": 30, "offers": {"1": "C120"}}, {"share": 70, "offers": {"1": "CK30"}}]
    asked = programme(offers_for=lines)
    first = candidates(asked, number, None)["1"][0]
    assert first == ("C120" if bucket("topup:offers", number) < 30 else "CK30")
    assert candidates(programme(offers_for=lines), number, None)["1"][0] == first


@given(numbers)
def test_who_is_held_out_is_refused_by_that_rule_and_nobody_else_is(number: str) -> None:
    """Issue 3, 2: hold-out group."""
    asked = programme(hold_out=20)
    answer = may_contact(facts(number=number), asked, "voice", "advertising", TEN, LAW)
    assert held_out(asked, number) is (bucket("topup:hold_out", number) < 20)
    assert (answer.no.rule if answer.no else None) == ("hold_out" if held_out(asked, number) else None)
    assert not held_out(programme(), number)


def test_the_hash_spreads_evenly_and_two_programmes_hold_out_different_people() -> None:
    every = [f"+849{n:08d}" for n in range(20_000)]
    one, other = programme(hold_out=10), programme(name="weekend", hold_out=10)
    out = {number for number in every if held_out(one, number)}
    both = {number for number in out if held_out(other, number)}
    assert 1_800 < len(out) < 2_200
    assert 120 < len(both) < 280


def test_the_hash_is_the_same_in_every_version_of_this_program() -> None:
    """A/B: a number that changed sides in the middle would spoil the comparison."""
    assert [bucket("topup:offers", f"+8490123456{n}") for n in range(3)] == [83.1, 45.77, 46.83]


def _script() -> list[dict[str, Any]]:
    return [{"menu": {"keys": {"1": {"say": "bấm 1 {{ offer.name }}", "offer": "1"}}}}]


def test_prompts_are_made_for_every_package_that_a_key_may_offer() -> None:
    """DESIGN §4: nothing is synthesised while a call is up."""
    asked: Programme = programme(
        script=_script(),
        offers_for=[{"segment": ["S1"], "offers": {"1": "C120"}}],
        otherwise={"1": ["CK30"]},
    )
    assert every_package(asked.campaign) == {"1": ("C90N", "C120", "CK30"), "2": ("FD50",)}
    pieces = pieces_to_make(asked.campaign, CATALOGUE_)
    assert [piece for piece in pieces if "bấm 1" in piece] == ["bấm 1 C90N", "bấm 1 C120", "bấm 1 CK30"]
