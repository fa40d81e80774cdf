"""A node that runs out of disk: what it had acknowledged is there when it has room again."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from services.sandbox.broker import Broker

TOPIC = "kept.v1"
RECORD_BYTES = 500
QUIET = {"log_level": 0, "reconnect.backoff.max.ms": 200}
SURE = {"enable.idempotence": True, "max.in.flight.requests.per.connection": 1}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Path]]:
    state = tmp_path_factory.mktemp("full")
    with Broker.start(state, heap_mb=256, ephemeral=True, die_with_parent=True, ports=[0]) as running:
        admin = AdminClient({"bootstrap.servers": running.bootstrap, **QUIET})
        admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(20)
        yield running, state


class Writer:
    """Writes numbered records, and knows which of them were acknowledged."""

    def __init__(self, bootstrap: str) -> None:
        self.acknowledged: list[bytes] = []
        self.refused: list[KafkaError] = []
        self.written = 0
        self.producer = Producer({"bootstrap.servers": bootstrap, **SURE, "linger.ms": 0, **QUIET})

    def write(self, number: int) -> None:
        for _ in range(number):
            value = str(self.written).encode().ljust(RECORD_BYTES)
            self.producer.produce(TOPIC, value, on_delivery=self._told)
            self.written += 1
        self.producer.poll(0)

    def _told(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.acknowledged.append(message.value())
        else:
            self.refused.append(error)


def read(bootstrap: str) -> list[bytes]:
    config = {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False, **QUIET}
    consumer = Consumer({**config, "enable.partition.eof": True})
    consumer.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
    values: list[bytes] = []
    while True:
        message = consumer.poll(20)
        if message is None or message.error():
            consumer.close()
            return values
        values.append(message.value())


def until_it_is_gone(broker: Broker, writer: Writer) -> float:
    began = time.monotonic()
    while broker.nodes[0].pid is not None:
        assert time.monotonic() - began < 20, "the node runs on without a disk"
        writer.write(1)
        writer.producer.poll(0.002)
    return time.monotonic() - began


@pytest.mark.parametrize("torn", [False, True], ids=["before a record", "within a record"])
def test_records_that_a_node_acknowledged_before_its_disk_was_full_are_there_once_it_has_room_again(
    node: tuple[Broker, Path],
    torn: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    broker, state = node
    before = read(broker.bootstrap)
    writer = Writer(broker.bootstrap)
    writer.write(300)
    assert writer.producer.flush(20) == 0
    log = state / "broker" / "node-1" / "data" / f"{TOPIC}-0" / f"{0:020}.log"
    broker.fill_disk(1, most_bytes=log.stat().st_size + 10 * RECORD_BYTES + 100 if torn else 0)
    assert until_it_is_gone(broker, writer) < 10
    acknowledged = set(writer.acknowledged)
    assert 300 <= len(acknowledged) < writer.written
    broker.restart(1)
    assert acknowledged <= set(read(broker.bootstrap)[len(before) :])
    assert writer.producer.flush(30) == 0, "what was on its way is tried again"
    assert (len(writer.acknowledged), writer.refused) == (writer.written, [])
    found = read(broker.bootstrap)[len(before) :]
    assert (len(found), set(found)) == (writer.written, set(writer.acknowledged))


def test_a_node_that_is_given_room_in_time_never_notices(node: tuple[Broker, Path]) -> None:
    broker, _ = node
    pid = broker.nodes[0].pid
    broker.fill_disk(1, most_bytes=1 << 30)
    broker.free_disk(1)
    writer = Writer(broker.bootstrap)
    writer.write(10)
    assert writer.producer.flush(20) == 0
    assert (broker.nodes[0].pid, len(writer.acknowledged)) == (pid, 10)


def test_the_disk_of_a_node_that_does_not_run_is_nobodys(node: tuple[Broker, Path]) -> None:
    broker, _ = node
    broker.kill(1)
    broker.fill_disk(1)
    broker.free_disk(1)
    assert broker.nodes[0].pid is None
