"""Two worlds that the suite of the broker's port runs in: a cluster in memory, and Kafka."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka import Producer as KafkaProducer
from confluent_kafka.admin import AdminClient, NewTopic

from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.ports import Clients, Message, Producer
from services.sandbox.memory import MemoryClients
from services.sandbox.memory_cluster import Cluster

Place = tuple[str, int]
_names = itertools.count()


class World(Protocol):
    patience_s: float

    def clients(self) -> Clients: ...
    def create(self, topic: str, partitions: int) -> None: ...
    def append(self, topic: str, partition: int, *values: bytes) -> None: ...
    def hurry(self) -> None: ...
    def outlast(self, group: str, slot: str) -> None: ...


class InMemory:
    patience_s = 0.2

    def __init__(self) -> None:
        self.cluster = Cluster(lambda: 1_700_000_000_000)

    def clients(self) -> Clients:
        return MemoryClients(self.cluster)

    def create(self, topic: str, partitions: int) -> None:
        self.cluster.create(topic, partitions)

    def append(self, topic: str, partition: int, *values: bytes) -> None:
        for value in values:
            self.cluster.append(topic, partition, value)

    def hurry(self) -> None:
        """Nothing: time does not pass here."""

    def outlast(self, group: str, slot: str) -> None:
        """Expel a member that does not poll."""
        self.cluster.groups[group].expel(slot)


class OnKafka:
    patience_s = 20.0

    def __init__(self, bootstrap: str) -> None:
        self._settings = KafkaSettings(bootstrap=bootstrap, session_timeout_ms=6000, max_poll_interval_ms=6000)
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._plain = KafkaProducer({"bootstrap.servers": bootstrap, "linger.ms": 0})

    def clients(self) -> Clients:
        return KafkaClients(self._settings)

    def create(self, topic: str, partitions: int) -> None:
        for future in self._admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            future.result()
        places = [TopicPartition(topic, number) for number in range(partitions)]
        until = time.monotonic() + self.patience_s
        while True:  # a broker under load says that there is a topic before anybody leads it
            try:
                KafkaClients(self._settings).ends(places)
            except KafkaException:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return

    def append(self, topic: str, partition: int, *values: bytes) -> None:
        for value in values:
            self._plain.produce(topic, value, partition=partition)
        assert self._plain.flush(10) == 0

    def hurry(self) -> None:
        """Let those who are made from now on be given up after half the time."""
        self._settings = msgspec.structs.replace(self._settings, session_timeout_ms=3000, max_poll_interval_ms=3000)

    def outlast(self, group: str, slot: str) -> None:
        """Only time does it, of which the suite lets pass what it takes."""


class Seat:
    """A member of a group that keeps what it was told, or a reader."""

    def __init__(self, world: World, group: str = "", slot: str = "", topics: Sequence[str] = ()) -> None:
        self.world = world
        self.told: list[tuple[str, set[Place]]] = []
        self.held: set[Place] = set()
        self.values: list[bytes | None] = []
        self.messages: list[Message] = []
        self.ends: list[int] = []
        self.faults: list[Any] = []
        self.clients = world.clients()
        if not group:
            self.consumer = self.clients.reader()
            return
        self.consumer = self.clients.member(
            topics,
            group=group,
            slot=slot,
            on_assign=self._assigned,
            on_revoke=lambda consumer, partitions: self._gone("revoked", consumer, partitions),
            on_lost=lambda consumer, partitions: self._gone("lost", consumer, partitions),
            on_lag=lambda _: None,
        )

    def _assigned(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        places = {(p.topic, p.partition) for p in partitions}
        self.held |= places
        if places:
            self.told.append(("assigned", places))

    def _gone(self, what: str, consumer: Any, partitions: list[TopicPartition]) -> None:
        consumer.incremental_unassign(partitions)
        places = {(p.topic, p.partition) for p in partitions}
        self.held -= places
        self.told.append((what, places))

    def poll(self) -> None:
        for message in self.consumer.consume(100, 0.05):
            self._take(message)

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self.values.append(message.value())
            self.messages.append(message)
        elif error.name() == "_PARTITION_EOF":
            self.ends.append(message.offset())
        else:
            self.faults.append(error)

    def read(self, number: int) -> list[bytes | None]:
        """Read until so many records are there; give them, and forget them."""
        until(lambda: len(self.values) >= number, self)
        values, self.values, self.messages = self.values, [], []
        return values

    def metadata(self) -> Any:
        return self.consumer.consumer_group_metadata()

    def committed(self, *places: Place) -> list[int]:
        return [p.offset for p in self.consumer.committed([TopicPartition(*place) for place in places], 5.0)]


def until(true: Callable[[], bool], *seats: Seat) -> None:
    deadline = time.monotonic() + seats[0].world.patience_s
    while not true():
        assert time.monotonic() < deadline, [(seat.told, seat.values, seat.ends, seat.faults) for seat in seats]
        for seat in seats:
            seat.poll()


def quiet(seat: Seat) -> None:
    """Poll for long enough that what was to come has come."""
    for _ in range(10):
        seat.poll()


def name(what: str) -> str:
    return f"{what}{next(_names)}"


def producer(world: World, transactional_id: str) -> Producer:
    made = world.clients().producer(transactional_id, lambda _: None)
    made.init_transactions(30.0)
    return made


def code(error: KafkaException) -> str:
    found: str = error.args[0].name()
    return found


def topic_of(world: World, partitions: int = 1) -> str:
    topic = name("port.")
    world.create(topic, partitions)
    return topic
