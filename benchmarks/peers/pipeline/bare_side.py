"""One bare transactional hop: records passed on as they came, by the client settings that Stormdrain's runtime has."""

from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from benchmarks.passthrough.bare import CONSUMER, PRODUCER
from benchmarks.peers.pipeline.job import Job
from services.cli.run import spare_what_stays

BATCH, IDLE_S, LINGER_S = 2000, 0.2, 0.005
"""As `stormdrain run` has them by itself."""
HOPS = ("received", "classified", "routed", "matched", "prioritized", "decided")


def topic(prefix: str, number: int) -> str:
    """Give the topic that hop `number` reads."""
    return f"{prefix}requests.{HOPS[number]}.v1"


def run(job: Job, number: int) -> None:
    """Pass on what comes to hop `number`, for ever. Headers, keys and partitions stay as they are."""
    source, target = topic(job.prefix, number), topic(job.prefix, number + 1)
    name = f"{job.group}-{number}"
    producer = Producer(PRODUCER | {"bootstrap.servers": job.bootstrap, "transactional.id": name})
    producer.init_transactions(30)
    own = {"bootstrap.servers": job.bootstrap, "group.id": name, "group.instance.id": name}
    consumer = Consumer(CONSUMER | own)
    consumer.subscribe([source])
    spare_what_stays()
    while True:
        messages: list[Any] = consumer.consume(1, IDLE_S)
        if not messages:
            continue
        messages += consumer.consume(BATCH - 1, LINGER_S)
        offsets: dict[int, int] = {}
        producer.begin_transaction()
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            offsets[message.partition()] = message.offset() + 1
            producer.produce(
                target, message.value(), message.key(), message.partition(), headers=message.headers() or []
            )
        positions = [TopicPartition(source, partition, offset) for partition, offset in offsets.items()]
        producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata())
        producer.commit_transaction()


def main(argument: str) -> None:
    """Run until told to stop."""
    job = msgspec.json.decode(argument, type=Job)
    run(job, job.instance)
