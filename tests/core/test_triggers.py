"""O1, O19: which kinds of event are there, and does each reach the rules as what it is?"""

from datetime import timedelta
from typing import get_args

import pytest

from core.campaigns import Trigger
from core.facts import Event, Facts
from core.rules import Answer, may_contact
from core.triggers import EVENTS, KINDS, TriggerKind
from tests.core.sample import LAW, NUMBER, TEN, facts, programme


def _asked(kind: TriggerKind, event: Event | None, fresh_for: str = "2h") -> Answer:
    known: Facts = facts(event=event)
    asked = programme(trigger={"kind": kind, "fresh_for": fresh_for})
    return may_contact(known, asked, "voice", "advertising", TEN, LAW)


def _event(kind: TriggerKind, age: timedelta = timedelta(minutes=1)) -> Event:
    return Event("e1", kind, NUMBER, TEN - age, 50_000)


def test_every_kind_that_a_file_may_name_has_its_line_and_every_line_its_kind() -> None:
    assert set(KINDS) == set(get_args(TriggerKind))
    assert set(EVENTS) == set(KINDS) - {"list"}
    for kind in KINDS:
        assert Trigger(kind=kind).kind == kind


@pytest.mark.parametrize("kind", EVENTS)
def test_a_programme_answers_to_its_own_kind_of_event_only(kind: TriggerKind) -> None:
    """O1, O19."""
    for other in EVENTS:
        no = _asked(kind, _event(other)).no
        assert (no.rule if no else None) == (None if other == kind else "O1")


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize(("age", "fresh"), [(7200, True), (7201, False), (-300, True), (-301, False)])
def test_every_event_has_a_freshness_limit_to_the_second(kind: TriggerKind, age: int, fresh: bool) -> None:
    """O20: and one from the future puts the clock in doubt (R15)."""
    no = _asked(kind, _event(kind, timedelta(seconds=age))).no
    assert (no.rule if no else None) == (None if fresh else "O20")


@pytest.mark.parametrize("kind", EVENTS)
def test_what_a_person_must_mend_is_waited_for_unless_the_moment_passes(kind: TriggerKind) -> None:
    """R2: without a list nobody is called; a bill is due tomorrow as well, a top-up was just now."""
    known = facts(event=_event(kind))._replace(do_not_call=None)
    answer = may_contact(known, programme(trigger={"kind": kind}), "voice", "advertising", TEN, LAW)
    assert answer.no is not None
    assert (answer.no.rule, answer.no.again is None) == ("R2", KINDS[kind].passes)
