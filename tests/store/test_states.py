"""Whatever order things happen in, do contacts, calls and messages stay true to each other?

Runs on SQLite, straight on one connection: each example is one transaction that is rolled back.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, select

from core.after_call import AfterCall, NewRegistration
from core.outcomes import Outcome
from core.phone import Decision
from store import calls, contacts, messages, numbers, parts, registrations, schema
from store.tx import Tx
from tests.store.one_connection import one_connection
from tests.store.sample import AN, BINH, NOW, WORKER, claim, contact, message

CONTACTS = ("c1", "c2", "c3")
NUMBER = {"c1": AN, "c2": AN, "c3": BINH}
DECISIONS = (
    Decision(kind="register", key="1", package="C90N", offer="1"),
    Decision(kind="agree", key="1"),
    Decision(kind="refuse", key="9"),
)
UNDECIDED = [each for each in Outcome if each not in (Outcome.ACCEPTED, Outcome.REFUSED)]
KEYS = ("offer:1", "offer:2", "missed:3")


class Life(RuleBasedStateMachine):
    """What may happen to three contacts of two numbers, and three messages."""

    connection: Connection
    lists: Path

    def __init__(self) -> None:
        super().__init__()
        self.transaction = self.connection.begin()
        self.tx = Tx(self.connection, self.lists)
        self.made = 0
        self.ended: dict[str, str] = {}
        self.decided: dict[str, Decision] = {}
        self.sent: Counter[str] = Counter()
        self.given_back: Counter[str] = Counter()

    def teardown(self) -> None:
        self.transaction.rollback()

    @rule(id=st.sampled_from(CONTACTS))
    def plan(self, id: str) -> None:
        contacts.plan(self.tx, contact(id, number=NUMBER[id]), now=NOW)

    @rule(id=st.sampled_from(CONTACTS))
    def dial(self, id: str) -> None:
        self.made += claim(self.tx, id, f"call-{self.made}")

    @rule(data=st.data(), what=st.sampled_from(("rang", "up")))
    def progress(self, data: st.DataObject, what: str) -> None:
        if self.made:
            call = data.draw(st.integers(0, self.made - 1))
            getattr(calls, what)(self.tx, call_id=f"call-{call}", at=NOW)

    @rule(data=st.data(), decision=st.sampled_from(DECISIONS))
    def decide(self, data: st.DataObject, decision: Decision) -> None:
        running = [call.id for call in calls.open_calls(self.tx)]
        if running:
            call = data.draw(st.sampled_from(running))
            stands = calls.decide(self.tx, call_id=call, decision=decision, at=NOW)
            assert stands == self.decided.setdefault(call, decision)

    @rule(data=st.data(), outcome=st.sampled_from(UNDECIDED), rang=st.booleans(), again=st.booleans())
    def end(self, data: st.DataObject, outcome: Outcome, rang: bool, again: bool) -> None:
        if not self.made:
            return
        call = f"call-{data.draw(st.integers(0, self.made - 1))}"
        decision = self.decided.get(call)
        after = AfterCall(retry_at=NOW, retry_pass=2) if again and not decision else calls.NOTHING
        if decision and decision.kind == "register":
            after = AfterCall(registration=NewRegistration("C90N", "1"))
        how = decision.outcome if decision else outcome
        first = calls.finish(self.tx, calls.Ended(call, how, NOW, rang), after, now=NOW)
        assert first == (call not in self.ended)
        self.ended.setdefault(call, how.value)

    @rule(number=st.sampled_from((AN, BINH)))
    def refuse(self, number: str) -> None:
        numbers.refuse(self.tx, number=number, at=NOW, via="sms", ref="mo")
        for table in (schema.messages, schema.contacts):
            due = select(table.c.id).where(table.c.state == "due", table.c.number == number)
            assert self.tx.execute(due.where(table.c["class"] == "advertising")).all() == []

    @rule(key=st.sampled_from(KEYS))
    def text(self, key: str) -> None:
        messages.add(self.tx, message(key), now=NOW)

    @rule(key=st.sampled_from(KEYS), count=st.integers(1, 2))
    def send(self, key: str, count: int) -> None:
        self.sent[key] += messages.mark_sending(
            self.tx, id=messages.id_of(key), parts=count, bind="b", at=NOW
        )

    @rule(key=st.sampled_from(KEYS), part=st.integers(1, 2), how=st.sampled_from(("yes", "no", "lost")))
    def answer(self, key: str, part: int, how: str) -> None:
        of: dict[str, Any] = {"message": messages.id_of(key), "part": part, "at": NOW}
        if how == "yes":
            parts.accepted(self.tx, smsc_id=f"{key}/{part}", **of)
        elif how == "no":
            parts.failed(self.tx, status="no", **of)
        else:
            parts.unknown(self.tx, reason="no answer", **of)

    @rule(key=st.sampled_from(KEYS), part=st.integers(1, 2), state=st.sampled_from(("delivered", "failed")))
    def receipt(self, key: str, part: int, state: parts.Receipt) -> None:
        ids = (f"{key}/{part}",)
        parts.receipt(self.tx, id=f"{ids}{state}", bind="b", smsc_ids=ids, state=state, at=NOW, number=AN)

    @rule(key=st.sampled_from(KEYS))
    def not_written(self, key: str) -> None:
        self.given_back[key] += messages.requeue(self.tx, id=messages.id_of(key))

    @rule()
    def crash(self) -> None:
        messages.left_sending(self.tx, now=NOW, tries=3)

    @rule()
    def ask(self) -> None:
        registrations.claim_due(self.tx, now=NOW, limit=2, worker=WORKER)

    @invariant()
    def a_contact_is_where_its_call_is(self) -> None:
        running = {call.contact: call.state for call in calls.open_calls(self.tx)}
        assert len(running) == len(calls.open_calls(self.tx))  # never two calls of one contact
        rows = self.tx.execute(select(schema.contacts.c.id, schema.contacts.c.state)).all()
        assert {row.id: row.state for row in rows if row.state in ("dialing", "up")} == running

    @invariant()
    def an_outcome_never_changes(self) -> None:
        over = select(schema.calls.c.id, schema.calls.c.outcome).where(schema.calls.c.outcome.is_not(None))
        assert {row.id: row.outcome for row in self.tx.execute(over)} == self.ended

    @invariant()
    def a_key_that_registers_is_honoured_once(self) -> None:
        rows = self.tx.execute(select(schema.registrations.c.call)).scalars().all()
        wanted = [call for call, decision in self.decided.items() if decision.kind == "register"]
        assert sorted(rows) == sorted(set(wanted) & set(self.ended))

    @invariant()
    def a_message_that_may_have_been_felt_is_not_sent_again(self) -> None:
        for key in KEYS:
            assert self.sent[key] - self.given_back[key] <= 1

    @invariant()
    def a_message_is_what_its_parts_are(self) -> None:
        for row in self.tx.execute(select(schema.messages)).all():
            of = select(schema.message_parts.c.state).where(schema.message_parts.c.message == row.id)
            states = list(self.tx.execute(of).scalars())
            if row.state in ("due", "dropped"):
                assert "sending" not in states
            else:
                assert row.state == parts.whole(states, row.parts)


def test_states_stay_true_whatever_the_order() -> None:
    """DESIGN §3: states on disk. R6, R7, idea 6."""
    with one_connection() as (Life.connection, Life.lists):
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=40,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
