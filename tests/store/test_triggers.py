"""Is every event kept once, with one fate?"""

from collections.abc import Callable

import pytest

from core.facts import Event
from store import triggers
from store.database import Store, Tx
from tests.store.sample import AN, BINH, NOW, later, topup


async def test_an_event_is_stored_once_however_often_it_comes(store: Store) -> None:
    """O1: a repeated id changes nothing."""
    assert await store.write(lambda tx: triggers.add(tx, event=topup(), received_at=NOW)) == "stored"
    assert (
        await store.write(lambda tx: triggers.add(tx, event=topup(), received_at=later(hours=1)))
        == "repeated"
    )
    [waiting] = await store.read(lambda tx: triggers.new(tx, limit=10))
    assert (waiting.event, waiting.kind, waiting.received_at) == (topup(), "topup", NOW)


@pytest.mark.parametrize(
    "other",
    [topup(number=BINH), topup(amount=20_000), topup(at=later(minutes=-5))],
    ids=["number", "amount", "at"],
)
async def test_the_same_id_with_another_content_is_a_conflict(store: Store, other: Event) -> None:
    received = later(seconds=1)
    await store.write(lambda tx: triggers.add(tx, event=topup(), received_at=received))
    assert await store.write(lambda tx: triggers.add(tx, event=other, received_at=received)) == "conflict"
    [waiting] = await store.read(lambda tx: triggers.new(tx, limit=10))
    assert waiting.event == topup()


async def test_an_event_without_a_time_of_its_own_repeats_under_another_receipt(store: Store) -> None:
    """`mai topup --id` twice: the time was filled in at the receipt."""
    first, second = topup(at=NOW), topup(at=later(minutes=1))
    await store.write(lambda tx: triggers.add(tx, event=first, received_at=NOW))
    again = await store.write(lambda tx: triggers.add(tx, event=second, received_at=later(minutes=1)))
    assert again == "repeated"


async def test_times_that_are_not_the_events_own_are_not_compared(store: Store) -> None:
    """O1: a message that the bus sent twice, each time with another time of sending."""
    first, second = topup(at=later(minutes=-2)), topup(at=later(minutes=-1))
    await store.write(lambda tx: triggers.add(tx, event=first, received_at=NOW, own_time=False))
    again = await store.write(lambda tx: triggers.add(tx, event=second, received_at=NOW, own_time=False))
    assert again == "repeated"


async def test_an_invalid_event_is_kept_and_replaced_by_the_right_one(store: Store) -> None:
    invalid = await store.write(
        lambda tx: triggers.add_invalid(
            tx,
            id="t1",
            kind="topup",
            number="12x" * 30,
            amount=-1,
            at=NOW,
            received_at=NOW,
            reason="not a number",
        )
    )
    assert invalid == "stored"
    assert await store.read(lambda tx: triggers.new(tx, limit=10)) == ()
    assert await store.write(lambda tx: triggers.add(tx, event=topup(), received_at=NOW)) == "stored"
    [waiting] = await store.read(lambda tx: triggers.new(tx, limit=10))
    assert waiting.event.number == AN


async def test_an_invalid_event_does_not_replace_a_good_one(store: Store) -> None:
    await store.write(lambda tx: triggers.add(tx, event=topup(), received_at=NOW))
    repeated = await store.write(
        lambda tx: triggers.add_invalid(
            tx, id="t1", kind="topup", number=AN, amount=-1, at=NOW, received_at=NOW, reason="negative"
        )
    )
    assert repeated == "repeated"
    assert len(await store.read(lambda tx: triggers.new(tx, limit=10))) == 1


async def test_the_first_fate_stands(store: Store) -> None:
    await store.write(lambda tx: triggers.add(tx, event=topup(), received_at=NOW))
    assert await store.write(lambda tx: triggers.settle(tx, id="t1", fate="stale", rule="O20: too old"))
    assert not await store.write(lambda tx: triggers.settle(tx, id="t1", fate="called", call="x"))
    assert await store.read(lambda tx: triggers.new(tx, limit=10)) == ()


async def test_events_are_planned_in_the_order_of_their_receipt_and_once(store: Store) -> None:
    def add(index: int) -> Callable[[Tx], str]:
        return lambda tx: triggers.add(tx, event=topup(f"t{index}"), received_at=later(seconds=index))

    for index in (3, 1, 2):
        await store.write(add(index))
    waiting = await store.read(lambda tx: triggers.new(tx, limit=2))
    assert [each.event.id for each in waiting] == ["t1", "t2"]
    assert await store.write(lambda tx: triggers.planned(tx, id="t1", programme="p"))
    assert not await store.write(lambda tx: triggers.planned(tx, id="t1", programme="q"))
    assert await store.read(lambda tx: triggers.event_of(tx, id="t2")) == topup("t2")
    assert await store.read(lambda tx: triggers.event_of(tx, id="t9")) is None
