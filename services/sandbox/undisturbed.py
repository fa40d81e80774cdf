"""What an undisturbed run makes of the same reports: the workers' own cores in one process, without Kafka between.

The reports are taken as they stand on requests.received.v1, with the times that the door gave them, one after another
in the order of these times. So whatever differs from what a disturbed run ended with is the disturbance's doing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import msgspec
from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from services.classify.settings import ClassifySettings
from services.classify.worker import build as build_classify
from services.events import Event, RequestMatched, RequestReceived, RequestRouted
from services.match.settings import MatchSettings
from services.match.worker import build as build_match
from services.route.settings import RouteSettings
from services.route.worker import build as build_route
from services.runtime.records import readable
from services.runtime.settings import Shared
from services.sandbox.poison import is_poison

if TYPE_CHECKING:
    from services.runtime.kafka import KafkaClients
    from services.runtime.worker import Stateful, Stateless

BATCH = 1000


class Fate(NamedTuple):
    """What was made of a request."""

    category: str
    department: str
    incident: str
    duplicate_of: str | None


class Found(Protocol):
    """What a run ended with, by request: see `services.sandbox.counted.Tally`."""

    @property
    def categories(self) -> Mapping[str, str]:
        """Service codes."""

    @property
    def departments(self) -> Mapping[str, str]:
        """Departments."""

    @property
    def links(self) -> Mapping[str, tuple[int, str | None, str]]:
        """Revision, `duplicate_of` and incident."""


def received(clients: KafkaClients) -> list[RequestReceived]:
    """Give every request on requests.received.v1 once, in the order in which the door took them; no poison."""
    topic = RequestReceived.topic
    reader = clients.reader()
    places = [TopicPartition(topic, each, OFFSET_BEGINNING) for each in range(clients.partitions(topic))]
    reader.assign(places)
    decode = msgspec.json.Decoder(RequestReceived).decode
    found: dict[str, RequestReceived] = {}
    left = len(places)
    try:
        while left:
            for message in reader.consume(5000, 0.5):
                error = message.error()
                if error is not None:
                    left -= error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka's local code
                    continue
                sound = readable(message)
                value = sound.value()
                if value is None or is_poison(sound.key(), sound.headers()):
                    continue
                try:
                    event = decode(value)
                except msgspec.DecodeError:
                    continue
                found.setdefault(event.report.request_id, event)
    finally:
        reader.close()
    return sorted(found.values(), key=lambda event: (event.report.received_at, event.report.request_id))


def undisturbed(events: Iterable[RequestReceived], *, city: Path, models: Path) -> dict[str, Fate]:
    """Give the fate of each request that `classify`, `route` and `match` make one after another."""
    shared = Shared(stormdrain_city_dir=city, stormdrain_models_dir=models)
    classify = cast("Stateless", build_classify(ClassifySettings(), shared).handler)
    route = cast("Stateless", build_route(RouteSettings(), shared).handler)
    match = cast("Stateful", build_match(MatchSettings(), shared).handler)
    partitions: dict[str, int] = {}
    fates: dict[str, Fate] = {}
    for batch in _batches(events):
        routed = _events(route.handle(_events(classify.handle(batch))))
        by_family: dict[str, list[Event]] = {}
        for event in cast("list[RequestRouted]", routed):
            by_family.setdefault(event.classification.family, []).append(event)
        for family, members in by_family.items():
            partition = partitions.setdefault(family, len(partitions))
            for matched in cast("list[RequestMatched]", _events(match.handle(partition, members))):
                match.fold(partition, matched)
                fates[matched.report.request_id] = _fate(matched)
    return fates


def differences(expected: Mapping[str, Fate], found: Found) -> list[str]:
    """Say of each request that ended otherwise, or is known to one of the two alone, what was expected and found."""
    categories, departments, links = found.categories, found.departments, found.links
    told = []
    for request, fate in expected.items():
        if request not in links:
            told.append(f"{request}: expected {_words(fate)}, found nothing")
            continue
        _, duplicate_of, incident = links[request]
        ended = Fate(categories[request], departments[request], incident, duplicate_of)
        if ended != fate:
            told.append(f"{request}: expected {_words(fate)}, found {_words(ended)}")
    return told + [f"{request}: expected nothing, found a link" for request in links if request not in expected]


def _words(fate: Fate) -> str:
    return f"{fate.category} for {fate.department} of incident {fate.incident} (duplicate of {fate.duplicate_of})"


def _fate(event: RequestMatched) -> Fate:
    matching = event.matching
    return Fate(
        event.classification.service_code, event.routing.department, matching.incident_id, matching.duplicate_of
    )


def _events(outcomes: Iterable[object]) -> list[Event]:
    """Give the events of outcomes; what was rejected is a dead letter, and judged as one."""
    found: list[Event] = []
    for outcome in outcomes:
        if isinstance(outcome, Event):
            found.append(outcome)
        elif isinstance(outcome, Sequence):
            found += outcome
    return found


def _batches(events: Iterable[RequestReceived]) -> Iterator[list[RequestReceived]]:
    left = iter(events)
    while batch := list(islice(left, BATCH)):
        yield batch
