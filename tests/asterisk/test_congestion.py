"""A trunk that answers 503 to every call: it is slowed, rests with an alarm, and one call brings it back."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ari_app.ari import Ari
from ari_app.dialer import Dialer
from ari_app.lines import Lines
from ari_app.phone import Phone
from core.congestion import REST_FROM
from core.numbers import national
from store import settings
from tests.ari_app.office import open_office, subscriber
from tests.ari_app.test_dialer import dialling, done, until
from tests.asterisk.callee import Callee, answers
from tests.asterisk.conftest import PASSWORD, World

pytestmark = pytest.mark.asterisk

NUMBERS = [f"+849010000{n:02}" for n in range(REST_FROM)]
LATER = "+84901000099"


async def test_a_trunk_that_answers_503_rests_and_is_tried_by_one_call(
    tmp_path: Path, world: World, prompts: Callable[[str], Path], callee: Callee
) -> None:
    """Issue 5, 5: slowing on congestion, by real SIP; the alarm names trunk and answer and is cleared on recovery."""
    for number in NUMBERS:
        callee.behaves[national(number)] = answers(100, 503)
    callee.behaves[national(LATER)] = answers(100, 180, 486)
    passed = [0.0]  # seconds beyond the real ones
    node = world.node
    async with open_office(tmp_path) as office, Ari(node.ari_url, node.user, PASSWORD, name=node.name) as ari:
        await ari.ready(10)
        phone = Phone(world.config, {node.name: ari}, prompts, office.clock.now)
        await office.subscribers(*(subscriber(number) for number in (*NUMBERS, LATER)))
        for n, number in enumerate(NUMBERS):
            await office.topup(f"t{n}", number)
        await office.plan()
        lines = Lines(world.config.trunks, lambda: time.monotonic() + passed[0])
        one = Dialer(office.app, phone, [ari], lines)

        async def alarms() -> list[str]:
            return [each.text for each in await office.store.read(settings.standing_alarms)]

        async def rests() -> bool:
            return bool(await alarms())

        async with asyncio.timeout(120), dialling(one):
            await until(office, rests)
            await done(office, len(NUMBERS))
            (said,) = await alarms()
            assert said.startswith("trunk viettel failed 6 times running, the last time with SIP 503 (cause")
            await office.topup("later", LATER)
            await office.plan()

            async def held() -> bool:
                return one.reason.startswith("trunk viettel failed 6 times running")

            await until(office, held)
            assert [leg.number for leg in callee.legs].count(national(LATER)) == 0
            passed[0] = 11.0

            async def well() -> bool:
                return not await alarms()

            await until(office, well)
            await done(office, len(NUMBERS) + 1)
    assert {leg.number for leg in callee.legs} == {national(number) for number in (*NUMBERS, LATER)}
