"""rules.md, Numbers: which subscriber is this?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.numbers import BadNumber, masked, national, subscriber_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0901234567", "+84901234567"),
        ("84901234567", "+84901234567"),
        ("+84901234567", "+84901234567"),
        ("+84 (90) 123.45-67", "+84901234567"),
        ("+840901234567", "+84901234567"),
        (" 090 123 4567 ", "+84901234567"),
        ("0841234567", "+84841234567"),  # prefix 084, not the country code
        ("84841234567", "+84841234567"),
    ],
)
def test_a_number_is_kept_as_84_and_nine_digits(text: str, number: str) -> None:
    """rules.md, Numbers: 09…, 84…, +84… with spaces or dots."""
    assert subscriber_number(text) == number


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("120", "70"), ("121", "79"), ("122", "77"), ("126", "76"), ("128", "78"),
        ("123", "83"), ("124", "84"), ("125", "85"), ("127", "81"), ("129", "82"),
        ("162", "32"), ("163", "33"), ("164", "34"), ("165", "35"), ("166", "36"), ("167", "37"),
        ("168", "38"), ("169", "39"), ("186", "56"), ("188", "58"), ("199", "59"),
    ],
)  # fmt: skip
def test_an_old_prefix_is_mapped(old: str, new: str) -> None:
    """rules.md, Numbers: 11-digit numbers of before 2018, in every way of writing."""
    for before in ("0", "84", "+84", "+840"):
        assert subscriber_number(f"{before}{old}1234567") == f"+84{new}1234567"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a number"),
        ("+", "not a number"),
        ("abc", "not a number"),
        ("0901234567x", "not a number"),
        ("٠٩٠١٢٣٤٥٦٧", "not a number"),
        ("09012345671234567890123", "9 would be right"),
        ("+66901234567", "foreign"),
        ("0066901234567", "not a Vietnamese number"),
        ("901234567", "not a Vietnamese number"),
        ("8412345678", "not a Vietnamese number"),
        ("090123456", "8 digits"),
        ("09012345678", "10 digits"),
        ("01101234567", "10 digits"),
        ("02438345678", "10 digits"),
        ("0243834567", "not a mobile number"),
        ("84123456789", "not a mobile number"),
    ],
)
def test_anything_else_is_refused_with_what_would_be_right(text: str, why: str) -> None:
    """O1, bad input: a malformed or foreign number is never called."""
    with pytest.raises(BadNumber, match=why):
        subscriber_number(text)


def test_a_very_long_text_is_shown_shortened() -> None:
    """An error message stays one line, whatever was sent."""
    with pytest.raises(BadNumber) as refused:
        subscriber_number("9" * 10_000)
    assert len(str(refused.value)) < 120


@given(st.text(max_size=40) | st.from_regex(r"[+ .0-9()-]{0,16}", fullmatch=True))
def test_what_is_accepted_is_e164_and_stays_itself(text: str) -> None:
    """Whatever comes in: a number of 12 characters, or BadNumber; normalising twice changes nothing."""
    try:
        number = subscriber_number(text)
    except BadNumber:
        return
    assert len(number) == 12
    assert number.startswith("+84")
    assert number[3] in "35789"
    assert number[3:].isascii()
    assert number[3:].isdigit()
    assert subscriber_number(number) == number
    assert subscriber_number(national(number)) == number


def test_national_is_how_people_write_it() -> None:
    """DESIGN.md §5: sip:0901234567@address."""
    assert national("+84901234567") == "0901234567"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+84901234567", "+8490****567"),
        ("0901234567", "090****567"),
        ("84901234567", "849****567"),
        ("12345678", "12****78"),
        ("8989", "8989"),
        ("MOBIFONE.AI", "MOBIFONE.AI"),
    ],
)
def test_a_number_is_masked_for_logs(number: str, shown: str) -> None:
    """R14: short codes and names are nobody's number."""
    assert masked(number) == shown


@given(st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True))
def test_a_masked_number_hides_digits(number: str) -> None:
    """R14: three at least, whatever its form."""
    head, tail = masked(number).split("****")
    assert number.startswith(head)
    assert number.endswith(tail)
    assert len(head) + len(tail) <= len(number) - 3
