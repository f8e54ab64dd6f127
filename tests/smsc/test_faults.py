"""What does a misbehaving SMSC cost? Never a message twice, never one lost unmarked; what is unknown is proved or said."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

import smpp.gateway
from runtime.worker import enlist
from simulator.smsc import Faults, Smsc
from store import messages
from store.database import Tx, open_store
from tests.smsc.world import (
    AN,
    BINH,
    TEN,
    World,
    app_in,
    bind,
    config,
    gateway,
    new,
    numbers,
    wire,
    world,
)


def once_each(running: World) -> None:
    """The SMSC's record holds no text to one number twice."""
    sent = [(message.number, message.text) for message in running.smsc.records()]
    assert len(sent) == len(set(sent))


async def many(running: World, count: int, policy: str = "once") -> list[str]:
    who = numbers(count)
    await running.send(*(new(f"thanks:{n}", f"x {n}", number=n, policy=policy) for n in who))
    return [f"thanks:{n}" for n in who]


@pytest.mark.parametrize("receipts", ["normal", "double"])
async def test_lost_responses_are_proved_by_receipts(tmp_path: Path, receipts: str) -> None:
    """Issue 4, 3: an unknown is proved by its receipt, whichever came first, the deadline or the receipt."""
    faults = Faults(lose_responses=10, receipts=receipts)  # type: ignore[arg-type]
    async with world(tmp_path, faults=faults, response_s=0.5) as running:
        keys = await many(running, 30)
        await running.settled(*keys)
        once_each(running)
        assert len(running.smsc.records()) == 30


async def test_a_lost_response_in_the_middle_of_a_long_message_is_proved(tmp_path: Path) -> None:
    """As many receipts without an id of ours as unknown parts prove them all."""
    async with world(tmp_path, faults=Faults(lose_responses=2), response_s=0.5) as running:
        await running.send(new("thanks:1", "đài " * 60))
        rows = await running.settled("thanks:1")
        assert rows["thanks:1"]["parts"] == 4
        assert len(running.submits()) == 4


async def test_without_receipts_what_was_not_answered_stays_unknown_and_is_not_repeated(
    tmp_path: Path,
) -> None:
    """Idea 6: an SMS whose fate is unknown is never repeated by itself."""
    faults = Faults(lose_responses=5, receipts="none")
    async with world(tmp_path, faults=faults, response_s=0.3, receipt_hold_s=0.4) as running:
        keys = await many(running, 12)
        rows = await running.until(
            lambda rows: all(rows[k]["state"] in ("accepted", "unknown") for k in keys)
        )
        await running.send(new("thanks:last", number=BINH))  # housekeeping has run meanwhile
        await running.settled("thanks:last", state="accepted")
        once_each(running)
        assert len(running.smsc.records()) == 13
        unknown = [key for key in keys if rows[key]["state"] == "unknown"]
        assert len(unknown) == 5
        assert all(rows[key]["reason"].startswith("no answer") for key in unknown)


async def test_at_least_once_goes_again_after_the_hold_time_at_most_three_times(tmp_path: Path) -> None:
    """Issue 4, 3: `at_least_once` is sent again, marked, at most N times."""
    faults = Faults(lose_responses=50, receipts="none")
    async with world(tmp_path, faults=faults, response_s=0.2, receipt_hold_s=0.3) as running:
        await running.send(new("thanks:1", policy="at_least_once"), new("missed:1", number=BINH))
        await running.smsc.wait_for(lambda found: sum(m.number == wire(AN) for m in found) == 3)
        rows = await running.settled("thanks:1", "missed:1", state="unknown")
        assert rows["thanks:1"]["reason"].startswith("no answer")
        assert len(running.submits(number=wire(BINH))) == 1
        assert len(running.submits(number=wire(AN))) == 3


async def test_a_gateway_that_fails_records_what_the_smsc_said_and_gives_the_rest_back(
    tmp_path: Path,
) -> None:
    """Idea 6: only what is really not known is unknown at the next start."""
    faults = Faults(response_delay_s=0.5, receipts="none")
    async with world(tmp_path, faults=faults, window=2, receipt_hold_s=0.4, start=False) as running:
        keys = await many(running, 6)
        await enlist(running.app, alone=True)
        working = asyncio.create_task(smpp.gateway.run(running.app, asyncio.Event()))
        await running.smsc.wait_for(lambda found: len(found) == 2)
        broken = text("ALTER TABLE received_parts RENAME TO elsewhere")  # its next look at them fails
        await running.store.write(lambda tx: tx.execute(broken) and None)
        async with asyncio.timeout(60):
            with pytest.raises(ExceptionGroup):
                await working
        rows = await running.log()
        submitted = {message.number for message in running.smsc.records()}
        for key in keys:
            assert rows[key]["state"] == ("accepted" if rows[key]["number"][1:] in submitted else "due")


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("at", [1, 7, 20])
async def test_a_dropped_connection_repeats_nothing(tmp_path: Path, at: int, accepted: bool) -> None:
    """Issue 4, 7: connection dropped after N with the Nth accepted or not."""
    faults = Faults(drop_after=at, drop_accepted=accepted)
    async with world(tmp_path, faults=faults) as running:
        keys = await many(running, 30)
        settled = ("delivered", "unknown")
        rows = await running.until(lambda rows: all(rows[key]["state"] in settled for key in keys))
        once_each(running)
        states = [rows[key]["state"] for key in keys]
        arrived = {message.number for message in running.smsc.records()}
        for key in keys:
            if wire(key.partition(":")[2]) not in arrived:
                assert rows[key]["state"] == "unknown"
        assert states.count("unknown") <= 20  # the window
        if accepted:
            dropped = [submit for submit in running.submits() if submit["response"] == "dropped"]
            assert rows[f"thanks:+{dropped[0]['number']}"]["state"] == "delivered"


async def test_throttling_slows_down_and_loses_nothing(tmp_path: Path) -> None:
    """Issue 4, 4: THROTTLED and MSGQFUL slow down and recover."""
    faults = Faults(statuses=[0x58, 0x58, 0, 0x14, 0x58])
    async with world(tmp_path, faults=faults, per_second=500) as running:
        keys = await many(running, 40)
        await running.until(lambda rows: running.says()["per_second"] < 500)
        await running.settled(*keys)
        once_each(running)


@pytest.mark.parametrize(("status", "verdict"), [(0x0B, "failed"), (0x45, "failed"), (0x403, "failed")])
async def test_a_permanent_refusal_is_in_the_log(tmp_path: Path, status: int, verdict: str) -> None:
    """Statuses are classed in one table; vendor codes are permanent unless listed."""
    async with world(tmp_path, faults=Faults(status_of={wire(AN): status})) as running:
        await running.send(new("thanks:1"), new("thanks:2", number=BINH))
        rows = await running.settled("thanks:2")
        rows = await running.settled("thanks:1", state=verdict)
        assert f"{status:#010x}" in rows["thanks:1"]["reason"]
        assert len(running.submits(number=wire(AN))) == 1


async def test_a_vendor_status_means_what_the_configuration_says(tmp_path: Path) -> None:
    """Issue 4, 7: vendor status."""
    faults = Faults(statuses=[0x403])
    async with world(tmp_path, faults=faults, statuses={"0x0403": "throttled"}) as running:
        await running.send(new("thanks:1"))
        await running.settled("thanks:1")
        assert [submit["status"] for submit in running.submits()] == [0x403, 0]


async def test_a_failed_delivery_is_in_the_log(tmp_path: Path) -> None:
    """O16: delivery receipts into the log."""
    async with world(tmp_path, faults=Faults(receipt_stat={wire(AN): "UNDELIV"})) as running:
        await running.send(new("thanks:1"))
        await running.settled("thanks:1", state="failed")


@pytest.mark.parametrize("form", ["hex", "padded"])
@pytest.mark.parametrize("first", [True, False])
async def test_receipts_are_matched_in_other_shapes_of_their_ids(
    tmp_path: Path, form: str, first: bool
) -> None:
    """Issue 4, 7: receipts early, doubled, with hex and decimal ids."""
    faults = Faults(receipts="double", receipt_first=first, receipt_id_form=form, receipt_tlvs=False)  # type: ignore[arg-type]
    faults.receipt_delay_s = 0.0 if first else 0.02
    async with world(tmp_path, faults=faults) as running:
        keys = await many(running, 20)
        await running.settled(*keys)


async def test_a_wrong_password_is_an_alarm_that_says_what_to_look_at(tmp_path: Path) -> None:
    """Issue 4, 1: wrong password retried slowly with an alarm; the password is never shown."""
    async with world(tmp_path, password="wrong1") as running:
        said = await running.alarms(lambda said: "smsc:smsc1" in said)
        assert "RINVPASWD" in said["smsc:smsc1"]
        assert "password of config.yaml" in said["smsc:smsc1"]
        assert "wrong1" not in repr(said) + repr(running.says())
        await running.send(new("thanks:1"))
        rows = await running.log()
        assert rows["thanks:1"]["state"] == "due"
        assert "next try in 300 s" in running.says()["why"]


async def test_an_smsc_that_is_away_is_an_alarm_until_it_is_back(tmp_path: Path) -> None:
    """Issue 2, bad input: SMSC away; nothing is lost, the rest goes on."""
    away = Smsc(record=tmp_path / "smsc.jsonl")
    await away.start()
    port = away.port
    await away.stop()
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        app = app_in(store, config(bind(away)), tmp_path)
        running = World(app, away)
        async with gateway(app):
            await running.send(new("thanks:1"))
            said = await running.alarms(lambda said: "smsc:smsc1" in said)
            assert f"127.0.0.1:{port}" in said["smsc:smsc1"]
            async with Smsc(record=tmp_path / "back.jsonl", port=port):
                await running.settled("thanks:1")
                await running.alarms(lambda said: not said)


async def test_a_frozen_smsc_is_noticed_and_what_was_written_is_unknown(tmp_path: Path) -> None:
    """Issue 4, 7: frozen peer. What was marked and not written is not lost."""
    async with world(tmp_path, response_s=0.5, enquire_link_s=0.3, window=5) as running:
        await running.settled(*(await many(running, 3)))
        running.smsc.freeze()
        keys = [f"missed:{place}" for place in range(12)]
        who = numbers(12, 907_000_000)
        await running.send(*(new(key, key, number=n) for key, n in zip(keys, who, strict=True)))
        await running.until(lambda rows: sum(rows[key]["state"] == "unknown" for key in keys) >= 5)
        running.smsc.thaw()
        running.smsc.drop_connections()
        settled = ("delivered", "unknown")
        await running.until(lambda rows: all(rows[key]["state"] in settled for key in keys))
        once_each(running)


async def test_stopping_in_the_middle_takes_every_answer_that_comes(tmp_path: Path) -> None:
    """Issue 2, 11: `mai stop`: what is being sent is finished."""
    async with world(tmp_path, faults=Faults(response_delay_s=0.3), start=False, window=10) as running:
        async with gateway(running.app):
            keys = await many(running, 60)
            await running.smsc.wait_until(
                lambda lines: sum(line["event"] == "submit" for line in lines) >= 15
            )
        rows = await running.log()
        states = {rows[key]["state"] for key in keys}
        assert states <= {"accepted", "delivered", "due"}
        assert "due" in states
        async with gateway(running.app):
            await running.settled(*keys)
        once_each(running)
        assert any(line["event"] == "unbind" for line in running.smsc.record.lines)


async def test_an_answer_after_its_deadline_still_counts(tmp_path: Path) -> None:
    """Issue 4, 7: responses late."""
    faults = Faults(response_delay_s=0.6, receipts="none")
    async with world(tmp_path, faults=faults, response_s=0.2) as running:
        await running.send(new("thanks:1"))
        await running.settled("thanks:1", state="unknown")
        rows = await running.settled("thanks:1", state="accepted")
        assert len(rows["thanks:1"]["message_ids"]) == 1


async def test_messages_go_over_the_bind_that_says_most_of_them(tmp_path: Path) -> None:
    """Issue 4, 1: several binds to several SMSCs feeding from one outbox, by sender and programme."""
    async with (
        Smsc(record=tmp_path / "a.jsonl") as any_, Smsc(record=tmp_path / "b.jsonl") as brand,
        Smsc(record=tmp_path / "c.jsonl") as other, open_store("sqlite:///mai.db", tmp_path) as store,
    ):  # fmt: skip
        binds = (
            bind(any_, name="any"),
            bind(brand, name="brand", senders=["MOBIFONE.AI"]),
            bind(other, name="other", programmes=["other"]),
        )
        running = World(app_in(store, config(*binds), tmp_path), any_)
        async with gateway(running.app):
            await running.send(
                new("link:1", sender="MOBIFONE.AI", number=AN),
                new("thanks:1", number=BINH),
                new("link:2", sender="MOBIFONE.AI", programme="other", number="+84903333333"),
            )
            await running.settled("link:1", "thanks:1", "link:2")
        assert [m.number for m in brand.records()] == [wire(AN)]
        assert [m.number for m in any_.records()] == [wire(BINH)]
        assert [m.number for m in other.records()] == ["84903333333"]


async def test_a_sender_that_no_bind_takes_is_an_alarm(tmp_path: Path) -> None:
    """A message that would wait for ever is said at once."""
    async with world(tmp_path, senders=["MOBIFONE.AI"]) as running:
        said = await running.alarms(lambda said: "smsc:routes" in said)
        assert "8989" in said["smsc:routes"]


async def test_a_receiver_takes_the_receipts_of_a_transmitter(tmp_path: Path) -> None:
    """Issue 4, 1: transmitter and receiver as two binds; unknowns are proved over the other bind."""
    async with (
        Smsc(record=tmp_path / "a.jsonl", faults=Faults(lose_responses=1)) as smsc,
        open_store("sqlite:///mai.db", tmp_path) as store,
    ):
        binds = (
            bind(smsc, name="out", bind="transmitter", response_s=0.4),
            bind(smsc, name="in", bind="receiver"),
        )
        running = World(app_in(store, config(*binds), tmp_path), smsc)
        async with gateway(running.app):
            await running.send(new("thanks:1"), new("thanks:2", number=BINH))
            await running.settled("thanks:1", "thanks:2")


async def test_references_are_counted_for_each_pair_and_outlive_a_restart(tmp_path: Path) -> None:
    """Issue 4, 2: the reference is counted per (source, destination) and persisted."""
    async with world(tmp_path, start=False) as running:
        for place in range(3):
            async with gateway(running.app):
                await running.send(
                    new(f"thanks:{place}", "đài " * 30), new(f"missed:{place}", "đài " * 30, number=BINH)
                )
                await running.settled(f"thanks:{place}", f"missed:{place}")
        for number in (AN, BINH):
            parts = [submit["part"] for submit in running.submits(number=wire(number))]
            assert [part[1] for part in parts if part[2] == 1] == [0, 1, 2]


async def test_what_the_store_was_sending_when_it_was_killed_is_unknown(tmp_path: Path) -> None:
    """DESIGN §3: after a crash every `sending` is unknown, and not sent again."""
    async with world(tmp_path, start=False) as running:
        await running.send(new("thanks:1"), new("thanks:2", number=BINH))

        def mark(tx: Tx) -> None:
            for key in ("thanks:1", "thanks:2"):
                messages.mark_sending(tx, id=messages.id_of(key), parts=1, bind="smsc1", at=TEN)

        await running.store.write(mark)
        async with gateway(running.app):
            await running.settled("thanks:1", "thanks:2", state="unknown")
        assert running.submits() == []
