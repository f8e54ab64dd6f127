"""Do requests to Asterisk hold against what a server may answer, and is it never told wrongly that nothing was sent?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.rest import Answer, Lost, Rest, Unreachable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
YES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def server(serve: Serve, idle_s: float = 10.0, most: int = 4) -> AsyncIterator[tuple[Rest, list[int]]]:
    """A server that treats each connection so; the requests to it, and how many connections came."""
    came: list[int] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(len(came))
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client went: the end of the test
        finally:
            writer.close()

    listening = await asyncio.start_server(one, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    rest = Rest(f"http://127.0.0.1:{port}/ari", {"Authorization": "Basic x"}, most=most, idle_s=idle_s)
    try:
        yield rest, came
    finally:
        rest.close()
        listening.close()


async def read_one(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """A request: its header, its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), b": 0")
    return head, await reader.readexactly(int(length.partition(b":")[2]))


def always(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_one(reader)
            writer.write(answer)

    return serve


async def test_requests_one_after_the_other_use_one_connection() -> None:
    async with server(always(YES)) as (rest, came):
        for _ in range(20):
            assert await rest.request("GET", "/channels") == Answer(200, b"{}")
        assert len(came) == 1


async def test_at_the_same_time_there_are_no_more_connections_than_allowed() -> None:
    async with server(always(YES), most=3) as (rest, came):
        answers = await asyncio.gather(*(rest.request("POST", "/x", b"{}") for _ in range(30)))
        assert set(answers) == {Answer(200, b"{}")}
        assert len(came) <= 3


async def test_what_is_sent_is_one_request_with_its_length() -> None:
    heard: list[tuple[bytes, bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heard.append(await read_one(reader))
            writer.write(YES)

    async with server(serve) as (rest, _):
        await rest.request("POST", "/channels/create?a=1", b'{"x": 1}')
        await rest.request("DELETE", "/channels/one")
    (head, body), (deleted, nothing) = heard
    assert head.startswith(b"POST /ari/channels/create?a=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAuthorization: Basic x\r\n" in head
    assert body == b'{"x": 1}'
    assert deleted.startswith(b"DELETE /ari/channels/one HTTP/1.1\r\n")
    assert nothing == b""


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/đ", "/\x00"])
async def test_a_target_that_could_inject_a_header_is_never_sent(target: str) -> None:
    async with server(always(YES)) as (rest, came):
        with pytest.raises(ValueError, match="not quoted"):
            await rest.request("GET", target)
        assert came == []


async def test_a_connection_that_is_old_is_not_used_again() -> None:
    """Its server may be closing it at this moment: then nobody could say whether the request was carried out."""
    async with server(always(YES), idle_s=0) as (rest, came):
        for _ in range(3):
            await rest.request("GET", "/x")
        assert len(came) == 3


async def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    async with server(always(YES.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) as (rest, came):
        for _ in range(3):
            assert (await rest.request("GET", "/x")).status == 200
        assert len(came) == 3


async def test_nobody_there_means_that_nothing_was_sent() -> None:
    async with server(always(YES)) as (rest, _):
        pass
    with pytest.raises(Unreachable):
        await rest.request("POST", "/channels/create", b"{}")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"x" * 70_000,
    ],
)
async def test_an_answer_that_is_none_may_have_been_carried_out(answer: bytes) -> None:
    """Fail closed: a call whose request was written is never called undialled."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_one(reader)
        writer.write(answer)

    async with server(serve) as (rest, _):
        with pytest.raises(Lost):
            await rest.request("POST", "/channels/create", b"{}")


async def test_at_the_deadline_it_is_known_whether_the_request_was_written() -> None:
    """R7: what never had its turn was certainly not carried out; what was written may have been, or be yet."""
    never = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_one(reader)
        written.set()
        await never.wait()

    written = asyncio.Event()
    async with server(serve, most=1) as (rest, _):
        first = asyncio.create_task(rest.request("POST", "/first", b"{}", 60))
        await written.wait()
        with pytest.raises(Unreachable, match="no connection was free within"):
            await rest.request("POST", "/second", b"{}", 0.05)
        first.cancel()
        await asyncio.wait({first})
        with pytest.raises(Lost, match="no answer within"):
            await rest.request("POST", "/third", b"{}", 0.5)
        never.set()


async def test_a_request_that_is_given_up_takes_its_late_answer_with_it() -> None:
    """Else the next request would be answered with the last one's answer."""
    late = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_one(reader)
        if b"/slow" in head:
            await late.wait()
        writer.write(YES.replace(b"{}", b"11" if b"/slow" in head else b"22"))

    async with server(serve) as (rest, _):
        slow = asyncio.create_task(rest.request("GET", "/slow"))
        await asyncio.sleep(0)
        slow.cancel()
        await asyncio.wait({slow})
        late.set()
        assert await rest.request("GET", "/quick") == Answer(200, b"22")


async def test_without_a_length_the_answer_ends_with_the_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_one(reader)
        writer.write(b"HTTP/1.0 404 Not Found\r\n\r\nno such ")
        writer.write(b"channel")

    async with server(serve) as (rest, _):
        assert await rest.request("GET", "/x") == Answer(404, b"no such channel")


async def test_an_answer_that_may_have_no_body_has_none() -> None:
    """RFC 9110 §6.4.1: 204 ends with its header."""
    async with server(always(b"HTTP/1.1 204 No Content\r\n\r\n")) as (rest, came):
        for _ in range(2):
            assert await rest.request("POST", "/x") == Answer(204, b"")
        assert len(came) == 1


@given(cuts=st.lists(st.integers(1, 120), max_size=8), body=st.binary(max_size=60))
async def test_an_answer_in_pieces_is_one_answer(cuts: list[int], body: bytes) -> None:
    whole = b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_one(reader)
        ends = [0, *sorted({cut for cut in cuts if cut < len(whole)}), len(whole)]
        for start, end in pairwise(ends):
            writer.write(whole[start:end])
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with server(serve) as (rest, _):
        assert await rest.request("GET", "/x") == Answer(200, body)
