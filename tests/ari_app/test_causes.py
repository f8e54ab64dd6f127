"""The table from SIP codes and causes to outcomes, against DESIGN.md §5 written out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.causes import Ending, outcome_of
from core.outcomes import Outcome


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        ((486, 600), "busy"),
        ((603, 607, 608), "rejected"),
        ((408, 480), "unreachable"),
        ((404, 410, 484, 604), "invalid_number"),
        ((500, 502, 503, 504, 302, 301, 403, 488), "failed"),
        ((487,), "no_answer"),
    ],
)
def test_a_sip_code_decides_whatever_the_cause_says(codes: tuple[int, ...], outcome: str) -> None:
    """O11: Asterisk maps several codes to one cause, so the code comes first."""
    assert {outcome_of(Ending(code, cause)) for code in codes for cause in (None, 0, 1, 17, 127)} == {outcome}


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        *((17, "busy"), (21, "rejected"), (18, "unreachable"), (20, "unreachable"), (1, "invalid_number")),
        *(
            (28, "invalid_number"),
            (34, "failed"),
            (38, "failed"),
            (42, "failed"),
            (0, "failed"),
            (None, "failed"),
        ),
    ],
)
def test_without_a_sip_code_the_cause_decides(cause: int | None, outcome: str) -> None:
    assert outcome_of(Ending(None, cause)) == outcome


def test_our_ring_limit_is_no_answer_although_asterisk_claims_otherwise() -> None:
    """At the ring limit ChannelDestroyed claims cause 19 and 480."""
    assert outcome_of(Ending(None, 19, ring_limit=True)) is Outcome.NO_ANSWER


@given(st.none() | st.integers(0, 999), st.none() | st.integers(0, 200), st.booleans())
def test_an_unanswered_call_is_never_taken_for_an_answered_one(
    code: int | None, cause: int | None, ring_limit: bool
) -> None:
    """For every ending: no outcome that would register, refuse, or count the listener as reached."""
    assert outcome_of(Ending(code, cause, ring_limit)) in {
        *(Outcome.BUSY, Outcome.REJECTED, Outcome.UNREACHABLE, Outcome.INVALID_NUMBER),
        *(Outcome.FAILED, Outcome.NO_ANSWER),
    }
