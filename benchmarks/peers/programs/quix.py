"""Quix Streams: a StreamingDataFrame, record by record, exactly once."""

import sys
from importlib.metadata import version

from confluent_kafka import libversion
from quixstreams import Application

from benchmarks.peers.job import Made, Told, asked, converter, tell

# Their documentation: "the bigger the interval, the better the throughput" of checkpoints; extra configs pass to
# librdkafka as they are.
PRODUCER = {
    "compression.type": "lz4",
    "linger.ms": 20,
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": 200_000,
}
CONSUMER = {"queued.max.messages.kbytes": 65_536, "fetch.wait.max.ms": 100}
COMMIT_S = 1.0


def main(argument: str) -> None:
    """Run the application until it is told to stop."""
    job = asked(argument)
    convert = converter(job).one
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=COMMIT_S,
        consumer_extra_config=dict(CONSUMER),
        producer_extra_config=dict(PRODUCER),
        use_changelog_topics=False,
        auto_create_topics=False,
        state_dir=job.state,
        loglevel="WARNING",
    )
    source = app.topic(job.source, value_deserializer="bytes", key_deserializer="bytes")
    target = app.topic(job.target, value_serializer="bytes", key_serializer="string")
    made: list[Made] = []

    def one(value: bytes, _key: object, _timestamp: int, headers: list[tuple[str, bytes]]) -> bytes:
        made[:] = [convert(value, headers)]
        return made[0].value

    frame = app.dataframe(source).apply(one, metadata=True)
    frame = frame.set_headers(lambda *_: made[0].headers)
    frame.to_topic(target, key=lambda _: made[0].key)
    tell(
        Told(
            versions={"quixstreams": version("quixstreams"), "librdkafka": libversion()[0]},
            settings={
                "processing_guarantee": "exactly-once",
                "commit_interval": COMMIT_S,
                "use_changelog_topics": False,
                "serializers": "bytes, JSON by msgspec",
                **PRODUCER,
                **CONSUMER,
            },
            guarantee="exactly once",
            at_a_time="one",
        )
    )
    app.run()


if __name__ == "__main__":
    main(sys.argv[1])
