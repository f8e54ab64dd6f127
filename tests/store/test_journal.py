"""Does the store keep who refused and who took it back, whatever the present state is?"""

from functools import partial

from store import journal, numbers
from store.database import Store
from tests.store.sample import AN, BINH, NOW, later


async def test_a_refusal_that_was_taken_back_stays_in_the_journal_with_its_reason(store: Store) -> None:
    """R13: refusals are kept, also those that no longer hold."""
    await store.write(lambda tx: numbers.refuse(tx, number=AN, at=NOW, via="sms", ref="mo-1"))
    await store.write(
        lambda tx: numbers.allow_again(tx, number=AN, at=later(hours=1), by="lan", reason="ticket 12")
    )
    kept = await store.read(lambda tx: journal.of_number(tx, number=AN))
    assert [(each.at, each.by, each.did, each.reason, each.ref) for each in kept] == [
        (NOW, "subscriber", "refused", "by sms", "mo-1"),
        (later(hours=1), "lan", "refusal_undone", "ticket 12", None),
    ]


async def test_only_what_changed_something_is_in_the_journal(store: Store) -> None:
    for _ in range(2):
        await store.write(lambda tx: numbers.refuse(tx, number=AN, at=NOW, via="cli", ref="r", by="lan"))
    await store.write(lambda tx: numbers.allow_again(tx, number=BINH, at=NOW, by="lan", reason="none"))
    for number, count in ((AN, 1), (BINH, 0)):
        kept = await store.read(partial(journal.of_number, number=number))
        assert len(kept) == count
