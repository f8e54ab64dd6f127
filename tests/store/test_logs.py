"""Do the logs carry exactly the names that people and outside tests use, and can they be searched?"""

import pytest

from core.outcomes import Outcome
from store import calls, logs, messages, reports, settings, triggers, versions
from store.database import Store, Tx
from tests.store.sample import AN, BINH, NOW, REGISTER, dialing, end, later, message, topup

#: DESIGN §5, word for word; calls also say their direction.
KEYS = {
    "triggers": "id kind number amount at received_at fate rule programme call",
    "calls": (
        "id contact trigger programme unit number started_at answered_at ended_at outcome keys offer text "
        "prompt_version cause sip_code node trunk wall_at direction"
    ),
    "sms": (
        "id programme class kind number sender text parts state at accepted_at message_ids delivered_at reason"
    ),
    "registrations": "id programme number package state at reference reason",
}


def _day(tx: Tx) -> None:
    for index, (number, minutes) in enumerate(((AN, 0), (BINH, 10), (AN, 20)), start=1):
        dialing(tx, f"c{index}", f"call-{index}", at=later(minutes=minutes), number=number)
        calls.rang(tx, call_id=f"call-{index}", at=later(minutes=minutes, seconds=index))
        end(tx, f"call-{index}", Outcome.ACCEPTED, REGISTER, at=later(minutes=minutes))
        messages.add(tx, message(f"thanks:{index}", number=number), now=later(minutes=minutes))


@pytest.mark.parametrize("kind", KEYS)
async def test_an_entry_has_exactly_the_keys_of_the_design(store: Store, kind: str) -> None:
    """O16."""
    await store.write(_day)
    entries = await store.read(lambda tx: [*logs.KINDS[kind](tx)])
    assert len(entries) == 3
    for entry in entries:
        assert set(entry) == set(KEYS[kind].split())


@pytest.mark.parametrize("kind", KEYS)
async def test_a_log_is_searched_by_number_time_and_programme(store: Store, kind: str) -> None:
    """O16: searchable."""
    await store.write(_day)

    async def numbers(**wanted: object) -> list[str]:
        return [entry["number"] for entry in await store.read(lambda tx: [*logs.KINDS[kind](tx, **wanted)])]

    assert await numbers(number=AN) == [AN, AN]
    assert await numbers(since=later(minutes=10)) == [BINH, AN]
    assert await numbers(until=later(minutes=10)) == [AN]
    assert await numbers(since=later(minutes=10), until=later(minutes=20)) == [BINH]
    assert await numbers(programme="topup", number=BINH) == [BINH]
    assert await numbers(programme="weekend") == []


async def test_times_are_vietnamese_and_absence_is_null(store: Store) -> None:
    """DESIGN §5: ISO 8601 with +07:00; what is absent is null."""
    await store.write(dialing)
    [entry] = await store.read(lambda tx: [*logs.calls(tx)])
    assert entry["started_at"] == entry["wall_at"] == "2026-11-23T09:00:00+07:00"
    assert (entry["ended_at"], entry["outcome"], entry["sip_code"], entry["keys"]) == (None, None, None, [])


async def test_a_long_log_streams_in_order(store: Store) -> None:
    def many(tx: Tx) -> None:
        for index in range(1_203):
            messages.add(tx, message(f"offer:{index}"), now=later(seconds=index))

    await store.write(many)
    times = await store.read(lambda tx: [entry["at"] for entry in logs.sms(tx)])
    assert len(times) == 1_203
    assert times == sorted(times)


async def test_a_report_counts_what_happened(store: Store) -> None:
    """B6, O20."""

    def more(tx: Tx) -> None:
        _day(tx)
        dialing(tx, "c9", "call-9", at=later(minutes=30))
        end(tx, "call-9", Outcome.NO_ANSWER)

    await store.write(more)
    report = await store.read(lambda tx: reports.report(tx, programme="topup"))
    assert report["contacts"] == {"done": 4}
    assert report["outcomes"] == report["calls"] == {"accepted": 3, "no_answer": 1}
    assert report["triggers"] == {"called": 4}
    assert report["registrations"] == {"due": 3}
    assert report["messages"] == {"thanks": {"due": 3}}
    assert report["topup_to_ringing_s"] == {"count": 3, "p50": 2.0, "p99": 3.0}
    nothing = await store.read(lambda tx: reports.report(tx, programme="weekend"))
    assert nothing["topup_to_ringing_s"] == {"count": 0, "p50": None, "p99": None}


#: fate, reason; as the planner and the dialer write them
FATES = [
    ("called", None), ("refused_by_rule", "R7: one call in 24 hours, the last at 2026-11-23T08:00:01"),
    ("refused_by_rule", "R7: one call in 24 hours, the last at 2026-11-23T08:00:02"),
    ("refused_by_rule", "hold_out: held out"), ("stale", "O20: 901 s old"), ("unknown_number", "no such number"),
]  # fmt: skip


async def test_a_report_counts_events_by_the_rule_that_their_reason_names(store: Store) -> None:
    """B6: each reason has its own moment and value."""

    def some(tx: Tx) -> None:
        for place, (fate, reason) in enumerate(FATES):
            event = topup(f"t{place}", number=f"+8490000000{place}")
            triggers.add(tx, event=event, received_at=NOW)
            triggers.settle(tx, id=event.id, fate=fate, rule=reason, programme="topup")  # type: ignore[arg-type]

    await store.write(some)
    report = await store.read(lambda tx: reports.report(tx, programme="topup"))
    assert report["triggers"] == {"called": 1, "refused_by_rule": 3, "stale": 1, "unknown_number": 1}
    assert report["refused_by"] == {"O20": 1, "R7": 2, "hold_out": 1, "no such number": 1}


async def test_the_status_says_what_is_up_and_what_waits(store: Store) -> None:
    def some(tx: Tx) -> None:
        _day(tx)
        dialing(tx, "c9", "call-9", at=later(minutes=30))
        settings.pause(tx, programme="topup", by="Lan", now=NOW)
        settings.raise_alarm(tx, name="smsc1", text="cannot bind", now=NOW)

    await store.write(some)
    status = await store.read(lambda tx: reports.status(tx, now=later(minutes=15)))
    assert status["calls"] == {"dialing": 1, "up": 0}
    assert status["messages"] == {"due": 3, "later": 0, "oldest_due_at": "2026-11-23T09:00:00+07:00"}
    assert (status["registrations"]["due"], status["registrations"]["later"]) == (2, 1)
    assert [each["by"] for each in status["paused"]] == ["Lan"]
    assert [each["text"] for each in status["alarms"]] == ["cannot bind"]


async def test_what_a_programme_was_is_kept(store: Store) -> None:
    """For complaints: the exact file of a call's version."""
    keep = lambda tx: versions.keep(tx, programme="topup", version="v1", content="title: x", now=NOW)  # noqa: E731
    assert [await store.write(keep), await store.write(keep)] == [True, False]
    assert await store.read(lambda tx: versions.content(tx, version="v1")) == "title: x"
    assert await store.read(lambda tx: versions.content(tx, version="v2")) is None


async def test_of_two_messages_of_one_moment_the_one_that_is_waited_for_stands_first(store: Store) -> None:
    """O13, O16: SMS1 before SMS2, whatever their ids."""

    def write(tx: Tx) -> None:
        for n in range(8):
            messages.add(tx, message(f"thanks:{n}"), now=later(minutes=n))
            messages.add(tx, message(f"registered:{n}", after=f"thanks:{n}"), now=later(minutes=n))

    await store.write(write)
    kinds = [entry["kind"] for entry in await store.read(lambda tx: [*logs.sms(tx, number=AN)])]
    assert kinds == ["thanks", "registered"] * 8
