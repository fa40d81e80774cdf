"""sentry-arroyo: a chain of strategies from a consumer to a producer, at least once."""

import signal
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from arroyo.backends.kafka import KafkaConsumer, KafkaPayload, KafkaProducer
from arroyo.commit import ONCE_PER_SECOND
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies import BatchStep, CommitOffsets, Produce, RunTask, UnbatchStep
from arroyo.processing.strategies.abstract import ProcessingStrategy, ProcessingStrategyFactory
from arroyo.types import Partition, Topic
from confluent_kafka import libversion

from benchmarks.peers.job import Job, Told, asked, converter, tell

CONSUMER: dict[str, Any] = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "queued.max.messages.kbytes": 65_536,
    "queued.min.messages": 100_000,
    "fetch.wait.max.ms": 100,
}
PRODUCER: dict[str, Any] = {
    "compression.type": "lz4",
    "linger.ms": 5,
    "batch.size": 1_000_000,
    "partitioner": "murmur2_random",
    "queue.buffering.max.messages": 200_000,
}
BUFFER = 100_000
"""Records that may be on their way to the broker at once."""
WITHIN_S = 0.05


class Chain(ProcessingStrategyFactory[KafkaPayload]):  # type: ignore[misc]  # it is in its own environment only
    """Converts, produces, commits: record by record, or in batches where the task gains from them."""

    def __init__(self, job: Job, producer: KafkaProducer) -> None:
        self._job, self._producer, self._convert = job, producer, converter(job)

    def create_with_partitions(
        self,
        commit: Any,  # noqa: ANN401 - arroyo's own
        partitions: Mapping[Partition, int],
    ) -> ProcessingStrategy[KafkaPayload]:
        del partitions
        produce: Any = Produce(self._producer, Topic(self._job.target), CommitOffsets(commit), max_buffer_size=BUFFER)
        if self._job.task == "passthrough":
            return RunTask(self._one, produce)
        return BatchStep(self._job.batch, WITHIN_S, RunTask(self._many, UnbatchStep(produce)))

    def _one(self, message: Any) -> KafkaPayload:  # noqa: ANN401 - arroyo's own
        made = self._convert.one(message.payload.value, message.payload.headers)
        return KafkaPayload(made.key.encode(), made.value, made.headers)

    def _many(self, message: Any) -> list[Any]:  # noqa: ANN401 - arroyo's own
        values = message.payload
        found = self._convert.many([(value.payload.value, value.payload.headers) for value in values])
        return [
            value.replace(KafkaPayload(made.key.encode(), made.value, made.headers))
            for value, made in zip(values, found, strict=True)
        ]


def main(argument: str) -> None:
    """Run the processor until told to stop."""
    job = asked(argument)
    tell(
        Told(
            versions={"sentry-arroyo": version("sentry-arroyo"), "librdkafka": libversion()[0]},
            settings={
                "commit policy": "once per second",
                "max_buffer_size": BUFFER,
                "use_simple_futures": True,
                **CONSUMER,
                **PRODUCER,
            },
            guarantee="at least once",
            at_a_time="one" if job.task == "passthrough" else f"up to {job.batch:,} (BatchStep)",
        )
    )
    own = {"bootstrap.servers": job.bootstrap}
    producer = KafkaProducer(own | PRODUCER, use_simple_futures=True)
    consumer = KafkaConsumer(own | CONSUMER | {"group.id": job.group})
    processor = StreamProcessor(consumer, Topic(job.source), Chain(job, producer), ONCE_PER_SECOND)
    signal.signal(signal.SIGTERM, lambda *_: processor.signal_shutdown())
    processor.run()
    producer.close()


if __name__ == "__main__":
    main(sys.argv[1])
