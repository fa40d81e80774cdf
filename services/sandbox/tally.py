"""What became of every report: read from the topics and from the CRM's own book, never from what a worker claims.

A report is accounted for when it is in the CRM's book, held for a person, or in a dead letter topic. One that is in
none of these is lost; one that has two records at the CRM is doubled, and so is an event that a topic carries twice
under one id. A gateway may say the same twice, when the door fell before it could answer: `classify` and `route`, which
remember nothing, say as much of it as `requests.received.v1` holds, and `match` takes it once.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from services.events import (
    ContextUpdated,
    DeliveryMade,
    DraftHeld,
    IncidentClosed,
    KpiMeasured,
    RequestClassified,
    RequestMatched,
    RequestPrioritized,
    RequestReceived,
    RequestRouted,
    ReviewMade,
    SurgeDetected,
)
from services.runtime.kafka import KafkaClients
from services.runtime.records import REPLAY_FOR
from services.sandbox.accounts import (
    CLASSIFIED,
    DEAD,
    DECIDED,
    MATCHED,
    OUTSIDE,
    PRIORITIZED,
    RECEIVED,
    ROUTED,
    UNKNOWN,
    News,
    Revised,
)
from services.sandbox.counted import Tally
from services.sandbox.lines import Line, Made, Record, record_of
from services.sandbox.order import Order
from services.sandbox.poison import Died, is_poison

__all__ = [
    "ASIDE",
    "WORKERS_WITH_DEAD_LETTERS",
    "Follower",
    "Record",
    "Tally",
    "Verdict",
    "judge",
    "read_book",
    "stale",
]

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

ASIDE = frozenset({"watch", "index"})
"""Workers that nobody's report passes through on its way: a dead letter of theirs says nothing of where it is."""

BEFORE_MATCH = {RequestReceived.topic: RECEIVED, RequestClassified.topic: CLASSIFIED, RequestRouted.topic: ROUTED}
"""Topics on which a report may stand as often as a gateway said it."""

BESIDE = frozenset(
    {ReviewMade.topic, SurgeDetected.topic, KpiMeasured.topic, ContextUpdated.topic, IncidentClosed.topic}
)
"""Topics of which it matters only where they end, and which poison is there."""

UNREVISED = 1
"""The bit of revision 0, which there is not: said by a person, or without a revision."""
LAST_LINK = 32_767


class Follower:
    """Follows the topics of a town from their beginning, in one pass: `tally`, `order` and the dead `letters`."""

    def __init__(self, clients: KafkaClients, departments: Iterable[str]) -> None:
        self.tally = Tally()
        self.order = Order(self.tally.accounts)
        self.letters: list[Died] = []
        self.last: dict[tuple[str, int], int] = {}
        """By partition: the offset of the last record, past which there are markers of transactions alone."""
        self._spoken: set[tuple[str, bytes]] = set()
        """Ids of events that are not told apart by a revision of ours."""
        self._line = msgspec.json.Decoder(Line)
        self._made = msgspec.json.Decoder(Made)
        stages = (*BEFORE_MATCH, RequestMatched.topic, RequestPrioritized.topic)
        topics = [*stages, DraftHeld.topic, DeliveryMade.topic, *BESIDE]
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
                    self.take(record_of(place, message))
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
                    self._ends.add(place)
            if len(self._ends) == self._places:
                return True
        return False

    def close(self) -> None:
        """Read no more."""
        self._reader.close()

    def unsettled_before(self, moment: float, what: Literal["decided", "delivered"] = "delivered") -> int:
        """Count the reports accepted before a moment, in seconds since 1970, that are not `what` yet.

        `decided`: there is a case, a draft or a dead letter. `delivered`: a case is with its system too. Cheap, however
        many reports there are. It speaks of what was read: that is all once `read` said True after that moment.
        """
        waiting = self.tally.waiting_decision if what == "decided" else self.tally.waiting_delivery
        return waiting.before(moment)

    def take(self, record: Record) -> None:
        """Take one record; those of one partition come in order."""
        tally, topic = self.tally, record.topic
        tally.events[topic] += 1
        tally.size[topic] += len(record.value or b"")
        self.last[topic, record.partition] = record.offset
        if topic.endswith(".dead.v1"):
            self._dead(record)
            return
        if is_poison(record.key, record.headers):
            tally.poison[topic] += 1
            return
        if record.value is None or topic in BESIDE:
            return
        if any(name == REPLAY_FOR for name, _ in record.headers):
            self._replayed(record)
            return
        try:
            if topic == DeliveryMade.topic:
                self._delivery(record, self._made.decode(record.value))
            else:
                self._event(record, self._line.decode(record.value))
        except (msgspec.DecodeError, UnicodeDecodeError):
            tally.unreadable[topic] += 1

    def _event(self, record: Record, line: Line) -> None:
        row = self.tally.accounts.row(line.report.request_id)
        stage = BEFORE_MATCH.get(record.topic)
        if stage is not None:
            self._early(record, line, row, stage)
        elif record.topic == RequestMatched.topic:
            self._matched(record, line, row)
        elif record.topic == RequestPrioritized.topic:
            if self._is_news("prioritized", record, row, line.priority.revision if line.priority else None):
                self._stand(PRIORITIZED, record, row)
        else:
            self._decided(record, line, row)

    def _early(self, record: Record, line: Line, row: int, stage: int) -> None:
        accounts = self.tally.accounts
        accounts.count(stage, row)
        self._stand(stage, record, row)
        if stage == RECEIVED:
            if accounts.accepted[row] == UNKNOWN:
                accounts.accepted[row] = record.at_ms // 100
            self._look(row)
        elif stage == CLASSIFIED and line.classification is not None:
            accounts.category[row] = accounts.names.number(line.classification.service_code)
        elif stage == ROUTED:
            self.order.keyed(record.topic, record.partition, record.key, row)
            if line.routing is not None:
                accounts.department[row] = accounts.names.number(line.routing.department)
                accounts.flags[row] |= OUTSIDE if line.routing.outside else 0

    def _matched(self, record: Record, line: Line, row: int) -> None:
        accounts, link = self.tally.accounts, line.matching
        if self._is_news("matched", record, row, link.revision if link else None):
            self._stand(MATCHED, record, row)
        if link is not None and link.revision >= accounts.link[row]:
            accounts.link[row] = min(link.revision, LAST_LINK)
            accounts.incident[row] = accounts.row(link.incident_id)
            accounts.duplicate_of[row] = UNKNOWN if link.duplicate_of is None else accounts.row(link.duplicate_of)

    def _decided(self, record: Record, line: Line, row: int) -> None:
        accounts = self.tally.accounts
        revision = line.priority.revision if line.priority else None
        what: Revised = "held" if record.topic == DraftHeld.topic else "cases"
        if line.decision is not None and line.decision.reviewer:
            # A person's word comes when it comes, of whatever revision.
            self._is_news(what, record, row, None)
        elif self._is_news(what, record, row, revision) and revision == 1:
            self._stand(DECIDED, record, row)
        if what == "cases":
            self.order.case(row, record.topic, record.partition)
        elif accounts.seconds[row] < 0:
            accounts.seconds[row] = max(0.0, record.at_ms / 1000 - line.report.received_at.timestamp())
        self._look(row)

    def _delivery(self, record: Record, made: Made) -> None:
        accounts = self.tally.accounts
        row = accounts.row(made.request_id)
        department = accounts.names.number(made.department)
        # Each system has revisions of its own: what is not the first system's is told apart by its id.
        own = accounts.taken_by[row] in {UNKNOWN, department} and not made.reviewed
        self._is_news("delivered", record, row, made.revision if own else None)
        accounts.taken_by[row] = department
        if accounts.seconds[row] < 0:
            accounts.seconds[row] = (made.delivered_at - made.received_at).total_seconds()
        self.order.case(row, record.topic, record.partition)
        self._look(row)

    def _is_news(self, what: Revised, record: Record, row: int, revision: int | None) -> bool:
        """Note what was said under a revision, or under an id alone; False if it was said before."""
        accounts = self.tally.accounts
        if revision is None:
            spoken = (record.topic, next((content or b"" for name, content in record.headers if name == "ce_id"), b""))
            news: News = "again" if spoken in self._spoken else "new"
            self._spoken.add(spoken)
            accounts.revisions[what][row] |= UNREVISED
        else:
            news = accounts.say(what, row, revision)
        if news == "again":
            self.tally.twice[record.topic] += 1
        elif news == "back":
            self.order.back(record.topic, row, revision or 0)
        return news != "again"

    def _stand(self, stage: int, record: Record, row: int) -> None:
        self.order.stand(stage, row, record.topic, record.partition, record.offset)

    def _look(self, row: int) -> None:
        tally = self.tally
        tally.waiting_decision.look(row, waits=not tally.is_decided(row))
        tally.waiting_delivery.look(row, waits=not tally.is_settled(row))

    def _replayed(self, record: Record) -> None:
        """A dead letter that an operator brought back, for one worker alone: it is on its way again."""
        self.tally.replayed[record.topic] += 1
        try:
            request = self._line.decode(record.value or b"").report.request_id
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        row = self.tally.accounts.row(request)
        self.tally.accounts.flags[row] &= ~DEAD
        self._look(row)

    def _dead(self, record: Record) -> None:
        headers = dict(record.headers)
        reason = _text(headers.get("dead_reason") or b"unknown")
        worker = record.topic.removesuffix(".dead.v1")
        marked = is_poison(record.key, record.headers)
        self.tally.dead[worker, reason] += 1
        origin = tuple(_text(headers.get(f"dead_{name}") or b"") for name in ("topic", "partition", "offset"))
        place = (origin[0], int(origin[1]), int(origin[2])) if origin[1].isdigit() and origin[2].isdigit() else None
        self.letters.append(Died(worker, place, reason, marked))
        if worker in ASIDE or marked:
            return
        try:
            request = self._line.decode(record.value or b"").report.request_id
        except (msgspec.DecodeError, UnicodeDecodeError):
            request = _text(headers.get("ce_id") or b"")
        row = self.tally.accounts.row(request)
        self.tally.accounts.flags[row] |= DEAD
        self._look(row)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


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
    for nothing. A record under a reference that no report has is doubled, since another has to be the report's own; so
    is a case that came under more idempotency keys than it had departments: a system that goes by keys has it twice.
    """
    sent = set(sent)
    records = {str(entry["ref"]): int(str(entry["records"])) for entry in book}
    held, cases, dead = tally.held, tally.cases, tally.dead_ids
    lost = sorted(
        request
        for request in sent
        if not records.get(request) and not (request in held and request not in cases) and request not in dead
    )
    known = tally.accounts.rows
    strange = {ref for ref, number in records.items() if number and ref not in sent and ref not in known}
    keys = {str(entry["ref"]) for entry in book if _number(entry, "keys") > max(1, _number(entry, "departments"))}
    doubled = sorted({ref for ref, number in records.items() if number > 1} | strange | keys)
    doubled += [f"{topic}: {number} events twice" for topic, number in sorted(tally.repeated.items())]
    return Verdict(lost=tuple(lost), doubled=tuple(doubled))


def _number(entry: Mapping[str, object], name: str) -> int:
    return int(str(entry.get(name, 0)))


def stale(tally: Tally, book: Sequence[Mapping[str, object]]) -> list[str]:
    """Give the requests of which the CRM has an older revision than the newest case that policy made.

    A newer one is lost although the request is not. Those that a person decided are left out: their word stands.
    """
    accounts = tally.accounts
    versions = {str(entry["ref"]): int(str(entry["version"])) for entry in book}
    return sorted(
        request
        for request, version in versions.items()
        if (row := accounts.rows.get(request)) is not None
        and not accounts.revisions["cases"][row] & UNREVISED
        and version < accounts.newest("cases", row)
    )


def read_book(text: str) -> list[dict[str, object]]:
    """Read the CRM's book: one JSON object a line."""
    return [json.loads(line) for line in text.splitlines() if line]
