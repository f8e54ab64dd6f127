"""Does the table of the simulated world demand what the requirements say?

The rows stand here once more, spelt out number by number, so that a slip in the table's composition shows.
"""

from typing import get_args

import pytest

from simulator.behaviours import (
    ALWAYS_500,
    BEFORE_1,
    LAST_DIGIT,
    Expected,
    Fate,
    Programme,
    digits,
    expected,
    package_answer,
    sample_numbers,
    subscriber,
)

REGISTERED: tuple[tuple[str, Fate], ...] = (("1", "registered"),)


@pytest.mark.parametrize("programme", ["topup-smartphone", "topup-featurephone"])
@pytest.mark.parametrize(
    ("number", "demand"),
    [
        ("0901234000", Expected("no_answer", sms=("missed",))),
        ("0901234001", Expected("accepted", REGISTERED, ("thanks", "registered"))),
        ("0901234002", Expected("accepted", (("2", "registered"),), ("thanks", "registered"))),
        ("0901234003", Expected("busy", sms=("missed",))),
        ("0901234004", Expected("rejected")),
        ("0901234005", Expected("hung_up", sms=("offer",))),
        ("0901234006", Expected("failed")),
        ("0901234007", Expected("no_key", sms=("offer",))),
        ("0901234008", Expected("invalid_number")),
        ("0901234009", Expected("no_key", sms=("offer",))),
        ("0901234011", Expected("refused", sms=("refusal_confirmed",))),
        ("0901234021", Expected("accepted", REGISTERED, ("thanks", "registered"))),
        ("0901234061", Expected("accepted", REGISTERED, ("thanks", "registered"))),
        ("0901234071", Expected("accepted", REGISTERED, ("thanks", "registered"))),
        ("0901234019", Expected("no_key", sms=("offer",))),
        ("0901234601", Expected("accepted", REGISTERED, ("thanks",))),
        ("0901234702", Expected("accepted", (("2", "refused"),), ("not_registered",))),
        ("0901234801", Expected("accepted", REGISTERED, ("thanks", "registered"))),
        ("0901234901", Expected("accepted", REGISTERED, ("thanks", "registered"))),
        ("0901234711", Expected("refused", sms=("refusal_confirmed",))),
        ("0901234700", Expected("no_answer", sms=("missed",))),
    ],
)
def test_a_top_up_call_ends_as_the_number_demands(
    number: str, demand: Expected, programme: Programme
) -> None:
    """O10, O11, O13, O14, O21"""
    assert expected(number, programme) == demand


@pytest.mark.parametrize(
    ("number", "demand"),
    [
        ("0901234000", Expected("no_answer", calls=2)),
        ("0901234701", Expected("accepted", sms=("link",))),
        ("0901234002", Expected("no_key")),
        ("0901234003", Expected("busy")),
        ("0901234005", Expected("hung_up")),
        ("0901234009", Expected("no_key")),
        ("0901234021", Expected("accepted", sms=("link",))),
    ],
)
def test_a_bluezone_call_ends_as_the_number_demands(number: str, demand: Expected) -> None:
    """B3, B4, B5: no answer is called once more, key 1 brings the link, nothing registers"""
    assert expected(number, "bluezone") == demand


def test_a_registration_whose_fate_stays_unknown_thanks_nobody() -> None:
    demand = Expected("accepted", (("1", "unknown"),), ("not_registered",))
    assert expected("0901234001", "topup-smartphone", ALWAYS_500) == demand


@pytest.mark.parametrize(
    "written", ["0901234567", "84901234567", "+84901234567", "+84 901 234 567", "090.1234.567"]
)
def test_a_number_is_the_same_however_it_is_written(written: str) -> None:
    assert digits(written) == "901234567"


def test_sample_numbers_are_different_and_show_every_behaviour_in_every_programme() -> None:
    numbers = list(sample_numbers(200))
    assert len(set(numbers)) == 200
    assert all(len(number) == 10 and number.startswith("090") for number in numbers)
    assert {subscriber(number).name for number in numbers} == {
        who.name for who in (*LAST_DIGIT.values(), *BEFORE_1.values())
    }
    assert {package_answer(n).name for n in numbers if expected(n, "topup-smartphone").registrations} == {
        "accepts",
        "accepts silently",
        "not enough balance",
        "answers late",
        "fails twice",
    }
    for programme in get_args(Programme):
        assert all(expected(number, programme).outcome for number in numbers)
