"""Stormdrain's runtime as `stormdrain run` starts it: around a handler of the task, or around the whole worker."""

import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
from confluent_kafka import libversion

from benchmarks.machine import versions
from benchmarks.passthrough.job import KINDS, passing, travelling
from benchmarks.peers.job import Job, Kind, Told, asked, tell
from services.cli.run import spare_what_stays
from services.events import Event
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.loop import Loop
from services.runtime.loopsettings import LoopSettings
from services.runtime.metrics import Metrics
from services.runtime.worker import Stateless, Worker


class Handler:
    """Makes the events of one topic from those of another."""

    def __init__(self, many: Callable[[Sequence[Any]], Sequence[Event]]) -> None:
        self._many = many

    def handle(self, batch: Sequence[Event]) -> Sequence[Event]:
        return self._many(batch)


class Elsewhere:
    """A worker's own handler, its events sent to the job's topic instead."""

    def __init__(self, handler: Stateless, into: Kind) -> None:
        self._handler = handler
        self._again = passing(into, into)

    def handle(self, batch: Sequence[Event]) -> Sequence[Any]:
        return [self._again(each) if isinstance(each, Event) else each for each in self._handler.handle(batch)]


def main(argument: str) -> None:
    """Turn until told to stop."""
    job = asked(argument)
    serve(job, _worker(job))


def serve(job: Job, worker: Worker) -> None:
    """Run a worker until told to stop, as `stormdrain run` would."""
    loop = Loop(
        worker,
        KafkaClients(KafkaSettings(bootstrap=job.bootstrap)),
        slot=job.group,
        settings=LoopSettings(),
        metrics=Metrics(job.group),
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.stop())
    spare_what_stays()
    told = Told(
        versions={"stormdrain": versions("")["commit"], "librdkafka": libversion()[0]},
        settings={"batch_size": worker.batch_size} | msgspec.structs.asdict(LoopSettings()),
        guarantee="exactly once",
        at_a_time=f"up to {worker.batch_size:,}",
    )
    tell(told)
    loop.run()


def _worker(job: Job) -> Worker:
    if job.task == "classify":
        return _whole(job)
    if job.task == "score":
        from benchmarks.peers.scoring import Scoring  # noqa: PLC0415 - a pass-through needs no model

        scoring = Scoring(job)
        return _around(job, scoring.into, scoring.many)
    into = travelling(KINDS[job.kind], job.target)
    one = passing(KINDS[job.kind], into)
    return _around(job, into, lambda events: [one(event) for event in events])


def _around(job: Job, into: Kind, many: Callable[[Sequence[Any]], Sequence[Event]]) -> Worker:
    source = travelling(KINDS[job.kind], job.source)
    return Worker(name=job.group, reads=(source,), writes=(into,), handler=Handler(many), batch_size=job.batch)


def _whole(job: Job) -> Worker:
    from services.classify.settings import ClassifySettings  # noqa: PLC0415 - a pass-through needs no model
    from services.classify.worker import build  # noqa: PLC0415 - likewise
    from services.runtime.settings import Shared  # noqa: PLC0415 - likewise

    shared = Shared(stormdrain_city_dir=Path(job.city), stormdrain_models_dir=Path(job.models))
    whole = build(ClassifySettings(batch_size=job.batch, model_dir=Path(job.models) / "shipped"), shared)
    source, into = travelling(KINDS[job.kind], job.source), travelling(whole.writes[0], job.target)
    handler: Any = Elsewhere(cast("Stateless", whole.handler), into)
    return replace(whole, name=job.group, reads=(source,), writes=(into,), handler=handler)


if __name__ == "__main__":
    main(sys.argv[1])
