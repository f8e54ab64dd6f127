"""Does every SMS go its way through the states, and is none felt twice?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import logs, messages, parts
from store.database import Store, Tx
from tests.store.sample import AN, NOW, later, message

THANKS = messages.id_of("thanks:1")
OFFER = messages.id_of("offer:1")


def _add(tx: Tx) -> None:
    messages.add(tx, message("offer:1"), now=NOW)


def _send(tx: Tx, id: str = OFFER, count: int = 1) -> bool:
    return messages.mark_sending(tx, id=id, parts=count, bind="smsc1", at=NOW)


async def _due(store: Store, minutes: float = 0, held: tuple[str, ...] = ()) -> list[str]:
    found = await store.read(
        lambda tx: messages.due(tx, now=later(minutes=minutes), limit=10, programmes_held=held)
    )
    return [each.key for each in found]


async def _state(store: Store, id: str = OFFER) -> str:
    entries = await store.read(lambda tx: {entry["id"]: entry["state"] for entry in logs.sms(tx)})
    return str(entries[id])


async def test_the_same_event_writes_one_message(store: Store) -> None:
    """notes-smpp: `key UNIQUE` from the business event."""
    assert await store.write(lambda tx: messages.add(tx, message("offer:1"), now=NOW))
    assert not await store.write(lambda tx: messages.add(tx, message("offer:1"), now=NOW))
    assert await _due(store) == ["offer:1"]


async def test_a_message_waits_for_its_time_and_for_the_one_before_it(store: Store) -> None:
    """O13: SMS1 and after it SMS2."""

    def add(tx: Tx) -> None:
        messages.add(tx, message("registered:1", after="thanks:1"), now=NOW)
        messages.add(tx, message("thanks:1"), now=NOW)
        messages.add(tx, message("late:1", due_at=later(minutes=5)), now=NOW)

    await store.write(add)
    assert await _due(store) == ["thanks:1"]
    await store.write(lambda tx: _send(tx, THANKS))
    assert await _due(store) == []
    await store.write(lambda tx: parts.accepted(tx, message=THANKS, part=1, smsc_id="a", at=NOW))
    assert await _due(store) == ["registered:1"]
    assert await _due(store, minutes=5) == ["registered:1", "late:1"]
    assert await store.read(messages.next_due_at) == NOW


@pytest.mark.parametrize("how", ["failed", "unknown", "dropped"])
async def test_the_second_message_goes_also_when_the_first_cannot(store: Store, how: str) -> None:
    def run(tx: Tx) -> None:
        messages.add(tx, message("thanks:1"), now=NOW)
        messages.add(tx, message("registered:1", after="thanks:1"), now=NOW)
        if how == "dropped":
            messages.drop(tx, id=THANKS, reason="its validity is over")
        else:
            _send(tx, THANKS)
            if how == "failed":
                parts.failed(tx, message=THANKS, part=1, status="ESME_RINVDSTADR", at=NOW)
            else:
                parts.unknown(tx, message=THANKS, part=1, reason="no answer", at=NOW)

    await store.write(run)
    assert await _state(store, THANKS) == how
    assert await _due(store) == ["registered:1"]


async def test_a_pause_holds_advertising_only(store: Store) -> None:
    """DESIGN §5: `mai pause` holds advertising SMS."""

    def add(tx: Tx) -> None:
        _add(tx)
        messages.add(tx, message("thanks:1", class_="transactional"), now=NOW)

    await store.write(add)
    assert await _due(store, held=("topup",)) == ["thanks:1"]
    assert await _due(store, held=("*",)) == ["thanks:1"]
    assert sorted(await _due(store, held=("weekend",))) == ["offer:1", "thanks:1"]


async def test_a_message_is_marked_once(store: Store) -> None:
    await store.write(_add)
    assert await store.write(_send)
    assert not await store.write(_send)
    assert not await store.write(lambda tx: messages.drop(tx, id=OFFER, reason="too late"))
    assert not await store.write(lambda tx: messages.postpone(tx, id=OFFER, due_at=NOW))


async def test_every_part_must_be_delivered(store: Store) -> None:
    def run(tx: Tx) -> list[str | None]:
        _add(tx)
        _send(tx, count=2)
        seen: list[str | None] = [parts.accepted(tx, message=OFFER, part=1, smsc_id="a1", at=NOW)]
        seen.append(parts.accepted(tx, message=OFFER, part=2, smsc_id="a2", at=NOW))
        for index in (1, 2):
            _receipt(tx, f"r{index}", (f"a{index}",), "delivered")
            [entry] = logs.sms(tx)
            seen.append(entry["state"])
        return seen

    assert await store.write(run) == ["sending", "accepted", "accepted", "delivered"]
    [entry] = await store.read(lambda tx: [*logs.sms(tx)])
    assert (entry["message_ids"], entry["parts"]) == (["a1", "a2"], 2)
    assert entry["delivered_at"] == entry["accepted_at"] == "2026-11-23T09:00:00+07:00"


def _receipt(tx: Tx, id: str, smsc_ids: tuple[str, ...], state: parts.Receipt | None) -> str | None:
    return parts.receipt(tx, id=id, bind="smsc1", smsc_ids=smsc_ids, state=state, at=NOW, number=AN)


async def test_a_failed_part_makes_a_failed_message(store: Store) -> None:
    def run(tx: Tx) -> None:
        _add(tx)
        _send(tx, count=2)
        parts.accepted(tx, message=OFFER, part=1, smsc_id="a1", at=NOW)
        parts.accepted(tx, message=OFFER, part=2, smsc_id="a2", at=NOW)
        _receipt(tx, "r1", ("a1",), "delivered")
        _receipt(tx, "r2", ("a2",), "failed")

    await store.write(run)
    assert await _state(store) == "failed"


async def test_a_receipt_that_comes_before_its_response_is_kept_and_applied(store: Store) -> None:
    """notes-smpp: a receipt may come before its response."""
    await store.write(_add)
    await store.write(_send)
    assert await store.write(lambda tx: _receipt(tx, "r1", ("1f", "31"), "delivered")) is None
    assert await _state(store) == "sending"
    state = await store.write(
        lambda tx: parts.accepted(tx, message=OFFER, part=1, smsc_id="31", forms=("1f",), at=NOW)
    )
    assert state == "delivered"


async def test_a_receipt_that_comes_twice_changes_nothing_the_second_time(store: Store) -> None:
    await store.write(_add)
    await store.write(_send)
    await store.write(lambda tx: parts.accepted(tx, message=OFFER, part=1, smsc_id="a", at=NOW))
    assert await store.write(lambda tx: _receipt(tx, "r1", ("x", "a"), "delivered")) == OFFER
    assert await store.write(lambda tx: _receipt(tx, "r1", ("x", "a"), "delivered")) is None
    await store.write(lambda tx: _receipt(tx, "r2", ("a",), "failed"))
    assert await _state(store) == "delivered"


async def test_an_intermediate_receipt_changes_no_state(store: Store) -> None:
    await store.write(_add)
    await store.write(_send)
    await store.write(lambda tx: parts.accepted(tx, message=OFFER, part=1, smsc_id="a", at=NOW))
    assert await store.write(lambda tx: _receipt(tx, "r1", ("a",), None)) == OFFER
    assert await _state(store) == "accepted"


async def test_a_receipt_without_a_known_id_proves_the_only_unknown_part(store: Store) -> None:
    """notes-smpp: a receipt that matches no id but one unknown part proves acceptance."""
    await store.write(_add)
    await store.write(_send)
    await store.write(lambda tx: parts.unknown(tx, message=OFFER, part=1, reason="no answer", at=NOW))
    assert await _state(store) == "unknown"
    assert await store.write(lambda tx: _receipt(tx, "r1", ("never-seen",), "delivered")) == OFFER
    assert await _state(store) == "delivered"


async def test_two_unknown_parts_leave_such_a_receipt_unmatched(store: Store) -> None:
    def run(tx: Tx) -> str | None:
        for key in ("offer:1", "offer:2"):
            messages.add(tx, message(key), now=NOW)
            _send(tx, messages.id_of(key))
            parts.unknown(tx, message=messages.id_of(key), part=1, reason="no answer", at=NOW)
        return _receipt(tx, "r1", ("never-seen",), "delivered")

    assert await store.write(run) is None
    assert await _state(store) == "unknown"


async def test_what_was_marked_but_not_written_is_due_as_if_never_tried(store: Store) -> None:
    await store.write(_add)
    await store.write(_send)
    assert await store.write(lambda tx: messages.requeue(tx, id=OFFER))
    assert not await store.write(lambda tx: messages.requeue(tx, id=OFFER))
    [again] = await store.read(lambda tx: messages.due(tx, now=NOW, limit=5))
    assert (again.tries, again.sent_parts) == (0, frozenset())


async def test_only_the_missing_part_is_sent_again(store: Store) -> None:
    """A part that the SMSC accepted is not felt twice."""

    def run(tx: Tx) -> None:
        _add(tx)
        _send(tx, count=3)
        parts.postponed(tx, message=OFFER, part=2, due_at=later(minutes=1), reason="ESME_RTHROTTLED")
        parts.accepted(tx, message=OFFER, part=1, smsc_id="a1", at=NOW)

    await store.write(run)
    assert await _state(store) == "sending"
    await store.write(lambda tx: parts.accepted(tx, message=OFFER, part=3, smsc_id="a3", at=NOW))
    assert await _state(store) == "due"
    assert await _due(store) == []
    [again] = await store.read(lambda tx: messages.due(tx, now=later(minutes=1), limit=5))
    assert again.sent_parts == {1, 3}
    await store.write(lambda tx: _send(tx, count=3))
    await store.write(lambda tx: parts.accepted(tx, message=OFFER, part=2, smsc_id="a2", at=NOW))
    assert await _state(store) == "accepted"


async def test_a_written_part_of_unknown_fate_is_not_sent_with_the_unwritten_one(store: Store) -> None:
    """Idea 6: the connection was lost between two parts."""

    def run(tx: Tx) -> None:
        _add(tx)
        _send(tx, count=2)
        parts.unknown(tx, message=OFFER, part=1, reason="connection lost", at=NOW)
        messages.requeue(tx, id=OFFER, unwritten=(2,))

    await store.write(run)
    [again] = await store.read(lambda tx: messages.due(tx, now=NOW, limit=5))
    assert again.sent_parts == {1}


@pytest.mark.parametrize(("policy", "state"), [("once", "unknown"), ("at_least_once", "due")])
async def test_what_was_being_sent_when_the_program_died(store: Store, policy: str, state: str) -> None:
    """Idea 6: an advertising SMS whose fate is unknown is never repeated by itself."""

    def run(tx: Tx) -> tuple[int, int]:
        messages.add(tx, message("offer:1", policy=policy), now=NOW)
        _send(tx)
        return messages.left_sending(tx, now=NOW, tries=3)

    assert await store.write(run) == ((1, 0) if policy == "once" else (0, 1))
    assert await _state(store) == state


async def test_at_least_once_ends_at_its_number_of_tries(store: Store) -> None:
    def run(tx: Tx) -> list[tuple[int, int]]:
        messages.add(tx, message("offer:1", policy="at_least_once"), now=NOW)
        seen = []
        for _ in range(3):
            _send(tx)
            seen.append(messages.left_sending(tx, now=NOW, tries=3))
        return seen

    assert await store.write(run) == [(0, 1), (0, 1), (1, 0)]


async def test_without_proof_within_the_hold_time_only_at_least_once_goes_again(store: Store) -> None:
    """notes-smpp: after the hold time kind `once` stays unknown and visible."""

    def run(tx: Tx) -> int:
        for key, policy in (("offer:1", "once"), ("thanks:1", "at_least_once")):
            messages.add(tx, message(key, policy=policy), now=NOW)
            _send(tx, messages.id_of(key))
            parts.unknown(tx, message=messages.id_of(key), part=1, reason="no answer", at=NOW)
        early = messages.again_after_hold(tx, now=later(hours=1), before=NOW, tries=3)
        return early * 100 + messages.again_after_hold(
            tx, now=later(hours=1), before=later(seconds=1), tries=3
        )

    assert await store.write(run) == 1
    assert (await _state(store), await _state(store, THANKS)) == ("unknown", "due")


async def test_a_dropped_message_is_kept_with_its_reason(store: Store) -> None:
    """O8: dropped and logged."""
    from dataclasses import replace

    born = replace(message("offer:1"), state="dropped", reason="no window within its validity")
    await store.write(lambda tx: messages.add(tx, born, now=NOW))
    [entry] = await store.read(lambda tx: [*logs.sms(tx)])
    assert (entry["state"], entry["reason"]) == ("dropped", "no window within its validity")
    assert await _due(store) == []


@given(
    st.lists(
        st.sampled_from(["sending", "accepted", "delivered", "failed", "unknown"]), min_size=1, max_size=5
    )
)
def test_a_message_is_never_better_than_its_worst_part(states: list[str]) -> None:
    """A message is delivered only when every part is."""
    whole = parts.whole(states, len(states))
    assert (whole == "delivered") == all(state == "delivered" for state in states)
    assert (whole == "failed") == ("failed" in states)
    assert parts.whole([state for state in states if state != "failed"], len(states) + 1) in (
        "sending",
        "unknown",
    )
