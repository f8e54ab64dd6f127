"""What does the operator's bus do? A Kafka broker on loopback that dies, refuses and forgets on command.

It is librdkafka's own mock cluster, which came with the confluent-kafka package: somebody else's code on the wire. It
keeps messages, groups and offsets in memory, and knows neither TLS nor passwords. A group of two cannot be had: it
refuses (42) the second member's SyncGroup that comes after the first's; rebalances are asked for with `refuse`.
"""

import argparse
import ctypes
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulator.record import Record

#: Requests by their number in the protocol, and the answers that a broker may give to them.
FETCH, OFFSET_COMMIT, HEARTBEAT = 1, 8, 12
NOT_LEADER, COORDINATOR_LOADING, ILLEGAL_GENERATION, REBALANCE = 6, 14, 22, 27
_UNKNOWN_TOPIC = 3
_PRODUCER = 0
_LAST_WORDS = 512
_ANSWER_S = 10.0


class NoBroker(Exception):
    """This machine has no librdkafka; the message says how to get it."""


def _library() -> Any:
    try:
        import confluent_kafka
    except ImportError as error:
        raise NoBroker("confluent-kafka is not installed: it is one of requirements-dev.txt") from error
    place = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    found = sorted(place.glob("librdkafka*"))
    if not found:
        raise NoBroker(f"confluent-kafka brought no librdkafka into {place.name}")
    library = ctypes.CDLL(str(found[0]))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


class Kafka:
    """One broker. `start` before anything else; what was produced is in its record."""

    def __init__(self, record: Path | None = None, *, rebalance_ms: int = 100) -> None:
        """`rebalance_ms`: how long a new group waits for further members."""
        self._rd = _library()
        self._record = Record(record) if record else None
        self._rebalance_ms = rebalance_ms
        self._producer: Any = None

    def __enter__(self) -> "Kafka":
        words = ctypes.create_string_buffer(_LAST_WORDS)
        conf = ctypes.c_void_p(self._rd.rd_kafka_conf_new())
        self._rd.rd_kafka_conf_set(conf, b"log_level", b"0", words, ctypes.c_size_t(_LAST_WORDS))
        handle = self._rd.rd_kafka_new(_PRODUCER, conf, words, ctypes.c_size_t(_LAST_WORDS))
        if not handle:
            raise NoBroker(words.value.decode())
        self._handle = ctypes.c_void_p(handle)
        self._cluster = ctypes.c_void_p(self._rd.rd_kafka_mock_cluster_new(self._handle, 1))
        self._rd.rd_kafka_mock_group_initial_rebalance_delay_ms(
            self._cluster, ctypes.c_int32(self._rebalance_ms)
        )
        self.address: str = self._rd.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        return self

    def __exit__(self, *_: object) -> None:
        self._producer = None
        self._rd.rd_kafka_mock_cluster_destroy(self._cluster)
        self._rd.rd_kafka_destroy(self._handle)
        if self._record:
            self._record.close()

    def create(self, topic: str, partitions: int = 1) -> None:
        self._rd.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)

    def hide(self, topic: str) -> None:
        """Say that there is no such topic; one that is not known at all would be made when it is asked for."""
        self._rd.rd_kafka_mock_topic_set_error(self._cluster, topic.encode(), _UNKNOWN_TOPIC)

    def produce(self, topic: str, values: Sequence[bytes | None], partition: int = 0, at_ms: int = 0) -> None:
        """Put messages into a partition; returns when the broker has them. `at_ms`: their time; 0: now."""
        import confluent_kafka

        if self._producer is None:
            self._producer = confluent_kafka.Producer({"bootstrap.servers": self.address, "linger.ms": 5})
        for value in values:
            while True:
                try:
                    self._producer.produce(topic, value, partition=partition, timestamp=at_ms)
                    break
                except BufferError:
                    self._producer.poll(0.1)
            if self._record:
                shown = None if value is None else value.decode("utf-8", "backslashreplace")
                self._record.write("produced", topic=topic, partition=partition, value=shown)
        left = self._producer.flush(_ANSWER_S)
        if left:
            raise TimeoutError(f"the broker took {len(values) - left} of {len(values)} messages")

    def committed(self, topic: str, group: str, partitions: int = 1) -> dict[int, int]:
        """How far a group has committed, by partition; what it never committed is not there."""
        from confluent_kafka import Consumer, TopicPartition

        asking = Consumer({"bootstrap.servers": self.address, "group.id": group})
        try:
            wanted = [TopicPartition(topic, partition) for partition in range(partitions)]
            found = asking.committed(wanted, timeout=_ANSWER_S)
            return {each.partition: each.offset for each in found if each.offset >= 0}
        finally:
            asking.close()

    @contextmanager
    def down(self) -> Iterator[None]:
        """The broker closes its connections and takes none; it is back, with all it had, at the end."""
        self._rd.rd_kafka_mock_broker_set_down(self._cluster, 1)
        try:
            yield
        finally:
            self._rd.rd_kafka_mock_broker_set_up(self._cluster, 1)

    def refuse(self, request: int, errors: Sequence[int]) -> None:
        """Answer the next requests of this kind with these errors, one each."""
        array = (ctypes.c_int * len(errors))(*errors)
        self._rd.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(request), ctypes.c_size_t(len(errors)), array
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """A broker by hand: every line of standard input becomes a message."""
    parser = argparse.ArgumentParser(prog="python -m simulator.kafka", description=main.__doc__)
    parser.add_argument("--topic", default="topups")
    parser.add_argument("--partitions", type=int, default=4)
    chosen = parser.parse_args(arguments)
    with Kafka() as broker:
        broker.create(chosen.topic, chosen.partitions)
        print(f"Kafka on {broker.address}, topic {chosen.topic}; one message a line, Ctrl-D ends", flush=True)
        for number, line in enumerate(sys.stdin):
            broker.produce(chosen.topic, [line.strip().encode()], number % chosen.partitions)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
