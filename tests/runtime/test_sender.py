import asyncio
import logging
from datetime import UTC, datetime

import pytest
from aiokafka.errors import NotEnoughReplicasError, OutOfOrderSequenceNumber
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from services.events import RequestReceived
from services.parts import Report
from services.runtime.kafka import KafkaSettings
from services.runtime.sender import KafkaSender

NOBODY = "127.0.0.1:1"
TOPICS = (RequestReceived.topic,)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
REPORT = RequestReceived(report=Report(request_id="r1", channel="web", received_at=NOW, requested_at=NOW))


def test_before_kafka_is_reached_nothing_counts_as_stored() -> None:
    async def steps() -> None:
        sender = KafkaSender(KafkaSettings(bootstrap=NOBODY), source="receive", topics=TOPICS, ack_timeout_s=0.1)

        assert sender.fault == "Kafka has not been reached yet"
        assert await sender.send([REPORT, REPORT]) == ["not_sent", "not_sent"]
        assert await sender.send([]) == []

    asyncio.run(steps())


class Producer:
    """An aiokafka producer as far as a sender uses it: its futures end as told, or never."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)
        self.sent: list[tuple[str, bytes, dict[str, bytes]]] = []

    async def send(
        self, topic: str, *, value: bytes, key: bytes, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[object]:
        self.sent.append((topic, key, dict(headers)))
        assert value
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if self.ends:
            end = self.ends.pop(0)
            if end is None:
                future.set_result(None)
            else:
                future.set_exception(end)
        return future


def _sender(producer: Producer) -> KafkaSender:
    sender = KafkaSender(KafkaSettings(bootstrap=NOBODY), source="receive", topics=TOPICS, ack_timeout_s=0.05)
    sender._producer = producer
    return sender


def test_an_event_goes_to_its_topic_under_its_key_as_a_cloud_event_in_the_callers_trace() -> None:
    async def steps() -> None:
        producer = Producer(None)
        sender = _sender(producer)
        trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

        assert await sender.send([REPORT], trace) == ["stored"]
        assert sender.fault is None
        ((topic, key, headers),) = producer.sent
        assert (topic, key) == ("requests.received.v1", b"r1")
        assert headers["ce_id"] == b"r1.received"
        assert headers["ce_source"] == b"/receive"
        assert headers["traceparent"].startswith(trace[:36])
        assert headers["traceparent"] != trace

    asyncio.run(steps())


def test_what_is_not_acknowledged_in_time_does_not_count_and_the_rest_does() -> None:
    async def steps() -> None:
        sender = _sender(Producer(None))

        assert await sender.send([REPORT, REPORT]) == ["stored", "unsure"]
        assert sender.fault == "Kafka did not acknowledge within 0.05 s"
        assert not sender._broken.is_set()

    asyncio.run(steps())


def test_a_producer_that_is_broken_is_made_anew_and_one_in_passing_trouble_is_not() -> None:
    async def steps() -> None:
        passing = _sender(Producer(NotEnoughReplicasError()))
        assert await passing.send([REPORT]) == ["unsure"]
        assert not passing._broken.is_set()

        broken = _sender(Producer(None, OutOfOrderSequenceNumber()))
        assert await broken.send([REPORT, REPORT]) == ["stored", "unsure"]
        assert broken.fault == "Kafka refused a record: OutOfOrderSequenceNumber"
        assert broken._broken.is_set()

    asyncio.run(steps())


def test_kafka_that_is_not_there_is_tried_again_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    async def steps() -> str | None:
        sender = KafkaSender(KafkaSettings(bootstrap=NOBODY), source="receive", topics=TOPICS, ack_timeout_s=0.2)
        await sender._connect()
        return sender.fault

    with caplog.at_level(logging.CRITICAL, "aiokafka"):
        assert asyncio.run(steps()) == f"Kafka is not ready at {NOBODY}: KafkaConnectionError"


class Noted(RequestReceived, frozen=True, kw_only=True):
    topic = "sender.tests.v1"


def read_back(bootstrap: str, count: int) -> list[tuple[bytes, str]]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "sender-tests", "enable.partition.eof": True})
    consumer.assign([TopicPartition(Noted.topic, partition, 0) for partition in range(2)])
    found: list[tuple[bytes, str]] = []
    ends = 0
    while len(found) < count and ends < 2:
        message = consumer.poll(10.0)
        assert message is not None
        error = message.error()
        if error is None:
            found.append((message.key(), dict(message.headers())["ce_source"].decode()))
        else:
            assert error.code() == KafkaError._PARTITION_EOF
            ends += 1
    consumer.close()
    return found


def test_on_a_real_broker_a_missing_topic_is_named_and_what_counts_as_stored_can_be_read(kafka: str) -> None:
    async def steps() -> None:
        sender = KafkaSender(KafkaSettings(bootstrap=kafka), source="receive", topics=(Noted.topic,), ack_timeout_s=5)
        await sender._connect()
        missing = f"there is no topic {Noted.topic}; make it with `stormdrain topics apply`"
        assert sender.fault == f"Kafka is not ready at {kafka}: {missing}"
        assert await sender.send([Noted(report=REPORT.report)]) == ["not_sent"]
        admin = AdminClient({"bootstrap.servers": kafka})
        await asyncio.to_thread(admin.create_topics([NewTopic(Noted.topic, 2, 1)])[Noted.topic].result)
        await sender._connect()
        assert await sender.send([Noted(report=REPORT.report)] * 3) == ["stored"] * 3
        await sender._close()
        assert await sender.send([Noted(report=REPORT.report)]) == ["not_sent"]

    asyncio.run(steps())
    assert read_back(kafka, 3) == [(b"r1", "/receive")] * 3
