"""Is a package asked for under one key, and its result written once?"""

from collections.abc import Callable
from functools import partial

import pytest

from core.outcomes import Outcome
from store import logs, registrations, workers
from store.database import Store, Tx
from tests.store.sample import BINH, NOW, REGISTER, WORKER, dialing, end, later, message


def _decided(tx: Tx) -> None:
    dialing(tx)
    end(tx, "call-1", Outcome.ACCEPTED, REGISTER)


async def _claim(store: Store, minutes: float = 0) -> list[tuple[str, int]]:
    claimed = await store.write(
        lambda tx: registrations.claim_due(tx, now=later(minutes=minutes), limit=10, worker=WORKER)
    )
    return [(each.id, each.tries) for each in claimed]


async def test_what_is_due_is_claimed_once(store: Store) -> None:
    """O13: due -> asked is committed before the bytes leave."""
    await store.write(_decided)
    assert await _claim(store) == [("reg-call-1", 1)]
    assert await _claim(store) == []


async def test_asking_again_keeps_the_key_and_waits(store: Store) -> None:
    """O13: the idempotency key of a repeat is the same."""
    await store.write(_decided)
    (asked,) = await store.write(lambda tx: registrations.claim_due(tx, now=NOW, limit=9, worker=WORKER))
    again = later(minutes=2)
    assert await store.write(lambda tx: registrations.again(tx, asked=asked, due_at=again, reason="timeout"))
    assert not await store.write(lambda tx: registrations.again(tx, asked=asked, due_at=again, reason="x"))
    assert await store.read(registrations.next_due_at) == again
    assert await _claim(store, minutes=1) == []
    assert await _claim(store, minutes=2) == [("reg-call-1", 2)]


async def test_the_result_is_written_once_with_its_messages(store: Store) -> None:
    """O13: SMS1 and after it SMS2."""
    thanks = message("thanks:reg-call-1", class_="transactional", policy="at_least_once")
    own = message("registered:reg-call-1", class_="transactional", after="thanks:reg-call-1")

    def settle(tx: Tx) -> bool:
        return registrations.settle(
            tx, id="reg-call-1", state="registered", reference="R-7", new_messages=(thanks, own), now=NOW
        )

    def fail(tx: Tx) -> bool:
        return registrations.settle(tx, id="reg-call-1", state="failed", reason="late answer", now=NOW)

    await store.write(_decided)
    await _claim(store)
    assert await store.write(settle)
    assert not await store.write(settle)
    assert not await store.write(fail)
    [entry] = await store.read(lambda tx: [*logs.registrations(tx)])
    assert (entry["state"], entry["reference"], entry["reason"]) == ("registered", "R-7", None)
    assert [each["kind"] for each in await store.read(lambda tx: [*logs.sms(tx)])] == ["thanks", "registered"]


async def test_an_unknown_result_may_become_known(store: Store) -> None:
    """A look-up, or a late answer."""
    await store.write(_decided)
    await _claim(store)
    states: list[registrations.Result] = ["unknown", "unknown", "refused", "registered"]
    changed = [await store.write(_settling(state)) for state in states]
    assert changed == [True, False, True, False]


def _settling(state: registrations.Result) -> Callable[[Tx], bool]:
    return lambda tx: registrations.settle(tx, id="reg-call-1", state=state, now=NOW)


async def test_what_was_asked_when_the_program_died_is_found(store: Store) -> None:
    """DESIGN §3: recover finishes what a key asked for."""

    def two(tx: Tx) -> None:
        _decided(tx)
        dialing(tx, "c2", "call-2", number=BINH)
        end(tx, "call-2", Outcome.ACCEPTED, REGISTER, at=later(seconds=1))

    await store.write(two)
    await store.write(lambda tx: registrations.claim_due(tx, now=NOW, limit=1, worker=WORKER))
    assert await store.read(registrations.left_asked) == ()
    [asked] = await store.read(lambda tx: registrations.left_asked(tx, by=WORKER))
    assert (asked.id, asked.state, asked.tries) == ("reg-call-1", "asked", 1)
    await store.write(partial(workers.strike_off, id=WORKER))
    assert await store.read(registrations.left_asked) == (asked,)


async def test_a_call_registers_once(store: Store) -> None:
    await store.write(_decided)
    assert REGISTER.registration is not None
    new = REGISTER.registration
    assert not await store.write(lambda tx: registrations.add(tx, call_id="call-1", new=new, now=NOW))


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_is_claimed_than_asked_for(store: Store, limit: int) -> None:
    def many(tx: Tx) -> None:
        for index in range(5):
            dialing(tx, f"c{index}", f"call-{index}")
            end(tx, f"call-{index}", Outcome.ACCEPTED, REGISTER)

    await store.write(many)
    assert (
        len(await store.write(lambda tx: registrations.claim_due(tx, now=NOW, limit=limit, worker=WORKER)))
        == limit
    )
