"""A subscriber calls 9090: FastAGI is asked who that is, and the call goes on whatever FastAGI does."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.asterisk.callee import Callee, Leg, answers
from tests.asterisk.caller import Caller
from tests.asterisk.conftest import World

pytestmark = pytest.mark.asterisk

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class FastAgi:
    """A FastAGI server that answers as the test says, and notes what it was asked.

    It accepts by itself: asyncio's server may still be accepting a connection when it is closed, and forgets it.
    """

    def __init__(self, answer: Answer, listening: socket.socket) -> None:
        self._answer, self._listening = answer, listening
        self._sessions: set[asyncio.Task[None]] = set()
        self.asked: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()

    def accept(self) -> None:
        connection, _ = self._listening.accept()
        connection.setblocking(False)
        self._sessions.add(asyncio.create_task(self.serve(connection)))

    async def over(self) -> None:
        """Every session has ended."""
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        heads = {}
        while line := (await reader.readline()).decode().strip():
            name, _, value = line.partition(": ")
            heads[name] = value
        self.asked.put_nowait(
            (heads["agi_network_script"], *(heads.get(f"agi_arg_{i}", "") for i in range(1, 4)))
        )
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def fast_agi(world: World, answer: Answer) -> AsyncIterator[FastAgi]:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", world.agi_port)) as listening:
        agi = FastAgi(answer, listening)
        loop.add_reader(listening, agi.accept)
        try:
            yield agi
        finally:
            loop.remove_reader(listening)
            await agi.over()


def sets(**variables: str) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for name, value in variables.items():
            writer.write(f'SET VARIABLE {name} "{value}"\n'.encode())
            await reader.readline()

    return answer


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts and says nothing, as a process that hangs; ends when Asterisk gives up."""
    await reader.read()


async def test_the_agent_sees_the_offer_of_the_caller(world: World, callee: Callee) -> None:
    """O15: programme and offer are in the caller name, the subscriber's number in the caller id."""
    callee.behaves["an"] = answers(180)
    async with (
        fast_agi(world, sets(OFFER_TEXT="topup-smartphone C90N", BLOCKED="0")) as agi,
        Caller(world.sip) as caller,
    ):
        caller.invite("9090", caller="0901234567", name="Evil [name]")
        agent = await callee.leg("an")
        assert agent.header("From").startswith('"topup-smartphone C90N" <sip:0901234567@')
        script, number, call, called = await agi.asked.get()
        assert (script, number, called) == ("incoming", "0901234567", "9090")
        assert await caller.final() == 200
        caller.bye()
        assert await agi.asked.get() == ("ended", "0901234567", call, "9090")


async def test_a_blocked_number_is_refused_and_no_agent_rings(world: World, callee: Callee) -> None:
    """O15: refused (403), and the agent's phone stays silent."""
    callee.behaves["an"] = answers(180)
    async with fast_agi(world, sets(BLOCKED="1")), Caller(world.sip) as caller:
        caller.invite("9090", caller="0901234567")
        assert await caller.final() == 403
    assert callee.legs == []


@pytest.mark.parametrize("server", ["away", "silent", "garbage"])
async def test_the_call_goes_on_when_agi_is_away_silent_or_talks_nonsense(
    server: str, world: World, callee: Callee
) -> None:
    """O15: without AGI the agent rings all the same, without an offer."""

    async def garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xff what?\n\n\nSET\n")

    callee.behaves["an"] = answers(180)
    async with Caller(world.sip) as caller:
        if server == "away":
            caller.invite("9090", caller="0901234567")
            agent = await callee.leg("an")
        else:
            async with fast_agi(world, silent if server == "silent" else garbage):
                caller.invite("9090", caller="0901234567")
                agent = await callee.leg("an")
        assert agent.header("From").startswith("<sip:0901234567@")
        assert await caller.final() == 200
        caller.bye()
        await agent.wait_for("CANCEL")


async def test_a_server_that_hangs_is_let_go_after_two_seconds(world: World, callee: Callee) -> None:
    """A hung FastAGI process collects no channels: Asterisk closes the connection."""
    gone = asyncio.Event()

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    callee.behaves["an"] = answers(180)
    async with fast_agi(world, hangs), Caller(world.sip) as caller:
        caller.invite("9090", caller="0901234567")
        await gone.wait()
        assert await caller.final() == 200
        caller.bye()


@pytest.mark.parametrize(
    "number", ["0901234567", "1900123456", "s", "h", "agents", "9090%20", "9090%26x", "90900", "+849090"]
)
async def test_any_other_number_is_not_found(number: str, world: World, callee: Callee) -> None:
    """From a trunk nothing but the numbers we answer exists: no call goes out again at our cost."""
    async with Caller(world.sip) as caller:
        caller.invite(number, caller="0901234567")
        assert await caller.final() == 404
    assert callee.legs == []


async def test_the_name_of_an_agent_in_from_opens_no_door(world: World, callee: Callee) -> None:
    """Who writes an agent's name into From is asked for the agent's password."""
    async with Caller(world.sip) as caller:
        caller.invite("9090", caller="an")
        assert await caller.final() == 401
    assert callee.legs == []


async def test_what_a_caller_writes_as_his_number_stays_digits(world: World, callee: Callee) -> None:
    """A From user with syntax in it reaches the agent and FastAGI as digits only."""
    callee.behaves["an"] = answers(180)
    async with fast_agi(world, sets()) as agi, Caller(world.sip) as caller:
        caller.invite("9090", caller="090$%7BSHELL(id)%7D12%5E%2C34")
        assert (await agi.asked.get())[1] == "0901234"
        assert (await callee.leg("an")).header("From").startswith("<sip:0901234@")
        assert await caller.final() == 200
        caller.bye()


async def test_an_agents_phone_cannot_send_the_caller_elsewhere(world: World, callee: Callee) -> None:
    """A phone that answers 302, plainly or naming a trunk, costs us no call; the queue goes on trying it."""
    twice = asyncio.Event()
    targets = ["sip:PJSIP%2F0909999999%40trunk-viettel@127.0.0.1", "sip:0909999999@127.0.0.1"]

    async def redirects(leg: Leg) -> None:
        leg.reply(302, f"Contact: <{targets.pop()}>" if targets else "Contact: <sip:x@127.0.0.1>")
        if not targets:
            twice.set()

    callee.behaves["an"], callee.behaves["0909999999"] = redirects, answers(486)
    async with Caller(world.sip) as caller:
        caller.invite("9090", caller="0901234567")
        await twice.wait()
        caller_over = await caller.final()
        while len(callee.legs) < 3:
            await callee.arrived()
        caller.bye()
    assert caller_over == 200
    assert {leg.number for leg in callee.legs} == {"an"}
