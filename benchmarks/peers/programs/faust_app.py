"""Faust (faust-streaming): an agent, at least once."""

import sys
from importlib.metadata import version
from typing import Any

import faust

from benchmarks.peers.job import Job, Told, asked, converter, tell

# Its settings reference: a larger stream buffer "may let you process over 30,000 events a second"; `stream_wait_empty`
# off starts sooner; uvloop is what its `fast` bundle brings.
TUNING: dict[str, Any] = {
    "processing_guarantee": "at_least_once",
    "stream_buffer_maxsize": 131_072,
    "stream_wait_empty": False,
    "stream_publish_on_commit": False,
    "broker_max_poll_records": 2000,
    "broker_commit_interval": 1.0,
    "broker_commit_every": 10_000,
    "consumer_max_fetch_size": 4_194_304,
    "producer_acks": -1,
    "producer_compression_type": "lz4",
    "producer_linger_ms": 2,
    "producer_max_batch_size": 1_000_000,
}
RAW: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}


def main(argument: str) -> None:
    """Run a worker until it is told to stop."""
    job = asked(argument)
    one_by_one = job.task == "passthrough"
    tell(
        Told(
            versions={"faust-streaming": version("faust-streaming"), "aiokafka": version("aiokafka")},
            settings={"event loop": f"uvloop {version('uvloop')}", "serializers": "raw, JSON by msgspec", **TUNING},
            guarantee="at least once",
            at_a_time="one" if one_by_one else f"up to {job.batch:,} (take)",
            note="its `exactly_once` is tried in benchmarks/peers/README.md",
        )
    )
    worker = faust.Worker(_app(job), loglevel="WARNING", redirect_stdouts=False)
    worker.execute_from_commandline()


def _app(job: Job) -> Any:  # noqa: ANN401 - faust is untyped
    app = faust.App(
        job.group,
        env={},
        loop="uvloop",
        broker=f"kafka://{job.bootstrap}",
        datadir=job.state,
        store="memory://",
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
        **TUNING,
    )
    source, target = app.topic(job.source, **RAW), app.topic(job.target, **RAW)
    convert = converter(job)

    async def single(stream: Any) -> None:  # noqa: ANN401 - faust is untyped
        async for event in stream.events():
            made = convert.one(event.value, event.message.headers)
            await target.send(key=made.key.encode(), value=made.value, headers=made.headers)

    async def batched(stream: Any) -> None:  # noqa: ANN401 - faust is untyped
        async for events in stream.take_events(job.batch, within=0.05):
            records = [(event.value, event.message.headers) for event in events]
            for made in convert.many(records):
                await target.send(key=made.key.encode(), value=made.value, headers=made.headers)

    app.agent(source, name=f"{job.group}.agent")(single if job.task == "passthrough" else batched)
    return app


if __name__ == "__main__":
    main(sys.argv[1])
