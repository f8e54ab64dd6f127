"""Who answered? Asterisk's AMD listens to callees who speak like people, like voicemails, or not at all."""

import asyncio
from datetime import timedelta

import pytest

from ari_app.call import AriCall
from ari_app.phone import Phone
from core.outcomes import Outcome
from tests.asterisk.callee import Behaviour, Callee, Leg
from tests.asterisk.conftest import attempt, line, place

pytestmark = pytest.mark.asterisk

#: A greeting that goes on: syllables of 300 ms with hardly a pause.
MONOLOGUE = (0.3, 0.1) * 20
#: "A lô?", and a wait for what comes.
A_LO = (0.15, 0.06, 0.35, 5.0)


def answers_with(*speech: float) -> Behaviour:
    async def behaviour(leg: Leg) -> None:
        leg.reply(180)
        await leg.answer()
        await leg.speak(*speech)

    return behaviour


async def listens_first(call: AriCall) -> str | None:
    await call.expect_person()
    return await call.ask((line("0.5"),), "1", timedelta(milliseconds=10))


async def test_a_voicemail_is_a_machine_and_hears_no_word(phone: Phone, callee: Callee) -> None:
    """Issue 5, point 7: outcome `machine`, hung up before the script."""
    callee.behaves["0901000201"] = answers_with(*MONOLOGUE)
    placed = await place(phone, attempt("0901000201"), listens_first)
    assert placed.outcome is Outcome.MACHINE
    assert "an answering machine: " in placed.why
    assert placed.call.report.text == ""
    leg = await callee.leg("0901000201")
    await leg.wait_for("BYE")
    assert leg.rtp
    assert leg.rtp.loud == []


@pytest.mark.parametrize("speech", [A_LO, (), (0.0, 8.0)], ids=["says a lô", "sends nothing", "is silent"])
async def test_who_may_be_a_person_hears_the_script(
    phone: Phone, callee: Callee, speech: tuple[float, ...]
) -> None:
    """Issue 5, point 7: doubt is a person; so is silence, which AMD calls a machine."""
    callee.behaves["0901000202"] = answers_with(*speech)
    placed = await place(phone, attempt("0901000202"), listens_first)
    assert (placed.outcome, placed.why) == (None, "")
    assert placed.call.report.text == "0.5"
    await (await callee.leg("0901000202")).wait_for("BYE")


async def test_who_hangs_up_while_asterisk_listens_has_hung_up(phone: Phone, callee: Callee) -> None:
    async def hangs_up(leg: Leg) -> None:
        await answers_with(0.3)(leg)
        leg.bye()

    callee.behaves["0901000203"] = hangs_up
    placed = await place(phone, attempt("0901000203"), listens_first)
    assert placed.outcome is Outcome.HUNG_UP
    assert await phone.live_channels() == []


async def test_a_key_proves_a_person_and_answers_nothing_before_the_offer(
    phone: Phone, callee: Callee
) -> None:
    """A package must not be registered by a key that was pressed into the silence."""

    async def presses(leg: Leg) -> None:
        leg.reply(180)
        await leg.answer()
        await leg.press("1")
        await leg.speak(*MONOLOGUE)

    callee.behaves["0901000204"] = presses
    placed = await place(phone, attempt("0901000204"), listens_first)
    assert (placed.said, placed.outcome) == (None, None)
    assert [key for key, _ in placed.call.report.keys] == ["1"]


async def test_who_was_listened_to_can_still_be_handed_over(
    phone: Phone, callee: Callee, left: "asyncio.Queue[str]"
) -> None:
    async def script(call: AriCall) -> None:
        await call.expect_person()
        await call.hand_over("agents")

    callee.behaves |= {"0901000206": answers_with(*A_LO), "an": answers_with()}
    chosen = attempt("0901000206")
    placed = await place(phone, chosen, script)
    assert placed.outcome is Outcome.TRANSFERRED
    await (await callee.leg("an")).wait_for("ACK")
    assert [channel.in_app for channel in await phone.live_channels() if channel.id == chosen.id] == [False]
    (await callee.leg("0901000206")).bye()
    async with asyncio.timeout(60):
        assert await left.get() == chosen.id
