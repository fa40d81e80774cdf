"""Clients on both sides of a proxy: plain ones, our transactions, and our whole loop in a thread."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, ClassVar, Self

import msgspec
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from services.events import Event
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.loop import Loop
from services.runtime.loopsettings import LoopSettings
from services.runtime.metrics import Metrics
from services.runtime.records import Outgoing
from services.runtime.transaction import Transactor
from services.runtime.worker import Outcome, Worker
from services.sandbox.broker import Broker
from services.sandbox.proxy import Proxy

PARTITIONS = 2
PATIENCE_S = 20.0
_names = itertools.count()


class Behind:
    """A broker, the proxy before it, and what tests ask of both."""

    def __init__(self, broker: Broker, proxy: Proxy) -> None:
        self.broker = broker
        self.proxy = proxy
        self._admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        self._plain = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0, "log_level": 0})

    def name(self, what: str) -> str:
        return f"{what}{next(_names)}"

    def topic(self, name: str = "", partitions: int = PARTITIONS) -> str:
        name = name or self.name("topic")
        self._admin.create_topics([NewTopic(name, partitions, 1)])[name].result(20)
        return name

    def append(self, topic: str, partition: int, value: bytes) -> None:
        self._plain.produce(topic, value, partition=partition)
        assert self._plain.flush(10) == 0

    def producer(self, slot: str) -> Any:
        """A transactional producer of no special kind, past the proxy."""
        config = {"bootstrap.servers": self.proxy.bootstrap, "transactional.id": slot, "client.id": slot}
        made = Producer(config | {"log_level": 0})
        made.init_transactions(20)
        return made

    def consumer(self, group: str, topic: str, **config: Any) -> Any:
        """A member of no special kind, past the proxy; it holds what it is to hold alone."""
        base = {"bootstrap.servers": self.proxy.bootstrap, "group.id": group, "enable.auto.commit": False}
        quick = {"heartbeat.interval.ms": 200, "auto.offset.reset": "earliest", "log_level": 0}
        made = Consumer({**base, **quick, **config})
        made.subscribe([topic])
        return made

    def read(self, topic: str, partitions: int = PARTITIONS) -> list[bytes]:
        """All that is committed, partition by partition, read from the broker itself."""
        config: dict[str, Any] = {"bootstrap.servers": self.broker.bootstrap, "group.id": "x", "log_level": 0}
        config |= {
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
        consumer = Consumer(config)
        # To ask for the beginning takes half a second, which librdkafka waits for.
        consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        values: dict[int, list[bytes]] = {number: [] for number in range(partitions)}
        ended: set[int] = set()
        while len(ended) < partitions:
            message = consumer.poll(PATIENCE_S)
            assert message is not None, f"the end of {topic} was not reached in {PATIENCE_S:g} s"
            if message.error() is None:
                values[message.partition()].append(message.value())
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                ended.add(message.partition())
        consumer.close()
        return list(itertools.chain.from_iterable(values.values()))

    def committed(self, group: str, topic: str, partition: int = 0) -> int:
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": group})
        (found,) = consumer.committed([TopicPartition(topic, partition)], PATIENCE_S)
        consumer.close()
        return int(found.offset)

    def settings(self, **others: Any) -> KafkaSettings:
        shared = {"session_timeout_ms": 6000, "transaction_timeout_ms": 10_000}
        return KafkaSettings(bootstrap=self.proxy.bootstrap, **{**shared, **others})


def code(answer: bytes, at: int = -2) -> str:
    """The error code in a broker's answer: its last two bytes where nothing follows the code."""
    return str(KafkaError(int.from_bytes(answer[at : at + 2 or None], signed=True)).name())


class Transactions:
    """Our transactions, one record each."""

    def __init__(self, behind: Behind, topic: str) -> None:
        self._topic = topic
        self._bootstrap = behind.broker.bootstrap
        self.slot = behind.name("slot-")
        self.renewals = 0
        self.transactor = Transactor(KafkaClients(behind.settings()), self.slot, timeout_s=10.0, on_renew=self._renewed)
        self.transactor.start()

    def _renewed(self) -> None:
        self.renewals += 1

    def run(self, *values: bytes) -> None:
        """One transaction, each value to a partition of its own."""
        outgoing = [Outgoing(self._topic, None, value, [], number) for number, value in enumerate(values)]
        self.transactor.run(outgoing, [], None)

    def meanwhile(self, act: Callable[[], None], *values: bytes) -> None:
        """One transaction, while another thread acts."""
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(act)
            self.run(*values)
            done.result()

    def fail(self, value: bytes) -> None:
        """One transaction that has to be aborted: the offsets it sends are of a generation that its group never had."""
        stranger = Consumer({"bootstrap.servers": self._bootstrap, "group.id": self.slot})
        metadata = stranger.consumer_group_metadata().replace(b"\xff" * 4, b"\x05\x00\x00\x00")
        stranger.close()
        outgoing = [Outgoing(self._topic, None, value, [], 0)]
        self.transactor.run(outgoing, [TopicPartition(self._topic, 0, 1)], metadata)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.transactor.close()


class Numbered(Event, frozen=True, kw_only=True, omit_defaults=True):
    number: int

    @property
    def key(self) -> str:
        return str(self.number)

    @property
    def id(self) -> str:
        return str(self.number)


def kinds(prefix: str) -> tuple[type[Numbered], type[Numbered]]:
    class Told(Numbered, frozen=True, kw_only=True, omit_defaults=True):
        topic: ClassVar[str] = f"{prefix}.told.v1"

    class Heard(Numbered, frozen=True, kw_only=True, omit_defaults=True):
        topic: ClassVar[str] = f"{prefix}.heard.v1"

    return Told, Heard


class Echo:
    """Says again what it is told; what `meanwhile` is set to happens while it is at a batch."""

    def __init__(self, heard: type[Numbered]) -> None:
        self._heard = heard
        self.meanwhile: Callable[[], None] | None = None
        self.asked: Counter[int] = Counter()

    def handle(self, batch: Sequence[Any]) -> Sequence[Outcome]:
        self.asked.update(event.number for event in batch)
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()
        return [self._heard(number=event.number) for event in batch]


class Flow:
    """Two topics, what was told on the first, and loops that echo it to the second."""

    def __init__(self, behind: Behind, **settings: Any) -> None:
        self.behind = behind
        self.settings = behind.settings(**settings)
        self.group = behind.name("echo")
        self.told, self.heard = kinds(self.group)
        for topic in (self.told.topic, self.heard.topic, f"{self.group}.dead.v1"):
            behind.topic(topic)
        self.number = 0
        self._loops: list[Running] = []

    def tell(self, number: int) -> None:
        for i in range(self.number, self.number + number):
            self.behind.append(self.told.topic, i % PARTITIONS, msgspec.json.encode(self.told(number=i)))
        self.number += number

    def running(self, slot: int = 0) -> "Running":
        made = Running(self, slot)
        self._loops.append(made)
        return made

    def settle(self, more: int = 0) -> None:
        """Return when all that was told, and so many more records, has become something."""
        self.tell(more)
        deadline = time.monotonic() + PATIENCE_S
        while not self.once() <= self.became():
            assert [loop.failed for loop in self._loops if loop.failed] == []
            assert time.monotonic() < deadline, (self.once() - self.became(), "did not become anything")

    def is_sound(self) -> bool:
        """Whether all that was told has become one thing each."""
        return self.became() == self.once()

    def became(self) -> Counter[int]:
        values = self.behind.read(self.heard.topic)
        return Counter(msgspec.json.decode(value, type=self.heard).number for value in values)

    def once(self) -> Counter[int]:
        return Counter(range(self.number))


class Running:
    """One loop in a thread of its own."""

    def __init__(self, flow: Flow, slot: int) -> None:
        self.slot = f"{flow.group}-{slot}"
        self.echo = Echo(flow.heard)
        self.clients = Forgetful(flow.settings)
        self.failed: BaseException | None = None
        self._metrics = Metrics("echo")
        self._holds = 0
        self._changed = threading.Condition()
        worker = Worker(name=flow.group, reads=(flow.told,), writes=(flow.heard,), handler=self.echo, batch_size=50)
        settings = LoopSettings(max_rejected_share=1.0, idle_s=0.05)
        self._loop = Telling(worker, self.clients, slot=self.slot, settings=settings, metrics=self._metrics)
        self._loop.tell = self._told
        self._thread = threading.Thread(target=self._run, name=self.slot)

    def _run(self) -> None:
        try:
            self._loop.run()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.failed = error

    def _told(self, holds: int) -> None:
        with self._changed:
            self._holds = holds
            self._changed.notify_all()

    def holds(self, partitions: int) -> bool:
        """Wait until it holds so many partitions."""
        with self._changed:
            return self._changed.wait_for(lambda: self._holds == partitions, PATIENCE_S)

    @property
    def renewals(self) -> int:
        name = "stormdrain_producer_renewals_total"
        return int(self._metrics.registry.get_sample_value(name, {"worker": "echo"}) or 0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


class Telling(Loop):
    """Tells how many partitions it holds."""

    tell: Callable[[int], None] = staticmethod(lambda _: None)

    def turn(self) -> None:
        super().turn()
        self.tell(len(self._member.held))


class Forgetful(KafkaClients):
    """Members that forget `times` that they are any."""

    times = 0

    def member(self, *args: Any, **named: Any) -> Any:
        return ForgetfulMember(self, super().member(*args, **named))

    def empty(self) -> bytes:
        outsider = Consumer({"bootstrap.servers": "127.0.0.1:1", "group.id": "any", "log_level": 0})
        metadata: bytes = outsider.consumer_group_metadata()
        outsider.close()
        return metadata


class ForgetfulMember:
    def __init__(self, clients: Forgetful, consumer: Any) -> None:
        self._clients = clients
        self._consumer = consumer

    def consumer_group_metadata(self) -> bytes:
        if self._clients.times:
            self._clients.times -= 1
            return self._clients.empty()
        metadata: bytes = self._consumer.consumer_group_metadata()
        return metadata

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)
