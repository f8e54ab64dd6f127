"""Is what is said in a call always among what was made before it, and worded as the file says?"""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from core.campaigns import Campaign
from core.facts import Event, Subscriber
from core.packages import Catalogue, Package
from core.script import Step, texts
from core.speech import Line, Speech, pieces_to_make
from core.templates import BadTemplate

CATALOGUE = Catalogue(
    packages={
        "C90N": Package(kind="combo", price=90000, days=30, allowance="4GB/ngày", syntax="DK C90N"),
        "C120": Package(kind="data", price=120000, days=30, allowance="2GB/ngày", syntax="DK C120"),
    }
)
OFFERS = {"1": "C90N", "2": "C120"}
NUMBER = "+84901234567"


def campaign(*steps: Any) -> Campaign:
    script = TypeAdapter(tuple[Step, ...]).validate_python(steps)
    shape = {"title": "t", "unit": "u", "trigger": {"kind": "topup"}, "caller_id": "9090"}
    return Campaign.model_validate({**shape, "offers": OFFERS, "script": script})


def speech(offers: dict[str, str] = OFFERS, **known: Any) -> Speech:
    subscriber = Subscriber(NUMBER, balance=known.get("balance"), activated_on=known.get("activated_on"))
    event = Event(
        "e", "topup", NUMBER, known.get("at", datetime(2026, 9, 4, 18, tzinfo=UTC)), known.get("amount")
    )
    return Speech(CATALOGUE, offers, {"subscriber": subscriber, "event": event})


MENU = {
    "menu": {
        "say": "Mời chọn.",
        "keys": {
            "1": {"say": "Bấm 1: {{ offer.name }} giá {{ offer.price }}.", "offer": "1"},
            "2": {"say": "Bấm 2: {{ offer }}.", "offer": "2", "then": [{"say": "Đã chọn {{ offer.name }}."}]},
        },
        "wrong_key": "Sai phím.",
        "no_key": [{"say": "Xin cảm ơn."}],
    }
}


def test_the_pieces_of_a_script_are_its_texts_rendered_for_the_offer_of_each_key() -> None:
    """O12: name, allowance, price of each package, each text one piece."""
    assert pieces_to_make(campaign({"say": "Chúc  mừng!"}, MENU, {"say": "Xin cảm ơn."}), CATALOGUE) == (
        "Chúc mừng!",
        "Mời chọn.",
        "Sai phím.",
        "Bấm 1: C90N giá 90.000đ.",
        "Bấm 2: C120.",
        "Đã chọn C120.",
        "Xin cảm ơn.",
    )


@pytest.mark.parametrize(
    ("text", "known", "line"),
    [
        ("Xin chào.", {}, Line("Xin chào.", ("Xin chào.",))),
        ("…", {}, Line("…", ())),
        (
            "Quý khách vừa nạp {{ event.amount | dong }}. Cảm ơn!",
            {"amount": 90000},
            Line(
                "Quý khách vừa nạp 90.000đ. Cảm ơn!",
                ("Quý khách vừa nạp", "90", "nghìn", "đồng", "Cảm ơn!"),
            ),
        ),
        (
            "{{ subscriber.balance | dong }}, {{ subscriber.balance }}",
            {"balance": 1_005_015},
            Line(
                "1.005.015đ, 1005015",
                (
                    *("1", "triệu", "không trăm lẻ", "5", "nghìn", "không trăm", "15", "đồng"),
                    *("1", "triệu", "không trăm lẻ", "5", "nghìn", "không trăm", "15"),
                ),
            ),
        ),
        ("{{ event.amount }}", {"amount": 1009}, Line("1009", ("1", "nghìn", "không trăm lẻ", "9"))),
        ("{{ event.amount }}", {"amount": 1010}, Line("1010", ("1", "nghìn", "không trăm", "10"))),
        ("{{ event.amount }}", {"amount": 1099}, Line("1099", ("1", "nghìn", "không trăm", "99"))),
        ("{{ event.amount }}", {"amount": 1100}, Line("1100", ("1", "nghìn", "100"))),
        ("{{ event.amount | dong }}", {"amount": 0}, Line("0đ", ("0", "đồng"))),
        ("{{ event.amount | dong }}", {"amount": -500}, Line("-500đ", ("âm", "500", "đồng"))),
        (
            "{{ event.amount }}",
            {"amount": 2 * 10**12 + 10**9},
            Line("2001000000000", ("2", "nghìn", "không trăm lẻ", "1", "tỷ")),
        ),
        ("Số {{ subscriber.number }}", {}, Line("Số 0901234567", ("Số", *"0901234567"))),
        (
            "Từ {{ subscriber.activated_on }}.",
            {"activated_on": date(2021, 9, 30)},
            Line("Từ 30/09/2021.", ("Từ", "ngày 30", "tháng 9", "năm", "2", "nghìn", "không trăm", "21")),
        ),
        (
            "{{ subscriber.activated_on }}",
            {"activated_on": date(2000, 4, 10)},
            Line("10/04/2000", ("ngày mùng 10", "tháng 4", "năm", "2", "nghìn")),
        ),
        (
            "{{ event.at }}",
            {},
            Line("05/09/2026", ("ngày mùng 5", "tháng 9", "năm", "2", "nghìn", "không trăm", "26")),
        ),
    ],
)
def test_a_value_is_spoken_from_pieces(text: str, known: dict[str, Any], line: Line) -> None:
    """R16: the day of 18:00 UTC is the next one in Vietnam."""
    assert speech(**known).line(text) == line
    assert set(line.pieces) <= set(pieces_to_make(campaign({"say": text}), CATALOGUE))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{{ offers['1'].name }}", "not `offers`"),
        ("{{ offer.name }}", "'offer' is undefined"),
        ("{{ event.amuont }}", "event has no 'amuont'"),
        ("{{ event.amount", "unexpected end of template"),
        ("{{ subscriber.tariff }}", "subscriber.tariff cannot be spoken"),
        ("{{ event }}", "event as a whole cannot be spoken"),
        ("{{ subscriber.number | dong }}", "not an amount of money"),
        ("{% if event.amount > 5 %}a{% endif %}", "may not depend on event.amount"),
        ("{% if subscriber.balance %}a{% endif %}", "may not depend on subscriber.balance"),
        ("{% if subscriber.payment == 'prepaid' %}a{% endif %}", "may not depend on subscriber.payment"),
        ("{{ event.amount + 2 }}", "may not depend on event.amount"),
        ("{{ 2 - event.amount }}", "may not depend on event.amount"),
        ("{{ 'a' + 2 }}", "cannot compute"),
        ("{{ event.number | upper }}", "cannot be spoken"),
        ("{{ event.__class__ }}", "unsafe"),
    ],
)
def test_a_text_that_cannot_be_made_beforehand_is_refused_when_it_is_loaded(text: str, wrong: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        pieces_to_make(campaign({"say": text}), CATALOGUE)
    assert wrong in str(refused.value)


def test_an_offer_that_is_not_of_this_call_is_not_spoken_of() -> None:
    """O2."""
    with pytest.raises(BadTemplate, match="offer '2' is not one of this call's: 1"):
        speech({"1": "C90N"}).line("{{ offer.name }}", "2")
    with pytest.raises(BadTemplate, match="'3' is not an offer: one of 1, 2"):
        pieces_to_make(campaign({"menu": {"keys": {"1": {"say": "a", "offer": "3"}}}}), CATALOGUE)


def test_what_a_script_would_say_and_nobody_knows_is_named_before_the_call() -> None:
    script = campaign({"say": "{{ event.amount | dong }} {{ subscriber.balance | dong }}"}, MENU).script
    assert speech().unknown(script) == ("event.amount", "subscriber.balance")
    assert speech(amount=0, balance=1).unknown(script) == ()
    assert Speech(CATALOGUE, OFFERS, {"subscriber": None, "event": None}).unknown(script) == (
        "event.amount",
        "subscriber.balance",
    )
    offered = campaign(
        {"menu": {"keys": {"1": {"say": "{{ event.amount }} {{ offer }}", "offer": "1"}}}}
    ).script
    assert speech().unknown(offered) == ("event.amount",)
    assert speech({"2": "C120"}).unknown(offered) == ()
    with pytest.raises(BadTemplate, match=r"event\.amount is not known"):
        speech().line("{{ event.amount | dong }}")


_words = st.sampled_from(["Xin chào, ", "gói ", ". ", "; ", " đồng", " 30% ", "(", "Quý khách!"])
_blanks = st.sampled_from(
    [
        "{{ event.amount | dong }}",
        "{{ event.amount }}",
        "{{ event.at }}",
        "{{ subscriber.number }}",
        "{{ subscriber.balance | dong }}",
        "{{ subscriber.activated_on }}",
    ]
)
_about_offer = st.sampled_from(["{{ offer.name }}", "{{ offer.price }}", "{{ offer.days }}"])
_text = st.lists(_words | _blanks, min_size=1, max_size=6).map("".join)
_offer_text = st.lists(_words | _blanks | _about_offer, min_size=1, max_size=6).map("".join)


@given(
    said=_text,
    offered=st.dictionaries(st.sampled_from(["1", "2"]), _offer_text, max_size=2),
    after=_offer_text,
    eligible=st.sets(st.sampled_from(["1", "2"])),
    amount=st.integers(-(10**6), 10**14),
    balance=st.integers(0, 10**10),
    at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    activated_on=st.dates(date(1993, 1, 1), date(2099, 1, 1)),
)
def test_whatever_is_said_in_a_call_was_made_before_it(
    said: str, offered: dict[str, str], after: str, eligible: set[str], **known: Any
) -> None:
    """DESIGN §4: nothing is synthesised while a call is up."""
    keys = {
        key: {"say": text, "offer": key, "then": [{"register": key}, {"say": after}]}
        for key, text in offered.items()
    }
    programme = campaign({"say": said}, {"menu": {"keys": {"9": {"then": ["refuse"]}, **keys}}})
    made = set(pieces_to_make(programme, CATALOGUE))
    of_this_call = speech({key: OFFERS[key] for key in eligible}, **known)
    for text, key in texts(programme.script):
        if key is None or key in eligible:
            assert set(of_this_call.line(text, key).pieces) <= made
