"""What goes in, once for all rounds, and what of it was committed at the other end."""

import zlib
from collections.abc import Iterator, Sequence
from random import Random

import msgspec
from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition
from confluent_kafka import Producer as KafkaProducer
from confluent_kafka.admin import NewTopic

from benchmarks.samples import renamed
from services.events import Event
from services.runtime import wire
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.ports import Message


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """All committed records of a topic: how many, how many bytes of values, and a sum that no order changes."""

    records: int
    bytes: int
    checksum: int


class Topics:
    """Topics of one run on one cluster."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._clients = KafkaClients(KafkaSettings(bootstrap=bootstrap))

    def create(self, topic: str) -> None:
        """Create a topic."""
        wanted = NewTopic(topic, num_partitions=self._partitions, replication_factor=1)
        self._clients.admin().create_topics([wanted])[topic].result(30)

    def delete(self, topic: str) -> None:
        """Delete a topic and its data."""
        self._clients.admin().delete_topics([topic])[topic].result(30)

    def fill(self, topic: str, events: Sequence[Event], records: int, seed: int) -> Contents:
        """Write `records` events with ids of their own, spread over the partitions as their keys say."""
        producer = KafkaProducer(
            {
                "bootstrap.servers": self._bootstrap,
                "compression.type": "lz4",
                "linger.ms": 20,
                "acks": "all",
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 200_000,
                "log_level": 4,
            }
        )
        size = checksum = 0
        for key, event in drawn(events, records, seed):  # keyed by request, so that all partitions are equally full
            value = wire.encode(event)
            size += len(value)
            checksum += zlib.crc32(value)
            while True:
                try:
                    producer.produce(topic, value, key, headers=wire.headers(event, source="bench"))
                    break
                except BufferError:
                    producer.poll(0.1)
        if left := producer.flush(120):
            message = f"{left} records of the input were not acknowledged within 120 s"
            raise RuntimeError(message)
        return Contents(records=records, bytes=size, checksum=checksum)

    def contents(self, topic: str) -> Contents:
        """Read a topic to its end, committed records only, and sum it up."""
        records = size = checksum = 0
        for message in self.read(topic):
            value = message.value() or b""
            records, size, checksum = records + 1, size + len(value), checksum + zlib.crc32(value)
        return Contents(records=records, bytes=size, checksum=checksum)

    def read(self, topic: str) -> Iterator[Message]:
        """Give all committed records of a topic, from its beginning to its end."""
        reader = self._clients.reader()
        reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(self._partitions)])
        open_ends = set(range(self._partitions))
        while open_ends:
            for message in reader.consume(5000, 1.0):
                error = message.error()
                if error is None:
                    open_ends.add(message.partition())
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
                    open_ends.discard(message.partition())
        reader.close()


def drawn(events: Sequence[Event], records: int, seed: int) -> Iterator[tuple[str, Event]]:
    """Draw `records` of `events`, each under an id of its own; the same arguments give the same ones."""
    luck = Random(seed)
    for number in range(records):
        name = f"bench-{seed}-{number:08d}"
        yield name, renamed(events[luck.randrange(len(events))], name)
