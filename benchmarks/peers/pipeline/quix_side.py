"""The pipeline as one Quix Streams application: a StreamingDataFrame for each stage, exactly once.

Runs in an environment of its own, as Quix Streams asks for an older confluent-kafka than Stormdrain has.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from quixstreams import Application, message_context
from quixstreams.models import Serializer

from benchmarks.peers.pipeline.chain import Said, Stage, stages, topics
from benchmarks.peers.pipeline.job import Job

# As in the pass-through, but for what would keep a report waiting at each of five hops.
PRODUCER: dict[str, Any] = {"compression.type": "lz4", "linger.ms": 2, "batch.size": 1_000_000}
CONSUMER: dict[str, Any] = {"queued.max.messages.kbytes": 65_536, "fetch.wait.max.ms": 100}


class Values(Serializer):  # type: ignore[misc]  # quixstreams is elsewhere
    """Writes the value of a `Said`."""

    def __call__(self, value: Said, ctx: object) -> bytes:  # noqa: ARG002 - the interface is Quix's
        return value.value


def application(job: Job) -> Any:  # noqa: ANN401 - no part of Stormdrain's environment
    """Give the application with the data frames of the job's stages."""
    made = Application(
        broker_address=job.bootstrap,
        consumer_group=job.group,
        processing_guarantee="exactly-once",
        commit_interval=job.commit_s,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        state_dir=str(Path(job.state) / f"{job.group}-{job.instance}"),
        consumer_poll_timeout=0.05,
        use_changelog_topics=False,
        producer_extra_config=PRODUCER,
        consumer_extra_config=CONSUMER,
        loglevel="WARNING",
    )
    formats: dict[str, Any] = {"value_deserializer": "bytes", "key_deserializer": "bytes", "key_serializer": "str"}
    known = {
        name: made.topic(name, value_serializer=Values(), **formats) for name in topics(Path(job.city), job.prefix)
    }
    for stage in stages(job.stages, Path(job.city), Path(job.models), job.prefix):
        frame = made.dataframe(known[stage.reads])
        frame = frame.apply(_step(stage), expand=True, metadata=True)
        frame = frame.set_headers(lambda said, _key, _time, _headers: said.headers)
        frame.to_topic(lambda said, _key, _time, _headers: known[said.topic], key=lambda said: said.key)
    return made


def _step(stage: Stage) -> Callable[[bytes, Any, int, Any], list[Said]]:
    step = stage.step
    # Keys and numbers of partitions are the same all the way, so what is keyed by town stays where its state is.
    return lambda value, _key, _time, headers: step(message_context().partition, value, headers or ())


def main(argument: str) -> None:
    """Run until told to stop."""
    application(msgspec.json.decode(argument, type=Job)).run()
