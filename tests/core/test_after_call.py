"""O11, O13, O14, O21, B3-B5: what follows a call and a registration."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.after_call import (
    AfterCall,
    EndedCall,
    EndedRegistration,
    House,
    NewMessage,
    NewRegistration,
    after_call,
    after_registration,
    refusal_confirmed,
)
from core.config import Texts
from core.facts import Programme
from core.outcomes import Outcome
from core.phone import Decision
from core.windows import inside
from tests.core.sample import CATALOGUE, LAW, NUMBER, TEN, at, notice, programme, subscriber

HOUSE = House(CATALOGUE, Texts(), LAW)
MINUTE = timedelta(minutes=1)
REGISTERS = Decision("register", "1", "C90N", "1")
AGREES = Decision("agree", "1")
REFUSES = Decision("refuse", "9")
NOTHING = AfterCall()


def ended(outcome: Outcome = Outcome.NO_ANSWER, **changes: Any) -> EndedCall:
    usual = EndedCall("c1", "call1", NUMBER, outcome, TEN - MINUTE, offers={"1": "C90N", "2": "FD50"})
    return replace(usual, **changes)


def follows(outcome: Outcome, of: Programme | None = None, now: datetime = TEN, **changes: Any) -> AfterCall:
    return after_call(ended(outcome, **changes), of or programme(), HOUSE, now)


def only(messages: tuple[NewMessage, ...]) -> NewMessage:
    (message,) = messages
    return message


@pytest.mark.parametrize("outcome", [Outcome.NO_ANSWER, Outcome.BUSY])
def test_a_missed_call_is_told_of(outcome: Outcome) -> None:
    """O11: from 8989, the first offer, with what the law adds."""
    message = only(follows(outcome).messages)
    assert (message.key, message.kind, message.sender) == ("missed:c1", "missed", "8989")
    assert (message.class_, message.policy, message.state) == ("advertising", "once", "due")
    assert message.text.startswith("[QC] Quý khách vừa bỏ lỡ cuộc gọi về gói C90N. ")
    assert message.text.endswith(Texts().how_to_refuse)
    assert (message.due_at, message.valid_until) == (TEN, at("22:00:00"))


@pytest.mark.parametrize("outcome", [Outcome.NO_KEY, Outcome.HUNG_UP])
def test_who_pressed_no_key_gets_the_offer(outcome: Outcome) -> None:
    """O14: no key, or hung up."""
    message = only(follows(outcome).messages)
    assert (message.key, message.kind) == ("offer:c1", "offer")
    assert "bỏ lỡ gói C90N" in message.text


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.DECLINED,
        Outcome.TRANSFERRED,
        Outcome.REJECTED,
        Outcome.UNREACHABLE,
        Outcome.INVALID_NUMBER,
        Outcome.FAILED,
        Outcome.MACHINE,
        Outcome.UNKNOWN,
        Outcome.ACCEPTED,
    ],
)
def test_nothing_follows_the_other_outcomes(outcome: Outcome) -> None:
    """DESIGN.md §5, column "follows"."""
    assert follows(outcome) == NOTHING


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.HUNG_UP, Outcome.UNKNOWN, Outcome.NO_KEY])
def test_a_registering_key_outweighs_how_the_call_ended(outcome: Outcome) -> None:
    """O13: the registration is asked for; it is thanked for when it is there, not before."""
    after = follows(outcome, decision=REGISTERS)
    assert after == AfterCall(registration=NewRegistration("C90N", "1"))


def test_a_registration_finds_its_offer_by_the_package() -> None:
    """O13: a decision of before offers were named in it."""
    after = follows(Outcome.ACCEPTED, decision=Decision("register", "2", "FD50"))
    assert after.registration == NewRegistration("FD50", "2")
    unknown = follows(Outcome.ACCEPTED, decision=Decision("register", "2", "GONE"))
    assert unknown.registration == NewRegistration("GONE", "")


def test_thanks_are_not_sent_before_the_registration() -> None:
    """O13: even where the campaign file names them after `accepted`."""
    early = programme(after={"accepted": {"sms": "thanks"}})
    assert follows(Outcome.ACCEPTED, early, decision=REGISTERS).messages == ()
    other = programme(after={"accepted": {"sms": "offer"}})
    assert only(follows(Outcome.ACCEPTED, other, decision=REGISTERS).messages).key == "offer:c1"


@pytest.mark.parametrize("after", [{}, {"refused": {"sms": "offer", "retry": {"times": 2}}}])
@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.HUNG_UP, Outcome.UNKNOWN])
def test_a_refusal_is_confirmed_and_nothing_else_follows(outcome: Outcome, after: dict[str, Any]) -> None:
    """R6, O21: whatever the campaign file says and however the call ended."""
    done = follows(outcome, programme(after=after), decision=REFUSES)
    message = only(done.messages)
    assert done == AfterCall(refuse=True, messages=(message,))
    assert (message.key, message.kind, message.class_) == (
        "refusal:call1",
        "refusal_confirmed",
        "transactional",
    )
    assert (message.text, message.sender) == (Texts().refusal_confirmed, "8989")
    assert (message.policy, message.due_at, message.valid_until) == ("once", TEN, None)


def test_a_refusal_is_confirmed_one_time() -> None:
    """R6: who had refused already is not written to again."""
    assert follows(Outcome.REFUSED, refused_before=True) == AfterCall(refuse=True)


def test_a_refusal_by_message_is_confirmed_under_the_key_of_the_message() -> None:
    """R6: also at night; `ref` is what carried it."""
    night = at("23:30:00")
    message = refusal_confirmed(NUMBER, "mo77", Texts(), night)
    assert (message.key, message.due_at, message.programme) == ("refusal:mo77", night, None)


def test_who_agreed_gets_one_link_per_subscriber() -> None:
    """B5: the key names the number, so a second call writes no second row."""
    message = only(follows(Outcome.HUNG_UP, notice(), decision=AGREES).messages)
    assert (message.key, message.kind) == (f"link:bluezone:{NUMBER}", "link")
    assert (message.text, message.sender, message.class_) == ("https://x.vn", "MOBIFONE.AI", "public_notice")
    said = notice(after={"accepted": {"sms": "link"}})
    assert follows(Outcome.HUNG_UP, said, decision=AGREES) == follows(
        Outcome.HUNG_UP, notice(), decision=AGREES
    )


def test_the_campaign_file_says_otherwise() -> None:
    """DESIGN.md §5: "unless the campaign says otherwise"; an empty entry is nothing."""
    of = programme(after={"no_answer": {}, "busy": {"sms": "offer"}, "machine": {"sms": "missed"}})
    assert follows(Outcome.NO_ANSWER, of) == NOTHING
    assert only(follows(Outcome.BUSY, of).messages).key == "offer:c1"
    assert only(follows(Outcome.MACHINE, of).messages).key == "missed:c1"
    assert follows(Outcome.HUNG_UP, programme(messages={})) == NOTHING


def test_the_message_names_an_offer_that_was_offered() -> None:
    """O11: the one it is written for, else the first that this subscriber was offered."""
    of = programme(messages={"missed": {"sender": "8989", "offer": "2", "text": "{{ offer.name }}"}})
    assert "FD50" in only(follows(Outcome.BUSY, of).messages).text
    held = follows(Outcome.BUSY, of, offers={"1": "C90N"})
    assert "C90N" in only(held.messages).text
    not_said = follows(Outcome.BUSY, of, offers={})
    assert "FD50" in only(not_said.messages).text, "who heard no offer is told of the campaign's"


@pytest.mark.parametrize(
    "text", ["{{ event.amount | dong }}", "{{ offers['7'].name }}", "{{ subscriber.balance + 1 }}"]
)
def test_a_text_that_cannot_be_filled_is_dropped_and_logged(text: str) -> None:
    """One subscriber's missing field never breaks the end of a call."""
    of = programme(messages={"missed": {"sender": "8989", "text": text}})
    message = only(follows(Outcome.BUSY, of, subscriber=subscriber()).messages)
    assert message.state == "dropped"
    assert message.reason is not None
    assert message.reason.startswith("the text cannot be filled")


@pytest.mark.parametrize(
    ("now", "valid_for", "due", "until"),
    [
        (TEN, "24h", TEN, at("22:00:00")),
        (TEN, "2h", TEN, TEN + timedelta(hours=2)),
        (at("21:59:59"), "24h", at("21:59:59"), at("22:00:00")),
        (at("22:00:00"), "24h", at("08:00:00", date(2026, 11, 24)), at("22:00:00", date(2026, 11, 24))),
        (at("22:00:00"), "11h", at("08:00:00", date(2026, 11, 24)), at("09:00:00", date(2026, 11, 24))),
    ],
)
def test_a_message_waits_for_its_window_and_ends_with_it(
    now: datetime, valid_for: str, due: datetime, until: datetime
) -> None:
    """O8, R8: never past the end of its window, never past its validity."""
    of = programme(messages={"missed": {"sender": "8989", "text": "x", "valid_for": valid_for}})
    message = only(follows(Outcome.BUSY, of, now).messages)
    assert message.state == "due"
    assert message.due_at == due
    assert message.valid_until is not None
    assert message.valid_until <= until
    assert message.valid_until == min(until, now + of.campaign.messages["missed"].valid_for)


@pytest.mark.parametrize(
    ("now", "valid_for"), [(at("22:00:00"), "10h"), (at("21:59:59", date(2030, 2, 1)), "0s")]
)
def test_a_message_without_a_moment_in_its_validity_is_dropped_and_logged(
    now: datetime, valid_for: str
) -> None:
    """O8: dropped and logged, not lost."""
    of = programme(messages={"missed": {"sender": "8989", "text": "x", "valid_for": valid_for}})
    message = only(follows(Outcome.BUSY, of, now).messages)
    assert (message.state, message.reason) == ("dropped", "R8: no allowed moment within its validity")


def test_a_message_waits_over_tet_within_its_validity() -> None:
    """O8, R9: written on the eve at 22:00, due on the third day."""
    eve = at("22:00:00", date(2030, 2, 1))
    long = programme(messages={"missed": {"sender": "8989", "text": "x", "valid_for": "3d"}})
    assert only(follows(Outcome.BUSY, long, eve).messages).due_at == at("08:00:00", date(2030, 2, 4))
    care = {"missed": {"class": "care", "sender": "8989", "text": "x"}}
    cared = only(follows(Outcome.BUSY, programme(messages=care), eve).messages)
    assert cared.due_at == at("08:00:00", date(2030, 2, 2)), "R9 does not bind care"


def bluezone(**retry: Any) -> Programme:
    return notice(after={"no_answer": {"retry": {"times": 1, **retry}}})


def test_who_did_not_pick_up_is_called_once_more_after_all_others() -> None:
    """B3: in the second pass, and not a third time."""
    of = bluezone(after_first_pass=True)
    first = follows(Outcome.NO_ANSWER, of)
    assert (first.retry_at, first.retry_pass, first.messages) == (TEN, 2, ())
    assert follows(Outcome.NO_ANSWER, of, attempts=2, pass_no=2) == NOTHING
    assert follows(Outcome.BUSY, of) == NOTHING


def test_a_retry_waits_for_the_next_moment_to_dial() -> None:
    """B2, R8: not where it would ring past the window, and at the earliest `after` later."""
    late = follows(Outcome.NO_ANSWER, bluezone(), at("11:59:30"))
    assert (late.retry_at, late.retry_pass) == (at("15:30:00"), 1)
    later = follows(Outcome.NO_ANSWER, bluezone(after="1h"), at("10:30:00"))
    assert later.retry_at == at("11:30:00")
    never = notice(windows={"calls": ()}, after={"no_answer": {"retry": {}}})
    assert follows(Outcome.NO_ANSWER, never).retry_at is None


def test_advertising_is_not_tried_again_before_its_24_hours_are_over() -> None:
    """R7: one advertising call, answered or not."""
    of = programme(after={"no_answer": {"retry": {"times": 1, "after": "1h"}}})
    assert follows(Outcome.NO_ANSWER, of).retry_at == TEN - MINUTE + timedelta(hours=24)


@pytest.mark.parametrize(
    ("outcome", "decision"),
    [
        (Outcome.UNKNOWN, None),
        (Outcome.ACCEPTED, None),
        (Outcome.NO_ANSWER, REFUSES),
        (Outcome.NO_ANSWER, AGREES),
    ],
)
def test_who_decided_and_whose_fate_is_unknown_is_not_called_again(
    outcome: Outcome, decision: Decision | None
) -> None:
    """R7, R15: whatever the campaign file says."""
    every = notice(after={name: {"retry": {"times": 5}} for name in Outcome})
    assert follows(outcome, every, decision=decision).retry_at is None


@given(
    st.sampled_from(Outcome),
    st.sampled_from([None, REGISTERS, AGREES, REFUSES]),
    st.integers(0, 3 * 86400),
    st.integers(1, 6),
)
def test_what_follows_is_always_inside_the_hours(
    outcome: Outcome, decision: Decision | None, seconds: int, attempts: int
) -> None:
    """O8, R8: no message but a transactional one is due or valid outside, no retry is dialled outside."""
    of = programme(after={name: {"sms": "offer", "retry": {"times": 3}} for name in Outcome})
    now = TEN + timedelta(seconds=seconds)
    after = after_call(ended(outcome, decision=decision, attempts=attempts), of, HOUSE, now)
    for message in after.messages:
        if message.class_ == "advertising" and message.state == "due":
            assert message.valid_until is not None
            assert inside((LAW.sms_window,), message.due_at)
            assert now <= message.due_at < message.valid_until
            assert inside((LAW.sms_window,), message.valid_until - timedelta(microseconds=1))
    if after.retry_at is not None:
        assert attempts <= 3
        assert inside((LAW.call_window,), after.retry_at, timedelta(seconds=LAW.ring_s))
    if decision is REFUSES or (outcome is Outcome.REFUSED and decision is None):
        assert after.refuse
        assert [message.kind for message in after.messages] == ["refusal_confirmed"]


State = Literal["registered", "refused", "failed", "unknown"]


def told(state: State, message: str | None = None, of: Programme | None = None, now: datetime = TEN) -> Any:
    registration = EndedRegistration("r1", NUMBER, "C90N", state, message)
    return after_registration(registration, of or programme(), HOUSE, now)


def test_a_registration_is_thanked_for_and_then_told_in_the_systems_words() -> None:
    """O13: SMS1, and after it SMS2 with the registration system's text, at any hour."""
    night = at("23:30:00")
    first, second = told("registered", "Goi C90N co hieu luc. {{ offer.name }}", now=night)
    assert (first.key, first.text) == ("thanks:r1", "Cám ơn đã đăng ký C90N.")
    assert (second.key, second.after, second.sender) == ("registered:r1", "thanks:r1", "9090")
    assert second.text == "Goi C90N co hieu luc. {{ offer.name }}", "a text from outside is no template"
    for message in (first, second):
        assert (message.class_, message.policy) == ("transactional", "at_least_once")
        assert (message.due_at, message.valid_until, message.state) == (night, None, "due")


@pytest.mark.parametrize("silence", [None, ""])
def test_without_a_text_of_the_system_there_is_no_second_message(silence: str | None) -> None:
    """DESIGN.md §5: then the operator's system texts the customer itself."""
    assert [message.key for message in told("registered", silence)] == ["thanks:r1"]


def test_the_systems_text_is_sent_where_the_campaign_has_no_messages_of_its_own() -> None:
    """O13: from the house's sender, after nothing."""
    message = only(told("registered", "Xong", programme(messages={})))
    assert (message.key, message.after, message.sender, message.class_) == (
        "registered:r1", None, "8989", "transactional",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "said", "text"),
    [
        ("refused", None, "Chưa đăng ký được C90N."),
        ("refused", "Tai khoan khong du tien", "Tai khoan khong du tien"),
        ("failed", None, "Chưa đăng ký được C90N."),
        ("failed", "<html>500</html>", "Chưa đăng ký được C90N."),
    ],
)
def test_who_was_not_registered_is_told_so_and_never_thanked(
    state: State, said: str | None, text: str
) -> None:
    """O13, issue 2 item 8: honestly; the system's own words replace ours where it refused."""
    message = only(told(state, said))
    assert (message.key, message.kind, message.text) == ("not_registered:r1", "not_registered", text)
    assert (message.class_, message.policy) == ("transactional", "at_least_once")


def test_a_registration_whose_fate_is_unknown_is_neither_thanked_for_nor_denied() -> None:
    """R15: the house's text says that it could not be confirmed; a campaign may have its own."""
    message = only(told("unknown", "garbage"))
    assert message.key == "not_registered:r1"
    assert message.text == Texts().unconfirmed.replace("{{ offer.name }}", "C90N")
    own = {"unconfirmed": {"class": "transactional", "sender": "9090", "text": "Chưa rõ {{ offer.name }}"}}
    message = only(told("unknown", None, programme(messages=own)))
    assert (message.text, message.sender) == ("Chưa rõ C90N", "9090")


def test_the_house_has_an_honest_text_for_a_campaign_without_one() -> None:
    """Issue 2 item 8: silence would leave the subscriber believing it worked."""
    message = only(told("failed", None, programme(messages={})))
    assert message.text == Texts().not_registered.replace("{{ offer.name }}", "C90N")
    assert message.class_ == "transactional"


def test_a_package_that_left_the_catalogue_still_has_its_name() -> None:
    """O17: the catalogue may change between the key and the answer."""
    registration = EndedRegistration("r1", NUMBER, "GONE", "failed")
    message = only(after_registration(registration, programme(), HOUSE, TEN))
    assert message.text == "Chưa đăng ký được GONE."
