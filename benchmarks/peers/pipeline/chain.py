"""The pure cores of five workers, called with one record at a time: what a peer has between its topics.

They are the very handlers that Stormdrain's runtime calls with batches, built as it builds them. Whoever calls `step`
has the same outputs in the same places, with the headers that Stormdrain's topics may not do without. Left out, in the
peers' favour: dead letters, tables, metrics, and state that outlives the process; it is kept in memory, and folded at
once.
"""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, cast

import msgspec

from services.city.load import load
from services.events import Case, DraftHeld, Event
from services.runtime import topics as topics_file
from services.runtime import wire
from services.runtime.settings import Settings, Shared
from services.runtime.worker import Later, Rejected, Stateful, Stateless, Worker

RECEIVED = "requests.received.v1"
STAGES = ("classify", "route", "match", "prioritize", "decide")
"""From receive's topic to the departments' topics, in order."""


class Said(NamedTuple):
    """A record to write; no `partition`: as the key says."""

    topic: str
    key: str
    value: bytes
    partition: int | None
    headers: wire.Headers


class Stage:
    """One worker's handler between its topics."""

    def __init__(self, worker: Worker, prefix: str) -> None:
        kind = worker.reads[0]
        self.name = worker.name
        self.reads = prefix + kind.topic
        self._prefix = prefix
        self._decode = msgspec.json.Decoder(kind).decode
        self._handler = worker.handler
        self._keeps = worker.rebuilds_from is not None

    def step(self, partition: int, value: bytes, headers: Iterable[tuple[str, bytes | None]]) -> list[Said]:
        """Give what one record of a partition becomes, and take it into the state."""
        event = self._decode(value)
        trace = next((content for name, content in headers if name == "traceparent"), None)
        if not self._keeps:
            (outcome,) = cast("Stateless", self._handler).handle([event])
            return [self._said(each, None, trace) for each in _events(outcome)]
        handler = cast("Stateful", self._handler)
        (outcome,) = handler.handle(partition, [event])
        events = list(_events(outcome))
        for each in events:
            handler.fold(partition, each)
        return [self._said(each, partition, trace) for each in events]

    def _said(self, event: Event, partition: int | None, trace: bytes | None) -> Said:
        headers = wire.headers(event, source=self.name, traceparent=wire.child_traceparent(trace))
        return Said(self._prefix + event.destination, event.key, wire.encode(event), partition, headers)


def worker(name: str, city: Path, models: Path) -> Worker:
    """Build a worker as `stormdrain run` does, with its settings as they come."""
    kind: type[Settings] = getattr(import_module(f"services.{name}.settings"), f"{name.capitalize()}Settings")
    built: Worker = import_module(f"services.{name}.worker").build(
        kind(), Shared(stormdrain_city_dir=city, stormdrain_models_dir=models)
    )
    return built


def stages(names: Iterable[str], city: Path, models: Path, prefix: str) -> list[Stage]:
    """Give the stages of these names."""
    return [Stage(worker(name, city, models), prefix) for name in names]


def topics(city: Path, prefix: str) -> dict[str, int]:
    """Give every topic of the way, with as many partitions as topics.yaml gives Stormdrain's own."""
    known = topics_file.load()
    cases = {
        prefix + Case.topic.format(department=each): known.partitions(Case.topic) for each in load(city).departments
    }
    names = ("received", "classified", "routed", "matched", "prioritized")
    stems = [f"requests.{name}.v1" for name in names] + [DraftHeld.topic]
    return {prefix + stem: known.partitions(stem) for stem in stems} | cases


def ends(city: Path, prefix: str) -> list[str]:
    """Give the topics in which the way ends."""
    return [name for name in topics(city, prefix) if name.startswith((f"{prefix}cases.", prefix + DraftHeld.topic))]


def _events(outcome: object) -> Iterable[Event]:
    if isinstance(outcome, Rejected | Later):
        return ()
    return (outcome,) if isinstance(outcome, Event) else cast("Iterable[Event]", outcome)
