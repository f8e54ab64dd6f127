"""What do the tests of several controllers share? Two programmes that want the same numbers, over one store."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select

from ari_app.ari import Ari
from ari_app.dialer import Dialer
from ari_app.lines import Lines
from ari_app.phone import Phone
from core.facts import Event, Programme
from runtime.app import App, Installation
from store import facts, lists, schema, triggers
from store.database import Store, Tx
from tests.ari_app.office import FakePhone, Listener, Node, SetClock, config, subscriber, topup_programme
from tests.core import sample

NOW = sample.TEN
NODES = ("ast1", "ast2")
SMSC = {"name": "smsc1", "system_id": "x", "password": "x"}
#: Answers, and presses a "no": one call, nothing follows.
DECLINES = Listener("3")


def app_on(
    store: Store, folder: Path, clock: SetClock, names: str = "ab", store_url: str = "sqlite:///mai.db"
) -> App:
    """`names`: its programmes, a letter each. `store_url`: one that others share has leases."""
    wanted: dict[str, Programme] = {name: topup_programme(name=name) for name in names}
    installation = Installation(
        config=config(smsc=(SMSC,), store={"url": store_url}),
        folder=folder,
        catalogue=sample.CATALOGUE,
        programmes=wanted,
        files=dict.fromkeys(wanted, "title: x"),
        held_back={},
        law=sample.LAW,
    )
    return App(installation, store, clock, lambda piece: folder / piece)


def phone_of(clock: SetClock) -> FakePhone:
    phone = FakePhone(clock, NODES)
    phone.listeners[""] = DECLINES
    return phone


def dialer_of(app: App, phone: FakePhone, node: str = NODES[0], channels: int = 8) -> Dialer:
    """A dialer over one node and a trunk of its own; the other ones are another controller's."""
    trunk = app.config.trunks[0].model_copy(
        update={"name": f"trunk-{node}", "max_channels": channels, "calls_per_second": math.inf}
    )
    return Dialer(app, cast(Phone, phone), [cast(Ari, Node(node))], Lines([trunk]))


def some_numbers(count: int) -> list[str]:
    return [f"+8490{n:07}" for n in range(1_000_000, 1_000_000 + count)]


async def opened(store: Store, numbers: Sequence[str]) -> None:
    """Everybody has consented, nobody is on DoNotCall."""
    known = [facts.row_of(subscriber(number)) for number in numbers]
    strangers = [{"number": "+84909999999", "channel": "both"}]
    for kind, rows in (("subscribers", known), ("dnc", strangers)):
        await _import(store, cast(lists.ListKind, kind), rows)


async def _import(store: Store, kind: lists.ListKind, rows: Sequence[Any]) -> None:
    built = lists.build(store.lists, kind, rows)
    await store.write(lambda tx: lists.switch(tx, built, source="test", now=NOW))


async def top_up(store: Store, numbers: Sequence[str], programme: str | None, kind: str = "t") -> None:
    def add(tx: Tx) -> None:
        for number in numbers:
            event = Event(f"{kind}-{number}", "topup", number, NOW, 50_000)
            triggers.add(tx, event=event, received_at=NOW, only_programme=programme)

    await store.write(add)


async def rows(store: Store, table: str) -> list[dict[str, Any]]:
    chosen = select(schema.metadata.tables[table])
    return await store.read(lambda tx: [dict(row._mapping) for row in tx.execute(chosen)])


async def until(store: Store, true: Callable[[], bool]) -> None:
    """Look again after everything that is written here."""
    while not true():
        await store.write(lambda tx: None)
