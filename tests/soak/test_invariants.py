"""Would the soak notice? Each invariant, broken on purpose in a record by hand."""

from datetime import UTC, datetime, timedelta

from soak import invariants

_NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
_CALL = timedelta(minutes=5)


def submit(number: str, octets: str, *, accepted: bool = True) -> dict[str, object]:
    return {"event": "submit", "number": number, "octets": octets, "accepted": accepted}


def test_a_phone_that_was_reached_twice_is_named() -> None:
    assert invariants.called_twice(["0901", "0902", "0901"]) == {"0901": 2}
    assert invariants.called_twice(["0901", "0902"]) == {}


def test_a_second_registration_of_a_key_or_of_a_number_is_named() -> None:
    assert invariants.registered_twice([("reg-1", "901"), ("reg-2", "901")]) == {"901": 2}
    assert invariants.registered_twice([("reg-1", "901"), ("reg-1", "902")]) == {"reg-1": 2}
    assert invariants.registered_twice([("reg-1", "901"), ("reg-2", "902")]) == {}


def test_a_part_that_was_accepted_twice_is_named_and_one_that_was_refused_first_is_not() -> None:
    twice = [submit("84901", "aa"), submit("84901", "bb"), submit("84901", "aa")]
    assert invariants.submitted_twice(twice) == {"84901": 2}
    again: list[dict[str, object]] = [
        submit("84901", "aa", accepted=False),
        submit("84901", "aa"),
        {"event": "bound"},
    ]
    assert invariants.submitted_twice(again) == {}


def test_a_top_up_that_was_taken_and_is_lost_or_has_no_fate_is_named() -> None:
    fates = {"a": "called", "b": None}
    assert invariants.without_a_fate(["a", "b", "c"], fates) == {"b", "c"}
    assert invariants.without_a_fate(["a"], fates) == set()


def test_a_contact_is_overdue_a_minute_after_its_last_possible_moment() -> None:
    """Issue 5: no contact in flight longer than 60 s after its last possible moment."""
    since = {"long": _NOW - _CALL - timedelta(seconds=61), "well": _NOW - _CALL - timedelta(seconds=60)}
    assert invariants.overdue(since, _NOW, _CALL) == {"long": timedelta(seconds=61)}
