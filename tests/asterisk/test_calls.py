"""Calls that are answered, through the real Asterisk: prompts, keys, barge-in, hang-ups, hand-over."""

import asyncio
from datetime import timedelta

import pytest

from ari_app.call import AriCall
from ari_app.phone import Phone
from core.outcomes import Outcome
from core.phone import Decision
from tests.asterisk.callee import Behaviour, Callee, Leg, answers
from tests.asterisk.conftest import MemoryJournal, attempt, line, place

pytestmark = pytest.mark.asterisk

FIVE = timedelta(seconds=5)
NONE = timedelta(milliseconds=10)
YES = Decision("register", "1", "C90N")


async def listens(leg: Leg) -> None:
    leg.reply(180)
    await leg.answer()


def presses_when_it_hears(key: str, *, then_hangs_up: bool = False) -> Behaviour:
    async def behaviour(leg: Leg) -> None:
        await listens(leg)
        await leg.hear()
        await leg.press(key)
        if then_hangs_up:
            leg.bye()

    return behaviour


async def ask_for_a_minute(call: AriCall) -> str | None:
    return await call.ask((line("60"),), "12", FIVE)


async def test_a_key_during_the_prompt_stops_it_and_is_taken(phone: Phone, callee: Callee) -> None:
    """O13: key 1 while script 1 is spoken; the minute-long prompt does not go on."""

    async def script(call: AriCall) -> str | None:
        key = await call.ask((line("60"), line("never-60")), "12", FIVE)
        await call.decide(YES)
        await call.say(line("0.1"))
        return key

    callee.behaves["0901000001"] = presses_when_it_hears("1")
    placed = await place(phone, attempt("0901000001"), script)
    assert placed.said == "1"
    assert placed.journal.entries == ["rang", "up", "decided register 1"]
    assert placed.call.report.spoken == ["60", "0.1"]
    assert [key for key, _ in placed.call.report.keys] == ["1"]
    await (await callee.leg("0901000001")).wait_for("BYE")


async def test_a_key_pressed_before_the_menu_is_kept_for_it(phone: Phone, callee: Callee) -> None:
    async def script(call: AriCall) -> str | None:
        await call.say(line("1"))
        return await ask_for_a_minute(call)

    callee.behaves["0901000002"] = presses_when_it_hears("2")
    placed = await place(phone, attempt("0901000002"), script)
    assert placed.said == "2"
    assert placed.call.report.spoken == ["1"]


async def test_without_barge_in_the_prompt_is_spoken_to_its_end(phone: Phone, callee: Callee) -> None:
    async def script(call: AriCall) -> str | None:
        return await call.ask((line("0.5"), line("b-0.1")), "12", FIVE, barge_in=False)

    callee.behaves["0901000003"] = presses_when_it_hears("#")
    placed = await place(phone, attempt("0901000003"), script)
    assert placed.said == "#"
    assert placed.call.report.spoken == ["0.5", "b-0.1"]


async def test_nobody_presses_a_key(phone: Phone, callee: Callee) -> None:
    """O14: listens, presses nothing."""

    async def script(call: AriCall) -> str:
        return f"took {await call.ask((line('0.1'),), '12', NONE)}"

    callee.behaves["0901000009"] = listens
    placed = await place(phone, attempt("0901000009"), script)
    assert (placed.said, placed.outcome) == ("took None", None)
    await (await callee.leg("0901000009")).wait_for("BYE")


async def test_hanging_up_mid_prompt_is_hung_up(phone: Phone, callee: Callee) -> None:
    """O14: hung up with nothing decided; what was begun to be spoken stands in the log."""

    async def hangs_up(leg: Leg) -> None:
        await listens(leg)
        await leg.hear()
        leg.bye()

    callee.behaves["0901000005"] = hangs_up
    placed = await place(phone, attempt("0901000005"), ask_for_a_minute)
    assert placed.outcome is Outcome.HUNG_UP
    assert placed.call.report.text == "60"
    assert placed.call.report.ended_at is not None


async def test_who_presses_and_hangs_up_at_once_is_registered(phone: Phone, callee: Callee) -> None:
    """O13: a key once pressed is honoured; the decision outweighs the hang-up."""

    async def script(call: AriCall) -> None:
        assert await ask_for_a_minute(call) == "1"
        await call.decide(YES)
        await call.decide(Decision("refuse", "9"))  # a second decision changes nothing
        while True:  # the prompt may end with the call, and the next one cannot begin
            await call.say(line("60"))

    callee.behaves["0901000061"] = presses_when_it_hears("1", then_hangs_up=True)
    placed = await place(phone, attempt("0901000061"), script)
    assert placed.outcome is Outcome.ACCEPTED
    assert placed.journal.entries[-1] == "decided register 1"


async def test_a_flow_that_fails_still_hangs_up(phone: Phone, callee: Callee) -> None:
    async def script(_: AriCall) -> None:
        raise ZeroDivisionError

    callee.behaves["0901000010"] = listens
    with pytest.raises(ZeroDivisionError):
        await place(phone, attempt("0901000010"), script)
    await (await callee.leg("0901000010")).wait_for("BYE")
    assert await phone.live_channels() == []


async def test_a_refusal_by_sms_hangs_up_while_the_prompt_is_spoken(phone: Phone, callee: Callee) -> None:
    """R6: running calls end; the listener hears the minute-long prompt no further."""
    refuses = attempt("0901000011")

    async def sends_tc(leg: Leg) -> None:
        await listens(leg)
        await leg.hear()
        assert phone.end_refused(refuses.id, "sms")

    callee.behaves["0901000011"] = sends_tc
    placed = await place(phone, refuses, ask_for_a_minute)
    assert placed.outcome is Outcome.REFUSED
    await (await callee.leg("0901000011")).wait_for("BYE")
    assert not phone.end_refused(refuses.id, "sms")


async def test_a_call_that_is_cancelled_is_hung_up(phone: Phone, callee: Callee) -> None:
    """A shutdown of the controller leaves nobody on a silent line."""
    callee.behaves["0901000011"] = answers(180)
    task = asyncio.create_task(place(phone, attempt("0901000011")))
    leg = await callee.leg("0901000011")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await leg.wait_for("CANCEL")


async def test_a_prompt_that_was_not_made_is_a_fault_and_not_silence(phone: Phone, callee: Callee) -> None:
    async def script(call: AriCall) -> None:
        await call.say(line("0.1", "missing"))

    callee.behaves["0901000012"] = listens
    with pytest.raises(FileNotFoundError):
        await place(phone, attempt("0901000012"), script)
    await (await callee.leg("0901000012")).wait_for("BYE")


async def test_the_talk_limit_ends_a_call_of_endless_talk(phone: Phone, callee: Callee) -> None:
    """TIMEOUT(absolute) counts from the creation of the channel: ring limit 5 s and talk limit 1 s."""
    callee.behaves["0901000013"] = listens
    short = attempt("0901000013", talk_limit=timedelta(seconds=1))
    placed = await place(phone, short, ask_for_a_minute)
    assert placed.outcome is Outcome.NO_KEY
    await (await callee.leg("0901000013")).wait_for("BYE")


async def test_handing_over_rings_the_agent_with_the_offer_in_the_caller_name(
    phone: Phone, callee: Callee, left: "asyncio.Queue[str]"
) -> None:
    """O15: the agent sees the number and what was offered; the line stays taken until the end."""

    async def script(call: AriCall) -> None:
        await call.hand_over("agents")

    callee.behaves["0901000014"] = listens
    callee.behaves["an"] = answers(180)
    chosen = attempt("0901000014", offer_text='topup [C90N] "x";\r\n$(id)')
    placed = await place(phone, chosen, script)
    assert placed.outcome is Outcome.TRANSFERRED
    agent = await callee.leg("an")
    assert agent.header("From").startswith('"topup C90N xid" <sip:0901000014@')
    assert left.empty()
    (await callee.leg("0901000014")).bye()
    async with asyncio.timeout(60):
        assert await left.get() == chosen.id


async def test_an_orphan_is_found_and_ended(phone: Phone, callee: Callee) -> None:
    """Recovery: a channel whose controller died stays in our application until somebody ends it."""
    callee.behaves["0901000015"] = listens
    left = attempt("0901000015")
    async with phone.line(left, MemoryJournal()) as call:
        await call.dial()
        assert [(c.id, c.state, c.in_app) for c in await phone.live_channels()] == [(left.id, "Up", True)]
        assert await phone.hang_up_orphan("ast1", left.id)
    await (await callee.leg("0901000015")).wait_for("BYE")
    assert not await phone.hang_up_orphan("ast1", left.id)


async def test_sixty_short_calls_at_twenty_a_second_all_end_as_they_must(
    phone: Phone, callee: Callee
) -> None:
    """The outcomes are exact under load."""
    numbers = [f"09020000{i:02d}" for i in range(60)]
    kinds = [presses_when_it_hears("1"), answers(180, 486), answers(404)]
    callee.behaves |= {number: kinds[i % 3] for i, number in enumerate(numbers)}
    tasks = []
    for number in numbers:
        tasks.append(asyncio.create_task(place(phone, attempt(number), ask_for_a_minute)))
        await asyncio.sleep(0.05)  # the pace of the load, not a wait for anything
    placed = await asyncio.gather(*tasks)
    assert [p.said or p.outcome for p in placed] == ["1", "busy", "invalid_number"] * 20
