"""Does the loop dial what is due, as far as nodes and trunks allow, and leave no call alone when it stops?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from ari_app.ari import Ari, AriAway
from ari_app.dialer import Dialer
from ari_app.lines import Lines
from ari_app.phone import LiveChannel
from core.config import Trunk
from core.outcomes import Outcome
from store import messages, paces, settings
from store.errors import CommitFailed
from store.tx import Tx
from tests.ari_app.office import (
    AN,
    BINH,
    CHI,
    Listener,
    Node,
    Office,
    open_office,
    subscriber,
    topup_programme,
)
from tests.ari_app.test_recover import left_behind
from tests.store import sample

T = TypeVar("T")


def trunk(name: str = "t", channels: int = 10, rate: float = 1000) -> Trunk:
    return Trunk(
        name=name, address="127.0.0.1:5070", caller_id="9090", max_channels=channels, calls_per_second=rate
    )


def dialer(office: Office, *trunks: Trunk, nodes: tuple[Node, ...] = (Node("ast1"),)) -> Dialer:
    clients = [cast(Ari, node) for node in nodes]
    office.phone.nodes = [node.name for node in nodes]
    return Dialer(office.app, office.as_phone, clients, Lines(trunks or [trunk()]))


@asynccontextmanager
async def dialling(one: Dialer) -> AsyncIterator[asyncio.Event]:
    """The loop while it runs; ended as the program ends it."""
    stopping = asyncio.Event()
    loop = asyncio.create_task(one.dial(stopping))
    try:
        yield stopping
    finally:
        stopping.set()
        await loop
        await one.finish_calls()


async def until(office: Office, true: Callable[[], Awaitable[bool]]) -> None:
    """Look again after everything that the dialer writes."""
    async with asyncio.timeout(60):
        while not await true():
            await office.store.write(lambda tx: None)


async def done(office: Office, count: int) -> None:
    """So many contacts have been called and are done."""

    async def all_done() -> bool:
        return len(await office.rows("contacts", state="done")) == count

    await until(office, all_done)


async def planned(office: Office, *numbers: str) -> None:
    for n, number in enumerate(numbers):
        await office.topup(f"t{n}", number)
    await office.plan()


async def test_everything_due_is_called(office: Office) -> None:
    """O1: and then it waits, saying so."""
    await planned(office, AN, BINH, CHI)
    one = dialer(office)
    async with dialling(one):
        await done(office, 3)
        assert one.says() == {"reason": one.reason, "calls": len(one.calls)}
    assert {attempt.number for attempt in office.phone.dialled} == {AN, BINH, CHI}
    assert (one.calls, await office.store.read(paces.lines)) == (set(), {})


async def test_no_more_calls_are_up_than_the_trunk_has_channels(office: Office) -> None:
    """Issue 2, item 4: the third call begins when one of two channels is free."""
    gate = asyncio.Event()
    office.phone.listeners[""] = Listener(never=gate)
    await planned(office, AN, BINH, CHI)
    one = dialer(office, trunk(channels=2))
    async with dialling(one):

        async def says_so() -> bool:
            return (
                one.reason.startswith("every channel of every trunk is in use") and len(office.phone.up) > 1
            )

        await until(office, says_so)
        try:
            assert (len(office.phone.up), len(await office.rows("contacts", state="due"))) == (2, 1)
        finally:
            gate.set()
        await done(office, 3)


async def test_calls_are_spread_over_the_nodes_that_are_there(office: Office) -> None:
    """DESIGN §4: several Asterisk nodes; one that is away or says nothing holds up nobody."""
    nodes = Node("ast1"), Node("ast2", "away"), Node("ast3"), Node("ast4", "silent")
    await planned(office, AN, BINH)
    async with dialling(dialer(office, nodes=nodes)):
        await done(office, 2)
    assert {attempt.node for attempt in office.phone.dialled} == {"ast1", "ast3"}


async def test_it_says_which_nodes_get_no_calls_while_others_do(office: Office) -> None:
    """`mai status`: in the operator's words; with none at all it is the reason."""
    nodes = Node("ast1"), Node("ast2", "silent")
    one = dialer(office, nodes=nodes)
    assert one.says()["left_out"] == "Asterisk ast2 does not answer"
    nodes[1].state = "connected"
    assert "left_out" not in one.says()


async def test_without_asterisk_nothing_is_claimed_and_the_reason_is_said(office: Office) -> None:
    """Issue 2, bad input: Asterisk not running; nothing is lost, and it goes on when it is back."""
    node = Node("ast1", "away")
    await planned(office, AN)
    one = dialer(office, nodes=(node,))
    async with dialling(one):

        async def says_so() -> bool:
            return one.reason == "Asterisk ast1 does not answer"

        await until(office, says_so)
        assert (await office.one("contacts"))["state"] == "due"
        node.state = "connected"
        await done(office, 1)


async def test_what_was_left_behind_is_recovered_before_the_first_call(office: Office) -> None:
    """DESIGN §3: first the orphans, then new calls; and again when a node comes back."""
    left = await left_behind(office, "up", None)
    office.phone.live = [LiveChannel(left, "ast1", "Up", True)]
    await office.topup("t9", BINH)
    await office.plan()
    async with dialling(dialer(office)):
        await done(office, 1)
    assert office.phone.hung_up == [left]
    assert (await office.one("calls", id=left))["outcome"] == "unknown"


async def test_a_node_that_falls_silent_while_it_is_recovered_is_asked_again(office: Office) -> None:
    """Nothing is dialled over it before."""
    office.phone.silent = [AriAway("Asterisk ast1: timeout", sent=True)] * 2
    await planned(office, AN)
    async with dialling(dialer(office)):
        await done(office, 1)
    assert (office.phone.silent, len(office.phone.dialled)) == ([], 1)


async def test_a_pause_is_kept_and_said_and_resume_goes_on_at_once(office: Office) -> None:
    """`mai pause`, `mai resume`, `mai status`."""
    await planned(office, AN)
    pause, now = settings.pause, office.clock.now()
    await office.store.write(lambda tx: pause(tx, programme="*", by="An", now=now))
    one = dialer(office)
    async with dialling(one):

        async def says_so() -> bool:
            return one.reason == "every programme is paused by An"

        await until(office, says_so)
        await office.store.write(lambda tx: settings.resume(tx, programme="*"))
        await done(office, 1)


async def test_a_stop_lets_calls_that_are_up_end_and_starts_none(office: Office) -> None:
    """`mai stop`: what is up is finished and recorded."""
    gate = asyncio.Event()
    office.phone.listeners[AN] = Listener("1", never=gate)
    await planned(office, AN)
    one = dialer(office)
    stopping = asyncio.Event()
    loop = asyncio.create_task(one.dial(stopping))
    await office.phone.answered.wait()
    stopping.set()
    await loop
    await office.topup("late", BINH)
    await office.plan()
    gate.set()
    await one.finish_calls()
    assert (await office.one("calls"))["outcome"] == "accepted"
    assert (await office.one("contacts", number=BINH))["state"] == "due"


class AwayStore:
    """A store whose next writes fail; `lost`: those that brought something, after they were done."""

    def __init__(self, office: Office, fails: int, lost: bool = False) -> None:
        self._store, self._fails, self._lost = office.store, fails, lost
        self.read, self.watch, self.lists = office.store.read, office.store.watch, office.store.lists

    async def write(self, fn: Callable[[Tx], T], *, at_once: bool = False) -> T:
        if self._fails:
            brought = await self._store.write(fn) if self._lost else "nothing"
            if brought is None:
                return brought
            self._fails -= 1
            raise CommitFailed("the disk is full")
        return await self._store.write(fn)


async def test_a_store_that_is_away_stops_no_dialer(office: Office) -> None:
    """Nothing is claimed while nothing can be stored; the reason is said."""
    await planned(office, AN)
    whole = office.app
    office.app = replace(whole, store=cast(Any, AwayStore(office, 2)))  # the look at the pace, and the claim
    async with dialling(dialer(office)):
        office.app = whole
        await done(office, 1)
    assert len(office.phone.dialled) == 1


async def test_a_list_that_is_not_here_yet_stops_calls_and_no_dialer(office: Office) -> None:
    """R15: of two machines one has imported, and the other's folder lags behind; calls go on when it is there."""
    await planned(office, AN)
    await office.subscribers(subscriber(AN))  # a newer version, whose file is open nowhere yet
    newest = max(office.store.lists.glob("subscribers-*"))
    away = newest.rename(newest.with_name("on-its-way"))
    one = dialer(office)
    async with dialling(one):

        async def said() -> bool:
            return one.reason.startswith("a list cannot be read: ")

        await until(office, said)
        assert office.phone.dialled == []
        away.rename(newest)
        await done(office, 1)
    assert len(office.phone.dialled) == 1


async def test_a_claim_that_was_committed_without_an_answer_is_nobodys_call(office: Office) -> None:
    """R7: it may not be dialled any more, and is not left open: unknown, its slot kept."""
    await planned(office, AN)
    whole = office.app
    office.app = replace(whole, store=cast(Any, AwayStore(office, 1, lost=True)))
    async with dialling(dialer(office)):
        office.app = whole

        async def closed() -> bool:
            return [row["outcome"] for row in await office.rows("calls")] == ["unknown"]

        await until(office, closed)
    assert office.phone.dialled == []


async def test_an_end_outlives_a_store_that_is_away(office: Office) -> None:
    """DESIGN §1: the outcome is known to this process alone; it is written when the store is back."""
    office.phone.listeners[AN] = Listener(ends=Outcome.BUSY, rings=False)
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    whole = office.app
    office.app = replace(whole, store=cast(Any, AwayStore(office, 1)))
    await office.make(claimed)
    office.app = whole
    assert (await office.one("calls"))["outcome"] == "busy"


async def test_a_call_moves_to_the_second_trunk_and_both_lines_are_given_back(tmp_path: Path) -> None:
    """DESIGN §5: failover before any 18x, within the channels and the rate of the second trunk."""
    trunks = trunk("a"), trunk("b")
    async with open_office(
        tmp_path, trunks=[{**each.model_dump(exclude={"codecs"})} for each in trunks]
    ) as office:
        office.programmes(topup_programme())
        office.phone.listeners[AN] = Listener("1", trunks={"a": Outcome.FAILED}, rings=False)
        await planned(office, AN)
        one = dialer(office, *trunks)
        async with dialling(one):
            await done(office, 1)
        assert [attempt.trunk for attempt in office.phone.dialled] == ["a", "b"]
        assert await office.store.read(paces.lines) == {}
        assert (await office.one("calls"))["trunk"] == "b"


async def test_no_call_starts_while_the_outbox_is_full_and_the_reason_is_said(tmp_path: Path) -> None:
    """Issue 4, 4: rate coupling; the calls go on when the outbox has drained."""
    bind = {"port": 2775, "system_id": "mai", "password": "x", "per_second": 1}
    async with open_office(tmp_path, smsc=(bind,)) as office:
        old = office.clock.now() - timedelta(minutes=11)
        await office.store.write(lambda tx: messages.add(tx, sample.message("thanks:1", due_at=old), now=old))
        await planned(office, AN)
        one = dialer(office)
        async with dialling(one):

            async def says_so() -> bool:
                return one.reason.startswith("no call starts: 1 parts of SMS wait for the SMSC, the oldest")

            await until(office, says_so)
            assert office.phone.dialled == []
            await office.store.write(
                lambda tx: messages.drop(tx, id=messages.id_of("thanks:1"), reason="the test's")
            )
            await done(office, 1)
        assert one.lines.slower == 1
