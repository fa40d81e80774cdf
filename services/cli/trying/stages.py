"""Workers that keep nothing, over entries: each entry becomes one line, in the input's order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

import msgspec

from services.city.model import City
from services.cli.trying.entries import Entry
from services.cli.trying.said import Writer
from services.deliver.core import parcel
from services.events import Case, Event, RequestReceived
from services.receive.intake import CONFLICT
from services.receive.recent import Recent, Seen
from services.runtime.worker import Later, Outcome, Rejected, Stateless, Worker

Entries = Iterable[Entry | None]
"""Entries in the input's order; None where the input pauses: what was read should be answered."""
Answers = list[tuple[Entry, bytes]]
"""Entries with their lines of output."""
Stage = Callable[[Entries], Iterator[Answers]]


def batches(entries: Entries, size: int) -> Iterator[list[Entry]]:
    """Give entries in batches of up to `size`, smaller ones where the input pauses."""
    batch: list[Entry] = []
    for entry in entries:
        if entry is not None:
            batch.append(entry)
        if len(batch) >= size or (entry is None and batch):
            yield batch
            batch = []
    if batch:
        yield batch


def stateless(worker: Worker, writer: Writer) -> Stage:
    """Give the stage of a worker that decides records independently of each other."""
    handler = cast("Stateless", worker.handler)

    def run(entries: Entries) -> Iterator[Answers]:
        for batch in batches(entries, worker.batch_size):
            fit = [entry for entry in batch if entry.event is not None]
            said = _said(fit, handler.handle([cast("Event", entry.event) for entry in fit]))
            yield [(entry, writer.line(entry, said.get(entry.number))) for entry in batch]

    return run


def receiving(recent: Recent, writer: Writer) -> Stage:
    """Give the stage of the door: what it accepts, and that it knows a repeat by its id."""
    return _one_by_one(lambda entry: _at_the_door(entry, recent, writer))


def _at_the_door(entry: Entry, recent: Recent, writer: Writer) -> bytes:
    event = cast("RequestReceived | None", entry.event)
    if event is None:
        return writer.line(entry)
    request_id, fingerprint = event.report.request_id, msgspec.json.encode(event)
    seen = recent.look(request_id, fingerprint)
    if seen is Seen.CONFLICT:
        entry.errors = (CONFLICT,)
        entry.rejected = Rejected(CONFLICT.code, CONFLICT.description)
        return writer.line(entry)
    if seen is Seen.NEW:
        recent.remember(request_id, fingerprint)
    return writer.line(entry, event)


def delivering(city: City, writer: Writer) -> Stage:
    """Give the stage of `deliver`: what each department's system would be sent. Nothing is sent."""
    return _one_by_one(lambda entry: _parcelled(entry, city, writer))


def _one_by_one(answer: Callable[[Entry], bytes]) -> Stage:
    def run(entries: Entries) -> Iterator[Answers]:
        for batch in batches(entries, 500):
            yield [(entry, answer(entry)) for entry in batch]

    return run


def _parcelled(entry: Entry, city: City, writer: Writer) -> bytes:
    case = cast("Case | None", entry.event)
    if case is None:
        return writer.line(entry)
    department = city.departments.get(case.routing.department)
    if case.decision.action != "release":
        return writer.parcel(entry, None, "held: a person looks at it first")
    if department is None:
        return writer.parcel(entry, None, f"the city has no department {case.routing.department}")
    return writer.parcel(entry, parcel(case, system=department.system, tenant=city.jurisdiction_id), "")


def _said(entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> Mapping[int, Event]:
    """Give what became of each entry by its number; what was rejected is noted in the entry."""
    said: dict[int, Event] = {}
    for entry, outcome in zip(entries, outcomes, strict=True):
        if isinstance(outcome, Rejected):
            entry.rejected = outcome
        elif isinstance(outcome, Event):
            said[entry.number] = outcome
        elif not isinstance(outcome, Later):
            said.update((entry.number, event) for event in outcome)
    return said
