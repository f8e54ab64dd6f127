"""FastAGI over a real socket: one side is the protocol under test, the other plays Asterisk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.protocol import MOST_LINE, AgiError, Closed, CommandRefused, Request, Session, quoted

HEAD = (
    b"agi_network: yes\nagi_network_script: incoming\nagi_request: agi://127.0.0.1:4573/incoming\n"
    b"agi_callerid: 0901234567\nagi_arg_1: 0901234567\nagi_arg_2: ast1-17.1\nagi_arg_3: 9090\n\n"
)


class Asterisk:
    """The other side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def says(self, raw: bytes) -> None:
        self._writer.write(raw)

    def hangs_up(self) -> None:
        self._writer.close()

    async def hears(self) -> bytes:
        return await self._reader.readline()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Session, Asterisk]]:
    arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(
        lambda *pair: arrived.put_nowait(pair), "127.0.0.1", 0, limit=MOST_LINE
    )
    async with server:
        theirs = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        ours = await arrived.get()
        with closing(theirs[1]), closing(ours[1]):
            yield Session(*ours), Asterisk(*theirs)


async def test_a_request_is_read_with_its_arguments() -> None:
    async with connected() as (session, asterisk):
        asterisk.says(HEAD)
        request = await session.request()
    assert request is not None
    assert (request.script, request.arguments) == ("incoming", ("0901234567", "ast1-17.1", "9090"))
    assert (request.fields["agi_callerid"], request.argument(2), request.argument(3)) == (
        "0901234567",
        "9090",
        "",
    )


async def test_a_bare_connect_and_close_is_no_request_and_no_fault() -> None:
    """A port check, a load balancer."""
    async with connected() as (session, asterisk):
        asterisk.hangs_up()
        assert await session.request() is None


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\xff\xfe\n\n",
        b"\n",
        b"agi_arg_1: x\n\n",
        b"agi_network: yes\n" * 200,
        b"agi_request: " + b"x" * 10_000 + b"\n\n",
        b"x" * 10_000,
        b"agi_" + b"a" * 60 + b": x\n\n",
    ],
)
async def test_what_is_no_request_is_refused_at_once(head: bytes) -> None:
    """Garbage, and requests without measure: an error that says where, not a wait."""
    async with connected() as (session, asterisk):
        asterisk.says(head)
        with pytest.raises(AgiError):
            await session.request()


@pytest.mark.parametrize("cut", range(1, len(HEAD), 29))
async def test_a_request_that_is_cut_is_closed_wherever_it_is_cut(cut: int) -> None:
    async with connected() as (session, asterisk):
        asterisk.says(HEAD[:cut])
        asterisk.hangs_up()
        with pytest.raises(Closed):
            await session.request()


async def test_a_request_in_pieces_is_one_request() -> None:
    """TCP cuts where it likes."""
    async with connected() as (session, asterisk):
        reading = asyncio.ensure_future(session.request())
        for byte in HEAD:
            asterisk.says(bytes([byte]))
            await asyncio.sleep(0)
        request = await reading
    assert request is not None
    assert request.script == "incoming"


async def test_a_variable_is_set_as_one_quoted_word() -> None:
    async with connected() as (session, asterisk):
        asterisk.says(b"200 result=1\n")
        await session.set_variable("OFFER_TEXT", 'a "b" \\ ${c} gói')
        assert await asterisk.hears() == 'SET VARIABLE OFFER_TEXT "a \\"b\\" \\\\ ${c} gói"\n'.encode()


@pytest.mark.parametrize("value", ["a\nSET VARIABLE BLOCKED 1", "a\r", "\x00", "\x1b[2J", "\x85", "\u2028"])
async def test_a_control_character_becomes_no_command(value: str) -> None:
    """A line end would begin a command of a stranger; nothing is sent."""
    async with connected() as (session, asterisk):
        with pytest.raises(ValueError, match="control character"):
            await session.set_variable("OFFER_TEXT", value)
        asterisk.says(b"200 result=1\n")
        await session.command("NOOP")
        assert await asterisk.hears() == b"NOOP\n"


@pytest.mark.parametrize("name", ["", "A B", "A\n", "${X}", "1A", 'A"'])
async def test_only_a_name_is_the_name_of_a_variable(name: str) -> None:
    async with connected() as (session, _):
        with pytest.raises(ValueError):
            await session.set_variable(name, "x")


@given(st.text())
def test_whatever_is_quoted_is_one_line_and_reads_back(value: str) -> None:
    try:
        word = quoted(value)
    except ValueError:
        return
    assert len(word.splitlines()) == 1
    assert (word[0], word[-1]) == ('"', '"')
    assert word[1:-1].replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\") == value
    assert '"' not in word[1:-1].replace("\\\\", "").replace('\\"', "")


ANSWERS: list[tuple[bytes, int]] = [
    (b"510 Invalid or unknown command\n", 510),
    (b"511 Command Not Permitted on a dead channel or intercept routine\n", 511),
    (
        b"520-Invalid command syntax.  Proper usage follows:\nUsage: SET VARIABLE\n200 result=1\n520 End of proper usage.\n",
        520,
    ),
    (b"520 Invalid command syntax.  Proper usage not available.\n", 520),
    (b"200 result=-1\n", 200),
    (b"HANGUP\n510 Invalid or unknown command\n", 510),
]


@pytest.mark.parametrize(("raw", "code"), ANSWERS)
async def test_a_refused_command_says_why_and_the_next_one_has_its_own_answer(raw: bytes, code: int) -> None:
    """520 is several lines, HANGUP comes at any place: neither is taken for the next answer."""
    async with connected() as (session, asterisk):
        asterisk.says(raw + b"200 result=1 (second)\n")
        with pytest.raises(CommandRefused) as refused:
            await session.command("FIRST")
        assert refused.value.code == code
        assert await session.command("SECOND") == "result=1 (second)"


async def test_a_hang_up_in_the_middle_is_noted_and_the_answer_is_still_read() -> None:
    async with connected() as (session, asterisk):
        asterisk.says(b"HANGUP\nHANGUP\n200 result=0\n")
        assert not session.hung_up
        assert await session.command("NOOP") == "result=0"
        assert session.hung_up


BROKEN: list[tuple[bytes, type[AgiError]]] = [
    (b"", Closed),
    (b"200 resu", Closed),
    (b"HANGUP\n", Closed),
    (b"520-Usage\nmore\n", Closed),
    (b"what?\n", AgiError),
    (b"\n", AgiError),
    (b"2000 result=1\n", AgiError),
    (b"200 result=1" + b"x" * 10_000 + b"\n", AgiError),
    (b"520-x\n" * 400, AgiError),
]


@pytest.mark.parametrize(("raw", "error"), BROKEN)
async def test_an_answer_that_is_none_is_an_error(raw: bytes, error: type[AgiError]) -> None:
    async with connected() as (session, asterisk):
        asterisk.says(raw)
        asterisk.hangs_up()
        with pytest.raises(error):
            await session.command("NOOP")


async def test_a_command_to_who_has_gone_is_closed() -> None:
    async with connected() as (session, asterisk):
        asterisk.hangs_up()
        with pytest.raises(Closed):
            await session.command("NOOP")


def test_a_missing_argument_is_empty() -> None:
    assert Request("x", (), {}).argument(0) == ""
