"""A gateway that runs, the simulated SMSC it speaks to, and a real store between: no Asterisk, no campaigns but one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import smpp.gateway
from core.after_call import NewMessage
from core.campaigns import Class
from core.config import Config
from core.facts import Programme
from core.written import VIETNAM
from runtime.app import App
from runtime.clock import Clock, wall
from runtime.requests import REQUESTS
from runtime.worker import enlist
from simulator.smsc import Faults, Smsc
from store import facts, lists, logs, messages, settings
from store.database import Store, Tx, open_store
from tests.core.sample import programme as sample_programme
from tests.core.sample import subscriber as sample_subscriber
from tests.small_app import app_on, small_config

PATIENCE_S = 30
AN, BINH = "+84901234567", "+84907654321"
#: A Monday, well inside every window.
TEN = datetime(2026, 11, 23, 10, tzinfo=VIETNAM)
PASSWORD = "secret"
PROGRAMME = "topup"


def new(
    key: str,
    text: str = "Xin chào",
    *,
    number: str = AN,
    class_: Class = "transactional",
    policy: str = "once",
    sender: str = "8989",
    after: str | None = None,
    at: datetime = TEN,
    valid_until: datetime | None = None,
    programme: str | None = PROGRAMME,
) -> NewMessage:
    """A message row as after_call writes it; its kind is the key's first word."""
    return NewMessage(
        key=key,
        programme=programme,
        class_=class_,
        kind=key.partition(":")[0],
        policy="at_least_once" if policy == "at_least_once" else "once",
        number=number,
        sender=sender,
        text=text,
        due_at=at,
        valid_until=valid_until,
        after=after,
    )


def numbers(count: int, first: int = 901_000_000) -> list[str]:
    return [f"+84{first + index}" for index in range(count)]


def wire(number: str) -> str:
    """A number as it stands on the wire."""
    return number.removeprefix("+")


@dataclass
class World:
    """What a test holds in its hands."""

    app: App
    smsc: Smsc

    @property
    def store(self) -> Store:
        return self.app.store

    async def send(self, *each: NewMessage) -> None:
        """Write message rows, in this order."""

        def add(tx: Tx) -> None:
            for place, message in enumerate(each):
                messages.add(tx, message, now=self.app.now() + timedelta(microseconds=place))

        await self.store.write(add)

    async def log(self) -> dict[str, dict[str, Any]]:
        """The log of SMS by key."""
        rows = await self.store.read(lambda tx: {row["id"]: row for row in logs.sms(tx)})
        return _ByKey(rows)

    async def until(self, holds: Callable[[Mapping[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
        """Until the log of SMS says so; looked at again whenever a message changes."""
        watch = self.store.watch("messages")
        async with asyncio.timeout(PATIENCE_S):
            while not holds(rows := await self.log()):
                await watch.wait(0.1)
        return rows

    async def settled(self, *keys: str, state: str = "delivered") -> dict[str, dict[str, Any]]:
        """Until all these are in this state."""
        return await self.until(
            lambda rows: all(messages.id_of(key) in rows and rows[key]["state"] == state for key in keys)
        )

    async def alarms(self, holds: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        """Until the alarms that stand say so."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await self.store.read(settings.standing_alarms)
                said = {alarm.name: alarm.text for alarm in found}
                if holds(said):
                    return said
                await asyncio.sleep(0.02)

    async def ask(self, name: str, **fields: Any) -> Any:
        """What a command asks of the running system."""
        return await REQUESTS[name](self.app, **fields)

    def says(self, bind: str = "smsc1") -> dict[str, Any]:
        """What the gateway says of a bind; before it has begun, that it is not bound."""
        if "sms" not in self.app.says:
            return {"bound": False, "per_second": float("inf")}
        said: dict[str, Any] = self.app.says["sms"]()[bind]
        return said

    def submits(self, **fields: Any) -> list[dict[str, Any]]:
        """The SMSC's record of what was submitted to it."""
        lines = [line for line in self.smsc.record.lines if line["event"] == "submit"]
        return [line for line in lines if all(line[name] == value for name, value in fields.items())]


class _ByKey(dict[str, dict[str, Any]]):
    """Rows by id that are also found by the key of their message."""

    def __missing__(self, key: str) -> dict[str, Any]:
        return self[messages.id_of(key)] if not key.startswith("sms-") else {"state": None}


def bind(smsc: Smsc, **fields: Any) -> dict[str, Any]:
    usual = {"port": smsc.port, "system_id": "mai", "password": PASSWORD, "per_second": 5_000, "window": 20}
    return usual | {"response_s": 5, "alarm_after_s": 0} | fields


def config(*binds: dict[str, Any], **sections: Any) -> Config:
    granted = ({"name": name, "reference": "r"} for name in ("9090", "8989"))
    brand = {"name": "MOBIFONE.AI", "reference": "r", "kind": "brandname", "until": "2028-12-31"}
    return small_config(smsc=binds, granted=(*granted, brand), **sections)


def app_in(store: Store, installed: Config, folder: Path, now: datetime = TEN, **campaign: Any) -> App:
    """An App whose clock shows `now`, with one advertising programme."""
    app = app_on(store, installed, folder)
    loaded = {PROGRAMME: sample_programme(**campaign)}
    loaded["other"] = Programme("other", loaded[PROGRAMME].campaign, "v1")
    app.installation = replace(app.installation, programmes=loaded)
    app.clock = Clock(now - wall())
    return app


@asynccontextmanager
async def gateway(app: App) -> AsyncIterator[None]:
    """The part `sms` while it runs; it must end well when it is told to stop."""
    stopping = asyncio.Event()
    await enlist(app, alone=True)  # a process that begins; those before it are dead
    task = asyncio.create_task(smpp.gateway.run(app, stopping))
    try:
        yield
    finally:
        stopping.set()
        async with asyncio.timeout(PATIENCE_S):
            await task


@asynccontextmanager
async def world(
    folder: Path, *, now: datetime = TEN, faults: Faults | None = None, start: bool = True, **fields: Any
) -> AsyncIterator[World]:
    """Everything running. `fields` change the bind; `start` False: the gateway is left to the test."""
    async with (
        Smsc(record=folder / "smsc.jsonl", faults=faults) as smsc,
        open_store("sqlite:///mai.db", folder) as store,
    ):
        app = app_in(store, config(bind(smsc, **fields)), folder, now)
        if start:
            async with gateway(app):
                yield World(app, smsc)
        else:
            yield World(app, smsc)


async def known_subscribers(store: Store, folder: Path, *those: str, now: datetime = TEN) -> None:
    """Subscribers who agreed to advertising, and a fresh, empty DoNotCall list: R2 and R3 say yes."""
    rows = [facts.row_of(sample_subscriber()._replace(number=number)) for number in those]
    nobody = {"number": "+84999999999", "channel": "both"}

    def switch(tx: Tx) -> None:
        for built in (
            lists.build(store.lists, "subscribers", rows),
            lists.build(store.lists, "dnc", [nobody]),
        ):
            lists.switch(tx, built, source="test", now=now - timedelta(hours=1), accept_shrink=True)

    await store.write(switch)
