"""Faust (faust-streaming): an agent, at least once."""

import sys
from importlib.metadata import version
from typing import Any

import faust
import mode.loop

from benchmarks.peers.job import Job, Told, asked, converter, tell
from benchmarks.peers.programs.faust_tuning import RAW, TUNING


def main(argument: str) -> None:
    """Run a worker until it is told to stop."""
    mode.loop.use("uvloop")
    job = asked(argument)
    one_by_one = job.task == "passthrough"
    tell(
        Told(
            versions={"faust-streaming": version("faust-streaming"), "aiokafka": version("aiokafka")},
            settings={"event loop": f"uvloop {version('uvloop')}", "serializers": "raw, JSON by msgspec", **TUNING},
            guarantee="at least once",
            at_a_time="one" if one_by_one else f"up to {job.batch:,} (take)",
            note="its `exactly_once` is not used: faust-streaming issues 177, 323, 440 and 517 are open",
        )
    )
    worker = faust.Worker(_app(job), loglevel="WARNING", redirect_stdouts=False)
    worker.execute_from_commandline()


def _app(job: Job) -> Any:  # noqa: ANN401 - faust is untyped
    app = faust.App(
        job.group,
        env={},
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
