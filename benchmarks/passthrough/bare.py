"""The other side: confluent-kafka's transactional consume-process-produce, as an engineer writes it for one job.

librdkafka is set as `services.runtime.kafka` sets it. Python's garbage collector is left as Python sets it, or with
`tuned` set as the runtime sets it. What the runtime does besides is left out: dead letters, state, metrics, slots,
partitions that move during a batch, rewinding after an abort, renewing a producer under suspicion. Any error ends it.
"""

import secrets
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from benchmarks.passthrough.job import KINDS, Done, Job, passing, travelling
from services.cli.run import spare_what_stays

CONSUMER: dict[str, Any] = {
    "log_level": 4,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
    "max.poll.interval.ms": 120_000,
    "queued.max.messages.kbytes": 16_384,
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 10,
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 1000,
}
PRODUCER: dict[str, Any] = {
    "log_level": 4,
    "transaction.timeout.ms": 15_000,
    "compression.type": "lz4",
    "linger.ms": 2,
    "max.in.flight.requests.per.connection": 1,
    "partitioner": "murmur2_random",
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": 200_000,
    "delivery.report.only.error": True,
}


def run(job: Job, *, headers: bool, tuned: bool) -> Done:
    """Do the job in one process with one consumer and one producer, up to `batch` records in a transaction."""
    kind = KINDS[job.kind]
    into = travelling(kind, job.target)
    convert = passing(kind, into)
    decode = msgspec.json.Decoder(kind).decode
    encode = msgspec.json.Encoder().encode
    source = ("ce_source", f"/{job.group}".encode())
    ce_type = ("ce_type", b"stormdrain." + job.target.encode())
    version, content_type = ("ce_specversion", b"1.0"), ("content-type", b"application/json; charset=utf-8")

    producer = Producer(PRODUCER | {"bootstrap.servers": job.bootstrap, "transactional.id": job.group})
    producer.init_transactions(30)
    consumer = Consumer(
        CONSUMER | {"bootstrap.servers": job.bootstrap, "group.id": job.group, "group.instance.id": job.group}
    )
    consumer.subscribe([job.source])
    if tuned:
        spare_what_stays()
    done = batches = 0
    began = began_cpu = 0.0
    while done < job.records:
        messages = consumer.consume(1, 0.2)
        if not messages:
            continue
        if not began:
            began, began_cpu = time.perf_counter(), time.process_time()
        messages += consumer.consume(job.batch - 1, 0.005)
        time_header = ("ce_time", datetime.now(UTC).isoformat().encode())
        span = secrets.randbits(63)
        offsets: dict[int, int] = {}
        producer.begin_transaction()
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            event = convert(decode(message.value()))
            offsets[message.partition()] = message.offset() + 1
            if headers:
                parent = next(content for name, content in message.headers() if name == "traceparent")
                span += 1
                trace = b"%b%016x%b" % (parent[:36], span, parent[52:])
                carried = [
                    version,
                    ("ce_id", event.id.encode()),
                    source,
                    ce_type,
                    time_header,
                    content_type,
                    ("traceparent", trace),
                ]
                producer.produce(job.target, encode(event), event.key, headers=carried)
            else:
                producer.produce(job.target, encode(event), event.key)
        positions = [TopicPartition(job.source, partition, offset) for partition, offset in offsets.items()]
        producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata())
        producer.commit_transaction()
        done += len(messages)
        batches += 1
    ended, ended_cpu = time.perf_counter(), time.process_time()
    consumer.close()
    return Done(seconds=ended - began, cpu_seconds=ended_cpu - began_cpu, batches=batches)
