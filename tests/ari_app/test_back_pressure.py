"""Does the dialer slow with a package system that lags, or with a machine that does, and go on when it is well?"""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.coupling import Coupling
from core.registering import registrations_fullness
from core.sending import pace_left
from store import registrations
from store.registrations import Registration, Result
from tests.ari_app.office import AN, Office, open_office
from tests.ari_app.test_dialer import dialer, dialling, done, planned, until

PLACES = 10


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    settings = {"url": "http://127.0.0.1:9/registrations", "concurrency": PLACES}
    async with open_office(tmp_path, registration=settings) as opened:
        yield opened


async def left(office: Office) -> tuple[float, str]:
    """What a look at the store leaves of the pace, and why."""
    coupling = Coupling(office.app)
    return await coupling.look(1.0), coupling.why


async def ordered(office: Office, count: int, first: int = 0) -> None:
    """So many registrations are due."""
    ids, now = [f"sms-{n}" for n in range(first, first + count)], office.clock.now()
    for id_ in ids:
        await office.store.write(
            lambda tx, id_=id_: registrations.add_order(tx, received=id_, number=AN, package="C90N", now=now)  # type: ignore[misc]
        )


async def asked(office: Office) -> list[Registration]:
    now = office.clock.now()
    return [
        *await office.store.write(
            lambda tx: registrations.claim_due(tx, now=now, limit=100, worker=office.app.worker.id)
        )
    ]


async def unclear(office: Office, those: list[Registration]) -> None:
    """The package system answered 500: they are asked again in a minute."""
    later = office.clock.now() + timedelta(minutes=1)
    for each in those:
        await office.store.write(
            lambda tx, each=each: registrations.again(tx, asked=each, due_at=later, reason="HTTP 500")  # type: ignore[misc]
        )


async def settled(office: Office, those: list[Registration], state: Result) -> None:
    now = office.clock.now()
    for each in those:
        await office.store.write(
            lambda tx, each=each: registrations.settle(
                tx, id=each.id, state=state, reason="HTTP 500", now=now
            )  # type: ignore[misc]
        )


async def test_a_package_system_that_answers_500_slows_and_stops_calls(office: Office) -> None:
    """Issue 5, 5: back-pressure of the package system, with the reason; one bad answer alone changes nothing."""
    assert await left(office) == (1, "")
    await ordered(office, 8)
    those = await asked(office)
    await unclear(office, those[:3])
    assert await left(office) == (1, "")
    await unclear(office, those[3:])
    pace, why = await left(office)
    assert pace == pytest.approx(0.4)
    assert why == "calls start at 40% of their pace: the package system gave no clear answer to 8 (HTTP 500)"
    await ordered(office, 2, 8)
    await unclear(office, await asked(office))
    assert (await left(office))[0] == 0
    office.clock.move(minutes=1)
    await settled(office, await asked(office), "registered")
    assert await left(office) == (1, "")


async def test_what_was_given_up_counts_until_an_answer_is_clear_again_or_for_ten_minutes(
    office: Office,
) -> None:
    """It comes back by itself: also where nothing is left that could be asked again."""
    await ordered(office, 12)
    await settled(office, await asked(office), "unknown")
    pace, why = await left(office)
    assert (pace, why.startswith("no call starts: the package system gave no clear answer to 12")) == (
        0,
        True,
    )
    office.clock.move(minutes=9)
    await ordered(office, 1, 12)
    assert (await left(office))[0] == 0
    await settled(office, await asked(office), "refused")
    assert await left(office) == (1, "")


async def test_after_ten_minutes_calls_try_it_again(office: Office) -> None:
    await ordered(office, 12)
    await settled(office, await asked(office), "unknown")
    office.clock.move(minutes=11)
    assert await left(office) == (1, "")


async def test_registrations_that_wait_too_long_stop_calls(office: Office) -> None:
    """The package system is slow: nobody is called whose registration cannot follow soon."""
    await ordered(office, 2)
    office.clock.move(minutes=2)
    assert await left(office) == (1, "")
    office.clock.move(minutes=2)
    pace, why = await left(office)
    assert pace == pytest.approx(0.4)
    assert why.endswith("2 registrations wait for the package system, the oldest for 4 min")
    office.clock.move(minutes=2)
    assert (await left(office))[0] == 0


async def test_the_dialer_says_why_and_goes_on_by_itself(office: Office) -> None:
    """`mai status`: why nothing is dialled."""
    await ordered(office, 12)
    those = await asked(office)
    await unclear(office, those)
    await planned(office, AN)
    one = dialer(office)
    async with dialling(one):

        async def says_so() -> bool:
            return one.reason.startswith("no call starts: the package system gave no clear answer to 12")

        await until(office, says_so)
        assert office.phone.dialled == []
        await settled(office, those, "registered")
        await done(office, 1)


@given(st.integers(0, 10_000), st.floats(0, 2000), st.integers(0, 300), st.integers(1, 200))
def test_more_that_waits_never_leaves_more(waiting: int, waited: float, bad: int, places: int) -> None:
    now = registrations_fullness(waiting, timedelta(seconds=waited), bad, places)
    assert 0 <= pace_left(now) <= 1
    for more in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        worse = registrations_fullness(
            waiting + more[0], timedelta(seconds=waited + more[1]), bad + more[2], places
        )
        assert pace_left(worse) <= pace_left(now)


async def test_a_machine_that_does_not_keep_up_begins_fewer_calls_until_it_does(office: Office) -> None:
    """Issue 5, 5: what a write took is what every call waits for."""
    took = [0.0, 0.01, 0.0, 0.6, 0.0, 2.5, *[0.0, 0.01] * 40]
    coupling = Coupling(office.app, clock=iter(accumulate(took)).__next__)
    seen = [await coupling.look(second * 10.0) for second in range(len(took) // 2)]
    assert seen[:3] == [1.0, pytest.approx(0.7), 0.0]
    assert 0 < seen[3] < seen[4] < 1
    assert (seen[-1], coupling.why) == (1.0, "")


async def test_it_says_what_it_waits_for(office: Office) -> None:
    """`mai status` shows why nothing is dialled."""
    coupling = Coupling(office.app, clock=iter([0.0, 2.5]).__next__)
    assert await coupling.look(1.0) == 0.0
    assert coupling.why == "no call starts: the machine did not keep up, a write took 2.5 s"


async def test_an_asterisk_that_answers_late_gets_fewer_calls_until_it_does_not(office: Office) -> None:
    """Issue 5, 5: requests that wait longer than their deadline are calls that nobody knows the end of."""
    answers = iter([0.1, 0.3, 3.0, *[0.02] * 40])
    coupling = Coupling(office.app, answers.__next__, clock=lambda: 0.0)
    seen = [(await coupling.look(second * 10.0), coupling.why) for second in range(43)]
    assert seen[0] == (1.0, "")
    assert (
        seen[1][1]
        == "calls start at 70% of their pace: the machine did not keep up, Asterisk answered after 0.3 s"
    )
    assert seen[2][0] == 0.0
    assert seen[-1] == (1.0, "")


async def test_what_gives_way_is_the_pace_that_calls_had(office: Office) -> None:
    """Issue 5, 5: a trunk that may take far more calls than there are would bear a cut without any effect."""
    rate = sum(each.calls_per_second for each in office.app.config.trunks)
    begun = iter([0, rate * 10 * 0.2])  # a fifth of it for ten seconds
    coupling = Coupling(office.app, iter([0.0, 0.3]).__next__, lambda: int(next(begun)), clock=lambda: 0.0)
    await coupling.look(10.0)
    assert await coupling.look(20.0) == pytest.approx(0.2 * 0.7)
