"""Do receipts that share a transaction share each other's failures?"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from smpp import gathered
from smpp.gathered import Gathered
from store import deliveries, schema
from store.database import open_store
from store.deliveries import Came
from store.errors import CommitFailed
from store.tx import Tx
from tests.smsc.world import AN, app_in, config


def _came(place: int) -> Came:
    return Came(f"r{place}", "b", (f"id{place}",), "delivered", AN)


async def test_a_receipt_that_cannot_be_stored_keeps_out_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 4: what comes at once is written at once; who cannot be stored is told so, and comes again."""
    sizes = []

    def take(tx: Tx, came: Sequence[Came], *, at: datetime) -> None:
        sizes.append(len(came))
        deliveries.take_receipts(tx, came, at=at)
        if any(each.id == "r3" for each in came):
            raise ValueError("no row can hold it")

    monkeypatch.setattr(gathered, "take_receipts", take)
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        box = Gathered(app_in(store, config(), tmp_path))
        ends = await asyncio.gather(*(box.take(_came(place)) for place in range(6)), return_exceptions=True)
        kept = await store.read(lambda tx: tx.execute(select(schema.received.c.id)).scalars().all())
    assert [str(end) for end in ends if end] == ["no row can hold it"]
    assert isinstance(ends[3], ValueError)
    assert sorted(kept) == ["r0", "r1", "r2", "r4", "r5"]
    assert sizes[0] == 6


async def test_while_the_store_is_away_each_is_told_and_none_is_tried_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Idea 6: not stored, not acknowledged; the SMSC sends it again."""
    tried = []

    def take(tx: Tx, came: Sequence[Came], *, at: datetime) -> None:
        tried.append(len(came))
        raise CommitFailed("the database is away")

    monkeypatch.setattr(gathered, "take_receipts", take)
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        box = Gathered(app_in(store, config(), tmp_path))
        ends = await asyncio.gather(*(box.take(_came(place)) for place in range(4)), return_exceptions=True)
        assert [type(end) for end in ends] == [CommitFailed] * 4
        assert tried == [4]
        monkeypatch.setattr(gathered, "take_receipts", deliveries.take_receipts)
        await box.take(_came(0))
