"""What does a row or a message say, however its sender writes numbers, amounts and times?"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.arriving import event_fields, in_message, place_id
from core.sources import Fields


def _read(message: dict[str, Any], time: str = "iso", **fields: Any) -> dict[str, object]:
    return event_fields(Fields.model_validate(fields), time, in_message(message))


def test_fields_of_their_own_names_need_no_mapping() -> None:
    """O1."""
    message = {
        "id": "t1",
        "number": "0901234567",
        "amount": 50000,
        "at": "2026-11-23T09:00:00+07:00",
        "shop": 7,
    }
    assert _read(message) == {
        "id": "t1",
        "number": "+84901234567",
        "amount": 50000,
        "at": "2026-11-23T09:00:00+07:00",
    }


def test_fields_are_found_by_their_paths() -> None:
    """O1."""
    message = {"event": {"ids": ["x", "y"]}, "sub.msisdn": "84901234567", "pay": {"dong": "50.000"}}
    found = _read(message, id="event.ids.1", number="sub.msisdn", amount="pay.dong", at="pay.when")
    assert found == {"id": "y", "number": "+84901234567", "amount": 50000}


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (50000, 50000), (50000.0, 50000), ("50000", 50000), (" 50000 ", 50000), ("50000.00", 50000), ("50.000", 50000),
        ("1,250,000", 1250000), ("-5", -5), ("0", 0), ("50000.5", "50000.5"), (50000.5, 50000.5), ("50.000.00", "50.000.00"),
        ("5e4", "5e4"), ("50 000", "50 000"), ("năm mươi", "năm mươi"), (True, True), ([1], [1]),
    ],
)  # fmt: skip
def test_an_amount_comes_as_a_number_or_a_text_and_what_is_none_is_left_to_be_refused(
    written: object, amount: object
) -> None:
    assert _read({"number": "0901234567", "amount": written})["amount"] == amount


@pytest.mark.parametrize(
    ("time", "written", "at"),
    [
        ("iso", "2026-11-23T02:00:00Z", "2026-11-23T02:00:00Z"),
        ("vietnam", "2026-11-23 09:00:00", "2026-11-23T09:00:00+07:00"),
        ("vietnam", "23/11/2026 9:00", "2026-11-23T09:00:00+07:00"),
        ("vietnam", "3/1/2026 09:00:07", "2026-01-03T09:00:07+07:00"),
        ("vietnam", "2026-11-23T02:00:00+00:00", "2026-11-23T02:00:00+00:00"),
        ("vietnam", "31/02/2026 09:00", "31/02/2026 09:00"),
        ("seconds", 1795399200, "2026-11-23T09:00:00+07:00"),
        ("seconds", "1795399200.25", "2026-11-23T09:00:00.250000+07:00"),
        ("milliseconds", 1795399200123, "2026-11-23T09:00:00.123000+07:00"),
        ("milliseconds", "1795399200123", "2026-11-23T09:00:00.123000+07:00"),
        ("seconds", 1e300, "1e+300"),
        ("seconds", "nan", "nan"),
        ("seconds", True, True),
        ("iso", 1795399200, "1795399200"),
    ],
)
def test_times_come_in_four_ways_and_what_is_none_is_left_to_be_refused(
    time: str, written: object, at: object
) -> None:
    """R16: a time without its offset is Vietnamese, never the host's."""
    assert _read({"at": written}, time)["at"] == at


@pytest.mark.parametrize("written", ["901234567", 901234567, 84901234567, "84901234567.0", "09 0123 4567"])
def test_a_number_that_was_taken_for_an_amount_is_a_number_again(written: object) -> None:
    assert _read({"number": written})["number"] == "+84901234567"


@pytest.mark.parametrize("written", ["", "abc", [], {}, None, False])
def test_what_is_no_number_is_left_to_be_refused(written: object) -> None:
    assert _read({"number": written}).get("number") in (written, None)


@pytest.mark.parametrize(
    ("message", "id_"),
    [
        ({"a": 7, "b": "x"}, "7-x"),
        ({"a": 7}, None),
        ({"a": 7, "b": None}, None),
        ({"a": 7, "b": {}}, None),
    ],
)
def test_an_id_is_made_of_its_fields(message: dict[str, Any], id_: str | None) -> None:
    """O1: one that lacks a part is none."""
    assert _read(message, id=["a", "b"]).get("id") == id_


def test_an_id_that_is_too_long_or_has_other_signs_is_known_by_its_digest() -> None:
    """O1."""
    written = ["có dấu", "a b", "x" * 65, "x" * 66]
    found = [str(_read({"id": each})["id"]) for each in written]
    assert len(set(found)) == 4
    assert all(len(id_) == 32 and id_.isalnum() and id_.isascii() for id_ in found)
    assert found == [_read({"id": each})["id"] for each in written]


@given(st.text(max_size=200), st.text(max_size=200), st.integers(0, 10**9), st.integers(0, 10**9))
def test_another_place_or_another_content_is_another_id(one: str, two: str, line: int, next_: int) -> None:
    """O1: without an id of its own."""
    ids = {
        (says, at): place_id("folder-of-top-ups", at, says=says)
        for says in (one, two)
        for at in (line, next_)
    }
    assert len(set(ids.values())) == len(ids)
    assert all(len(id_) <= 64 and id_.isascii() and " " not in id_ for id_ in ids.values())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["id", "number", "amount", "at"]), _JSON),
    st.sampled_from(["iso", "vietnam", "seconds", "milliseconds"]),
)
def test_no_message_whatever_it_says_stops_the_rest(message: dict[str, Any], time: str) -> None:
    """O1."""
    assert set(_read(message, time)) <= set(message)
