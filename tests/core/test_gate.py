"""Does a batch of numbers get the answers that each of them gets alone?"""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.campaigns import Channel
from core.facts import Facts, Programme
from core.outcomes import Outcome
from core.question import Question
from core.rules import RULES, Gate, Rule, may_contact
from tests.core.sample import LAW, NUMBER, TEN, at, facts, notice, programme, subscriber, touch

HOUR = timedelta(hours=1)
PROGRAMMES = [
    programme(),
    programme(enabled=False, approval=None, hold_out=50, per_subscriber="once"),
    programme(audience={"arpu": [{"months": 2, "at_least": 100}], "vlr": True, "months_on_network": 3}),
    programme(**{"class": "care"}),
    notice(),
]
SUBSCRIBERS = st.sampled_from([
    None, subscriber(), subscriber(flags=None), subscriber(flags=frozenset({"vip", "test"})),
    subscriber(consent=None), subscriber(arpu=(50, 150, None)), subscriber(arpu=(50, 149, 1), vlr=None),
])  # fmt: skip
HISTORIES = st.lists(
    st.builds(
        touch,
        st.timedeltas(-25 * HOUR, HOUR).map(lambda since: TEN + since),
        st.sampled_from(["voice", "sms"]),
        programme=st.sampled_from(["topup", "other"]),
        outcome=st.sampled_from([None, Outcome.NO_ANSWER, Outcome.NO_KEY]),
    ),
    max_size=4,
)
KNOWN = st.builds(
    lambda **changes: facts()._replace(**changes),
    number=st.sampled_from([NUMBER, "+84901111111", "+84902222222", "+84903333333"]),
    subscriber=SUBSCRIBERS,
    history=HISTORIES.map(tuple) | st.just(("no touch",)),  # R15: that fails
    refused_at=st.sampled_from([None, TEN - HOUR]),
    do_not_call=st.sampled_from([None, facts().do_not_call, facts(TEN - 30 * HOUR).do_not_call]),
    on_do_not_call=st.sampled_from([frozenset(), frozenset({"voice"}), frozenset({"sms"})]),
    excluded=st.sampled_from([None, "duty"]),
    called_before=st.booleans(),
    paused=st.sampled_from([None, "AN"]),
    event=st.sampled_from([None, facts().event, facts(TEN - HOUR).event, facts(TEN + HOUR).event]),
)


@given(
    st.lists(st.tuples(KNOWN, st.booleans()), max_size=6),
    st.sampled_from(PROGRAMMES),
    st.sampled_from(["voice", "sms"]),
    st.sampled_from([TEN, at("16:59:30"), at("21:00:00")]),
)
def test_a_batch_gets_the_answers_that_each_number_gets_alone(
    batch: list[tuple[Facts, bool]], of: Programme, channel: Channel, now: datetime
) -> None:
    """Issue 3: the same rule functions, whoever asks."""
    class_ = of.campaign.class_
    gate = Gate(of, channel, class_, now, LAW)
    for known, first_no in batch:
        alone = may_contact(known, of, channel, class_, now, LAW, first_no=first_no)
        assert gate.answer(known, first_no=first_no) == alone


class _Nobody:
    """Facts that must not be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"looks at {name} of a number's facts")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.alike], ids=lambda rule: rule.check.__name__)
@pytest.mark.parametrize("channel", ["voice", "sms"])
@pytest.mark.parametrize("of", PROGRAMMES)
@pytest.mark.parametrize("now", [TEN, at("03:00:00"), at("23:00:00")])
def test_a_rule_that_answers_once_for_a_batch_looks_at_nobody(
    rule: Rule, channel: Channel, of: Programme, now: datetime
) -> None:
    """R15: an answer that is kept for the next number may not depend on this one."""
    nobody: Any = _Nobody()
    question = Question(nobody, of, channel, of.campaign.class_, now, LAW, None)
    assert rule.check(question) == rule.check(question)


def test_a_rule_that_fails_for_one_number_does_not_fail_for_the_next() -> None:
    """R15: a no belongs to its number."""
    gate = Gate(programme(), "voice", "advertising", TEN, LAW)
    no = gate.answer(facts(history=("no touch",))).no
    assert no is not None
    assert no.rule == "R15"
    assert gate.answer(facts()).allowed
