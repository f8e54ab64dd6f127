"""Do the sums of a programme say what counting every row would say, whatever happened? (issue 5, 4)"""

import asyncio
from collections import Counter
from datetime import datetime
from functools import partial
from importlib import import_module
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, text

from core.after_call import AfterCall
from core.outcomes import Outcome
from store import contacts, inbound, numbers, reports, retention, tallies
from store.database import Store
from store.schema import metadata
from store.tallies import Tallies
from store.times import iso, us
from store.tx import Tx
from tests.store.sample import NOW, claim, contact, dialing, end, later

_PROGRAMMES = ("bluezone", "topup")


def counted(tx: Tx, programme: str) -> Tallies:
    """The same by looking at every row."""
    table = metadata.tables["contacts"]
    rows = tx.execute(select(table).where(table.c.programme == programme)).all()
    ended = metadata.tables["calls"]
    outcomes = tx.execute(select(ended.c.outcome).where(ended.c.programme == programme)).scalars()
    return Tallies(
        planned=len(rows),
        called=sum(row.attempts > 0 for row in rows),
        waiting=Counter(row.pass_no for row in rows if row.state == "due"),
        outcomes=Counter(row.outcome for row in rows if row.outcome and row.state not in ("dialing", "up")),
        refused=Counter(
            tallies.rule_in(row.reason) for row in rows if row.state == "done" and not row.attempts
        ),
        calls=Counter(outcome for outcome in outcomes if outcome),
    )


class History:
    """A programme's life, made up from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.names = 0

    def step(self, tx: Tx) -> None:
        self.random.choice((self.plan, self.plan, self.claim, self.claim, self.end, self.end, self.settle,
                            self.refuse, self.postpone, self.call_in))(tx)  # fmt: skip

    def plan(self, tx: Tx) -> None:
        self.names += 1
        number = f"+8490{self.random.randrange(20):07}"
        programme = self.random.choice(_PROGRAMMES)
        contacts.plan(tx, contact(f"c{self.names}", number=number, programme=programme), now=NOW)

    def _some(self, tx: Tx, table: str, *states: str) -> str:
        found = metadata.tables[table]
        rows = tx.execute(select(found.c.id).where(found.c.state.in_(states)).order_by(found.c.id))
        ids: list[str] = [*rows.scalars(), "none"]
        return self.random.choice(ids)

    def claim(self, tx: Tx) -> None:
        self.names += 1
        claim(tx, self._some(tx, "contacts", "due", "done"), f"call-{self.names}")

    def end(self, tx: Tx) -> None:
        call = self._some(tx, "calls", "dialing", "up", "done")
        again = AfterCall(retry_at=later(hours=1), retry_pass=self.random.choice((None, 1, 2, 3)))
        outcome = self.random.choice(
            (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.NO_KEY, Outcome.UNKNOWN, Outcome.TRANSFERRED)
        )
        if call != "none":
            retried = outcome is not Outcome.UNKNOWN and self.random.random() < 0.5
            end(tx, call, outcome, again if retried else AfterCall(refuse=self.random.random() < 0.2))

    def settle(self, tx: Tx) -> None:
        reason = self.random.choice(("R2: on the list", "O20: too late", "a sentence"))
        which = self._some(tx, "contacts", "due", "done")
        contacts.settle_undialled(tx, contact=which, fate="refused_by_rule", reason=reason, now=NOW)

    def refuse(self, tx: Tx) -> None:
        number = f"+8490{self.random.randrange(20):07}"
        numbers.refuse(tx, number=number, at=NOW, via="sms", ref=None)

    def postpone(self, tx: Tx) -> None:
        contacts.postpone(tx, contact=self._some(tx, "contacts", "due"), due_at=later(hours=3))

    def call_in(self, tx: Tx) -> None:
        self.names += 1
        inbound.add_inbound(tx, call_id=f"in-{self.names}", number="+84900000003", at=NOW, wall_at=NOW)
        inbound.end_inbound(tx, call_id=f"in-{self.names}", at=NOW, outcome=Outcome.REJECTED)


@pytest.mark.parametrize("seed", range(4))
async def test_the_sums_are_what_counting_every_row_says(store: Store, seed: int) -> None:
    """Issue 5, 4: the report of a mass list, without looking at its rows; many functions in one transaction."""
    history = History(seed)
    await asyncio.gather(*(store.write(history.step) for _ in range(300)))
    for programme in _PROGRAMMES:
        said = await store.read(partial(tallies.of, programme=programme))
        assert said == await store.read(partial(counted, programme=programme))
        assert said.planned > 20


def _waiting(tx: Tx, now: datetime) -> dict[str, Any]:
    """What `mai status` says of contacts, by looking at every row."""
    table = metadata.tables["contacts"]
    rows = [row for row in tx.execute(select(table)) if row.state == "due"]
    first = {row.programme: min(r.pass_no for r in rows if r.programme == row.programme) for row in rows}
    ready = [row for row in rows if row.pass_no == first[row.programme] and row.due_at <= us(now)]
    oldest = min((row.due_at for row in rows), default=None)
    return {"due": len(ready), "later": len(rows) - len(ready), "oldest_due_at": iso(oldest)}


@pytest.mark.parametrize("few", [3, 10_000])
@pytest.mark.parametrize("seed", range(3))
async def test_the_status_knows_who_waits_without_counting_them(store: Store, seed: int, few: int) -> None:
    """Issue 5, 4: of a mass list, now and for later; also where more wait than are counted one by one."""
    history = History(seed)
    await asyncio.gather(*(store.write(history.step) for _ in range(300)))
    for minutes in (-1, 0, 30, 60 * 24 * 3):
        now = later(minutes=minutes)
        said = await store.read(partial(reports.contacts_waiting, now=now, few=few))
        assert said == await store.read(partial(_waiting, now=now))
        assert said["due"] + said["later"] > 3


async def test_calls_whose_fate_is_not_known_are_counted_once(store: Store) -> None:
    def some(tx: Tx) -> None:
        for place, outcome in enumerate((Outcome.UNKNOWN, Outcome.BUSY, Outcome.UNKNOWN)):
            dialing(tx, f"c{place}", f"call-{place}", number=f"+8490000000{place}")
            end(tx, f"call-{place}", outcome)

    await store.write(some)
    status = await store.read(partial(reports.status, now=NOW))
    assert status["unknown"] == {"calls": 2, "messages": 0}


async def test_a_function_that_fails_counts_nothing(store: Store) -> None:
    def fails(tx: Tx) -> None:
        contacts.plan(tx, contact("c2"), now=NOW)
        raise KeyError("after it had counted")

    good, bad = store.write(partial(_plan, name="c1")), store.write(fails)
    results = await asyncio.gather(good, bad, return_exceptions=True)
    assert isinstance(results[1], KeyError)
    assert (await store.read(partial(tallies.of, programme="topup"))).planned == 1


def _plan(tx: Tx, name: str) -> bool:
    return contacts.plan(tx, contact(name), now=NOW)


async def test_calls_are_counted_by_the_time_they_began(store: Store) -> None:
    def some(tx: Tx) -> None:
        for place, minutes in enumerate((0, 1, 9, 10, 25)):
            dialing(tx, f"c{place}", f"call-{place}", at=later(minutes=minutes), number=f"+8490000000{place}")

    await store.write(some)
    lately = partial(tallies.begun_lately, programme="topup")
    assert await store.read(partial(lately, most=9)) == (
        (later(minutes=20), 1), (later(minutes=10), 1), (NOW, 3),
    )  # fmt: skip
    assert await store.read(partial(lately, most=1)) == ((later(minutes=20), 1),)
    gone = await store.write(partial(retention.remove_leftovers, now=later(days=31, minutes=10)))
    assert gone == {"tallies": 1}
    assert len(await store.read(partial(lately, most=9))) == 2


async def test_an_older_store_is_counted_once_when_it_is_brought_up_to_date(store: Store) -> None:
    """A store that was made before there were sums has them from its first start on."""
    history = History(7)
    await asyncio.gather(*(store.write(history.step) for _ in range(200)))
    said = {name: await store.read(partial(tallies.of, programme=name)) for name in _PROGRAMMES}
    await store.write(_counted_anew)
    again = {name: await store.read(partial(tallies.of, programme=name)) for name in _PROGRAMMES}
    assert again == said


def _counted_anew(tx: Tx) -> None:
    migration = import_module("store.migrations.versions.0007_mass_lists")
    tx.execute(text("DELETE FROM tallies"))
    for statement in migration.counting("postgresql" if tx.on_postgres else "sqlite"):
        tx.execute(text(statement))
