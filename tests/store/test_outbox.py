"""Do the gateway's batches, routes, references and long messages hold on both engines?"""

from dataclasses import replace
from datetime import timedelta

from store import logs, messages, outbox, parts, received
from store.database import Store, Tx
from store.messages import Mark, Route
from store.parts import Answer
from store.received import LongPart
from tests.store.sample import AN, BINH, NOW, later, message


def _marks(tx: Tx, *keys: str, count: int = 1) -> None:
    each = [Mark(messages.id_of(key), count, tuple(range(1, count + 1)), None) for key in keys]
    messages.mark_all(tx, each, bind="b", at=NOW)


async def test_many_answers_in_one_transaction_each_find_their_part(store: Store) -> None:
    """Issue 4, 3: results of many answers in one write."""

    def run(tx: Tx) -> dict[str, str]:
        keys = [f"offer:{place}" for place in range(5)]
        for key in keys:
            messages.add(tx, message(key), now=NOW)
        _marks(tx, *keys[:4])
        _marks(tx, keys[4], count=2)
        ids = [messages.id_of(key) for key in keys]
        parts.receipt(tx, id="r", bind="b", smsc_ids=("11", "17"), state="delivered", at=NOW, number=AN)
        said = [
            Answer(ids[0], 1, 1, "accepted", "a1"),
            Answer(ids[1], 1, 1, "accepted", "17"),
            Answer(ids[2], 1, 1, "failed", reason="no"),
            Answer(ids[3], 1, 1, "postponed", reason="slow", due_at=later(seconds=5)),
            Answer(ids[4], 1, 2, "accepted", "a4"),
            Answer(ids[4], 2, 2, "unknown", reason="no answer"),
        ]
        parts.answered(tx, said, at=NOW, forms_of=lambda id: (id, f"{int(id):x}") if id.isdigit() else (id,))
        found = {row["id"]: row["state"] for row in logs.sms(tx)}
        return {key: found[messages.id_of(key)] for key in keys}

    assert await store.write(run) == {
        "offer:0": "accepted",
        "offer:1": "delivered",
        "offer:2": "failed",
        "offer:3": "due",
        "offer:4": "unknown",
    }


async def test_a_route_takes_its_own_and_leaves_what_a_better_one_takes(store: Store) -> None:
    """Issue 4, 1: by sender and programme."""

    def run(tx: Tx) -> list[list[str]]:
        for place, programme in enumerate(("topup", "other")):
            new = message(f"offer:{place}", number=(AN, BINH)[place])
            messages.add(tx, replace(new, programme=programme), now=NOW)
        better = Route(programmes=("other",))
        routes = (better, Route(senders=("8989",), but=(better,)), Route(senders=("9090",)))
        return [[m.key for m in messages.due(tx, now=NOW, limit=9, route=route)] for route in routes]

    assert await store.write(run) == [["offer:1"], ["offer:0"], []]


async def test_a_number_has_one_message_under_way(store: Store) -> None:
    """Issue 4, 3: order per destination."""

    def run(tx: Tx) -> list[list[str]]:
        for place in range(3):
            messages.add(tx, message(f"offer:{place}"), now=NOW + timedelta(seconds=place))
        seen = [[m.key for m in messages.due(tx, now=later(minutes=1), limit=9)]]
        _marks(tx, "offer:0")
        seen.append([m.key for m in messages.due(tx, now=later(minutes=1), limit=9)])
        id_ = messages.id_of("offer:0")
        parts.postponed(tx, message=id_, part=1, due_at=later(minutes=1, seconds=9), reason="slow")
        seen.append([m.key for m in messages.due(tx, now=later(minutes=1), limit=9)])
        return seen

    assert await store.write(run) == [["offer:0", "offer:1", "offer:2"], [], []]


async def test_references_count_for_each_pair_and_come_round(store: Store) -> None:
    """Issue 4, 2: counted per (source, destination) and persisted."""

    def run(tx: Tx) -> list[int]:
        seen = [messages.next_reference(tx, source="8989", destination=AN) for _ in range(3)]
        tx.connection.exec_driver_sql("UPDATE part_references SET last = 65535")
        seen.append(messages.next_reference(tx, source="8989", destination=AN))
        return [*seen, messages.next_reference(tx, source="8989", destination=BINH)]

    assert await store.write(run) == [0, 1, 2, 0, 0]


async def test_parts_of_a_long_message_are_kept_and_taken_out_when_they_stop_coming(store: Store) -> None:
    """notes-smpp: parts are stored, with expiry."""

    def part(number: int, reference: int = 1) -> LongPart:
        return LongPart(
            AN, "8989", "udh8", reference, 2, number, bytes([number]), 0, f"h{reference}/{number}"
        )

    def run(tx: Tx) -> list[object]:
        seen: list[object] = [received.add_part(tx, part(2), bind="b", at=NOW)]
        seen.append(received.add_part(tx, part(2), bind="b", at=NOW))
        seen.append(received.add_part(tx, part(1), bind="b", at=NOW))
        seen.append(received.add_part(tx, part(1), bind="b", at=NOW))
        received.add_part(tx, part(1, reference=2), bind="b", at=NOW)
        seen.append(received.incomplete(tx, before=NOW))
        seen.append(received.incomplete(tx, before=later(hours=7)))
        return [*seen, received.incomplete(tx, before=later(hours=7))]

    assert await store.write(run) == [
        None, None, (part(1), part(2)), None, (), ((part(1, reference=2),),), (),
    ]  # fmt: skip


async def test_the_outbox_says_what_waits_and_since_when(store: Store) -> None:
    """Issue 4, 6: outbox by state and age."""

    def run(tx: Tx) -> tuple[outbox.Backlog, tuple[outbox.Standing, ...], list[str]]:
        for place in range(3):
            messages.add(tx, message(f"offer:{place}", number=(AN, BINH, BINH)[place]), now=NOW)
        messages.add(tx, message("offer:late", due_at=later(hours=1)), now=NOW)
        _marks(tx, "offer:0", "offer:1")
        parts.unknown(tx, message=messages.id_of("offer:0"), part=1, reason="no answer", at=NOW)
        now = later(minutes=1)
        unknown = [row["reason"] for row in outbox.unknown(tx)]
        return outbox.backlog(tx, now=now), outbox.standing(tx, now=now), unknown

    backlog, standing, unknown = await store.write(run)
    assert backlog == outbox.Backlog(2, 2, NOW)
    minute = timedelta(minutes=1)
    assert standing == (
        outbox.Standing("due", "", 2, minute),
        outbox.Standing("sending", "b", 1, minute),
        outbox.Standing("unknown", "b", 1, minute),
    )
    assert unknown == ["no answer"]
