"""DESIGN.md §5: how an attempt ended and whether it keeps the slot."""

import pytest

from core.outcomes import SUCCESSFUL, Outcome, keeps_slot

#: DESIGN.md §5, column "keeps the 24 h slot": without and with a 180/183. R7 is stricter than its row of
#: invalid_number: "only when the phone provably never rang".
TABLE = {
    "accepted": (True, True),
    "refused": (True, True),
    "declined": (True, True),
    "transferred": (True, True),
    "no_key": (True, True),
    "hung_up": (True, True),
    "no_answer": (True, True),
    "busy": (True, True),
    "rejected": (True, True),
    "unreachable": (False, True),
    "invalid_number": (False, True),
    "failed": (False, True),
    "machine": (True, True),
    "unknown": (True, True),
}


@pytest.mark.parametrize("outcome", Outcome)
def test_a_slot_is_given_back_only_when_the_phone_never_rang(outcome: Outcome) -> None:
    """R7: the table of DESIGN.md §5, every outcome of it."""
    assert (keeps_slot(outcome, False), keeps_slot(outcome, True)) == TABLE[outcome]


def test_every_outcome_of_the_table_exists_and_no_other() -> None:
    """DESIGN.md §5: external names."""
    assert {outcome.value for outcome in Outcome} == set(TABLE)


def test_a_call_is_successful_when_somebody_or_something_answered() -> None:
    """O7: no answer, busy and failures are no successful calls."""
    unanswered = {"no_answer", "busy", "rejected", "unreachable", "invalid_number", "failed", "unknown"}
    assert {outcome.value for outcome in SUCCESSFUL} == set(TABLE) - unanswered
