"""The vocabulary: every event that travels between workers. What they are made of is in `services.parts`.

An event class, its topic and its schema file share the stem: ``RequestClassified`` travels on
``requests.classified.v1`` and is described by ``schemas/requests.classified.v1.json``, which is rendered from here
(``make schemas``) and held to it by a test. A ``.v1`` may only grow optional fields; anything else is a new ``.v2``.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from services.keys import ByReport, ByRequest, ByTown
from services.parts import (
    Classification,
    Decision,
    Identifier,
    IdentifierOrNone,
    Instant,
    Matching,
    Priority,
    Report,
    Routing,
    refuse_far,
)


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all events. `topic` is where it travels; a family's topic has a placeholder."""

    topic: ClassVar[str]

    @property
    def key(self) -> str:
        """The record key: records of one key stay in order on one partition."""
        raise NotImplementedError

    @property
    def id(self) -> str:
        """The CloudEvents id: the same event made again carries the same id."""
        raise NotImplementedError

    @property
    def destination(self) -> str:
        """The topic this very event goes to: `topic`, with a family's placeholder filled in."""
        return self.topic


class RequestReceived(ByReport, Event, frozen=True, kw_only=True, omit_defaults=True):
    """A report that the city accepted: on acks=all before the citizen was told so."""

    topic: ClassVar[str] = "requests.received.v1"
    report: Report

    @property
    def id(self) -> str:
        """One per request, however often the gateway sends it."""
        return f"{self.report.request_id}.received"


class ContactReceived(ByRequest, Event, frozen=True, kw_only=True, omit_defaults=True):
    """Who to answer. Kept apart: only deliver, notify and review may read it; a tombstone erases it."""

    topic: ClassVar[str] = "contacts.received.v1"
    request_id: Identifier
    name: str = ""
    phone: str = ""
    email: str = ""
    account_id: str = ""
    device_id: str = ""

    @property
    def id(self) -> str:
        """One per request."""
        return f"{self.request_id}.contact"


class RequestClassified(ByReport, Event, frozen=True, kw_only=True, omit_defaults=True):
    """A report and what it is about."""

    topic: ClassVar[str] = "requests.classified.v1"
    report: Report
    classification: Classification

    @property
    def id(self) -> str:
        """One per request."""
        return f"{self.report.request_id}.classified"


class RequestRouted(ByTown, Event, frozen=True, kw_only=True, omit_defaults=True):
    """A report, what it is about, and whose it is."""

    topic: ClassVar[str] = "requests.routed.v1"
    report: Report
    classification: Classification
    routing: Routing

    @property
    def id(self) -> str:
        """One per request."""
        return f"{self.report.request_id}.routed"


class RequestMatched(ByTown, Event, frozen=True, kw_only=True, omit_defaults=True):
    """A routed report and the incident it belongs to."""

    topic: ClassVar[str] = "requests.matched.v1"
    report: Report
    classification: Classification
    routing: Routing
    matching: Matching
    reading: bytes = b""
    """What `match` read out of the words, for itself after a restart: nothing for others to rely on."""

    @property
    def id(self) -> str:
        """One per request and revision of the link."""
        return f"{self.report.request_id}.matched.{self.matching.revision}"


class RequestPrioritized(ByTown, Event, frozen=True, kw_only=True, omit_defaults=True):
    """A matched report and how soon it should be seen to."""

    topic: ClassVar[str] = "requests.prioritized.v1"
    report: Report
    classification: Classification
    routing: Routing
    matching: Matching
    priority: Priority

    @property
    def id(self) -> str:
        """One per request and revision."""
        return f"{self.report.request_id}.prioritized.{self.priority.revision}"


class Case(ByReport, Event, frozen=True, kw_only=True, omit_defaults=True):
    """Work for a department: all that is known, decided.

    Of several for one request, one with a `decision.reviewer` wins, and then the newest `priority.revision`.
    """

    topic: ClassVar[str] = "cases.{department}.v1"
    report: Report
    classification: Classification
    routing: Routing
    matching: Matching
    priority: Priority
    decision: Decision

    @property
    def id(self) -> str:
        """One per request, revision and decider."""
        by = "review" if self.decision.reviewer else "policy"
        return f"{self.report.request_id}.case.{self.priority.revision}.{by}"

    @property
    def destination(self) -> str:
        """The department's own topic."""
        return f"cases.{self.routing.department}.v1"


class DraftHeld(ByReport, Event, frozen=True, kw_only=True, omit_defaults=True):
    """A case that waits for a person."""

    topic: ClassVar[str] = "drafts.held.v1"
    report: Report
    classification: Classification
    routing: Routing
    matching: Matching
    priority: Priority
    decision: Decision

    @property
    def id(self) -> str:
        """One per request and revision."""
        return f"{self.report.request_id}.draft.{self.priority.revision}"


class ReviewMade(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person's verdict. Carries the whole draft as reviewed, so that `decide` keeps none."""

    topic: ClassVar[str] = "reviews.made.v1"
    review_id: Identifier
    verdict: Literal["approve", "correct", "reject", "unlink"]
    reviewer: str
    reviewed_at: Instant
    draft: DraftHeld
    note: Annotated[str, Meta(max_length=2000)] = ""
    service_code: str = ""
    """With `correct`: the category it should have been."""
    department: str = ""
    """With `correct`: the department it should have been."""
    same_as: IdentifierOrNone = ""
    """With `approve` and `correct`: a request whose incident is the draft's too; the two incidents become one.
    `unlink` keeps the draft out of the incident of its `duplicate_of`."""

    @property
    def key(self) -> str:
        """Keyed by request."""
        return self.draft.report.request_id

    @property
    def id(self) -> str:
        """One per click: the console repeats the review id when it repeats a post."""
        return f"{self.review_id}.review"


class IncidentClosed(ByRequest, Event, frozen=True, kw_only=True, omit_defaults=True):
    """The work is done: published by a department's system. What is reported later is another incident."""

    topic: ClassVar[str] = "incidents.closed.v1"
    request_id: Identifier
    """Any report of the incident."""
    closed_at: Instant
    closed_by: Annotated[str, Meta(max_length=64)] = ""
    """The department or system that says so."""

    def __post_init__(self) -> None:
        """Refuse times that nobody can reckon with, as `Report` does."""
        refuse_far(self.closed_at, "closed_at is")

    @property
    def id(self) -> str:
        """One per request and moment."""
        return f"{self.request_id}.closed.{self.closed_at.isoformat()}"


class DeliveryMade(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A case that a department's system has accepted; the topic is the ledger of what was delivered where."""

    topic: ClassVar[str] = "deliveries.made.v1"
    request_id: Identifier
    department: str
    system: str
    """The department's system, as departments.yaml names it."""
    external_id: str
    """The system's own id of the case."""
    idempotency_key: str
    revision: int
    result: Literal["created", "updated", "unchanged"]
    attempts: Annotated[int, Meta(ge=1)]
    received_at: Instant
    delivered_at: Instant
    reviewed: bool = False
    """A person decided; it outranks whatever policy decided of this request, of later revisions too."""

    @property
    def key(self) -> str:
        """Keyed by request and system: compaction keeps what each system was given, even when a case moves on."""
        return f"{self.request_id}/{self.system}"

    @property
    def id(self) -> str:
        """One per request, system, revision and decider."""
        by = ".review" if self.reviewed else ""
        return f"{self.request_id}.delivery.{self.system}.{self.revision}{by}"


class SurgeDetected(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Far more reports of one category in one area than usual; `active` false ends it."""

    topic: ClassVar[str] = "surges.detected.v1"
    service_code: str
    area: str
    """H3 cell at resolution 6."""
    window_start: Instant
    window_s: int
    count: int
    baseline: float
    ratio: float
    active: bool = True

    @property
    def key(self) -> str:
        """Keyed by category and area: the newest record of a key is the state of that surge."""
        return f"{self.service_code}/{self.area}"

    @property
    def id(self) -> str:
        """One per category, area, window and state: a window measured again is the same event."""
        state = "active" if self.active else "over"
        return f"{self.service_code}.{self.area}.{self.window_start.isoformat()}.{state}"


class KpiMeasured(Event, frozen=True, kw_only=True, omit_defaults=True):
    """One figure over one window, for dashboards."""

    topic: ClassVar[str] = "kpis.measured.v1"
    name: str
    window_start: Instant
    window_s: int
    value: float
    labels: dict[str, str] = {}

    @property
    def key(self) -> str:
        """Keyed by name and labels."""
        return "/".join([self.name, *(f"{k}={v}" for k, v in sorted(self.labels.items()))])

    @property
    def id(self) -> str:
        """One per key and window."""
        return f"{self.key}.{self.window_start.isoformat()}"


class ContextUpdated(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The world outside the reports: a weather warning, a parade, a school day. Published by the town."""

    topic: ClassVar[str] = "context.updated.v1"
    context_id: Identifier
    what: str
    points: float
    """What it adds to the score of the reports it touches."""
    families: tuple[str, ...] = ()
    """Empty: all."""
    areas: tuple[str, ...] = ()
    """H3 cells at resolution 6; empty: everywhere."""
    starts_at: Instant
    ends_at: Instant

    @property
    def key(self) -> str:
        """Keyed by context id: the newest record is the state."""
        return self.context_id

    @property
    def id(self) -> str:
        """One per context and validity."""
        return f"{self.context_id}.{self.starts_at.isoformat()}.{self.ends_at.isoformat()}"


class DeadLetterReplayed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A dead letter was brought back, in the same transaction as this: a letter that is named here is not again."""

    topic: ClassVar[str] = "dead.replayed.v1"
    letter: Annotated[str, Meta(pattern=r"^[a-z0-9-]+\.dead\.v1/[0-9]+/[0-9]+$")]
    """Its position: topic, partition and offset."""
    letter_at: Instant
    """When it was written, in milliseconds: a position in a topic that was made anew is another letter."""
    reason: str
    returned_to: str
    """The topic it had come from, and went back to."""
    partition: Annotated[int, Meta(ge=0)]
    offset: Annotated[int, Meta(ge=0)]
    """Where it had stood there before; where it stands now is not known before it is written."""
    replayed_at: Instant

    @property
    def key(self) -> str:
        """Keyed by the letter's position."""
        return self.letter

    @property
    def id(self) -> str:
        """One per letter."""
        return f"{self.letter}.{self.letter_at.isoformat()}.replayed"


EVENTS: tuple[type[Event], ...] = (
    RequestReceived,
    ContactReceived,
    RequestClassified,
    RequestRouted,
    RequestMatched,
    RequestPrioritized,
    Case,
    DraftHeld,
    ReviewMade,
    IncidentClosed,
    DeliveryMade,
    SurgeDetected,
    KpiMeasured,
    ContextUpdated,
    DeadLetterReplayed,
)
