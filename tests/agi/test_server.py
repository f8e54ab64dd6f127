"""The FastAGI server on loopback with a real store; the test plays Asterisk and its dialplan."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import agi.server
from agi.incoming import LONGEST, close_forgotten
from agi.server import MOST_AT_ONCE, CannotListen
from core.outcomes import Outcome
from runtime.app import App
from store import inbound, logs
from store.tx import Tx
from tests.small_app import closed_app, running, small_app
from tests.store import sample

AN = sample.AN


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with small_app(tmp_path, limits={"blocked_inbound": ("0907 654 321",)}) as app:
        yield app


@pytest.fixture
async def address(app: App) -> AsyncIterator[tuple[str, int]]:
    async with running(agi.server.run, app, "agi") as says:
        host, port = says["address"].split(":")
        yield host, int(port)


def head(script: str, *arguments: str) -> bytes:
    lines = ["agi_network: yes", f"agi_network_script: {script}", f"agi_request: agi://127.0.0.1/{script}"]
    lines += [f"agi_arg_{number}: {argument}" for number, argument in enumerate(arguments, 1)]
    return "".join(line + "\n" for line in [*lines, ""]).encode()


@asynccontextmanager
async def asterisk(
    address: tuple[str, int],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address)
    with closing(writer):
        yield reader, writer


async def ask(address: tuple[str, int], script: str, *arguments: str) -> list[str]:
    """Ask as the dialplan does; returns the commands that came, each answered well."""
    commands = []
    async with asterisk(address) as (reader, writer):
        writer.write(head(script, *arguments))
        while line := await reader.readline():
            commands.append(line.decode().strip())
            writer.write(b"200 result=1\n")
    return commands


async def calls(app: App, number: str = AN) -> list[dict[str, Any]]:
    return await app.store.read(lambda tx: list(logs.calls(tx, number=number)))


async def offered(app: App) -> None:
    """A call of the campaign has offered C90N and BL5G to AN."""
    await app.store.write(lambda tx: sample.dialing(tx, at=app.now()))
    await app.store.write(lambda tx: sample.end(tx, "call-1", Outcome.NO_KEY, at=app.now()))


async def test_the_last_offer_is_told_and_the_call_stands_beside_the_campaigns_call(
    address: tuple[str, int], app: App
) -> None:
    """O15: the agent knows what it is about; both calls are in the log."""
    await offered(app)
    assert await ask(address, "incoming", "0901234567", "ast1-1.1", "9090") == [
        'SET VARIABLE OFFER_TEXT "C90N BL5G topup"'
    ]
    assert await ask(address, "ended", "0901234567", "ast1-1.1", "9090", "an") == []
    ours, theirs = await calls(app)
    assert (ours["direction"], theirs["direction"], theirs["id"]) == ("out", "in", "in-ast1-1.1")
    assert (theirs["programme"], theirs["offer"], theirs["outcome"]) == (
        "topup",
        ["C90N", "BL5G"],
        "transferred",
    )
    assert theirs["ended_at"] is not None


async def test_a_caller_whom_no_agent_answered_has_hung_up(address: tuple[str, int], app: App) -> None:
    """O15: the dialplan names the agent who answered, or nobody."""
    await ask(address, "incoming", "0901234567", "1.1", "9090")
    await ask(address, "ended", "0901234567", "1.1", "9090", "")
    (call,) = await calls(app)
    assert call["outcome"] == "hung_up"


@pytest.mark.parametrize("caller", ["0938000001", "004915112345678", "anonymous", ""])
async def test_a_stranger_gets_nothing_and_is_in_the_log(
    caller: str, address: tuple[str, int], app: App
) -> None:
    """O15: the call goes on without an offer."""
    assert await ask(address, "incoming", caller, "1.1", "9090") == ['SET VARIABLE OFFER_TEXT ""']
    await ask(address, "ended", caller, "1.1", "9090")
    (call,) = await app.store.read(lambda tx: list(logs.calls(tx)))
    assert (call["id"], call["programme"], call["offer"]) == ("in-1.1", None, [])


async def test_a_blocked_number_is_refused_and_is_in_the_log(address: tuple[str, int], app: App) -> None:
    """O15: however config.yaml and the network write it."""
    assert await ask(address, "incoming", "84907654321", "1.1", "9090") == ['SET VARIABLE BLOCKED "1"']
    await ask(address, "ended", "84907654321", "1.1", "9090")
    (call,) = await calls(app, sample.BINH)
    assert call["outcome"] == "rejected"


async def test_an_end_without_a_beginning_is_a_call_too(address: tuple[str, int], app: App) -> None:
    """AGI was away when it began."""
    await ask(address, "ended", "0901234567", "1.1", "9090", "an")
    await ask(address, "ended", "0901234567", "1.1", "9090", "")
    (call,) = await calls(app)
    assert call["outcome"] == "transferred"


async def test_a_call_whose_end_nobody_told_is_closed_when_it_cannot_be_up_any_more(app: App) -> None:
    """Each call ends in an outcome or `unknown`; one that may still be up is left alone."""
    now = app.now()
    begun = {"old": now - LONGEST - timedelta(minutes=2), "new": now - LONGEST + timedelta(minutes=2)}

    def keep(tx: Tx) -> None:
        for id_, at in begun.items():
            inbound.add_inbound(tx, call_id=id_, number=AN, at=at, wall_at=at)

    await app.store.write(keep)
    assert await close_forgotten(app) == 1
    assert {call["id"]: call["outcome"] for call in await calls(app)} == {"old": "unknown", "new": None}


FAULTS: list[bytes] = [
    b"",
    b"\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"\x00\xff" * 5000,
    b"agi_network: yes\n",
    head("incoming")[:40],
    head("incoming"),
    head("incoming", "0901234567", "no id!"),
    head("nothing", "0901234567", "1.1", "9090"),
    head("../incoming", "0901234567", "1.1", "9090"),
    head("incoming", "0901234567", "2.1") + b"HANGUP\n",
    head("incoming", "0901234567", "2.2") + b"520-Usage\n",
    head("incoming", "0901234567", "2.3") + b"511 Command Not Permitted on a dead channel\n",
    head("incoming", "0901234567", "2.4") + b"nonsense\n",
    head("incoming", "0901234567", "2.5") + b"x" * 9000,
]


async def test_a_fault_ends_its_own_connection_and_nothing_else(address: tuple[str, int], app: App) -> None:
    """Whatever comes and wherever it ends, the next caller is answered."""
    await offered(app)
    for number, sent in enumerate(FAULTS):
        async with asterisk(address) as (reader, writer):
            writer.write(sent)
            writer.write_eof()
            await read_to_the_end(reader)
        told = await ask(address, "incoming", "0901234567", f"9.{number}", "9090")
        assert told == ['SET VARIABLE OFFER_TEXT "C90N BL5G topup"'], sent[:60]


async def read_to_the_end(reader: asyncio.StreamReader) -> None:
    """Until the server has closed; a close with unread bytes is a reset."""
    try:
        await reader.read()
    except ConnectionResetError:
        return


async def test_a_call_is_in_the_log_even_when_its_caller_hung_up_at_once(
    address: tuple[str, int], app: App
) -> None:
    """O16: what was asked is written, whether or not the answer could be given."""
    async with asterisk(address) as (_, writer):
        writer.write(head("incoming", "0901234567", "1.1", "9090"))
    await ask(address, "ended", "0901234567", "1.1", "9090", "")
    (call,) = await calls(app)
    assert (call["id"], call["outcome"]) == ("in-1.1", "hung_up")


async def test_who_says_nothing_more_is_closed_by_our_own_deadline(address: tuple[str, int]) -> None:
    """O15: within 500 ms of the question; a connection that asks nothing is not kept either."""

    async def silent(sent: bytes) -> None:
        async with asterisk(address) as (reader, writer):
            writer.write(sent)
            await read_to_the_end(reader)

    question = head("incoming", "0901234567", "1.1", "9090")
    await asyncio.gather(silent(b""), silent(b"agi_network: yes\n"), silent(question))


async def test_beyond_the_most_at_once_a_connection_is_closed_and_the_call_goes_on_without_us(
    address: tuple[str, int], app: App
) -> None:
    held = [await asyncio.open_connection(*address) for _ in range(MOST_AT_ONCE)]
    async with asterisk(address) as (reader, _):
        assert await reader.read() == b""
    for _, writer in held:
        writer.close()
    for reader, _ in held:
        await read_to_the_end(reader)
    assert await ask(address, "ended", "0901234567", "1.1", "9090", "") == []
    assert len(await calls(app)) == 1


async def test_a_store_that_is_gone_is_answered_with_nothing_and_ends_nothing(tmp_path: Path) -> None:
    """R15: no answer; the call goes on."""
    async with closed_app(tmp_path) as app:
        server = agi.server.Server(app)
        listener = await asyncio.start_server(server.connected, "127.0.0.1", 0)
        async with listener:
            address = listener.sockets[0].getsockname()[:2]
            for _ in range(2):
                assert await ask(address, "incoming", "0901234567", "1.1", "9090") == []
            await server.finish()


async def test_what_was_asked_is_written_before_it_stops(app: App) -> None:
    """Stopping loses no call."""
    async with running(agi.server.run, app, "agi") as says:
        host, port = says["address"].split(":")
        await ask((host, int(port)), "incoming", "0901234567", "1.1", "9090")
    assert [call["id"] for call in await calls(app)] == ["in-1.1"]


async def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path) -> None:
    taken = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    async with taken, small_app(tmp_path, agi={"port": port}) as app:
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}.*config.yaml"):
            await agi.server.run(app, asyncio.Event())


async def test_port_zero_is_off(tmp_path: Path) -> None:
    """The dialplan asks nobody then (dialplan/extensions.conf)."""
    async with small_app(tmp_path, agi={"port": 0}) as app:
        stopping = asyncio.Event()
        stopping.set()
        await agi.server.run(app, stopping)
        assert app.says == {}
