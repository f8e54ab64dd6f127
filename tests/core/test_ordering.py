"""Which SMS order a package? Only what names one and nothing more."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.after_call import EndedRegistration
from core.config import Registration, Texts
from core.ordering import Order, answered, order_of
from core.packages import Catalogue
from tests.core.sample import TEN

KEYWORDS = Registration(url="http://127.0.0.1/").keywords
TODAY = date(2026, 11, 23)
_ONE = {"kind": "data", "price": 5000, "days": 1, "allowance": "1GB", "syntax": "DK X"}
CATALOGUE = Catalogue.model_validate(
    {
        "packages": {
            "D5": _ONE | {"syntax": "DK D5"},
            "3C90N": _ONE | {"syntax": "MO 3C90N"},
            "MAX-1": _ONE | {"syntax": "DK MAX1"},
            "OLD": _ONE | {"syntax": "DK OLD", "valid_to": date(2026, 1, 1)},
        }
    },
    strict=False,
)


def ordered(text: str) -> Order | None:
    return order_of(text, KEYWORDS, CATALOGUE, TODAY)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DK D5", "D5"), ("dk d5", "D5"), ("  Đk   D5. ", "D5"), ("Đăng ký D5", "D5"), ("DANG KY GOI d5!", "D5"),
        ("đăng ký gói D5", "D5"), ("dk goi D 5", "D5"), ("DK 3c90n", "3C90N"), ("mo 3C90N", "3C90N"),
        ("dk max 1", "MAX-1"), ("dkd5", "D5"), ("DK MAX-1", "MAX-1"),
    ],
)  # fmt: skip
def test_a_package_is_ordered_in_any_case_with_or_without_marks(text: str, code: str) -> None:
    """Issue 4, 5: registration keywords."""
    assert ordered(text) == Order(code)


@pytest.mark.parametrize(
    "text", ["DK", "dk d6", "DK D5 duoc khong?", "DK D5 D5", "Đăng ký", "DK OLD", "dk goi", "DK -"]
)
def test_what_names_no_package_on_sale_orders_nothing(text: str) -> None:
    """It costs the subscriber money: doubt is answered with help."""
    assert ordered(text) == Order(None)


@pytest.mark.parametrize("text", ["D5", "xin chao", "", "toi muon DK D5", "dkd", "TC", "HD"])
def test_what_begins_with_no_keyword_is_no_order(text: str) -> None:
    assert ordered(text) is None


@given(st.text(max_size=40))
def test_no_keyword_no_order(text: str) -> None:
    """`keywords: []` turns it off, whatever is written."""
    assert order_of(text, (), CATALOGUE, TODAY) is None


@given(st.text(max_size=20))
def test_an_order_is_for_a_package_on_sale_or_for_none(rest: str) -> None:
    order = ordered(f"DK {rest}")
    assert order is None or order.package in {"D5", "3C90N", "MAX-1", None}


ENDED = EndedRegistration(id="reg-1", number="+84901234567", package="D5", state="registered")


@pytest.mark.parametrize(
    ("ended", "kind", "text"),
    [
        (ENDED, "registered", "MobiFone da dang ky goi cuoc D5 cho Quy khach. Xin cam on."),
        (replace(ENDED, message="Xong"), "registered", "Xong"),
        (replace(ENDED, state="refused", message="Khong du tien"), "not_registered", "Khong du tien"),
        (replace(ENDED, state="refused"), "not_registered", "chua dang ky duoc goi cuoc D5"),
        (replace(ENDED, state="unknown", message="?"), "not_registered", "chua xac nhan duoc"),
        (replace(ENDED, package="GONE"), "registered", "goi cuoc GONE"),
    ],
)
def test_the_subscriber_is_told_the_truth(ended: EndedRegistration, kind: str, text: str) -> None:
    """O13: in the system's words where it has some; transactional, without a word of advertising."""
    told = answered(ended, "8989", CATALOGUE, Texts(), TEN)
    assert (told.kind, told.class_, told.policy) == (kind, "transactional", "at_least_once")
    assert text in told.text
    assert "[QC]" not in told.text
