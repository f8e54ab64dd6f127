"""What do subscribers tell us by SMS? Stored before it is acknowledged, understood once, however it comes."""

import itertools
import unicodedata
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.app import App
from simulator.smpp_codec import Sm
from simulator.smsc import Delivery
from smpp import segments
from smpp.incoming import join_incomplete, take_incoming
from smpp.pdu import DeliverSm
from smpp.segments import Method
from store import logs, received
from store.database import Store, open_store
from tests.core.sample import CATALOGUE
from tests.smsc.world import AN, TEN, World, app_in, config, gateway, known_subscribers, new, wire, world

REFUSALS = ["TC", "tc", "Từ chối", "TU CHOI", "HUY QC", "hủy qc.", "Tu choi QC cam on", "STOP"]


@pytest.mark.parametrize("text", REFUSALS)
async def test_a_refusal_by_sms_holds_and_is_confirmed_once(running: World, text: str) -> None:
    """R6: refusal words in any case, with or without marks; confirmed at once, one time."""
    for _ in range(2):
        assert await running.smsc.send_mo(wire(AN), "8989", text) == 0
    await running.smsc.wait_for(lambda found: len(found) == 1)
    await running.send(new("thanks:1", "cảm ơn"))
    rows = await running.settled("thanks:1")
    kinds = [row["kind"] for row in rows.values()]
    assert sorted(kinds) == ["refusal_confirmed", "thanks"]
    [confirmed] = [each for each in running.smsc.records() if each.text != "cảm ơn"]
    assert (confirmed.number, confirmed.sender) == (wire(AN), "8989")
    assert "[QC]" not in confirmed.text


async def test_a_refusal_withdraws_queued_advertising_of_every_programme(tmp_path: Path) -> None:
    """R6: queued messages to that number are withdrawn, for every programme."""
    async with world(tmp_path) as running:
        await known_subscribers(running.store, tmp_path, AN)
        later = TEN + timedelta(hours=1)
        await running.send(
            *(
                new(f"offer:{name}", "[QC] A", class_="advertising", programme=name, at=later)
                for name in ("topup", "other")
            )
        )
        await running.smsc.send_mo(wire(AN), "8989", "TC")
        rows = await running.log()
        assert {rows[f"offer:{name}"]["reason"][:2] for name in ("topup", "other")} == {"R6"}


async def test_a_message_that_is_stored_is_acknowledged_and_not_before(tmp_path: Path) -> None:
    """Idea 6: a refusal is stored before it is acknowledged; else it must come again."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        app = app_in(store, config(), tmp_path)
        pdu = DeliverSm(wire(AN), "8989", b"hello", 1, 1)
        assert await take_incoming(app, "b", pdu) == 0
        [stored] = await store.read(lambda tx: received.new(tx, limit=5))
        assert (stored.number, stored.to, stored.text) == (AN, "8989", "hello")
    with pytest.raises(Exception, match="closed"):
        await take_incoming(app, "b", pdu)


async def test_help_is_answered_once_a_day(running: World) -> None:
    """Issue 4, 5: help keyword."""
    for text in ("TG", "Trợ giúp", "HELP"):
        await running.smsc.send_mo(wire(AN), "8989", text)
    await running.smsc.wait_for(lambda found: len(found) == 1)
    rows = await running.log()
    assert [row["kind"] for row in rows.values()] == ["help"]


async def test_everything_else_is_stored_as_it_came(running: World) -> None:
    """Issue 4, 5: everything else is stored and shown."""
    text = "Cho tôi hỏi về gói C90N, dùng được ở đâu? " * 5
    await running.smsc.send_mo(wire(AN), "8989", text)
    [stored] = await running.store.read(lambda tx: received.new(tx, limit=5))
    assert (stored.number, stored.to, stored.text, stored.bind) == (AN, "8989", text, "smsc1")
    assert running.smsc.records() == []


async def test_a_redelivered_message_is_recognised_and_a_later_one_is_new(tmp_path: Path) -> None:
    """notes-smpp: a redelivered message has a new sequence number: de-duplicate by hash within a time."""
    async with world(tmp_path) as running:
        sm = Sm(wire(AN), "8989", b"xin chao", source_ton=1, source_npi=1)
        for _ in range(3):
            running.smsc.offer(Delivery(sm, {"what": "mo", "number": wire(AN)}))
        await running.smsc.wait_until(lambda lines: sum(li["event"] == "acknowledged" for li in lines) == 3)
        assert len(await running.store.read(lambda tx: received.new(tx, limit=5))) == 1


def _parts(text: str, method: Method, reference: int = 7) -> list[DeliverSm]:
    return [
        DeliverSm(
            wire(AN), "8989", s.short_message, 1, 1, esm_class=s.esm_class, data_coding=s.data_coding, tlvs=s.tlvs
        )
        for s in segments.split(text, reference=reference, method=method)
    ]  # fmt: skip


async def _texts(running: Any) -> list[str]:
    return [each.text for each in await running.store.read(lambda tx: received.new(tx, limit=100))]


LONG = "Tôi muốn hỏi: gói cước C90N dùng thế nào, giá bao nhiêu? " * 3


@pytest.mark.parametrize("method", list(Method))
async def test_long_messages_are_joined_in_any_order_with_repeats(tmp_path: Path, method: Method) -> None:
    """Issue 4, 7: long MO in every method, in any order."""
    pdus = _parts(LONG, method)
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        app = app_in(store, config(), tmp_path)
        for place, order in enumerate(itertools.permutations(pdus)):
            await store.write(lambda tx: tx.connection.exec_driver_sql("DELETE FROM received_parts") and None)
            await store.write(lambda tx: tx.connection.exec_driver_sql("DELETE FROM received") and None)
            for pdu in (*order[:1], *order, *order[-1:]):
                assert await take_incoming(app, "b", pdu) == 0
            assert await _texts(app) == [LONG], place


async def test_a_refusal_in_parts_is_a_refusal(running: World) -> None:
    """R6, issue 4, 5: long and split messages."""
    await running.smsc.send_mo(wire(AN), "8989", "Từ chối nhận tin quảng cáo của các chương trình. " * 4)
    await running.smsc.wait_for(lambda found: len(found) == 1)
    rows = await running.log()
    assert [row["kind"] for row in rows.values()] == ["refusal_confirmed"]


async def test_two_senders_and_two_references_are_kept_apart(tmp_path: Path) -> None:
    """Parts are keyed by source, destination, method, reference, total."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        app = app_in(store, config(), tmp_path)
        one, two = _parts("A" * 200, Method.UDH8, 1), _parts("B" * 200, Method.UDH8, 2)
        three = _parts("C" * 200, Method.UDH16, 1)
        for pdu in (one[0], two[1], three[0], three[1], two[0], one[1]):
            await take_incoming(app, "b", pdu)
        assert sorted(await _texts(app)) == ["A" * 200, "B" * 200, "C" * 200]


async def test_a_reference_used_again_for_another_text_is_a_new_message(tmp_path: Path) -> None:
    """An 8-bit reference comes round again: old parts are not mixed with new ones."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        app = app_in(store, config(), tmp_path)
        old, fresh = _parts("A" * 200, Method.UDH8), _parts("B" * 200, Method.UDH8)
        for pdu in (old[0], fresh[0], fresh[1]):
            await take_incoming(app, "b", pdu)
        assert await _texts(app) == ["B" * 200]
        for pdu in _parts("D" * 200, Method.UDH8):
            await take_incoming(app, "b", pdu)
        assert sorted(await _texts(app)) == ["B" * 200, "D" * 200]


async def test_what_came_of_a_message_whose_parts_stop_is_read_after_a_while(tmp_path: Path) -> None:
    """Stored, with expiry: a refusal in the parts that came holds."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        app = app_in(store, config(), tmp_path)
        first = _parts("TU CHOI " + "a" * 300, Method.SAR)[0]
        await take_incoming(app, "b", first)
        assert await store.write(partial(join_incomplete, app=app, now=app.now())) == 0
        later = app.now() + timedelta(minutes=6)
        assert await store.write(partial(join_incomplete, app=app, now=later)) == 1
        rows = [row async for row in _kinds(World(app, None))]  # type: ignore[arg-type]
        assert rows == ["refusal_confirmed"]


def _with_packages(store: Store, folder: Path) -> App:
    app = app_in(store, config(registration={"url": "http://127.0.0.1:1"}), folder)
    app.installation = replace(app.installation, catalogue=CATALOGUE)
    return app


async def test_half_an_order_orders_nothing(tmp_path: Path) -> None:
    """What is not complete may say the contrary in its other half: nobody pays for it."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        app = _with_packages(store, tmp_path)
        whole, half = (
            DeliverSm("84901234567", "8989", b"DK C90N"),
            _parts("DK C90N" + " " * 200, Method.SAR)[0],
        )
        await take_incoming(app, "b", half)
        await store.write(partial(join_incomplete, app=app, now=app.now() + timedelta(minutes=6)))
        assert await store.read(lambda tx: [row["understood"] for row in logs.received(tx)]) == [None]
        await take_incoming(app, "b", whole)
        assert await store.read(lambda tx: [row["package"] for row in logs.registrations(tx)]) == ["C90N"]


@pytest.mark.parametrize(
    ("text", "understood"),
    [("TC", "refusal"), ("TG", "help"), ("DK C90N", "order"), ("DK XYZ", "not_on_sale"), ("xin chao", None)],
)
async def test_the_log_says_what_each_sms_was_understood_as(
    tmp_path: Path, text: str, understood: str | None
) -> None:
    """O16: who answers a complaint sees what was made of a message."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        app = _with_packages(store, tmp_path)
        await take_incoming(app, "b", DeliverSm("84901234567", "8989", text.encode()))
        [row] = await store.read(lambda tx: [*logs.received(tx)])
        assert (row["understood"], row["state"]) == (understood, "done" if understood else "new")


async def _kinds(world: World) -> Any:
    for row in (await world.log()).values():
        yield row["kind"]


async def test_numbers_without_their_zero_are_recognised(tmp_path: Path) -> None:
    """Some SMSCs write the source as a national number."""
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        app = app_in(store, config(), tmp_path)
        for source in ("901234567", "0901234567", "+84901234567"):
            await take_incoming(app, "b", DeliverSm(source, "8989", source.encode()))
        found = await store.read(lambda tx: received.new(tx, limit=5))
        assert {each.number for each in found} == {AN}


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), max_size=400), data=st.data())
def test_any_text_in_parts_is_joined_whatever_the_order(text: str, data: st.DataObject) -> None:
    """Issue 4: segments joined = text for any Unicode text."""
    method = data.draw(st.sampled_from(list(Method)))
    pdus = data.draw(st.permutations(_parts(text, method)))
    parts = [segments.part_of(pdu) for pdu in pdus]
    assert segments.join(parts) == unicodedata.normalize("NFC", text)


async def test_what_waited_at_the_smsc_while_we_were_away_comes_with_the_next_bind(tmp_path: Path) -> None:
    """Issue 4: 0 receipts or MO lost."""
    async with world(tmp_path, start=False) as running:
        sm = Sm(wire(AN), "8989", b"TC", source_ton=1, source_npi=1)
        running.smsc.offer(Delivery(sm, {"what": "mo", "number": wire(AN)}))
        async with gateway(running.app):
            await running.smsc.wait_for(lambda found: len(found) == 1)
