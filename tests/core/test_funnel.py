"""Does the funnel of the dry-run answer as the gate does? Of any population, on both channels, without a store."""

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.campaigns import Channel
from core.facts import Event, Facts, ListState, Programme, Subscriber, Touch
from core.funnel import People, funnel
from core.outcomes import Outcome
from core.rules import binding, may_contact
from core.written import VIETNAM
from store.facts import row_of
from tests.core import sample
from tests.core.sample import TEN, touch
from tests.runtime.test_dry_run import PROGRAMMES, SUBSCRIBERS

_touches = st.lists(
    st.builds(
        touch,
        st.sampled_from([TEN - timedelta(hours=24), TEN - timedelta(hours=1), TEN + timedelta(hours=1)]),
        st.sampled_from(["voice", "sms"]),
        st.sampled_from(["advertising", "care", "public_notice"]),
        st.sampled_from(["topup", "another"]),
        st.sampled_from([Outcome.NO_KEY, Outcome.NO_ANSWER, Outcome.UNKNOWN, None]),
    ),
    max_size=4,
)


@st.composite
def _somebody(draw: st.DrawFn) -> Facts:
    return Facts(
        number="",
        subscriber=draw(st.none() | SUBSCRIBERS | st.just(sample.subscriber())),
        history=tuple(draw(_touches)),
        refused_at=draw(st.sampled_from([None, None, TEN])),
        on_do_not_call=draw(st.sampled_from([frozenset[Channel](), frozenset[Channel](("voice", "sms"))])),
        excluded=draw(st.sampled_from([None, None, "complained"])),
        called_before=draw(st.booleans()),
    )


def people_of(
    known: list[Facts], register: ListState | None, event: Event | None, paused: str | None
) -> People:
    """The same facts as columns."""
    rows = [row_of(each.subscriber or Subscriber("")) for each in known]

    def texts(column: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], list[str | None]]:
        found: list[str | None] = [None, *sorted({row[column] for row in rows if row[column] is not None})]
        return np.array([found.index(row[column]) for row in rows], np.int64), found

    return People(
        numbers=[each.number for each in known],
        in_base=np.array([each.subscriber is not None for each in known], bool),
        texts=texts,
        amounts=lambda column: np.array([0 if row[column] is None else row[column] + 1 for row in rows], int),
        excluded=np.array([each.excluded is not None for each in known], bool),
        do_not_call=register,
        on_do_not_call=np.array([bool(each.on_do_not_call) for each in known], bool),
        refused=np.array([each.refused_at is not None for each in known], bool),
        called_before=np.array([each.called_before for each in known], bool),
        history={at: each.history for at, each in enumerate(known) if each.history},
        paused=paused,
        event=event,
    )


@given(
    st.lists(_somebody(), min_size=1, max_size=30),
    PROGRAMMES | st.just(sample.programme()),
    st.sampled_from(["voice", "sms"]),
    st.sampled_from([TEN, TEN.replace(hour=7), datetime(2027, 2, 6, 10, tzinfo=VIETNAM)]),
    st.sampled_from([ListState(1, TEN, 10, None), ListState(1, TEN, 10, None), None]),
    st.sampled_from([None, "An"]),
)
def test_the_funnel_leaves_those_whom_the_gate_would_contact(
    known: list[Facts],
    programme: Programme,
    channel: Channel,
    now: datetime,
    register: ListState | None,
    paused: str | None,
) -> None:
    """Issue 3 item 9: the counts are those of asking each number, rule by rule, in order and alone."""
    event = Event("e1", "topup", "", now, 50_000)
    known = [
        each._replace(number=f"+84901{at:06}", do_not_call=register, paused=paused, event=event)
        for at, each in enumerate(known)
    ]
    class_ = programme.campaign.class_
    asked = [may_contact(each, programme, channel, class_, now, sample.LAW) for each in known]
    steps, left = funnel(people_of(known, register, event, paused), programme, channel, now, sample.LAW)
    assert left.tolist() == [answer.allowed for answer in asked]
    first_no = [
        next((at for at, verdict in enumerate(answer.verdicts) if not verdict.allowed), None)
        for answer in asked
    ]
    assert [step.removed for step in steps] == [first_no.count(at) for at in range(len(steps))]
    assert [step.alone for step in steps] == [
        sum(not answer.verdicts[at].allowed for answer in asked) for at in range(len(steps))
    ]
    assert steps[-1].left == sum(answer.allowed for answer in asked)


def test_a_rule_that_fails_removes_everybody() -> None:
    """R15: the calendar does not know the year; the reason says so, the other rules are still asked."""
    somebody = Facts("+84901234567", sample.subscriber())
    nobody_knows = datetime(2150, 1, 10, 10, tzinfo=VIETNAM)
    register = ListState(1, nobody_knows, 10, None)
    event = Event("e1", "topup", "", nobody_knows, 50_000)
    people = people_of([somebody], register, event, None)
    steps, left = funnel(people, sample.programme(), "voice", nobody_knows, sample.LAW)
    assert left.tolist() == [False]
    failed = [step for step in steps if step.removed]
    assert [(step.rule, step.reason) for step in failed] == [
        ("R9", "Rule R9 could not be decided (ValueError).")
    ]
    assert len(steps) == len(binding("voice", "advertising"))


def test_a_touch_of_the_sample_is_what_the_rules_count() -> None:
    """R7: the population of the test above holds people whom the cap removes, and others."""
    called = Facts("+84901000000", sample.subscriber(), history=(touch(TEN),))
    free = Facts("+84901000001", sample.subscriber(), history=(touch(TEN - timedelta(hours=24)),))
    register, event = ListState(1, TEN, 10, None), Event("e1", "topup", "", TEN, 50_000)
    steps, left = funnel(
        people_of([called, free], register, event, None), sample.programme(), "voice", TEN, sample.LAW
    )
    assert left.tolist() == [False, True]
    assert {step.rule: step.removed for step in steps}["R7"] == 1
    assert isinstance(called.history[0], Touch)
