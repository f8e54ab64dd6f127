# ruff: noqa: E501 - one case a line, with the exact sentence
"""Does every message of the bus become one event, whatever brokers and groups do? Against librdkafka's broker."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ari_app.sources import kafka
from ari_app.sources.standing import Trouble
from core.sources import KafkaSource
from simulator.kafka import (
    COORDINATOR_LOADING,
    FETCH,
    HEARTBEAT,
    ILLEGAL_GENERATION,
    NOT_LEADER,
    OFFSET_COMMIT,
    REBALANCE,
    Kafka,
)
from tests.ari_app.sources.office import FullStore, office, office_on, running
from tests.small_app import small_app

TOPIC = "topups"
#: 23/11/2026 09:00 is in the future of most hosts; this is not.
AT_MS = 1_790_000_000_000
AT = "2026-09-21T21:13:20+07:00"


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Kafka]:
    with Kafka(tmp_path / "bus.jsonl") as broker:
        broker.create(TOPIC, 2)
        yield broker


def source(bus: Kafka, **more: Any) -> dict[str, Any]:
    return {
        "name": "bus",
        "kind": "kafka",
        "servers": [bus.address],
        "topic": TOPIC,
        "time": "milliseconds",
        "fields": {"id": "event.id", "at": "event.at", "number": "msisdn", "amount": "money.dong"},
    } | more


def message(place: int, **more: Any) -> bytes:
    found = {
        "event": {"id": f"t{place}", "at": AT_MS},
        "msisdn": f"849{place:08}",
        "money": {"dong": "50.000"},
    }
    return json.dumps(found | more).encode()


async def test_messages_become_events_and_the_group_goes_on_from_there(tmp_path: Path, bus: Kafka) -> None:
    """O1: offsets are committed after the store, so that nothing is asked for again."""
    bus.produce(TOPIC, [message(n) for n in range(300)], partition=0)
    bus.produce(TOPIC, [message(n) for n in range(300, 500)], partition=1)
    async with small_app(tmp_path, sources=(source(bus),)) as app:
        async with running(app) as here:
            await here.until(lambda: here.row()["stored"] == 500)
            first, *others = await here.stored()
        assert bus.committed(TOPIC, "mai", 2) == {0: 300, 1: 200}
        bus.produce(TOPIC, [message(500)])
        async with running(app) as here:
            await here.until(lambda: here.row()["stored"] == 1)
            assert here.row()["repeated"] == 0
    assert (first["id"], first["kind"], first["number"], first["amount"], first["at"]) == (
        "t0", "topup", "+84900000000", 50000, AT,
    )  # fmt: skip
    assert len(others) == 499


async def test_repeated_and_out_of_order_events_change_nothing(tmp_path: Path, bus: Kafka) -> None:
    """O1."""
    once = [message(n) for n in range(50)]
    bus.produce(TOPIC, [*reversed(once), *once], partition=0)
    bus.produce(TOPIC, once, partition=1)
    async with office(tmp_path, source(bus)) as here:
        await here.until(lambda: here.row()["stored"] + here.row()["repeated"] == 150)
        row = here.row()
        assert len(await here.stored()) == 50
    assert (row["stored"], row["repeated"], row["conflict"], row["refused"]) == (50, 100, 0, 0)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"not json", "event: the message is not JSON in UTF-8"),
        (b"\xff\xfe", "event: the message is not JSON in UTF-8"),
        (b"[1]", "event: the message is not a JSON object"),
        (b"[" * 30000, "event: the message is not JSON in UTF-8"),
        (b'{"x": "' + b"x" * 70000 + b'"}', "event: the message is longer than 65536 octets"),
        (None, "event: the message is empty"),
        (b"{}", "id: must be 1 to 64 printable ASCII characters without spaces"),
        (message(1, msisdn="0241234567"), "number: '0241234567' is not a mobile number: those begin with 03, 05, 07, 08 or 09"),
        (message(1, money={}), "amount: is missing: write a whole number of đồng, like 90000"),
        (message(1, event={"id": "t1", "at": "hôm qua"}), "at: 'hôm qua' is not a time with its offset, like 2026-11-21T09:00:00+07:00"),
    ],
)  # fmt: skip
async def test_a_message_that_is_no_event_is_kept_as_invalid_and_stops_nothing(
    tmp_path: Path, bus: Kafka, value: bytes | None, why: str
) -> None:
    """O1."""
    bus.produce(TOPIC, [value, message(2)])
    async with office(tmp_path, source(bus)) as here:
        await here.until(lambda: here.row()["stored"] == 1)
        rows = await here.stored()
        assert here.row()["refused"] == 1
    assert sorted((each["fate"] or "", each["rule"]) for each in rows) == [("", None), ("invalid", why)]


async def test_an_event_without_id_and_time_is_known_by_its_place_and_its_sending(
    tmp_path: Path, bus: Kafka
) -> None:
    """O1, O20."""
    bus.produce(TOPIC, [b'{"number": "0901234567", "amount": 20000}'] * 2, at_ms=AT_MS)
    async with office(tmp_path, source(bus, fields={})) as here:
        await here.until(lambda: here.row()["stored"] == 2)
        one, two = await here.stored()
    assert one["id"] != two["id"]
    assert (one["at"], two["at"]) == (AT, AT)


async def test_messages_that_come_again_because_their_offsets_were_lost_change_nothing(
    tmp_path: Path, bus: Kafka
) -> None:
    """O1: also those that are known by their place only."""
    plain = source(bus, fields={"number": "msisdn", "amount": "money.dong"})
    bus.produce(TOPIC, [message(n) for n in range(20)])
    async with small_app(tmp_path, sources=(plain,)) as app, running(app) as here:
        await here.until(lambda: here.row()["stored"] == 20)
        again = source(bus, fields=plain["fields"], group="other")
        async with office_on(app, again) as there:
            await there.until(lambda: there.row()["repeated"] == 20)
            assert there.row()["stored"] == there.row()["conflict"] == 0


async def test_a_broker_that_goes_away_is_an_alarm_and_is_found_again(tmp_path: Path, bus: Kafka) -> None:
    bus.produce(TOPIC, [message(n) for n in range(10)])
    async with office(tmp_path, source(bus, alarm_after="0s")) as here:
        await here.until(lambda: here.row()["stored"] == 10)
        with bus.down():
            (text,) = await here.until_alarm("source:bus")
            assert text.startswith("source bus: no broker answers")
            assert here.row()["where"].startswith("away: ")
        # In a thread: its client has to find the broker again too.
        await asyncio.to_thread(bus.produce, TOPIC, [message(10)])
        await here.until(lambda: here.row()["stored"] == 11)
        await here.until_alarm()


async def test_a_broker_that_is_not_there_at_the_start_is_waited_for(tmp_path: Path, bus: Kafka) -> None:
    bus.produce(TOPIC, [message(1)])
    with ExitStack() as back:
        back.enter_context(bus.down())
        async with office(tmp_path, source(bus, alarm_after="0s")) as here:
            (text,) = await here.until_alarm("source:bus")
            assert "Unable to bootstrap" in text
            assert here.row()["stored"] == 0
            back.close()
            await here.until(lambda: here.row()["stored"] == 1)
            await here.until_alarm()


@pytest.mark.parametrize(
    ("request_", "errors"),
    [
        (FETCH, [NOT_LEADER] * 3),
        (OFFSET_COMMIT, [COORDINATOR_LOADING] * 2),
        (OFFSET_COMMIT, [REBALANCE]),
    ],
)
async def test_a_broker_that_refuses_for_a_while_loses_nothing(
    tmp_path: Path, bus: Kafka, request_: int, errors: list[int]
) -> None:
    """O1."""
    async with office(tmp_path, source(bus)) as here:
        bus.produce(TOPIC, [message(0)])
        await here.until(lambda: here.row()["stored"] == 1)
        bus.refuse(request_, errors)
        bus.produce(TOPIC, [message(n) for n in range(1, 30)])
        await here.until(lambda: here.row()["stored"] == 30)
        assert len(await here.stored()) == 30


async def test_a_topic_that_is_not_there_is_an_alarm(tmp_path: Path, bus: Kafka) -> None:
    bus.hide(TOPIC)
    async with office(tmp_path, source(bus, alarm_after="0s")) as here:
        (text,) = await here.until_alarm("source:bus")
        assert text == "source bus: there is no topic topups, or we may not read it"


async def test_nothing_is_committed_before_it_is_stored_and_nothing_is_lost(
    tmp_path: Path, bus: Kafka
) -> None:
    """O1: while the store takes no writes the messages stay in Kafka."""
    bus.produce(TOPIC, [message(n) for n in range(30)])
    async with small_app(tmp_path, sources=(source(bus),)) as app:
        full = FullStore(app.store)
        app.store = full
        async with running(app) as here:
            await here.until(lambda: full.refused > 1)
            assert here.row()["where"] == "waits for the store"
            assert bus.committed(TOPIC, "mai") == {}
        async with running(app) as here:  # it stopped well although nothing could be stored
            await here.until(lambda: here.row()["where"] == "waits for the store")
            full.room.set()
            await here.until(lambda: here.row()["stored"] == 30)
    assert bus.committed(TOPIC, "mai") == {0: 30}


async def test_a_rebalance_between_store_and_commit_repeats_harmlessly(tmp_path: Path, bus: Kafka) -> None:
    """O1: the group gave our partitions away while we stored; who has them next gets the same messages."""
    async with office(tmp_path, source(bus)) as here:
        bus.produce(TOPIC, [message(0)])
        await here.until(lambda: here.row()["stored"] == 1)
        bus.refuse(OFFSET_COMMIT, [ILLEGAL_GENERATION])
        bus.refuse(HEARTBEAT, [REBALANCE])
        bus.produce(TOPIC, [message(n) for n in range(1, 20)])
        await here.until(lambda: here.row()["stored"] == 20 and here.row()["repeated"] > 0)
        bus.produce(TOPIC, [message(20)])
        await here.until(lambda: here.row()["stored"] == 21)
        assert len(await here.stored()) == 21


async def test_a_ca_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    async with small_app(tmp_path) as app:
        found = KafkaSource.model_validate(_SECURE | {"ca": "no.pem"}, strict=False)
        with pytest.raises(Trouble, match=r"ca: no\.pem cannot be used"):
            kafka.security(found, app)


async def test_the_password_and_the_hosts_name_go_to_the_client(tmp_path: Path) -> None:
    """TLS checks the name; the password never shows in what the source says."""
    async with small_app(tmp_path) as app:
        found = KafkaSource.model_validate(_SECURE, strict=False)
        asked = kafka.security(found, app)
        context = asked.pop("ssl_context")
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert asked == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "mai",
        "sasl_plain_password": "s3cret",
    }
    assert "s3cret" not in f"{found!r} {found!s}"


_SECURE: dict[str, Any] = {
    "name": "bus",
    "kind": "kafka",
    "servers": ["kafka.example:9093"],
    "topic": TOPIC,
    "tls": True,
    "sasl": {"user": "mai", "password": "s3cret"},
}
