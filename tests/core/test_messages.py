"""R4, R5, O9: the final text of an SMS."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import Texts
from core.messages import advertises, compose, finished, plain, without_marks
from core.templates import BadTemplate, offer_of
from tests.core.sample import CATALOGUE

HOUSE = Texts(advertising_label="[QC]", how_to_refuse="Từ chối QC soạn TC gửi 8989")
OFFER = {"offer": offer_of("C90N", CATALOGUE.packages["C90N"])}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Gói {{ offer.name }} hay.", "[QC] Gói C90N hay. Từ chối QC soạn TC gửi 8989"),
        ("Gói hay", "[QC] Gói hay. Từ chối QC soạn TC gửi 8989"),
        ("Gói hay!", "[QC] Gói hay! Từ chối QC soạn TC gửi 8989"),
        ("[QC] Gói hay", "[QC] Gói hay. Từ chối QC soạn TC gửi 8989"),
        ("[AD] Gói hay", "[AD] Gói hay. Từ chối QC soạn TC gửi 8989"),
        ("Gói [QC] hay.", "[QC] Gói [QC] hay. Từ chối QC soạn TC gửi 8989"),
        ("[qc] Gói hay.", "[QC] [qc] Gói hay. Từ chối QC soạn TC gửi 8989"),
        ("Hay. Từ chối QC soạn TC gửi 8989.", "[QC] Hay. Từ chối QC soạn TC gửi 8989."),
        ("Hay. TU CHOI QC soan  TC gui 8989", "[QC] Hay. TU CHOI QC soan TC gui 8989"),
        (
            "Từ chối QC soạn TC gửi 8989. Hay.",
            "[QC] Từ chối QC soạn TC gửi 8989. Hay. Từ chối QC soạn TC gửi 8989",
        ),
    ],
)
def test_advertising_begins_with_its_label_and_ends_with_how_to_refuse(template: str, text: str) -> None:
    """R4, R5: checked on the final text; neither is put there twice."""
    assert compose(template, "advertising", OFFER, HOUSE) == text
    assert finished(text, "advertising", HOUSE) == text


@pytest.mark.parametrize("class_", ["care", "transactional", "public_notice"])
def test_nothing_is_added_to_what_is_no_advertising(class_: str) -> None:
    """R4, R5 bind advertising only."""
    assert compose("Gói {{ offer.name }}", class_, OFFER, HOUSE) == "Gói C90N"  # type: ignore[arg-type]


def test_a_label_that_the_law_does_not_know_is_replaced() -> None:
    """R4: [QC] or [AD], whatever configuration says."""
    assert finished("Hay.", "advertising", Texts(advertising_label="[AD]")).startswith("[AD] Hay.")
    assert finished("Hay.", "advertising", Texts(advertising_label="QC:")).startswith("[QC] Hay.")


def test_marks_may_be_removed_from_the_whole_text() -> None:
    """O9: GSM7 holds 160 signs a part."""
    text = compose("Đăng ký gói cước đặc biệt", "advertising", OFFER, HOUSE, remove_marks=True)
    assert text == "[QC] Dang ky goi cuoc dac biet. Tu choi QC soan TC gui 8989"
    assert text.isascii()


def test_a_text_is_composed_and_holds_no_control_character() -> None:
    """A text from outside (SMS2) is cleaned, its line feeds stay."""
    assert plain(unicodedata.normalize("NFD", "Chào\x00 bạn\r\nGói\x1b")) == "Chào  bạn \nGói"
    assert plain("nửa \ud83d cặp") == "nửa   cặp"


def test_a_name_that_the_template_does_not_have_is_an_error() -> None:
    """A typo is found, not sent."""
    with pytest.raises(BadTemplate):
        compose("Gói {{ ofer.name }}", "advertising", OFFER, HOUSE)


@given(st.text(max_size=300), st.booleans())
def test_whatever_the_text_advertising_carries_both(text: str, remove_marks: bool) -> None:
    """R4, R5: for every text, and doing it twice changes nothing."""
    final = finished(text, "advertising", HOUSE, remove_marks=remove_marks)
    how = without_marks(HOUSE.how_to_refuse) if remove_marks else HOUSE.how_to_refuse
    assert final.startswith(("[QC]", "[AD]"))
    assert without_marks(how).casefold() in without_marks(final).casefold()
    assert unicodedata.is_normalized("NFC", final)
    assert finished(final, "advertising", HOUSE, remove_marks=remove_marks) == final


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[QC] goi C90N", "[QC]"),
        ("xin chao [qc]_goi", "[QC]"),
        ("Ưu đãi 50%", "ưu đãi"),
        ("UU DAI cho ban", "uu dai"),
        ("Quý khách đã từ chối", None),
    ],
)
def test_a_label_is_a_word_of_advertising_as_well(text: str, word: str | None) -> None:
    """R4, R6: what says of itself that it is advertising is nothing for who refused it."""
    assert advertises(text) == word
