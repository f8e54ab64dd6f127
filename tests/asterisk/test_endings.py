"""Every row of ari_app/causes.py, measured on the wire: the callee answers a code, we say what it was."""

import asyncio
import dataclasses

import pytest

from ari_app.phone import Phone
from core.outcomes import Outcome, keeps_slot
from core.phone import CallEnded
from tests.asterisk.callee import Callee, answers
from tests.asterisk.conftest import MemoryJournal, attempt, place

pytestmark = pytest.mark.asterisk

#: What the callee answers, and what DESIGN.md §5 calls it. Written by hand, not derived from the table.
ROWS = {
    486: "busy", 600: "busy",
    603: "rejected", 607: "rejected", 608: "rejected",
    408: "unreachable", 480: "unreachable",
    404: "invalid_number", 410: "invalid_number", 484: "invalid_number", 604: "invalid_number",
    500: "failed", 501: "failed", 502: "failed", 503: "failed", 504: "failed", 513: "failed",
    300: "failed", 301: "failed", 302: "failed", 305: "failed",
    400: "failed", 401: "failed", 403: "failed", 406: "failed", 415: "failed", 420: "failed", 488: "failed",
    606: "failed",
    487: "no_answer",
}  # fmt: skip


@pytest.mark.parametrize("rings", [False, True])
@pytest.mark.parametrize(("code", "outcome"), ROWS.items())
async def test_a_final_answer_of_the_network_becomes_our_outcome(
    code: int, outcome: str, rings: bool, phone: Phone, callee: Callee
) -> None:
    """O11: busy and unreachable are told apart; R7: only a phone that rang keeps a failed call's slot."""
    number = f"0901{code}00{int(rings)}"
    contact = ("Contact: <sip:0909999999@127.0.0.1>",) if code < 400 else ()
    callee.behaves[number] = answers(100, *([180] if rings else []), code, more=contact)
    placed = await place(phone, attempt(number))
    assert placed.outcome == outcome, placed.why
    assert placed.call.report.sip_code == code
    if keeps_slot(Outcome(outcome), True) and not keeps_slot(Outcome(outcome), False):
        assert placed.journal.entries == (["rang"] if rings else [])
    assert [leg.number for leg in callee.legs] == [number]


async def test_a_call_that_nobody_takes_is_cancelled_at_the_ring_limit(phone: Phone, callee: Callee) -> None:
    """O11: no answer."""
    callee.behaves["0901000000"] = answers(100, 180)
    placed = await place(phone, attempt("0901000000"))
    assert placed.outcome is Outcome.NO_ANSWER
    assert placed.journal.entries == ["rang"]
    await (await callee.leg("0901000000")).wait_for("CANCEL")


async def test_session_progress_counts_as_ringing(phone: Phone, callee: Callee) -> None:
    """R7: a 183 may have been heard as ringing, so the slot is kept."""
    callee.behaves["0901000183"] = answers(100, 183, 503)
    assert (await place(phone, attempt("0901000183"))).journal.entries == ["rang"]


@pytest.mark.parametrize(
    "contact",
    [
        "sip:0909999999@127.0.0.1",
        "sip:9090@127.0.0.1",
        "sip:PJSIP%2F0909999999%40trunk-viettel@127.0.0.1",
        "sip:PJSIP/trunk-viettel/sip%3A0909999999%40127.0.0.1@127.0.0.1",
        "sip:Local/9090%40from-trunk@127.0.0.1",
    ],
)
async def test_a_redirect_is_never_followed(contact: str, phone: Phone, callee: Callee) -> None:
    """A 302 to a premium number, also one that names a technology and a trunk, costs us nothing."""
    callee.behaves["0901000302"] = answers(100, 302, more=(f"Contact: <{contact}>",))
    callee.behaves["0909999999"] = callee.behaves["an"] = callee.behaves["0901000001"] = answers(486)
    assert (await place(phone, attempt("0901000302"))).outcome is Outcome.FAILED
    # A call to another number goes the same way and comes after whatever the redirect may have caused.
    assert (await place(phone, attempt("0901000001"))).outcome is Outcome.BUSY
    assert [leg.number for leg in callee.legs] == ["0901000302", "0901000001"]


@pytest.mark.parametrize(
    ("caller_id", "seen"), [("18001090", "<sip:18001090@"), ("MOBI AI", '"MOBI AI" <sip:MOBIAI@')]
)
async def test_the_callee_sees_the_caller_id_of_the_programme(
    caller_id: str, seen: str, phone: Phone, callee: Callee
) -> None:
    """O6: From carries exactly the caller id of the attempt."""
    callee.behaves["0901000006"] = answers(486)
    await place(phone, attempt("0901000006", caller_id=caller_id))
    assert (await callee.leg("0901000006")).header("From").startswith(seen)


async def test_a_call_that_asterisk_refuses_to_place_is_failed(phone: Phone, callee: Callee) -> None:
    """The id is in use already (409): nothing is dialled a second time, and the first call is not harmed."""
    callee.behaves["0901000007"] = answers(180)
    first = attempt("0901000007")
    journal = MemoryJournal()
    async with phone.line(first, journal) as call:
        ringing = asyncio.ensure_future(call.dial())
        await callee.leg("0901000007")
        with pytest.raises(ValueError, match="listened to already"):
            await place(phone, first)
        ringing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ringing
    assert len(callee.legs) == 1


@pytest.mark.parametrize(
    "number", ["+8490123456", "+84901234567@evil", "0901234567", "+84901234567&PJSIP/1900"]
)
async def test_what_is_no_subscriber_number_is_never_dialled(number: str, phone: Phone) -> None:
    """No dial string can be injected through a number."""
    with pytest.raises(ValueError, match="number"):
        await place(phone, dataclasses.replace(attempt("0901234567"), number=number))


async def test_an_ended_call_keeps_saying_so(phone: Phone, callee: Callee) -> None:
    callee.behaves["0901000008"] = answers(486)
    async with phone.line(attempt("0901000008"), MemoryJournal()) as call:
        for again in (call.dial, lambda: call.hand_over("agents")):
            with pytest.raises(CallEnded) as ended:
                await again()
            assert ended.value.outcome is Outcome.BUSY
