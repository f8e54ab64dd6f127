"""POST /v1/topups over real HTTP: what is stored, what is refused, and what its sender is told."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

import web.server
from runtime import logs as logs_to
from runtime.app import App
from runtime.logs import log
from store import logs
from tests.small_app import TOKEN, closed_app, running

GOOD: dict[str, Any] = {"id": "t-1", "number": "0901234567", "amount": 50_000}


async def post(asker: aiohttp.ClientSession, body: Any, **headers: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with asker.post("/v1/topups", data=data, headers=headers) as answer:
        return answer.status, await answer.json()


async def stored(app: App) -> list[dict[str, Any]]:
    return await app.store.read(lambda tx: list(logs.triggers(tx)))


async def test_a_topup_is_stored_before_it_is_acknowledged(asker: aiohttp.ClientSession, app: App) -> None:
    """O1: 202, and it stands in the store."""
    assert await post(asker, GOOD) == (202, {"id": "t-1", "result": "stored"})
    (row,) = await stored(app)
    assert (row["id"], row["number"], row["amount"], row["fate"]) == ("t-1", "+84901234567", 50_000, None)


async def test_a_repeated_id_changes_nothing(asker: aiohttp.ClientSession, app: App) -> None:
    """O1: 200; the same number written in another way is the same."""
    await post(asker, GOOD)
    assert await post(asker, GOOD | {"number": "+84 90 123 4567"}) == (
        200,
        {"id": "t-1", "result": "repeated"},
    )
    assert len(await stored(app)) == 1


async def test_the_same_id_with_other_content_is_a_conflict_and_the_first_stands(
    asker: aiohttp.ClientSession, app: App
) -> None:
    """O1: 409."""
    await post(asker, GOOD)
    status, told = await post(asker, GOOD | {"amount": 60_000})
    assert (status, told["field"]) == (409, "id")
    (row,) = await stored(app)
    assert row["amount"] == 50_000


async def test_the_same_event_sent_at_once_by_many_is_stored_once(
    asker: aiohttp.ClientSession, app: App
) -> None:
    """O1: one 202, the others 200."""
    statuses = [status for status, _ in await asyncio.gather(*(post(asker, GOOD) for _ in range(20)))]
    assert sorted(statuses) == [200] * 19 + [202]
    assert len(await stored(app)) == 1


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"id": None}, "id"),
    ({"id": ""}, "id"),
    ({"id": "a b"}, "id"),
    ({"id": "á"}, "id"),
    ({"id": "x" * 65}, "id"),
    ({"id": "a\n"}, "id"),
    ({"id": 7}, "id"),
    ({"number": None}, "number"),
    ({"number": 901234567}, "number"),
    ({"number": "12345"}, "number"),
    ({"number": "+1 202 555 0100"}, "number"),
    ({"number": "0241234567"}, "number"),
    ({"number": "\x00\ud800"}, "number"),
    ({"number": "0" * 9000}, "number"),
    ({"amount": None}, "amount"),
    ({"amount": 0}, "amount"),
    ({"amount": -50_000}, "amount"),
    ({"amount": 50_000.0}, "amount"),
    ({"amount": True}, "amount"),
    ({"amount": "50000"}, "amount"),
    ({"amount": 10**30}, "amount"),
    ({"amount": [1] * 2000}, "amount"),
    ({"at": "2026-11-21T09:00:00"}, "at"),
    ({"at": "yesterday"}, "at"),
    ({"at": 1700000000}, "at"),
    ({"at": "2199-01-01T00:00:00+07:00"}, "at"),
    ({"at": "0001-01-01T00:00:00+14:00"}, "at"),
    ({"programme": "x"}, "programme"),
]


async def test_a_wrong_field_is_named_and_said_what_would_be_right(asker: aiohttp.ClientSession) -> None:
    """O1: 422 {error, field}."""
    for change, field in BAD_FIELDS:
        status, told = await post(asker, GOOD | change)
        assert (status, told["field"]) == (422, field), change
        assert 0 < len(told["error"]) <= 300, change


NO_OBJECTS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"\xff\xfe",
    b"[" * 10_000,
    b'{"id": "a", "id": "b", "number": "0901234567", "amount": 1}',
    b'{"amount": 1' + b"0" * 5000 + b"}",
    b'{"id": "a", "number": "0901234567", "amount": NaN}',
    b'{"\\ud800": 1}',
]


async def test_what_is_no_json_object_is_refused(asker: aiohttp.ClientSession) -> None:
    """O1: 422, whatever it is."""
    for body in NO_OBJECTS:
        status, told = await post(asker, body)
        assert (status, set(told)) == (422, {"error", "field"}), body[:40]


async def test_an_invalid_event_with_an_id_is_seen_in_the_log_and_may_be_put_right(
    asker: aiohttp.ClientSession, app: App
) -> None:
    """O1: fate `invalid` with its reason; a later valid one of that id replaces it."""
    await post(asker, GOOD | {"number": "12\x0034\ud800"})
    (row,) = await stored(app)
    assert (row["fate"], row["number"]) == ("invalid", "12?34?")
    assert row["rule"].startswith("number: ")
    assert (await post(asker, GOOD))[0] == 202
    (row,) = await stored(app)
    assert (row["fate"], row["rule"], row["number"]) == (None, None, "+84901234567")


async def test_a_time_a_little_ahead_is_believed_and_absent_is_now(
    asker: aiohttp.ClientSession, app: App
) -> None:
    """O1: clocks differ; beyond five minutes an event is refused."""
    ahead = (app.now() + timedelta(minutes=4)).isoformat()
    beyond = (app.now() + timedelta(minutes=6)).isoformat()
    assert (await post(asker, GOOD | {"at": ahead}))[0] == 202
    assert (await post(asker, GOOD | {"id": "t-2", "at": beyond}))[0] == 422
    assert (await post(asker, GOOD | {"id": "t-3"}))[0] == 202
    rows = {row["id"]: row for row in await stored(app)}
    assert rows["t-1"]["at"] == ahead
    assert rows["t-3"]["at"] == rows["t-3"]["received_at"]


NO_TOKENS = (
    None,
    "",
    "Bearer",
    "Bearer ",
    "Bearer wrong",
    f"Basic {TOKEN}",
    TOKEN,
    f"Bearer {TOKEN}x",
    "Bearer tökén",
)


async def test_without_the_token_nothing_is_taken(address: str, app: App) -> None:
    """401, and nothing is stored, not even as invalid."""
    async with aiohttp.ClientSession(f"http://{address}") as stranger:
        for header in NO_TOKENS:
            headers = {} if header is None else {"Authorization": header}
            async with stranger.post("/v1/topups", json=GOOD, headers=headers) as answer:
                assert answer.status == 401, header
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                assert (await answer.json())["field"] is None
    assert await stored(app) == []


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_refused(announced: bool, address: str, app: App) -> None:
    """413 as soon as it is known, announced or in chunks; nothing more is taken in."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    length = b"Content-Length: 100000000" if announced else b"Transfer-Encoding: chunked"
    head = b"POST /v1/topups HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + TOKEN.encode()
    writer.write(head + b"\r\n" + length + b"\r\n\r\n")
    writer.write(b"x" * 20_000 if announced else b"4000\r\n" + b"x" * 0x4000 + b"\r\n1\r\nx\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    assert await stored(app) == []


async def test_who_cannot_be_stored_is_told_so(tmp_path: Path) -> None:
    """503: the sender sends it again."""
    async with closed_app(tmp_path) as app, running(web.server.run, app, "web") as says:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(f"http://{says['address']}", headers=headers) as asker:
            status, told = await post(asker, GOOD)
    assert status == 503
    assert "again" in told["error"]


@pytest.fixture
def usual_log() -> Iterator[None]:
    """Whatever a test does with the log, the next one finds it as it was."""
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("usual_log")
async def test_neither_token_nor_number_is_logged(
    asker: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    """R14: secrets never, numbers masked."""
    logs_to.set_up(as_json=True)
    log("web").error("the log works", of="0901234567")
    await post(asker, GOOD)
    await post(asker, GOOD | {"id": "t-2", "amount": -1})
    await post(asker, GOOD, Authorization="Bearer another-secret")
    async with asker.get("/health", params={"token": TOKEN}) as answer:
        assert answer.status == 200
    written = "".join(capsys.readouterr())
    assert "+8490****567" in written
    for secret in (TOKEN, "another-secret", "901234567"):
        assert secret not in written


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/topups", 405), ("GET", "/schema", 404)])
async def test_what_is_not_there_is_said_in_json(
    method: str, path: str, status: int, asker: aiohttp.ClientSession
) -> None:
    """No page of the framework is shown."""
    async with asker.request(method, path) as answer:
        assert answer.status == status
        assert set(await answer.json()) == {"error", "field"}
