"""POST /v1/triggers over real HTTP: events of every kind, with the answers that top-ups get."""

import json
from typing import Any

import aiohttp
import pytest

from core.triggers import EVENTS
from runtime.app import App
from store import logs
from tests.small_app import TOKEN

GOOD: dict[str, Any] = {"id": "e-1", "kind": "bill_due", "number": "0901234567", "amount": 120_000}


async def post(asker: aiohttp.ClientSession, body: Any, **headers: str) -> tuple[int, Any]:
    async with asker.post("/v1/triggers", data=json.dumps(body).encode(), headers=headers) as answer:
        return answer.status, await answer.json()


async def stored(app: App) -> list[dict[str, Any]]:
    return await app.store.read(lambda tx: list(logs.triggers(tx)))


@pytest.mark.parametrize("kind", EVENTS)
async def test_an_event_of_each_kind_is_stored_before_it_is_acknowledged(
    kind: str, asker: aiohttp.ClientSession, app: App
) -> None:
    """O19: package about to renew, bill due, balance low; 202, and it stands in the store."""
    assert await post(asker, GOOD | {"kind": kind}) == (202, {"id": "e-1", "result": "stored"})
    (row,) = await stored(app)
    assert (row["kind"], row["number"], row["amount"], row["fate"]) == (kind, "+84901234567", 120_000, None)


async def test_its_statuses_are_those_of_topups(asker: aiohttp.ClientSession, app: App) -> None:
    """O1: 200 repeated, 409 the same id with other content, 401 without the token."""
    await post(asker, GOOD)
    assert await post(asker, GOOD) == (200, {"id": "e-1", "result": "repeated"})
    assert (await post(asker, GOOD | {"amount": 1}))[0] == 409
    assert (await post(asker, GOOD | {"kind": "renewal"}))[0] == 409
    assert (await post(asker, GOOD, Authorization=f"Bearer {TOKEN}x"))[0] == 401
    (row,) = await stored(app)
    assert (row["kind"], row["amount"]) == ("bill_due", 120_000)


async def test_an_amount_that_is_not_known_may_be_absent(asker: aiohttp.ClientSession, app: App) -> None:
    """O19: a reminder needs no amount; a top-up does."""
    without = {name: value for name, value in GOOD.items() if name != "amount"}
    assert (await post(asker, without))[0] == 202
    (row,) = await stored(app)
    assert row["amount"] is None
    status, told = await post(asker, without | {"id": "e-2", "kind": "topup"})
    assert (status, told["field"]) == (422, "amount")


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "list"}, "kind", "must be one of topup, renewal, bill_due, low_balance"),
    ({"kind": None}, "kind", "must be one of"),
    ({"kind": ["renewal"]}, "kind", "must be one of"),
    ({"kind": "low-balance"}, "kind", 'did you mean "low_balance"?'),
    ({"amount": 0}, "amount", "not between 1 and"),
    ({"amount": None}, "amount", "not a whole number"),
    ({"number": "12"}, "number", ""),
    ({"programme": "x"}, "programme", "is not a field of a bill_due event"),
]


async def test_a_wrong_field_is_named(asker: aiohttp.ClientSession) -> None:
    """O1: 422 {error, field}, and what would be right."""
    for change, field, says in BAD:
        status, told = await post(asker, GOOD | change)
        assert (status, told["field"]) == (422, field), change
        assert says in told["error"], told
