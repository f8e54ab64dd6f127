"""O8, R6: the gate at `due → sending`."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.facts import Facts, Grant, Programme
from core.sending import Sending, may_send, outbox_fullness, pace_left
from tests.core.sample import LAW, TEN, at, facts, programme, touch

MINUTE = timedelta(minutes=1)
END = at("22:00:00")


def gate(
    known: Facts | None = None,
    of: Programme | None = None,
    class_: Any = "advertising",
    now: datetime = TEN,
    until: datetime | None = END,
    **law: Any,
) -> Sending:
    return may_send(known or facts(now), of or programme(), class_, "8989", until, now, replace(LAW, **law))


def test_a_message_that_nothing_speaks_against_is_sent() -> None:
    """O8: inside its window."""
    assert gate() == Sending("send")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"refused_at": TEN}, "R6"),
        ({"on_do_not_call": frozenset({"sms"})}, "R2"),
        ({"excluded": "complained"}, "O3"),
        ({"subscriber": None}, "O3"),
    ],
)
def test_a_refusal_or_an_entry_since_then_withdraws_advertising(changes: dict[str, Any], rule: str) -> None:
    """R6: queued messages are withdrawn; transactional ones still go out."""
    known = facts(**changes)
    sending = gate(known)
    assert (sending.do, sending.rule) == ("drop", rule)
    assert sending.reason
    assert gate(known, class_="transactional") == Sending("send")


def test_a_pause_holds_advertising_until_it_ends() -> None:
    """DESIGN.md §5, `mai pause`: asked again; dropped when its validity ends first."""
    known = facts(paused="An")
    sending = gate(known)
    assert (sending.do, sending.again, sending.rule) == ("wait", TEN + MINUTE, "pause")
    last = gate(facts(END - MINUTE, paused="An"), now=END - MINUTE)
    assert (last.do, last.rule) == ("drop", "pause")
    assert gate(known, class_="transactional") == Sending("send")


def test_a_stale_list_holds_advertising_until_it_is_renewed() -> None:
    """R2: all advertising stops, nothing is lost by a late import."""
    assert gate(facts(do_not_call=None)).do == "wait"


def test_a_cap_that_is_reached_makes_the_message_wait_until_it_frees() -> None:
    """R7: or drops it where its validity ends before."""
    first = TEN - timedelta(hours=20)
    sent = tuple(touch(when, "sms") for when in (first, TEN - MINUTE, TEN - MINUTE))
    sending = gate(facts(history=sent))
    assert (sending.do, sending.again, sending.rule) == ("wait", TEN + timedelta(hours=4), "R7")
    full = tuple(touch(TEN - MINUTE, "sms") for _ in range(3))
    assert gate(facts(history=full)).do == "drop"
    long = gate(facts(history=full), until=TEN + timedelta(days=7))
    assert long.again == TEN - MINUTE + timedelta(hours=24)


def test_a_cap_that_frees_at_night_waits_for_the_morning() -> None:
    """R7 and R8 together."""
    evening = at("21:00:00")
    sent = tuple(touch(evening - timedelta(hours=hours), "sms") for hours in (21, 1, 1))  # frees at 00:00
    sending = gate(facts(evening, history=sent), now=evening, until=evening + timedelta(days=2))
    assert (sending.do, sending.again) == ("wait", at("08:00:00", date(2026, 11, 24)))


def test_of_two_reasons_to_wait_the_later_one_holds() -> None:
    """O8: asked again when both may have ended, not every minute of a pause."""
    sent = tuple(touch(TEN - timedelta(hours=20), "sms") for _ in range(3))
    sending = gate(facts(history=sent, paused="An"))
    assert (sending.again, sending.rule) == (TEN + timedelta(hours=4), "R7")


def test_out_of_hours_it_waits_for_the_window_or_is_dropped() -> None:
    """O8: within its validity."""
    night = at("23:00:00")
    morning = at("08:00:00", date(2026, 11, 24))
    assert gate(now=night, until=morning + MINUTE).again == morning
    sending = gate(now=night, until=morning)
    assert (sending.do, sending.rule) == ("drop", "R8")
    assert sending.reason is not None
    assert sending.reason.endswith("Its validity ends before that changes.")


def test_a_message_whose_validity_has_ended_is_dropped_whatever_its_class() -> None:
    """O8: at that very moment."""
    for class_ in ("advertising", "transactional"):
        assert gate(class_=class_, until=TEN).do == "drop"


def test_a_message_without_any_window_left_is_dropped() -> None:
    """R8: nothing to wait for."""
    none = programme(windows={"messages": ()})
    assert gate(of=none).do == "drop"
    assert gate(facts(paused="An"), none).do == "drop"
    rest = tuple(date(2026, 11, 24) + timedelta(days=n) for n in range(40))
    full = facts(history=tuple(touch(TEN, "sms") for _ in range(3)))
    sending = gate(full, until=TEN + timedelta(days=60), extra_tet_days=rest)
    assert (sending.do, sending.rule) == ("drop", "R7")


def test_a_sender_whose_grant_ended_sends_nothing() -> None:
    """R10: the one rule that binds transactional messages."""
    for class_ in ("advertising", "transactional"):
        sending = gate(class_=class_, granted=(Grant("8989", date(2026, 11, 22)),))
        assert (sending.do, sending.rule) == ("drop", "R10")


@pytest.mark.parametrize("until", [END, None])
def test_a_message_of_a_programme_that_is_not_loaded_waits(until: datetime | None) -> None:
    """R15: doubt is no contact; a transactional message does not need the programme."""
    sending = may_send(facts(), None, "advertising", "8989", until, TEN, LAW)
    assert (sending.do, sending.again) == ("wait", TEN + MINUTE)
    assert may_send(facts(), None, "transactional", "8989", until, TEN, LAW).do == "send"


def test_an_error_in_a_rule_makes_it_wait() -> None:
    """R15: not sent, and not lost to a passing fault."""
    broken: Any = "no touch"
    sending = gate(facts(history=(broken,)))
    assert (sending.do, sending.rule) == ("wait", "R15")


NOTHING = timedelta(0)


@pytest.mark.parametrize(
    ("parts", "waited", "left", "fullness"),
    [
        (0, NOTHING, timedelta(hours=3), 0.0),
        (300, NOTHING, timedelta(hours=3), 0.5),  # 300 s of ten minutes
        (600, NOTHING, timedelta(hours=3), 1.0),
        (600, NOTHING, timedelta(minutes=20), 1.0),
        (60, NOTHING, timedelta(minutes=1), 1.0),  # the window's end comes first: no backlog may cross 22:00
        (60, timedelta(minutes=5), timedelta(hours=3), 0.5),  # the SMSC is slower than it should be
        (1, NOTHING, NOTHING, 1.0),
        (0, NOTHING, None, 0.0),
        (1, NOTHING, None, 1.0),
    ],
)
def test_the_outbox_is_full_when_it_would_take_ten_minutes_or_the_rest_of_the_window(
    parts: int, waited: timedelta, left: timedelta | None, fullness: float
) -> None:
    """DESIGN §4: one part a second; what waits, and until when it must be out."""
    end = None if left is None else TEN + left
    assert outbox_fullness(parts, 1.0, TEN, end, waited=waited) == fullness


@given(st.floats(0, 10), st.floats(0, 10))
def test_the_fuller_the_outbox_the_fewer_the_calls(one: float, other: float) -> None:
    """DESIGN §4: all of the rate while it is half empty, none of it from 1 on, and never more for more."""
    assert 0.0 <= pace_left(one) <= 1.0
    assert pace_left(max(one, other)) <= pace_left(min(one, other))
    assert (pace_left(0.5), pace_left(1.0)) == (1.0, 0.0)
