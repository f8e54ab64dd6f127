"""The registration hook against a real HTTP server: the answers of DESIGN §5, and everything that is none."""

import asyncio
import gzip
import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from hooks.answers import Answer, NotKnown, Refused, Registered, Unclear
from hooks.http import HttpHook, read_answer
from tests.hooks.package_system import ASK, answering, settings, speaking

ANSWERS: list[tuple[int, Any, Answer]] = [
    (200, {"status": "registered", "reference": "R1"}, Registered("R1")),
    (200, {"status": "registered", "reference": "R1", "message": "Chúc mừng"}, Registered("R1", "Chúc mừng")),
    (200, {"status": "registered", "reference": None, "message": ""}, Registered(None)),
    (200, {"status": "registered", "more": 1}, Registered(None)),
    (200, {"status": "refused", "reason": "not enough balance"}, Refused("not enough balance")),
    (
        402,
        {"status": "refused", "reason": "poor", "message": "Xin nạp thêm"},
        Refused("poor", "Xin nạp thêm"),
    ),
    (404, {"status": "refused"}, Refused("no reason given")),
    (200, {"status": "refused", "reason": "a\x00b\ud800c\r\nd"}, Refused("a b c d")),
    (200, {"status": "registered", "message": " một\n\thai \ud83d\ude00 "}, Registered(None, "một hai 😀")),
    (200, {"status": "registered", "message": "x" * 5000}, Registered(None, "x" * 1000)),
]


@pytest.mark.parametrize(("status", "body", "meaning"), ANSWERS)
async def test_an_answer_of_the_protocol_is_understood(status: int, body: Any, meaning: Answer) -> None:
    """O13: registered and refused, with what the customer is told."""

    async def answers(_: web.Request) -> web.Response:
        return web.Response(status=status, body=json.dumps(body).encode())

    async with answering(answers) as url, HttpHook(settings(url)) as hook:
        assert await hook.register(ASK) == meaning


UNCLEAR: list[tuple[int, bytes]] = [
    (200, b""),
    (200, b"OK"),
    (200, b"<html>registered</html>"),
    (200, b"[]"),
    (200, b'"registered"'),
    (200, b"null"),
    (200, b"{}"),
    (200, b'{"status": "ok"}'),
    (200, b'{"status": true}'),
    (200, b'{"status": ["registered"]}'),
    (200, b'{"status": "registered", "reference": 7}'),
    (200, b'{"status": "registered", "message": {}}'),
    (200, b'{"status": "registered"'),
    (200, b"\xff\xfe\x00"),
    (200, b"[" * 60_000),
    (200, b'{"status": 1' + b"0" * 5000 + b"}"),
    (201, b'{"status": "registered"}'),
    (204, b""),
    (400, b"bad request"),
    (401, b'{"status": "registered"}'),
    (404, b"not found"),
    (429, b"slow down"),
    (500, b'{"status": "registered"}'),
    (500, b'{"status": "refused"}'),
    (503, b""),
]


@pytest.mark.parametrize(("status", "body"), UNCLEAR)
async def test_any_other_answer_is_unclear(status: int, body: bytes) -> None:
    """O13: it is asked again with the same key; nobody is thanked or told a no that was not said."""

    async def answers(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    async with answering(answers) as url, HttpHook(settings(url)) as hook:
        answer = await hook.register(ASK)
    assert isinstance(answer, Unclear)
    assert 0 < len(answer.reason) <= 400


async def test_the_key_and_the_registration_are_sent() -> None:
    """O13: the id is the idempotency key; the body is that of DESIGN §5."""
    asked: list[tuple[str, str | None, Any]] = []

    async def answers(request: web.Request) -> web.Response:
        asked.append((request.method, request.headers.get("Idempotency-Key"), await request.json()))
        return web.json_response({"status": "registered"})

    async with answering(answers) as url, HttpHook(settings(url)) as hook:
        await hook.register(ASK)
    body = {
        "id": "reg-1",
        "number": "+84901234567",
        "package": "C90N",
        "programme": "topup",
        "at": "2026-11-23T09:00:00+07:00",
    }
    assert asked == [("POST", "reg-1", body)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """A number goes only where config.yaml says."""
    elsewhere: list[str] = []

    async def stranger(request: web.Request) -> web.Response:
        elsewhere.append(request.path)
        return web.json_response({"status": "registered"})

    async with answering(stranger) as other:

        async def answers(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": other})

        async with answering(answers) as url, HttpHook(settings(url)) as hook:
            assert isinstance(await hook.register(ASK), Unclear)
            assert isinstance(await hook.look_up("reg-1"), Unclear)
    assert elsewhere == []


async def test_no_answer_in_time_is_unclear() -> None:
    """O13: it may have been done; only its key can tell."""
    silence = asyncio.Event()

    async def answers(_: web.Request) -> web.Response:
        await silence.wait()
        return web.json_response({"status": "registered"})

    async with answering(answers) as url, HttpHook(settings(url, timeout_s=0.1)) as hook:
        answer = await hook.register(ASK)
        silence.set()
    assert answer == Unclear("no answer within 0.1 s")


async def test_an_answer_in_pieces_is_one_answer() -> None:
    """TCP cuts where it likes; half an answer is no other answer."""
    body = json.dumps({"status": "registered", "reference": "R1", "message": "x" * 900}).encode()

    async def answers(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(body), 100):
            await response.write(body[start : start + 100])
            for _ in range(20):  # lets the client, in the same loop, read this piece before the next is sent
                await asyncio.sleep(0)
        return response

    async with answering(answers) as url, HttpHook(settings(url)) as hook:
        assert await hook.register(ASK) == Registered("R1", "x" * 900)


async def test_an_answer_without_end_is_read_no_further_than_it_may_be_long() -> None:
    """A body without measure fills no memory and holds nobody: it is unclear before it ends."""

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
            await writer.drain()

    async with speaking(endless) as url, HttpHook(settings(url)) as hook:
        assert isinstance(await hook.register(ASK), Unclear)


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_unclear() -> None:
    packed = gzip.compress(b" " * 50_000_000)

    async def answers(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with answering(answers) as url, HttpHook(settings(url)) as hook:
        assert isinstance(await hook.register(ASK), Unclear)


RAW: list[bytes] = [
    b"",
    b"HTTP/1.1 200",
    b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"status":',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    b"\x00\xff\x00\xff\r\n\r\n",
    b"HTTP/1.1 999999 X\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    b"SMTP ready\r\n",
]


@pytest.mark.parametrize("raw", RAW)
async def test_a_connection_that_breaks_or_speaks_no_http_is_unclear(raw: bytes) -> None:
    """Neither method raises for what the other side does."""

    async def speaks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    async with speaking(speaks) as url, HttpHook(settings(url)) as hook:
        assert isinstance(await hook.register(ASK), Unclear)
        assert isinstance(await hook.look_up("reg-1"), Unclear)


async def test_a_system_that_is_away_is_unclear_and_the_next_answer_counts() -> None:
    """The pool keeps no dead connection."""

    async def answers(_: web.Request) -> web.Response:
        return web.json_response({"status": "registered"})

    async with answering(answers) as url:
        pass
    async with HttpHook(settings(url)) as hook:
        assert isinstance(await hook.register(ASK), Unclear)
    async with answering(answers) as url, HttpHook(settings(url)) as hook:
        assert await hook.register(ASK) == Registered(None)


LOOKED_UP: list[tuple[int, bytes, Answer | NotKnown]] = [
    (200, b'{"status": "registered", "reference": "R1"}', Registered("R1")),
    (200, b'{"status": "refused", "reason": "poor"}', Refused("poor")),
    (404, b"", NotKnown()),
    (404, b'{"status": "refused"}', NotKnown()),
]


@pytest.mark.parametrize(("status", "body", "meaning"), LOOKED_UP)
async def test_a_look_up_tells_the_fate_of_a_key(
    status: int, body: bytes, meaning: Answer | NotKnown
) -> None:
    """O13: GET url/<id>; 404: never seen."""
    asked: list[tuple[str, str]] = []

    async def answers(request: web.Request) -> web.Response:
        asked.append((request.method, request.raw_path))
        return web.Response(status=status, body=body)

    async with answering(answers) as url, HttpHook(settings(url)) as hook:
        assert await hook.look_up("reg/1?x#y") == meaning
    assert asked == [("GET", "/register/reg%2F1%3Fx%23y")]


async def test_no_more_are_asked_at_once_than_configured() -> None:
    """A package system that is slow is not flooded."""
    most = now = 0
    full, go = asyncio.Event(), asyncio.Event()

    async def answers(_: web.Request) -> web.Response:
        nonlocal most, now
        now += 1
        most = max(most, now)
        if now == 2:
            full.set()
        await go.wait()
        now -= 1
        return web.json_response({"status": "registered"})

    async with answering(answers) as url, HttpHook(settings(url, concurrency=2)) as hook:
        asking = [asyncio.create_task(hook.register(ASK)) for _ in range(8)]
        await full.wait()
        go.set()
        assert set(await asyncio.gather(*asking)) == {Registered(None)}
    assert most == 2


#: Halves of surrogate pairs too: JSON can carry them, no store can.
_TEXT = st.text(st.characters(exclude_categories=()))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_TELLING = st.fixed_dictionaries(
    {"status": st.sampled_from(["registered", "refused", "other"])},
    optional=dict.fromkeys(("reference", "reason", "message"), _TEXT | _JSON),
)


@given(
    st.sampled_from([200, 402]) | st.integers(100, 999),
    st.binary() | (_JSON | _TELLING).map(lambda value: json.dumps(value).encode()),
)
def test_whatever_is_answered_has_a_meaning_that_the_store_can_hold(status: int, body: bytes) -> None:
    """R15: no answer raises, only 200 registers, and every text is plain."""
    answer = read_answer(status, body)
    if isinstance(answer, Registered):
        assert status == 200
    for text in vars(answer).values():
        assert text is None or (text.encode() and text.isprintable())
