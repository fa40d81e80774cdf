"""What became of every report: read from the topics and from the CRM's own book, never from what a worker claims.

A report is accounted for when it is in the CRM's book, held for a person, or in a dead letter topic. One that is in
none of these is lost; one that has two records at the CRM is doubled, and so is an event that a topic carries twice
under one id. A gateway may say the same twice, when the door fell before it could answer: `classify` and `route`, which
remember nothing, say as much of it as `requests.received.v1` holds, and `match` takes it once.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from services.events import (
    DeliveryMade,
    DraftHeld,
    RequestClassified,
    RequestMatched,
    RequestReceived,
    RequestRouted,
)
from services.runtime.kafka import KafkaClients

WORKERS_WITH_DEAD_LETTERS = (
    "classify",
    "route",
    "match",
    "prioritize",
    "decide",
    "deliver",
    "watch",
    "index",
)


BEFORE_MATCH = frozenset({RequestReceived.topic, RequestClassified.topic, RequestRouted.topic})
"""Topics on which a report may stand as often as a gateway said it."""

ASIDE = frozenset({"watch", "index"})
"""Workers that nobody's report passes through on its way: a dead letter of theirs says nothing of where it is."""


class _Short(msgspec.Struct):
    request_id: str
    received_at: datetime


class _Category(msgspec.Struct):
    service_code: str
    family: str


class _Link(msgspec.Struct):
    incident_id: str
    revision: int = 1
    duplicate_of: str | None = None
    band: str = "none"


class _Area(msgspec.Struct):
    department: str
    outside: bool = False


class _Line(msgspec.Struct):
    """The few fields of any request event that are counted; the rest is passed over."""

    report: _Short
    classification: _Category | None = None
    routing: _Area | None = None
    matching: _Link | None = None


class _Made(msgspec.Struct):
    request_id: str
    department: str
    received_at: datetime
    delivered_at: datetime


@dataclass
class Tally:
    """Counts of one run; latencies are in seconds, from acceptance at the door to the CRM's answer or to the draft."""

    received: set[str] = field(default_factory=set)
    classified: set[str] = field(default_factory=set)
    routed: set[str] = field(default_factory=set)
    links: dict[str, tuple[int, str | None, str]] = field(default_factory=dict)
    """By request: revision, duplicate_of when linked automatically, incident."""
    outside: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)
    delivered: dict[str, str] = field(default_factory=dict)
    """Department by request."""
    seconds: dict[str, float] = field(default_factory=dict)
    dead: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Dead letters by worker and reason."""
    dead_ids: set[str] = field(default_factory=set)
    """Reports that ended in dead letters on their way."""
    twice: Counter[str] = field(default_factory=Counter)
    """Events that a topic carried twice under one id, from `match` on."""
    times: dict[str, Counter[bytes]] = field(default_factory=dict)
    """By topic before `match` and request: how many events of it there are."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """Records by topic that are no events: poison that somebody else put there."""
    events: Counter[str] = field(default_factory=Counter)
    size: Counter[str] = field(default_factory=Counter)
    """Bytes of values by topic."""

    @property
    def repeated(self) -> dict[str, int]:
        """Events by topic that stand there more often than they should."""
        received = self.times.get(RequestReceived.topic, Counter())
        after = {topic: times for topic, times in self.times.items() if topic != RequestReceived.topic}
        more = {
            topic: (times - Counter({each: max(1, received[each]) for each in times})).total()
            for topic, times in after.items()
        }
        return {topic: number for topic, number in (more | self.twice).items() if number}

    @property
    def linked(self) -> set[str]:
        """Reports that are automatic duplicates of an earlier one."""
        return {request for request, (_, duplicate_of, _) in self.links.items() if duplicate_of}

    def settled(self) -> set[str]:
        """Reports that have arrived somewhere for good."""
        return self.delivered.keys() | (self.held - self.cases) | self.dead_ids

    def latency_ms(self, share: float) -> float | None:
        """Give a quantile of the time from door to department or desk, in milliseconds."""
        ordered = sorted(self.seconds.values())
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1) if ordered else None


class Follower:
    """Follows the topics of a town from their beginning and keeps a `Tally`."""

    def __init__(self, clients: KafkaClients, departments: Iterable[str]) -> None:
        self.tally = Tally()
        self._seen: dict[str, set[bytes]] = {}
        self._line = msgspec.json.Decoder(_Line)
        self._made = msgspec.json.Decoder(_Made)
        stages = ("requests.received.v1", "requests.classified.v1", "requests.routed.v1", "requests.matched.v1")
        topics = [*stages, "requests.prioritized.v1", DraftHeld.topic, DeliveryMade.topic]
        topics += [f"cases.{department}.v1" for department in departments]
        topics += [f"{worker}.dead.v1" for worker in WORKERS_WITH_DEAD_LETTERS]
        self._reader = clients.reader()
        places = [TopicPartition(t, p, OFFSET_BEGINNING) for t in topics for p in range(clients.partitions(t))]
        self._reader.assign(places)
        self._ends: set[tuple[str, int]] = set()
        self._places = len(places)

    def read(self, seconds: float) -> bool:
        """Read on for a while; True as soon as every partition is read to its end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for message in self._reader.consume(5000, min(0.2, seconds)):
                place = (message.topic(), message.partition())
                error = message.error()
                if error is None:
                    self._ends.discard(place)
                    self._take(place[0], message.value(), dict(message.headers() or ()), message.timestamp()[1])
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
                    self._ends.add(place)
            if len(self._ends) == self._places:
                return True
        return False

    def close(self) -> None:
        """Read no more."""
        self._reader.close()

    def _take(self, topic: str, value: bytes | None, headers: Mapping[str, bytes], at_ms: int) -> None:
        tally = self.tally
        tally.events[topic] += 1
        tally.size[topic] += len(value or b"")
        if topic.endswith(".dead.v1"):
            self._dead(topic, value, headers)
            return
        if value is None:
            return
        try:
            self._tell(topic, value, headers, at_ms)
        except (msgspec.DecodeError, UnicodeDecodeError):
            tally.unreadable[topic] += 1

    def _tell(self, topic: str, value: bytes, headers: Mapping[str, bytes], at_ms: int) -> None:
        tally = self.tally
        if topic in BEFORE_MATCH:
            tally.times.setdefault(topic, Counter())[headers.get("ce_id", b"").partition(b".")[0]] += 1
        else:
            seen = self._seen.setdefault(topic, set())
            event_id = headers.get("ce_id", b"")
            if event_id in seen:
                tally.twice[topic] += 1
            seen.add(event_id)
        if topic == DeliveryMade.topic:
            made = self._made.decode(value)
            tally.delivered[made.request_id] = made.department
            took = (made.delivered_at - made.received_at).total_seconds()
            tally.seconds.setdefault(made.request_id, took)
            return
        self._stage(topic, self._line.decode(value), at_ms)

    def _stage(self, topic: str, line: _Line, at_ms: int) -> None:
        tally, request = self.tally, line.report.request_id
        match topic:
            case "requests.received.v1":
                tally.received.add(request)
            case "requests.classified.v1":
                tally.classified.add(request)
            case "requests.routed.v1":
                tally.routed.add(request)
                if line.routing is not None and line.routing.outside:
                    tally.outside.add(request)
            case RequestMatched.topic:
                link = line.matching
                if link is not None and link.revision >= tally.links.get(request, (0, None, ""))[0]:
                    tally.links[request] = (link.revision, link.duplicate_of, link.incident_id)
            case DraftHeld.topic:
                tally.held.add(request)
                took = at_ms / 1000 - line.report.received_at.timestamp()
                tally.seconds.setdefault(request, max(0.0, took))
            case _ if topic.startswith("cases."):
                tally.cases.add(request)

    def _dead(self, topic: str, value: bytes | None, headers: Mapping[str, bytes]) -> None:
        reason = headers.get("dead_reason", b"unknown").decode("utf-8", "replace")
        worker = topic.removesuffix(".dead.v1")
        self.tally.dead[worker, reason] += 1
        if worker in ASIDE:
            return
        try:
            self.tally.dead_ids.add(self._line.decode(value or b"").report.request_id)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.tally.dead_ids.add(headers.get("ce_id", b"").decode("utf-8", "replace"))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Lost and doubled reports of a run, by request id or event topic."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled."""
        return not self.lost and not self.doubled


def judge(sent: Iterable[str], tally: Tally, book: Sequence[Mapping[str, object]]) -> Verdict:
    """Hold what was accepted at the door against the topics and the CRM's book.

    A draft that a person released has to be in the book like any other case; a delivery that a worker claims counts
    for nothing.
    """
    records = {str(entry["ref"]): int(str(entry["records"])) for entry in book}
    arrived = {ref for ref, number in records.items() if number > 0}
    accounted = arrived | (tally.held - tally.cases) | tally.dead_ids
    lost = sorted(set(sent) - accounted)
    doubled = sorted(ref for ref, number in records.items() if number > 1)
    doubled += [f"{topic}: {number} events twice" for topic, number in sorted(tally.repeated.items())]
    return Verdict(lost=tuple(lost), doubled=tuple(doubled))


def read_book(text: str) -> list[dict[str, object]]:
    """Read the CRM's book: one JSON object a line."""
    return [json.loads(line) for line in text.splitlines() if line]
