"""One side: Stormdrain's runtime as `stormdrain run` starts it, around a worker that decides nothing."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.passthrough.job import KINDS, Done, Job, passing, travelling
from services.cli.run import spare_what_stays
from services.events import Event
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.loop import Loop
from services.runtime.loopsettings import LoopSettings
from services.runtime.metrics import Metrics
from services.runtime.ports import Consumer, Message
from services.runtime.worker import Worker


class Pass:
    """Gives each event on as another type, and counts."""

    def __init__(self, convert: Callable[[Event], Event]) -> None:
        self._convert = convert
        self.records = 0
        self.batches = 0

    def handle(self, batch: Sequence[Event]) -> Sequence[Event]:
        self.records += len(batch)
        self.batches += 1
        return [self._convert(event) for event in batch]


class Timed:
    """A consumer that notes when the first record was in hand."""

    def __init__(self, consumer: Consumer, first: Callable[[], None]) -> None:
        self._consumer = consumer
        self._first: Callable[[], None] | None = first

    def consume(self, number: int, timeout: float) -> list[Message]:
        messages = self._consumer.consume(number, timeout)
        if messages and self._first is not None:
            self._first()
            self._first = None
        return messages

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a consumer has
        return getattr(self._consumer, name)


class TimedClients(KafkaClients):
    """Real clients whose consumer is `Timed`."""

    began = began_cpu = 0.0

    def member(self, *args: Any, **kwargs: Any) -> Consumer:  # noqa: ANN401 - as its parent
        return Timed(super().member(*args, **kwargs), self._begin)

    def _begin(self) -> None:
        self.began, self.began_cpu = time.perf_counter(), time.process_time()


def run(job: Job) -> Done:
    """Do the job with `services.runtime.loop.Loop`, turn by turn until all is committed."""
    kind = KINDS[job.kind]
    into = travelling(kind, job.target)
    handler = Pass(passing(kind, into))
    source = travelling(kind, job.source)
    worker = Worker(name=job.group, reads=(source,), writes=(into,), handler=handler, batch_size=job.batch)
    clients = TimedClients(KafkaSettings(bootstrap=job.bootstrap))
    loop = Loop(
        worker,
        clients,
        slot=job.group,
        settings=LoopSettings(),
        metrics=Metrics(job.group),
    )
    spare_what_stays()
    loop.start()
    while handler.records < job.records:
        loop.turn()
    ended, ended_cpu = time.perf_counter(), time.process_time()
    loop.close()
    return Done(seconds=ended - clients.began, cpu_seconds=ended_cpu - clients.began_cpu, batches=handler.batches)
