"""One batch on its way through a worker: from the records that were consumed to the records that go out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import cast

from confluent_kafka import TopicPartition

from services.events import Event
from services.runtime.ports import Message, Place
from services.runtime.records import (
    MAX_VALUE,
    ODD_NAME,
    TOO_LARGE,
    Decoder,
    Encoder,
    Outgoing,
    dead_letter,
    readable,
    trace_of,
)
from services.runtime.worker import Later, Outcome, Rejected, Stateful, Stateless, Worker

_TOPIC = itemgetter(Outgoing._fields.index("topic"))
Finished = Event | Rejected | Sequence[Event]
"""What a record became: one event, several, none, or a rejection."""


@dataclass(slots=True)
class Batch:
    """Decoded records: `events[i]` came from `messages[i]`, is why there is none, or None: it is for another worker."""

    messages: list[Message]
    events: list[Event | Rejected | None]
    next_offsets: dict[Place, int]
    """Where each partition goes on after this batch."""
    consumed: dict[str, int]
    """Records by topic."""
    oldest_ms: dict[Place, int]
    """Timestamp of each partition's first record."""

    def places(self) -> list[Place]:
        """Give the partitions that the batch is of."""
        return list(self.next_offsets)


@dataclass(slots=True)
class Result:
    """What a batch became. `own` are outputs that the worker's state is folded from, with their partition."""

    next_offsets: dict[Place, int] = field(default_factory=dict)
    """Where each partition goes on: at the first record for which it is too early, or after the batch."""
    later: dict[Place, Later] = field(default_factory=dict)
    """Partitions that go on only then."""
    consumed: dict[str, int] = field(default_factory=dict)
    """Records that were finished, by topic."""
    outgoing: list[Outgoing] = field(default_factory=list)
    own: list[tuple[int, Event]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    """All outputs, for a worker that wants to be told of them."""
    rejected: dict[str, int] = field(default_factory=dict)
    produced: dict[str, int] = field(default_factory=dict)

    def offsets(self) -> list[TopicPartition]:
        """Give the positions that the transaction commits."""
        return [TopicPartition(topic, partition, offset) for (topic, partition), offset in self.next_offsets.items()]


def decode(messages: Sequence[Message], owned: set[Place], decoder: Decoder) -> Batch:
    """Decode what this process owns. Records of other partitions are left to their new owner."""
    batch = Batch([], [], {}, {}, {})
    kept, events, offsets, consumed = batch.messages, batch.events, batch.next_offsets, batch.consumed
    for message in messages:
        topic = message.topic()
        place = (topic, message.partition())
        if place not in owned:
            continue
        if place not in offsets:
            batch.oldest_ms[place] = message.timestamp()[1]
        offsets[place] = message.offset() + 1
        consumed[topic] = consumed.get(topic, 0) + 1
        sound = readable(message)
        kept.append(sound)
        if sound is message:
            events.append(decoder.decode(topic, message.value(), message.headers()))
        else:
            events.append(ODD_NAME)
    return batch


def handle(worker: Worker, batch: Batch) -> list[Outcome]:
    """Ask the worker for one outcome for each record; records at fault keep their own `Rejected`."""
    events = batch.events
    outcomes: list[Outcome] = [event if isinstance(event, Rejected) else () for event in events]
    for partition, indices in _groups(worker, batch):
        fit = [event for i in indices if isinstance(event := events[i], Event)]
        if not fit:
            continue
        given = _ask(worker, partition, fit)
        if len(given) != len(fit):
            message = f"{worker.name}.handle gave {len(given)} outcomes for {len(fit)} records, expected one for each"
            raise RuntimeError(message)
        rest = iter(given)
        for i in indices:
            if isinstance(events[i], Event):
                outcomes[i] = next(rest)
    return outcomes


def _groups(worker: Worker, batch: Batch) -> Iterator[tuple[int, Sequence[int]]]:
    if worker.rebuilds_from is None:
        yield -1, range(len(batch.events))
        return
    groups: dict[int, list[int]] = {}
    for i, message in enumerate(batch.messages):
        groups.setdefault(message.partition(), []).append(i)
    yield from groups.items()


def _ask(worker: Worker, partition: int, events: Sequence[Event]) -> Sequence[Outcome]:
    handler: Stateful | Stateless = worker.handler
    if worker.rebuilds_from is None:
        return handler.handle(events)  # type: ignore[call-arg, arg-type]
    return handler.handle(partition, events)  # type: ignore[call-arg, arg-type]


def encode(worker: Worker, batch: Batch, outcomes: Sequence[Outcome], encoder: Encoder, now: datetime) -> Result:
    """Make the records that go out, in the order of the records that came in."""
    result = Result(next_offsets=dict(batch.next_offsets))
    outgoing, own = result.outgoing, result.own
    encoder.begin(now)
    keeps = worker.rebuilds_from
    for message, outcome in _in_time(batch, outcomes, result):
        if isinstance(outcome, Event):
            events: Sequence[Event] = (outcome,)
        elif isinstance(outcome, Rejected):
            _reject(worker, message, outcome, now, result)
            continue
        elif outcome:
            events = outcome
        else:
            continue
        trace = trace_of(message.headers())
        partition = message.partition() if keeps is not None else -1
        before = len(outgoing)
        for event in events:
            record = encoder.encode(event, trace, partition)
            if record.value is not None and len(record.value) > MAX_VALUE:
                del outgoing[before:]
                _reject(worker, message, _oversize(record), now, result)
                break
            outgoing.append(record)
        else:
            if worker.told is not None:
                result.events += events
            if keeps is not None:
                own += [(partition, event) for event in events if type(event) is keeps]
    result.produced = Counter(map(_TOPIC, outgoing))
    result.produced.pop(f"{worker.name}.dead.v1", None)  # those are counted by reason
    return result


def _in_time(batch: Batch, outcomes: Sequence[Outcome], result: Result) -> Sequence[tuple[Message, Finished]]:
    """Give what can be finished: of each partition, what stands before the first record for which it is too early."""
    if Later not in map(type, outcomes):
        result.consumed = batch.consumed
        return list(zip(batch.messages, cast("Sequence[Finished]", outcomes), strict=True))
    fit: list[tuple[Message, Finished]] = []
    for message, outcome in zip(batch.messages, outcomes, strict=True):
        place = (message.topic(), message.partition())
        if place in result.later:
            continue
        if isinstance(outcome, Later):
            result.later[place] = outcome
            result.next_offsets[place] = message.offset()
        else:
            fit.append((message, outcome))
    for message, _ in fit:
        result.consumed[message.topic()] = result.consumed.get(message.topic(), 0) + 1
    for place in result.later.keys() - {(message.topic(), message.partition()) for message, _ in fit}:
        del result.next_offsets[place]
    return fit


def reconsidered(partition: int, events: Sequence[Event], encoder: Encoder, now: datetime) -> Result:
    """Make the records of decisions that a stateful worker made again, on no record's account."""
    result = Result()
    encoder.begin(now)
    for event in events:
        record = encoder.encode(event, None, partition)
        result.outgoing.append(record)
        result.own.append((partition, event))
        result.produced[record.topic] = result.produced.get(record.topic, 0) + 1
    return result


def _reject(worker: Worker, message: Message, fault: Rejected, now: datetime, result: Result) -> None:
    result.rejected[fault.reason] = result.rejected.get(fault.reason, 0) + 1
    result.outgoing.append(dead_letter(worker.name, message, fault, now))


def _oversize(record: Outgoing) -> Rejected:
    size = len(record.value or b"")
    return Rejected(TOO_LARGE, f"its {record.topic} would have {size} bytes, expected at most {MAX_VALUE}")
