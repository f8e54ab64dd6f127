"""Is a batch of numbers known as each of them is?"""

from datetime import timedelta

from core.outcomes import Outcome
from store import facts, lists, messages, numbers
from store.database import Store, Tx
from store.many import BATCH, facts_for_many
from tests.store import sample
from tests.store.sample import AN, BINH, NOW


def _happened(tx: Tx) -> None:
    sample.dialing(tx, "c1", "call-1", number=AN, at=NOW - timedelta(hours=2))
    sample.end(tx, "call-1", Outcome.NO_KEY, at=NOW - timedelta(hours=1))
    numbers.refuse(tx, number=BINH, at=NOW, via="cli", ref="x")
    messages.add(tx, sample.message("offer:c1", number=AN), now=NOW)


async def test_a_batch_is_known_as_each_of_its_numbers_is(store: Store) -> None:
    """R15: one meaning, whoever asks."""
    built = [
        lists.build(
            store.lists, "subscribers", [{"number": AN, "consent": "HD 1", "flags": "vip"}, {"number": BINH}]
        ),
        lists.build(store.lists, "dnc", [{"number": BINH, "channel": "sms"}]),
        lists.build(store.lists, "exclusions", [{"number": AN, "reason": "duty"}], programme="topup"),
    ]
    for each in built:
        await store.write(lambda tx, e=each: lists.switch(tx, e, source="x", now=NOW))  # type: ignore[misc]
    await store.write(_happened)
    asked = [AN, BINH, *(f"+849{at:08d}" for at in range(BATCH)), "+84900000000"]
    events = {AN: sample.topup()}
    many = await store.read(
        lambda tx: facts_for_many(tx, numbers=asked, programme="topup", events=events, now=NOW)
    )
    assert len(many) == len(asked)
    assert many[0].history
    for number in (0, 1, 2, len(asked) - 1):
        one = await store.read(
            lambda tx, n=asked[number]: facts.facts_for(  # type: ignore[misc]
                tx, number=n, programme="topup", event=events.get(n), now=NOW
            )
        )
        assert many[number] == one
