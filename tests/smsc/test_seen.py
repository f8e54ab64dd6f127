"""What does a person see of the gateway: binds, outbox, unknowns, a test SMS?"""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sending import outbox_fullness
from core.written import VIETNAM
from runtime import sms
from runtime.control import CommandFailed
from simulator.smsc import Faults
from store import journal, outbox
from store import numbers as numbers_
from tests.smsc.world import AN, BINH, TEN, World, new, numbers, wire, world

END = datetime(2026, 11, 23, 22, tzinfo=VIETNAM)


async def test_a_test_sms_arrives_and_its_fate_is_told(running: World) -> None:
    """Issue 4, 6: `mai sms NUMBER TEXT` sends a test."""
    asked = await sms.send_test(running.app, number="0901234567", text="Xin chào")
    await running.until(lambda rows: rows[asked["id"]]["state"] == "delivered")
    [message] = running.smsc.records()
    assert (message.number, message.sender, message.text) == (wire(AN), "8989", "Xin chào")
    fate = await sms.fate_of_test(running.app, id=asked["id"], number=asked["number"])
    assert (fate["state"], fate["kind"]) == ("delivered", "test")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"number": "12", "text": "a"}, "number: "),
        ({"number": AN, "text": " "}, "text: is empty"),
        ({"number": AN, "text": "a", "sender": "4444"}, "sender: "),
    ],
)
async def test_a_test_sms_that_cannot_be_sent_is_said(
    running: World, fields: dict[str, str], why: str
) -> None:
    """R10; bad input gives a clear message."""
    with pytest.raises(CommandFailed, match=why):
        await sms.send_test(running.app, **fields)
    assert running.submits() == []


async def test_advertising_by_hand_to_who_refused_needs_a_reason_that_is_kept(running: World) -> None:
    """R6: whoever types it; without such words the SMS goes, for it is no advertising."""
    await running.store.write(lambda tx: numbers_.refuse(tx, number=AN, at=TEN, via="cli", ref="r"))
    for text in ("ƯU ĐÃI hôm nay", "Uu  dai hom nay"):
        with pytest.raises(CommandFailed, match=r"R6: this number refused advertising .*--anyway"):
            await sms.send_test(running.app, number=AN, text=text)
    assert running.submits() == []
    await sms.send_test(running.app, number=AN, text="Xin chào")
    sent = await sms.send_test(running.app, number=AN, text="Ưu đãi", anyway="own phone", by="an")
    await running.until(lambda rows: rows[sent["id"]]["state"] == "delivered")
    kept = await running.store.read(lambda tx: journal.of_number(tx, number=AN))
    assert [(entry.by, entry.reason) for entry in kept if entry.did == "sent_anyway"] == [("an", "own phone")]


async def test_a_test_sms_that_has_to_wait_says_why(tmp_path: Path) -> None:
    """Issue 4, 6: a bind that is down, or none that takes the sender."""
    async with world(tmp_path, senders=["9090"]) as running:
        await running.until(lambda _: running.says()["bound"])
        sent = await sms.send_test(running.app, number=AN, text="Xin chào")
        assert sent["waits"].startswith("no bind takes messages from 8989 of the house")
        found = await sms.smsc(running.app)
        assert found["untaken"] == [{"sender": "8989", "programme": None, "messages": 1}]
        assert (await sms.send_test(running.app, number=AN, text="Xin chào", sender="9090"))["waits"] is None
        running.app.says["sms"] = lambda: {"smsc1": {"bound": False, "why": "refused"}}
        sent = await sms.send_test(running.app, number=AN, text="Xin chào", sender="9090")
        assert sent["waits"] == "bind smsc1 is down: refused"


async def test_binds_outbox_and_unknowns_are_shown(tmp_path: Path) -> None:
    """Issue 4, 6: `mai smsc` shows binds, window, rate, outbox by state and age, unknowns."""
    faults = Faults(lose_responses=1, receipts="none")
    async with world(tmp_path, faults=faults, response_s=0.2) as running:
        await running.send(new("thanks:1"))
        await running.settled("thanks:1", state="unknown")
        later = TEN + timedelta(hours=1)
        await running.send(new("offer:1", number=BINH, at=later))
        found = await sms.smsc(running.app)
        assert found["binds"] == [
            {
                "name": "smsc1",
                "bound": True,
                "why": "",
                "window": "0/20",
                "marked": 0,
                "per_second": 5000,
                "throttled": 0,
            }
        ]
        assert [(row["state"], row["bind"], row["messages"]) for row in found["outbox"]] == [
            ("due", "", 1), ("unknown", "smsc1", 1),
        ]  # fmt: skip
        [unknown] = found["unknown"]
        assert (unknown["number"], unknown["reason"][:9]) == (AN, "no answer")
        assert (found["parts_waiting"], found["fullness"]) == (0, 0)


async def test_throttling_is_said_once_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Issue 4, 6: one line for a spell of it, however many answers say so."""
    async with world(tmp_path, faults=Faults(statuses=[0x58, 0x58, 0x58]), per_second=500) as running:
        await running.send(new("thanks:1"))
        await running.settled("thanks:1")
        found = await sms.smsc(running.app)
        assert found["binds"][0]["throttled"] == 3
    said = capsys.readouterr()
    assert (said.out + said.err).count("the SMSC throttles") == 1


async def test_every_bind_is_measured(tmp_path: Path) -> None:
    """Issue 4, 6: metrics: bound, window, rate, in flight, answers, throttling, receipts, SMS from subscribers."""
    faults = Faults(statuses=[0x58], status_of={wire(BINH): 0x0B})
    async with world(tmp_path, faults=faults, per_second=500) as running:
        await running.send(new("thanks:1", "đ" * 100), new("thanks:2", number=BINH))
        await running.settled("thanks:1")
        await running.settled("thanks:2", state="failed")
        await running.smsc.send_mo(wire(AN), "8989", "xin chao")
        measured = {
            (each.name, each.labels.get("answer", "")): each.value
            for each in running.app.measures["sms"]()
            if each.labels["bind"] == "smsc1"
        }
        rate = measured.pop(("mai_smsc_parts_per_second", ""))
        assert 25 <= rate < 500
        assert measured == {
            ("mai_smsc_bound", ""): 1, ("mai_smsc_window", ""): 20, ("mai_smsc_in_flight", ""): 0,
            ("mai_smsc_marked", ""): 0, ("mai_smsc_submitted_total", ""): 4, ("mai_smsc_throttled_total", ""): 1,
            ("mai_smsc_receipts_total", ""): 2, ("mai_smsc_messages_total", ""): 1,
            ("mai_smsc_binds_lost_total", ""): 0, ("mai_smsc_answers_total", "accepted"): 2,
            ("mai_smsc_answers_total", "failed"): 1, ("mai_smsc_answers_total", "postponed"): 1,
            ("mai_smsc_answers_total", "unknown"): 0,
        }  # fmt: skip


async def test_the_backlog_counts_what_is_due_now_in_parts(tmp_path: Path) -> None:
    """Issue 4, 4: the dialer is told how full the outbox is."""
    async with world(tmp_path, start=False) as running:
        who = numbers(3)
        await running.send(*(new(f"thanks:{n}", "đ" * 100, number=n) for n in who))
        await running.send(new("thanks:late", at=TEN + timedelta(hours=1)))
        found = await running.store.read(lambda tx: outbox.backlog(tx, now=running.app.now()))
        assert (found.messages, found.parts, found.oldest_due_at) == (3, 6, TEN)


@given(
    st.integers(0, 10**7), st.floats(0.1, 10_000), st.integers(-60, 900), st.integers(1, 1000)
)  # fmt: skip
def test_a_fuller_outbox_or_an_earlier_end_never_looks_emptier(
    parts: int, per_second: float, minutes: int, more: int
) -> None:
    """DESIGN §4: no SMS backlog may cross 22:00."""
    now = END - timedelta(minutes=minutes)
    full = outbox_fullness(parts, per_second, now, END)
    assert outbox_fullness(parts + more, per_second, now, END) >= full
    assert outbox_fullness(parts, per_second, now, END - timedelta(minutes=more)) >= full
    if parts and minutes > 0 and parts / per_second > minutes * 60:
        assert full >= 1
