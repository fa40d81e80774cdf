"""What the tests of dead letters share: topics of their own on the session's broker, the real router, and records."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import msgspec
from confluent_kafka import Producer as KafkaProducer
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic

from services.events import Event, RequestClassified, RequestRouted
from services.route.settings import RouteSettings
from services.route.worker import build
from services.runtime import cluster, wire
from services.runtime.dead import FIRST, REPLAYED, scan
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.loop import Loop
from services.runtime.loopsettings import LoopSettings
from services.runtime.metrics import Metrics
from services.runtime.ports import Message
from services.runtime.settings import Shared
from services.runtime.worker import Outcome, Stateless, Worker

ROOT = Path(__file__).parents[2]
GOOD = min((ROOT / "schemas" / "examples" / RequestClassified.topic).glob("good-*.json")).read_bytes()
PARTITIONS = 2

Headers = list[tuple[str, bytes]]


def report(request_id: str, **changes: object) -> bytes:
    event = json.loads(GOOD)
    event["report"] |= {"request_id": request_id, **changes}
    return json.dumps(event).encode()


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A record as it is produced."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = field(default_factory=list)
    partition: int = 0


class Router:
    """The real handler of `route`, between topics of the test's own; it can be broken, and mended."""

    def __init__(self, routed: type[RequestRouted], fault: Callable[[Event], Outcome | None] = lambda _: None) -> None:
        self._real = build(RouteSettings(), Shared(stormdrain_city_dir=ROOT / "city")).handler
        self._routed = routed
        self.fault = fault

    def handle(self, batch: Sequence[Event]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        real: Stateless = self._real  # type: ignore[assignment]
        for event, found in zip(batch, real.handle(batch), strict=True):
            assert isinstance(found, RequestRouted)
            routed = self._routed(report=found.report, classification=found.classification, routing=found.routing)
            outcomes.append(self.fault(event) or routed)
        return outcomes


class Place:
    """Topics that no other test has, a worker between them, and one more that reads the same."""

    def __init__(self, bootstrap: str) -> None:
        token = f"d{uuid.uuid4().hex[:10]}"
        self.bootstrap = bootstrap
        self.clients = KafkaClients(KafkaSettings(bootstrap=bootstrap, session_timeout_ms=6000))

        class Classified(RequestClassified, frozen=True, kw_only=True, omit_defaults=True):
            topic: ClassVar[str] = f"{token}.classified.v1"

        class Routed(RequestRouted, frozen=True, kw_only=True, omit_defaults=True):
            topic: ClassVar[str] = f"{token}.routed.v1"

        self.read, self.written = Classified, Routed
        self.name, self.other = f"route-{token}", f"index-{token}"
        self.router = Router(Routed)
        self.dead = f"{self.name}.dead.v1"
        topics = {self.read.topic: PARTITIONS, self.written.topic: PARTITIONS, self.dead: PARTITIONS}
        topics |= {f"{self.other}.dead.v1": PARTITIONS, REPLAYED: 1}
        known = cluster_of(bootstrap).topics
        self._create([NewTopic(name, number, 1) for name, number in topics.items() if name not in known])

    def create(self, name: str, partitions: int, **config: str) -> None:
        settings = {key.replace("_", "."): value for key, value in config.items()}
        self._create([NewTopic(name, partitions, 1, config=settings)])

    def _create(self, topics: list[NewTopic]) -> None:
        for future in self.clients.admin().create_topics(topics).values():
            future.result()

    def worker(self, name: str | None = None) -> Worker:
        return Worker(
            name=name or self.name, reads=(self.read,), writes=(self.written,), handler=self.router, batch_size=50
        )

    def headers(self, kind: bytes | None = None) -> Headers:
        event = msgspec.json.decode(GOOD, type=self.read)
        found = wire.headers(event, source="classify")
        return [(name, kind if name == "ce_type" and kind else content) for name, content in found]

    def send(self, records: Sequence[Sent], topic: str | None = None) -> None:
        producer = KafkaProducer({"bootstrap.servers": self.bootstrap, "message.max.bytes": 1_100_000})
        failed: list[object] = []
        for each in records:
            producer.produce(
                topic or self.read.topic,
                value=each.value,
                key=each.key,
                partition=each.partition,
                headers=each.headers or None,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
        assert producer.flush(10) == 0
        assert not failed

    def run(self, records: int, name: str | None = None) -> None:
        """Run the worker until it has committed that many records, or fail after 400 rounds."""
        worker, metrics = self.worker(name), Metrics("test")
        settings = LoopSettings(idle_s=0.1)
        loop = Loop(worker, self.clients, slot=f"{worker.name}-0", settings=settings, metrics=metrics)
        loop.start()
        try:
            for _ in range(400):
                loop.turn()
                if _consumed(metrics, self.read.topic) >= records:
                    return
        finally:
            loop.close()
        message = f"{_consumed(metrics, self.read.topic):g} of {records} records in 400 rounds"
        raise AssertionError(message)

    def all_of(self, topic: str) -> list[Message]:
        """Read every committed record, partition by partition; a commit that is on its way is waited for."""
        places = [TopicPartition(topic, partition) for partition in range(self.clients.partitions(topic))]
        ends = self.clients.ends(places)
        found = list(scan(self.clients, dict.fromkeys(ends, FIRST), ends))
        return sorted(found, key=lambda each: (each.partition(), each.offset()))

    def routed(self) -> list[str]:
        """Give the request ids that came out, sorted."""
        values = [message.value() or b"" for message in self.all_of(self.written.topic)]
        return sorted(json.loads(value)["report"]["request_id"] for value in values)


def _consumed(metrics: Metrics, topic: str) -> float:
    labels = {"worker": "test", "topic": topic}
    return metrics.registry.get_sample_value("stormdrain_records_consumed_total", labels) or 0.0


def cluster_of(bootstrap: str, *topics: str) -> cluster.Cluster:
    """Look at the broker, with the configuration of some topics."""
    return cluster.look(cluster.admin(bootstrap), topics.__contains__, bootstrap)
