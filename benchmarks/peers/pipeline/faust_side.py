"""The pipeline as a Faust app: an agent for each stage, one record at a time, at least once.

Tuned as in the pass-through; and with raw codecs, so that msgspec alone decodes and encodes, as it does for Stormdrain.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mode.loop

if find_spec("uvloop"):  # the peers' own environment has it, ours has not; it has to be before faust
    mode.loop.use("uvloop")
import faust
import msgspec

from benchmarks.peers.pipeline.chain import Stage, stages, topics
from benchmarks.peers.pipeline.job import Job
from benchmarks.peers.programs.faust_tuning import RAW, TUNING


def app(job: Job) -> Any:  # noqa: ANN401 - faust is untyped
    """Give the app with the agents of the job's stages."""
    made = faust.App(
        job.group,
        env={},
        broker=f"kafka://{job.bootstrap}",
        datadir=str(Path(job.state) / f"{job.group}-{job.instance}"),
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
        consumer_auto_offset_reset="earliest",
        **TUNING,
    )
    writes = {name: made.topic(name, **RAW) for name in topics(Path(job.city), job.prefix)}
    for stage in stages(job.stages, Path(job.city), Path(job.models), job.prefix):
        made.agent(writes[stage.reads], name=f"{job.group}.{stage.name}")(_agent(stage, writes))
    return made


def _agent(stage: Stage, writes: dict[str, Any]) -> Callable[[Any], Awaitable[None]]:
    step = stage.step

    async def agent(stream: Any) -> None:  # noqa: ANN401 - a faust stream
        events: AsyncIterator[Any] = stream.events()
        async for event in events:
            message = event.message
            headers = message.headers or ()
            found = headers.items() if isinstance(headers, dict) else headers
            for topic, key, value, partition, said in step(message.partition, message.value, found):
                await writes[topic].send(key=key.encode(), value=value, partition=partition, headers=said)

    return agent


def main(argument: str) -> None:
    """Run until told to stop."""
    job = msgspec.json.decode(argument, type=Job)
    faust.Worker(app(job), loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()
