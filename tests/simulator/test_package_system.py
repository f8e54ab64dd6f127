"""Does the simulated package system keep the protocol of DESIGN §5, and each key's fate?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulator.behaviours import ALWAYS_500, PackageAnswer
from simulator.package_system import PackageSystem
from simulator.record import read


@pytest.fixture
async def packages(tmp_path: Path) -> AsyncIterator[PackageSystem]:
    async with PackageSystem(record=tmp_path / "registrations.jsonl") as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def body(key: str, number: str = "+84901234001", package: str = "C90N") -> dict[str, Any]:
    at = "2026-11-21T09:00:00+07:00"
    return {"id": key, "number": number, "package": package, "programme": "topup-smartphone", "at": at}


async def post(http: aiohttp.ClientSession, packages: PackageSystem, sent: dict[str, Any]) -> tuple[int, Any]:
    async with http.post(packages.url, json=sent, headers={"Idempotency-Key": sent["id"]}) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("third_last", "012345")
async def test_a_registration_is_made_with_reference_and_message(
    packages: PackageSystem, http: aiohttp.ClientSession, third_last: str
) -> None:
    """O13: the registration system's own text is SMS2."""
    status, told = await post(http, packages, body("r1", f"+84901234{third_last}01"))
    assert (status, told["status"], told["reference"]) == (200, "registered", "R000001")
    assert "C90N" in told["message"]
    assert [(r.key, r.status, r.package) for r in packages.records()] == [("r1", "registered", "C90N")]


async def test_digit_6_registers_without_a_message(
    packages: PackageSystem, http: aiohttp.ClientSession
) -> None:
    assert await post(http, packages, body("r1", "84901234602")) == (
        200,
        {"status": "registered", "reference": "R000001"},
    )


async def test_digit_7_refuses_and_says_why(packages: PackageSystem, http: aiohttp.ClientSession) -> None:
    refused = {"status": "refused", "reason": "not enough balance"}
    assert await post(http, packages, body("r1", "0901234701")) == (200, refused)
    assert [r.status for r in packages.records()] == ["refused"]


async def test_digit_9_fails_twice_for_each_key_and_then_registers_once(
    packages: PackageSystem, http: aiohttp.ClientSession
) -> None:
    for key in ("r1", "r2"):
        statuses = [(await post(http, packages, body(key, "+84901234901")))[0] for _ in range(4)]
        assert statuses == [500, 500, 200, 200]
    assert [r.key for r in packages.records()] == ["r1", "r2"]


async def test_digit_8_decides_at_once_and_answers_late(
    packages: PackageSystem, http: aiohttp.ClientSession
) -> None:
    """Who gave up waiting and asks again meanwhile hears the same fate."""
    first = asyncio.create_task(post(http, packages, body("r1", "+84901234801")))
    await packages.wait_for(lambda fates: len(fates) == 1)
    second = await post(http, packages, body("r1", "+84901234801"))
    assert not first.done()
    assert await first == second
    assert len(packages.records()) == 1


async def test_one_key_is_one_registration_however_often_and_at_once_it_is_asked(
    packages: PackageSystem, http: aiohttp.ClientSession
) -> None:
    answers = await asyncio.gather(*(post(http, packages, body("r1")) for _ in range(20)))
    assert len({str(answer) for answer in answers}) == 1
    assert len(packages.records()) == 1
    lines = read(packages.record.path)
    assert sum(line["event"] == "fate" for line in lines) == 1
    assert sum(line["event"] == "asked" for line in lines) == 20


async def test_the_same_key_with_another_body_is_a_conflict(
    packages: PackageSystem, http: aiohttp.ClientSession
) -> None:
    await post(http, packages, body("r1"))
    assert (await post(http, packages, body("r1", package="C50N")))[0] == 409
    assert [r.package for r in packages.records()] == ["C90N"]


async def test_a_lookup_tells_the_fate_of_a_key(packages: PackageSystem, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{packages.url}/r1") as unknown:
        assert unknown.status == 404
    _, told = await post(http, packages, body("r1"))
    async with http.get(f"{packages.url}/r1") as known:
        assert (known.status, await known.json()) == (200, told)


async def test_a_number_can_be_made_to_fail_for_ever_and_an_answer_to_be_garbage(
    packages: PackageSystem, http: aiohttp.ClientSession
) -> None:
    packages.override("0901234001", ALWAYS_500)
    assert [(await post(http, packages, body("r1")))[0] for _ in range(5)] == [500] * 5
    packages.override("0901234001", PackageAnswer("now it works"))
    packages.garbage = True
    async with http.post(packages.url, json=body("r2"), headers={"Idempotency-Key": "r2"}) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("not json", "r1"),
        ("[]", "r1"),
        ('{"id": "r1"}', "r1"),
        ('{"id": "r1", "number": "0901234001", "package": "C90N", "programme": "p", "at": "x"}', ""),
        ('{"id": "r1", "number": "12", "package": "C90N", "programme": "p", "at": "x"}', "r1"),
    ],
)
async def test_a_request_that_breaks_the_protocol_is_a_400_and_registers_nothing(
    packages: PackageSystem, http: aiohttp.ClientSession, raw: str, key: str
) -> None:
    async with http.post(packages.url, data=raw, headers={"Idempotency-Key": key}) as answer:
        assert answer.status == 400
        assert "status" not in await answer.json()
    assert packages.records() == []
    assert [line["status"] for line in read(packages.record.path)] == [400]
