"""Does every text arrive exactly, from the right sender, in its time and in order?"""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.written import VIETNAM
from simulator.smsc import Faults
from tests.smsc.world import AN, BINH, TEN, World, gateway, known_subscribers, new, numbers, wire, world

GSM = "Cam on Quy khach da dang ky goi C90N {90.000d/thang} ~ 4GB"
VIETNAMESE = "Cảm ơn Quý khách đã đăng ký gói C90N, 4GB/ngày, giá 90.000đ."
LONG = "Quý khách được ưu đãi 4GB/ngày, gọi nội mạng miễn phí 10 phút. " * 6
EMOJI = "Chúc mừng " + "😀👍🏽" * 40


@pytest.mark.parametrize(("text", "parts"), [(GSM, 1), (VIETNAMESE, 1), (LONG.strip(), 6), (EMOJI, 4)])
async def test_a_text_arrives_exactly_and_its_receipts_are_in_the_log(
    running: World, text: str, parts: int
) -> None:
    """O16: the log of SMS; O11, O13: the texts."""
    await running.send(new("thanks:1", text))
    rows = await running.settled("thanks:1")
    [message] = running.smsc.records()
    assert (message.number, message.sender, message.text, message.parts) == (wire(AN), "8989", text, parts)
    row = rows["thanks:1"]
    assert (row["parts"], tuple(row["message_ids"])) == (parts, message.message_ids)
    assert row["accepted_at"]
    assert row["delivered_at"]


@pytest.mark.parametrize("segmentation", ["udh8", "udh16", "sar", "payload"])
async def test_each_way_of_cutting_arrives_whole(tmp_path: Path, segmentation: str) -> None:
    """Issue 4, 2: udh8, udh16, sar, payload."""
    async with world(tmp_path, segmentation=segmentation) as running:
        await running.send(new("thanks:1", LONG.strip()))
        if segmentation == "payload":  # the simulated SMSC keeps the payload as it came, outside its texts
            await running.settled("thanks:1")
            [submit] = running.submits()
            assert bytes.fromhex(submit["tlvs"]["0424"]).decode("utf-16-be") == LONG.strip()
        else:
            await running.settled("thanks:1")
            assert [each.text for each in running.smsc.records()] == [LONG.strip()]


@pytest.mark.parametrize(("sender", "ton_npi"), [("8989", [3, 0]), ("MOBIFONE.AI", [5, 0])])
async def test_short_codes_and_names_carry_their_type_of_number(
    running: World, sender: str, ton_npi: list[int]
) -> None:
    """DESIGN §5: short code TON 3 NPI 0, letters TON 5 NPI 0, destination TON 1 NPI 1."""
    await running.send(new("link:1", sender=sender))
    await running.settled("link:1")
    [submit] = running.submits()
    assert (submit["sender"], submit["source_ton_npi"], submit["destination_ton_npi"]) == (
        sender, ton_npi, [1, 1],
    )  # fmt: skip
    assert submit["registered_delivery"] == 1
    assert "0204" in submit["tlvs"]  # user_message_reference


def _span(validity: str) -> timedelta:
    assert (len(validity), validity[-4:]) == (16, "000R")
    days, hours, minutes, seconds = (int(validity[at : at + 2]) for at in (4, 6, 8, 10))
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


async def test_validity_is_relative_and_never_past_the_end_of_the_window(tmp_path: Path) -> None:
    """R8, O8: SMS validity ends at the window's end; transactional messages at most 3 days."""
    late = datetime(2026, 11, 23, 21, 59, 0, tzinfo=VIETNAM)
    end = datetime(2026, 11, 23, 22, 0, 0, tzinfo=VIETNAM)
    async with world(tmp_path, now=late) as running:
        await known_subscribers(running.store, tmp_path, AN, now=late)
        await running.send(
            new("offer:1", "[QC] C90N", class_="advertising", at=late, valid_until=end),
            new("thanks:1", number=BINH, at=late),
        )
        await running.settled("offer:1", "thanks:1")
        by_number = {submit["number"]: _span(submit["validity"]) for submit in running.submits()}
    assert timedelta(0) < by_number[wire(AN)] <= end - late
    assert timedelta(days=2, hours=23) < by_number[wire(BINH)] <= timedelta(days=3)


async def test_outside_the_window_advertising_waits_and_is_dropped_where_its_validity_ends(
    tmp_path: Path,
) -> None:
    """O8, R8: a message outside the window waits within its validity, or is dropped and logged."""
    night = datetime(2026, 11, 23, 22, 30, tzinfo=VIETNAM)
    async with world(tmp_path, now=night) as running:
        await known_subscribers(running.store, tmp_path, AN, BINH, now=night)
        morning = night + timedelta(hours=12)
        await running.send(
            new("offer:1", "[QC] A", class_="advertising", at=night, valid_until=night + timedelta(hours=2)),
            new("offer:2", "[QC] B", class_="advertising", at=night, valid_until=morning, number=BINH),
            new("thanks:1", number="+84901111111", at=night),
        )
        rows = await running.until(
            lambda rows: rows["offer:1"]["state"] == "dropped" and rows["thanks:1"]["state"] == "delivered"
        )
    assert rows["offer:1"]["reason"].startswith("R8")
    assert rows["offer:2"]["state"] == "due"
    assert [message.number for message in running.smsc.records()] == ["84901111111"]


async def test_the_second_message_never_leaves_before_the_first_is_settled(tmp_path: Path) -> None:
    """O13: SMS1, and after it SMS2."""
    async with world(tmp_path, faults=Faults(response_delay_s=0.2)) as running:
        who = numbers(8)
        await running.send(
            *(new(f"registered:{n}", f"SMS2 {n}", number=n, after=f"thanks:{n}") for n in who),
            *(new(f"thanks:{n}", f"SMS1 {n}", number=n) for n in who),
        )
        await running.settled(*(f"{kind}:{n}" for kind in ("thanks", "registered") for n in who))
        texts = [message.text for message in running.smsc.records()]
    assert sorted(texts) == sorted(f"SMS{place} {n}" for place in (1, 2) for n in who)
    assert all(texts.index(f"SMS1 {n}") < texts.index(f"SMS2 {n}") for n in who)


async def test_messages_to_one_number_arrive_in_the_order_in_which_they_were_written(
    tmp_path: Path,
) -> None:
    """Issue 4, 3: order per destination, also when one of them was refused for now."""
    faults = Faults(statuses=[0x58, 0, 0x14, 0, 0, 0x58])
    async with world(tmp_path, faults=faults) as running:
        keys = [f"thanks:{place}" for place in range(5)]
        await running.send(*(new(key, key) for key in keys))
        await running.settled(*keys)
        assert [message.text for message in running.smsc.records()] == keys


async def test_a_sender_without_a_grant_never_leaves(running: World) -> None:
    """R10: only a granted sender is used."""
    await running.send(new("thanks:1", sender="1234"), new("thanks:2", number=BINH))
    rows = await running.settled("thanks:2")
    assert (rows["thanks:1"]["state"], rows["thanks:1"]["reason"][:3]) == ("dropped", "R10")
    assert [each.number for each in running.smsc.records()] == [wire(BINH)]


async def test_a_pause_holds_advertising_only_and_its_end_lets_it_go(tmp_path: Path) -> None:
    """DESIGN §5: a pause holds advertising SMS."""
    async with world(tmp_path, start=False) as running:
        await known_subscribers(running.store, tmp_path, AN, BINH)
        await running.ask("pause", programme="topup", by="test")
        end = TEN + timedelta(hours=10)
        await running.send(
            new("offer:1", "[QC] A", class_="advertising", valid_until=end),
            new("thanks:1", number=BINH),
        )
        async with gateway(running.app):
            rows = await running.settled("thanks:1")
            assert rows["offer:1"]["state"] == "due"
            await running.ask("resume", programme="topup")
            await running.settled("offer:1")


async def test_a_refusal_withdraws_what_has_not_left(tmp_path: Path) -> None:
    """R6: a refusal holds at once; queued messages to that number are withdrawn, transactional ones are not."""
    async with world(tmp_path, per_second=2, window=50) as running:
        who = [*numbers(12), AN]
        await known_subscribers(running.store, tmp_path, *who)
        end = TEN + timedelta(hours=10)
        await running.send(
            *(new(f"offer:{n}", "[QC] A", number=n, class_="advertising", valid_until=end) for n in who),
            new("thanks:1", "cảm ơn"),
        )
        await running.smsc.wait_for(lambda found: len(found) >= 1)
        await running.ask("refuse", number=AN, undo=False, by="test")
        await running.settled("thanks:1")
        rows = await running.settled(*(f"offer:{n}" for n in who[:-1]))
    assert (rows[f"offer:{AN}"]["state"], rows[f"offer:{AN}"]["reason"][:2]) == ("dropped", "R6")
    assert [each.text for each in running.smsc.records() if each.number == wire(AN)] == ["cảm ơn"]


async def test_the_house_sends_three_advertising_messages_in_a_day_and_no_fourth(running: World) -> None:
    """R7: at most 3 advertising SMS in any rolling 24 h."""
    await known_subscribers(running.store, Path(running.store.lists.parent), AN)
    end = TEN + timedelta(hours=6)
    keys = [f"offer:{place}" for place in range(4)]
    await running.send(*(new(key, f"[QC] {key}", class_="advertising", valid_until=end) for key in keys))
    rows = await running.until(lambda rows: rows["offer:3"]["state"] in ("dropped", "delivered"))
    assert (rows["offer:3"]["state"], rows["offer:3"]["reason"][:2]) == ("dropped", "R7")
    assert len(running.smsc.records()) == 3
