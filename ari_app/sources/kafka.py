"""How do messages of the operator's bus become events? `sources[].kind: kafka`, JSON messages of one topic.

Offsets are committed after the events are stored: what a crash or a rebalance brings again has the same ids, and changes
nothing. The next batch is asked for when the last one is stored, so a slow store leaves messages in Kafka.
"""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ari_app.sources.standing import BATCH, Standing, Stopping, Trouble
from core.arriving import event_fields, in_message, place_id
from core.sources import KafkaSource
from runtime.app import App
from runtime.logs import log
from runtime.topups import Arrived

logger = log("intake")

NO_LIBRARY = "the library aiokafka is not installed: pip install --require-hashes -r requirements-kafka.txt"
#: A message is no longer; an event takes a few hundred octets.
MOST_BYTES = 64 * 1024
#: What is fetched ahead at most, of one partition and of all.
_FETCH_BYTES, _FETCH_ALL_BYTES = 256 * 1024, 4 * 1024 * 1024
_WAIT_MS = 500
_AGAIN_MS = 500
#: Seconds between two looks at the ends of the partitions, and until a broker that does not answer is away.
_LOOK_S, _ANSWER_S = 5.0, 5.0
#: Seconds after which a client that found nobody is made anew: its addresses may have changed.
_ANEW_S = 60.0


async def watch(source: KafkaSource, standing: Standing) -> None:
    """Take messages until told to stop. Raises Trouble when the brokers cannot be reached or refuse us."""
    try:
        from aiokafka.errors import KafkaError
    except ImportError as error:
        raise Trouble(NO_LIBRARY) from error
    looked = float("-inf")
    done: dict[Any, int] = {}  #: stored and not committed yet: the next offset of each partition
    try:
        async with _consumer(source, standing) as consumer:
            await standing.well()
            standing.where = "joins its group"
            while not standing.stopping.is_set():
                batch = await _next(consumer)
                if batch:
                    await _store(consumer, source, standing, batch, done)
                if time.monotonic() - looked >= _LOOK_S:
                    if done:
                        await _commit(consumer, done)
                    await _look(consumer, source, standing)
                    looked = time.monotonic()
                elif batch:
                    _tell(consumer, standing)
    except Stopping:
        return
    except KafkaError as error:
        raise Trouble(_words(error)) from error


async def _next(consumer: Any) -> Mapping[Any, list[Any]]:
    """The next messages by partition; none after a while. Without a partition the client would wait for ever."""
    try:
        async with asyncio.timeout(_LOOK_S):
            found: Mapping[Any, list[Any]] = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=BATCH)
            return found
    except TimeoutError:
        return {}


@asynccontextmanager
async def _consumer(source: KafkaSource, standing: Standing) -> AsyncIterator[Any]:
    """A member of the group, started; it leaves the group at the end. Raises Trouble, KafkaError."""
    from aiokafka import AIOKafkaConsumer

    # It tells of every try to reach a broker, several a second; what is wrong is told by `away`, once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(source.servers),
        client_id=f"mai-{source.name}",
        group_id=source.group,
        auto_offset_reset=source.start,
        enable_auto_commit=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_bytes=_FETCH_ALL_BYTES,
        retry_backoff_ms=_AGAIN_MS,
        **security(source, standing.app),
    )
    try:
        async with asyncio.timeout(_ANSWER_S * 2):
            await consumer.start()
        consumer.subscribe([source.topic])  # joining a group may take its time: not a part of the start
    except TimeoutError as error:
        await _stopped(consumer)
        raise Trouble("no broker answers") from error
    except BaseException:
        await _stopped(consumer)
        raise
    try:
        yield consumer
    finally:
        await _stopped(consumer)


async def _stopped(consumer: Any) -> None:
    """Leave the group and close; a broker that is away cannot hold the end."""
    try:
        async with asyncio.timeout(_ANSWER_S * 2):
            await consumer.stop()
    except Exception as error:  # whatever it was: the client is given up
        logger.warning("the Kafka client did not end well", why=repr(error))


def security(source: KafkaSource, app: App) -> dict[str, Any]:
    """TLS with the host's name checked, and who we are. Raises Trouble for a CA that cannot be read."""
    found: dict[str, Any] = {}
    if source.tls:
        ca = str(app.installation.path(source.ca)) if source.ca else None
        try:
            found["ssl_context"] = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise Trouble(f"ca: {source.ca} cannot be used: {error}") from error
    if source.sasl is not None:
        found["sasl_mechanism"] = source.sasl.mechanism
        found["sasl_plain_username"] = source.sasl.user
        found["sasl_plain_password"] = source.sasl.password.get_secret_value()
    found["security_protocol"] = ("SASL_" if source.sasl else "") + ("SSL" if source.tls else "PLAINTEXT")
    return found


async def _store(
    consumer: Any,
    source: KafkaSource,
    standing: Standing,
    batch: Mapping[Any, list[Any]],
    done: dict[Any, int],
) -> None:
    """Store what came, then commit how far it goes. Raises Stopping, KafkaError."""
    await standing.well()
    for place, messages in batch.items():
        await standing.take([_arrived(source, standing, message) for message in messages])
        done[place] = messages[-1].offset + 1
        if standing.lag is not None:  # until the next look
            standing.lag = max(0, standing.lag - len(messages))
    await _commit(consumer, done)


async def _commit(consumer: Any, done: dict[Any, int]) -> None:
    """Commit how far was stored; `done` keeps what was not, for the next time. Raises KafkaError."""
    from aiokafka.errors import CommitFailedError, IllegalStateError

    try:
        async with asyncio.timeout(_ANSWER_S):  # by itself the client tries for ever
            await consumer.commit(dict(done))
    except TimeoutError:
        return  # whether the brokers are away is found at the next look
    except (CommitFailedError, IllegalStateError) as error:
        # The partitions are another member's by now: it gets these messages too, and they repeat there.
        logger.info("offsets were not committed, others have the partitions", why=str(error))
    done.clear()


def _arrived(source: KafkaSource, standing: Standing, message: Any) -> Arrived:
    """The event of a message. One without an id is known by its place; the time of sending tells topics apart."""
    place = place_id(
        source.name, message.partition, message.offset, says=f"{source.topic} {message.timestamp}"
    )
    happened = standing.happened(message.timestamp / 1000) if message.timestamp > 0 else None
    found = _json(message.value)
    if isinstance(found, str):
        return Arrived({}, place, happened, wrong=found)
    raw = event_fields(source.fields, source.time, in_message(found))
    if source.fields.id is None and "id" not in raw:
        raw["id"] = place
    return Arrived(raw, place, happened)


def _json(value: bytes | None) -> dict[str, Any] | str:
    """The JSON object of a message, or why it is none."""
    if value is None or len(value) > MOST_BYTES:
        return "the message is empty" if value is None else f"the message is longer than {MOST_BYTES} octets"
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return "the message is not JSON in UTF-8"
    return found if isinstance(found, dict) else "the message is not a JSON object"


async def _look(consumer: Any, source: KafkaSource, standing: Standing) -> None:
    """Do the brokers answer, and how much waits? Raises Trouble after a while without an answer."""
    from aiokafka.errors import IllegalStateError, KafkaError

    held, lag = consumer.assignment(), None
    try:
        async with asyncio.timeout(_ANSWER_S):
            if held:
                ends = await consumer.end_offsets(list(held))
                lag = sum([max(0, end - await consumer.position(place)) for place, end in ends.items()])
            elif source.topic not in await consumer.topics():
                raise Trouble(f"there is no topic {source.topic}, or we may not read it")
    except IllegalStateError:
        return  # the group has just shared the partitions out anew
    except (TimeoutError, KafkaError) as error:
        await standing.away(f"no broker answers ({_words(error)})")
        if standing.away_since is not None and time.monotonic() - standing.away_since > _ANEW_S:
            raise Trouble(standing.where.removeprefix("away: ")) from error
        return
    await standing.well()
    standing.lag = lag
    _tell(consumer, standing)


def _tell(consumer: Any, standing: Standing) -> None:
    held = sorted(place.partition for place in consumer.assignment())
    what = f"partitions {', '.join(map(str, held))}" if held else "no partition of its group yet"
    standing.where = f"takes messages, {what}"


def _words(error: BaseException) -> str:
    """What a Kafka error says, without its class's prefix; it never has the password."""
    return str(error) or type(error).__name__
