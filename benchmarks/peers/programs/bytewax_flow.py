"""Bytewax: a dataflow between its Kafka source and sink, at least once, positions in its own recovery store."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from confluent_kafka import libversion

from benchmarks.peers.job import Job, Told, asked, converter, tell

# It opens a consumer for each partition, so the buffers are a twelfth of what one consumer would be given.
CONSUMER = {"queued.max.messages.kbytes": "8192", "fetch.wait.max.ms": "100"}
PRODUCER = {
    "compression.type": "lz4",
    "linger.ms": "2",
    "batch.size": "1000000",
    "partitioner": "murmur2_random",
    "acks": "all",
}
EPOCH_S = 10


def main(argument: str) -> None:
    """Run the dataflow until told to stop."""
    job = asked(argument)
    tell(
        Told(
            versions={"bytewax": version("bytewax"), "librdkafka": libversion()[0]},
            settings={"batch_size": job.batch, "epoch_interval_s": EPOCH_S, "workers": 1, **CONSUMER, **PRODUCER},
            guarantee="at least once",
            at_a_time=f"up to {job.batch:,} of one partition",
            note="no consumer group: its positions are in SQLite files of its own, on this machine",
        )
    )
    init_db_dir(Path(job.state), 1)
    cli_main(_flow(job), recovery_config=RecoveryConfig(job.state))


def _flow(job: Job) -> Dataflow:
    convert = converter(job).many

    def many(messages: list[Any]) -> list[Any]:
        found = convert([(message.value, message.headers) for message in messages])
        return [KafkaSinkMessage(made.key.encode(), made.value, headers=made.headers) for made in found]

    flow = Dataflow("race")
    source = KafkaSource([job.bootstrap], [job.source], add_config=CONSUMER, batch_size=job.batch)
    taken = op.input("in", flow, source)
    op.output("out", op.flat_map_batch("convert", taken, many), KafkaSink([job.bootstrap], job.target, PRODUCER))
    return flow


if __name__ == "__main__":
    main(sys.argv[1])
