"""A subscriber texts `DK D5`: does the package system hear of it once, and the subscriber how it ended?"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import ari_app.registrar
from core.packages import Catalogue
from simulator.smpp_codec import Sm
from simulator.smsc import Delivery, Smsc
from store import logs
from store.database import open_store
from tests.hooks.package_system import answering
from tests.smsc.world import AN, World, app_in, bind, config, gateway, wire

D5 = {"kind": "data", "price": 5000, "days": 1, "allowance": "1GB", "syntax": "DK D5", "to": "999"}
YES = {"status": "registered", "reference": "R1"}


@dataclass
class Shop:
    """A package system that answers as it is told, and what it was asked."""

    answer: tuple[int, dict[str, Any]] = (200, YES)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def answers(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers["Idempotency-Key"], await request.json()))
        status, body = self.answer
        return web.Response(text=json.dumps(body), status=status)


@asynccontextmanager
async def open_shop(folder: Path, shop: Shop, **settings: Any) -> AsyncIterator[World]:
    """Gateway, registrar and package system, with D5 on sale."""
    async with (
        answering(shop.answers) as url,
        Smsc(record=folder / "smsc.jsonl") as smsc,
        open_store("sqlite:///mai.db", folder) as store,
    ):
        registration = {"url": url, "tries": 1, **settings}
        app = app_in(store, config(bind(smsc), registration=registration), folder)
        catalogue = Catalogue.model_validate({"packages": {"D5": D5}}, strict=False)
        app.installation = replace(app.installation, catalogue=catalogue)
        stopping = asyncio.Event()
        async with gateway(app), asyncio.TaskGroup() as group:
            group.create_task(ari_app.registrar.run(app, stopping))
            try:
                yield World(app, smsc)
            finally:
                stopping.set()


async def log(running: World, kind: str) -> list[dict[str, Any]]:
    return await running.store.read(lambda tx: [*logs.KINDS[kind](tx, number=AN)])


@pytest.mark.parametrize("text", ["DK D5", "Đăng ký gói D5", "dk" + " " * 180 + "d5"])
async def test_an_order_by_sms_is_registered_and_answered(tmp_path: Path, text: str) -> None:
    """Issue 4, 5: registration keywords are passed to the registration system; long and split too."""
    shop = Shop()
    async with open_shop(tmp_path, shop) as running:
        assert await running.smsc.send_mo(wire(AN), "9090", text) == 0
        [told] = await running.smsc.wait_for(lambda found: len(found) == 1)
        assert (told.sender, told.number) == ("9090", wire(AN))
        assert "da dang ky goi cuoc D5" in told.text
        [came] = await log(running, "received")
        [registered] = await log(running, "registrations")
        assert (came["state"], came["to"], came["text"]) == ("done", "9090", text)
        assert registered["id"] == f"reg-{came['id']}"
        assert [registered[name] for name in ("package", "state", "programme")] == ["D5", "registered", None]
        [(key, body)] = shop.asked
        assert key == registered["id"]
        assert body == {
            "id": key, "number": AN, "package": "D5", "programme": None, "at": registered["at"]
        }  # fmt: skip
        [sms] = await log(running, "sms")
        assert (sms["class"], sms["kind"], sms["programme"]) == ("transactional", "registered", None)


async def test_a_redelivered_order_is_one_order(tmp_path: Path) -> None:
    """Issue 4, 5: a redelivered one is recognised."""
    shop = Shop()
    async with open_shop(tmp_path, shop) as running:
        sm = Sm(wire(AN), "9090", b"DK D5", source_ton=1, source_npi=1)
        for _ in range(3):
            running.smsc.offer(Delivery(sm, {"what": "mo", "number": wire(AN)}))
        await running.smsc.wait_until(lambda lines: sum(li["event"] == "acknowledged" for li in lines) == 3)
        await running.smsc.wait_for(lambda found: len(found) == 1)
        assert len(shop.asked) == len(await log(running, "registrations")) == 1


@pytest.mark.parametrize(
    ("answer", "state", "told"),
    [
        ((402, {"status": "refused", "reason": "no money", "message": "Khong du tien."}), "refused", "Khong du tien."),
        ((200, YES | {"message": "Goi D5 da san sang."}), "registered", "Goi D5 da san sang."),
        ((500, {}), "unknown", "chua xac nhan duoc viec dang ky goi cuoc D5"),
    ],
)  # fmt: skip
async def test_the_result_is_answered_truly(
    tmp_path: Path, answer: tuple[int, dict[str, Any]], state: str, told: str
) -> None:
    """O13: told honestly; an order whose fate is unknown is an alarm too."""
    async with open_shop(tmp_path, Shop(answer)) as running:
        await running.smsc.send_mo(wire(AN), "9090", "DK D5")
        [sent] = await running.smsc.wait_for(lambda found: len(found) == 1)
        assert told in sent.text
        assert [each["state"] for each in await log(running, "registrations")] == [state]
        alarms = await running.alarms(lambda said: True)
        assert any(name.startswith("registration:") for name in alarms) == (state == "unknown")


async def test_an_order_for_no_package_is_answered_with_help_once_a_day(tmp_path: Path) -> None:
    """Issue 4, 5: unknown package: help text, from a granted sender."""
    shop = Shop()
    async with open_shop(tmp_path, shop) as running:
        for text in ("DK D6", "Đk D6!", "dk d6"):
            await running.smsc.send_mo(wire(AN), "777", text)
        [told] = await running.smsc.wait_for(lambda found: len(found) == 1)
        assert (told.sender, shop.asked, await log(running, "registrations")) == ("8989", [], [])
        assert "khong co goi cuoc nay" in told.text
        assert [sms["kind"] for sms in await log(running, "sms")] == ["help"]


async def test_no_keywords_nothing_is_ordered(tmp_path: Path) -> None:
    """`keywords: []` turns it off: the SMS is stored and shown."""
    shop = Shop()
    async with open_shop(tmp_path, shop, keywords=()) as running:
        await running.smsc.send_mo(wire(AN), "9090", "DK D5")
        [came] = await log(running, "received")
        assert (came["state"], came["text"], await log(running, "registrations")) == ("new", "DK D5", [])
