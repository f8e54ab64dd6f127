"""A node that is being drained: no new call, the calls that are up go on, and people see when none is left."""

import asyncio
from typing import Any

import pytest

from ari_app.ari import AriAway
from runtime.failed import WrongUsage
from runtime.requests import LIVE, REQUESTS
from tests.ari_app.office import AN, BINH, CHI, Listener, Node, Office
from tests.ari_app.test_dialer import dialer, dialling, done, planned, until


async def ask(office: Office, name: str, **fields: Any) -> Any:
    """What a command asks of the running system."""
    return await (REQUESTS | LIVE)[name](office.app, **fields)


async def states(office: Office) -> dict[str, tuple[str, int]]:
    return {each["node"]: (each["state"], each["calls"]) for each in await ask(office, "nodes")}


async def test_a_drained_node_gets_no_call_and_the_other_takes_all(office: Office) -> None:
    """Issue 5, 2: `mai node drain`."""
    await ask(office, "drain", node="ast1", by="An")
    await planned(office, AN, BINH, CHI)
    async with dialling(dialer(office, nodes=(Node("ast1"), Node("ast2")))):
        await done(office, 3)
    assert {attempt.node for attempt in office.phone.dialled} == {"ast2"}


async def test_calls_that_are_up_end_by_themselves_and_then_the_node_is_drained(office: Office) -> None:
    """Issue 5, 2: a node that drains loses no call; undrained, it goes on at once."""
    gate = asyncio.Event()
    office.phone.listeners[AN] = Listener("1", never=gate)
    await planned(office, AN)
    one = dialer(office)
    async with dialling(one):
        await office.phone.answered.wait()
        assert await states(office) == {"ast1": ("dials", 1)}
        assert await ask(office, "drain", node="ast1", by="An")
        assert not await ask(office, "drain", node="ast1", by="Binh")
        await office.topup("late", BINH)
        await office.plan()

        async def says_so() -> bool:
            return one.reason == "ast1 is drained by An: go on with `mai node undrain`"

        await until(office, says_so)
        assert await states(office) == {"ast1": ("drains", 1)}
        gate.set()
        await done(office, 1)
        assert await states(office) == {"ast1": ("drained", 0)}
        assert (await office.one("calls"))["outcome"] == "accepted"
        assert await ask(office, "undrain", node="ast1")
        await done(office, 2)
    assert await states(office) == {"ast1": ("dials", 0)}


async def test_a_node_that_there_is_not_is_named(office: Office) -> None:
    """A person's mistake."""
    with pytest.raises(WrongUsage, match="one of ast1"):
        await ask(office, "drain", node="ast9", by="An")
    with pytest.raises(WrongUsage, match="'ast9' is not a node"):
        await ask(office, "undrain", node="ast9")


async def test_a_contact_whose_node_went_away_before_the_call_left_is_called_later(office: Office) -> None:
    """Issue 5, 2: a node that goes away loses no call; nothing reached the network, so nothing can ring twice."""
    await planned(office, AN)
    (claimed,) = (await office.claim()).claimed
    office.phone.refuses = AriAway("Asterisk ast1: connection refused", sent=False)
    await office.make(claimed)
    assert (await office.one("calls"))["outcome"] == "failed"
    assert (await office.one("contacts"))["state"] == "due"
    assert await office.trigger_fate("t0") == (None, None)
    office.phone.refuses = None
    assert (await office.call()).claimed == ()
    office.clock.move(seconds=5)
    await office.call()
    assert [attempt.number for attempt in office.phone.dialled] == [AN]
    assert await office.trigger_fate("t0") == ("called", None)


async def test_a_contact_that_cannot_leave_waits_longer_each_time(office: Office) -> None:
    """A node that takes every call and dials none would be asked for the same ones for ever."""
    await planned(office, AN)
    office.phone.refuses = AriAway("Asterisk ast1: no channel came", sent=False)
    for waits_s in (5, 10, 15):
        await office.call()
        office.clock.move(seconds=waits_s - 1)
        assert (await office.call()).claimed == ()
        office.clock.move(seconds=1)
    office.phone.refuses = None
    assert len((await office.call()).claimed) == 1


async def test_a_test_call_that_could_not_leave_is_not_made_later(office: Office) -> None:
    """`mai call` has told its person that it failed."""
    await office.topup("test-1", AN, kind="test", only_programme="topup")
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    office.phone.refuses = AriAway("Asterisk ast1: connection refused", sent=False)
    await office.make(claimed)
    assert (await office.one("contacts"))["state"] == "done"
