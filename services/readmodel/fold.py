"""Folds a batch of events into rows, so that SQL sees each request once a batch. Pure: no database, no clock.

What a row ends as is a function of the set of events, whatever their order and however often each comes. The columns
of a request come in groups; each event that speaks of a group has a version for it, and the highest version is kept,
here within a batch and in SQL between batches. Versions are integers packed from, highest first:

| group | version |
| --- | --- |
| content | decided by a person, priority revision, stage |
| link | matching revision, said by a person, priority revision, stage |
| priority | priority revision, stage |
| delivery | revision, milliseconds of `delivered_at`, system |
| closing | microseconds of `closed_at`, who says so |

A later stage carries all that earlier ones said, so its whole content replaces theirs. Events with one id count as the
same event.

A closing stands in the row of the request that it names. Which other requests it closes depends on the incident that
each belongs to, so that is asked, not written: see `services.readmodel.closing`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import msgspec

from services.events import (
    Case,
    DeliveryMade,
    DraftHeld,
    Event,
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
from services.parts import YEARS, Matching, Priority
from services.readmodel.cells import (
    MOST_REVISIONS,
    REVISION_BITS,
    Cells,
    Content,
    delivery_cells,
    draft_cells,
    fill_closing,
    fill_content,
    fill_link,
    plain,
    request_cells,
    review_cells,
    whole,
)
from services.readmodel.rows import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

Heard = tuple[Event, datetime]
"""An event, and when it was heard of."""
Closing = tuple[IncidentClosed, datetime]

STAGE_BITS = 4
MILLISECOND_BITS = 42
SYSTEM_BITS = 6
MOST_DELIVERED = (1 << 14) - 1
BY_PERSON = 1 << 60
UNHEARD = -1
"""The stage of a request of which nothing but its closing was heard."""
EARLIEST = datetime(YEARS[0], 1, 1, tzinfo=UTC) - timedelta(days=2)
"""No event is closed before, whatever its offset."""
RECEIVED, HELD, REJECTED, RELEASED, DELIVERED = map(
    STAGES.index, ("received", "held", "rejected", "released", "delivered")
)
STAGE_OF: dict[type[Event], int] = {
    RequestReceived: RECEIVED,
    RequestClassified: STAGES.index("classified"),
    RequestRouted: STAGES.index("routed"),
    RequestMatched: STAGES.index("matched"),
    RequestPrioritized: STAGES.index("prioritized"),
    DraftHeld: HELD,
    Case: RELEASED,
}


class Rows(NamedTuple):
    """Rows to upsert, by table, each list in the order of its keys; no two rows of a list share a key."""

    requests: list[Cells]
    drafts: list[Cells]
    reviews: list[Cells]
    deliveries: list[Cells]
    surges: list[Cells]
    kpis: list[Cells]
    to_settle: list[str]
    """Requests of which the state of a draft may have changed."""


class _Request:
    """What is known of a request from this batch: for each group the version that leads, and who said it."""

    __slots__ = (
        "closing",
        "closing_version",
        "content",
        "content_version",
        "delivery",
        "delivery_version",
        "link",
        "link_version",
        "priority",
        "priority_version",
        "released",
        "stage",
        "updated_at",
    )

    def __init__(self, updated_at: datetime) -> None:
        self.updated_at = updated_at
        self.stage, self.released = UNHEARD, 0
        self.content_version = self.link_version = self.priority_version = self.delivery_version = 0
        self.closing_version = 0
        self.content: Content | None = None
        self.link: Matching | None = None
        self.priority: Priority | None = None
        self.delivery: DeliveryMade | None = None
        self.closing: Closing | None = None

    def hear(self, event: Content) -> None:
        """Take what a stage said, as far as it is news."""
        stage = STAGE_OF[type(event)]
        self.stage = max(self.stage, stage)
        revision, person = 0, 0
        if isinstance(event, RequestPrioritized | DraftHeld | Case):
            revision = min(event.priority.revision, MOST_REVISIONS)
            version = (revision << STAGE_BITS) + stage
            if version > self.priority_version:
                self.priority_version, self.priority = version, event.priority
        if isinstance(event, Case):
            self.released = max(self.released, revision)
            person = BY_PERSON if event.decision.reviewer else 0
        if not isinstance(event, RequestReceived | RequestClassified | RequestRouted):
            self.join(event.matching, revision, stage)
        version = person + (revision << STAGE_BITS) + stage + 1
        if version > self.content_version:
            self.content_version, self.content = version, event

    def join(self, matching: Matching, revision: int, stage: int, *, person: bool = False) -> None:
        """Take a link, as far as it is news."""
        order = (min(matching.revision, MOST_REVISIONS) << 1) + person
        version = (((order << REVISION_BITS) + revision) << STAGE_BITS) + stage
        if version > self.link_version:
            self.link_version, self.link = version, matching

    def deliver(self, event: DeliveryMade) -> None:
        """Take a delivery, as far as it is news."""
        self.stage = DELIVERED
        moment = int(event.delivered_at.timestamp() * 1000)
        # Two systems may take one revision in one millisecond: then one is shown, the same one every time.
        which = crc32(event.system.encode()) & ((1 << SYSTEM_BITS) - 1)
        order = (max(0, min(event.revision, MOST_DELIVERED)) << MILLISECOND_BITS) + moment
        version = (order << SYSTEM_BITS) + which
        if version > self.delivery_version:
            self.delivery_version, self.delivery = version, event

    def close(self, event: IncidentClosed, at: datetime) -> None:
        """Take that the work is done, as far as it is news."""
        moment = (event.closed_at - EARLIEST) // timedelta(microseconds=1)
        version = (moment << SYSTEM_BITS) + (crc32(event.closed_by.encode()) & ((1 << SYSTEM_BITS) - 1))
        if version > self.closing_version:
            self.closing_version, self.closing = version, (event, at)

    def review(self, event: ReviewMade) -> None:
        """Take what a person said, beyond what the case that follows from it will say."""
        if event.verdict == "reject":
            self.stage = max(self.stage, REJECTED)
        # Said by a person, so it outlasts what was said of the links as that person saw them. What `match` says of
        # later ones it says knowing the review, or `decide` corrects it.
        draft = event.draft
        if event.verdict == "unlink":
            link = Matching(incident_id=draft.report.request_id, revision=draft.matching.revision)
        elif event.verdict != "reject" and event.same_as:
            known = draft.matching
            linked = known.band == "automatic" and event.same_as in (known.duplicate_of, known.incident_id)
            link = Matching(
                incident_id=known.incident_id if linked else event.same_as,
                duplicate_of=known.duplicate_of if linked else event.same_as,
                band="automatic",
                relation="merged",
                revision=known.revision,
            )
        else:
            return
        self.join(link, min(draft.priority.revision, MOST_REVISIONS), HELD, person=True)


class _Batch:
    """What a batch comes to, by key."""

    def __init__(self) -> None:
        self.requests: dict[str, _Request] = {}
        self.drafts: dict[str, tuple[DraftHeld, datetime]] = {}
        self.reviews: dict[str, Cells] = {}
        self.deliveries: dict[tuple[str, str], DeliveryMade] = {}
        self.surges: dict[tuple[str, str], Cells] = {}
        self.kpis: dict[tuple[str, str, datetime], Cells] = {}
        self.to_settle: set[str] = set()

    def hear(self, event: Event, at: datetime) -> None:
        """Take one event."""
        if isinstance(event, Content):
            self._content(event, at)
        elif isinstance(event, ReviewMade):
            self._review(event, at)
        elif isinstance(event, DeliveryMade):
            self._delivery(event, at)
        elif isinstance(event, IncidentClosed):
            self._request(event.request_id, at).close(event, at)
        elif isinstance(event, SurgeDetected):
            self._surge(event)
        elif isinstance(event, KpiMeasured):
            self._kpi(event)
        else:
            message = f"the read model knows nothing of {type(event).__name__}"
            raise TypeError(message)

    def _request(self, request_id: str, at: datetime) -> _Request:
        request = self.requests.get(request_id)
        if request is None:
            request = self.requests[request_id] = _Request(at)
        elif at > request.updated_at:
            request.updated_at = at
        return request

    def _content(self, event: Content, at: datetime) -> None:
        self._request(event.report.request_id, at).hear(event)
        if isinstance(event, DraftHeld):
            self._draft(event, at)
        elif isinstance(event, Case):
            self.to_settle.add(event.report.request_id)

    def _draft(self, draft: DraftHeld, at: datetime) -> None:
        self.to_settle.add(draft.report.request_id)
        kept, since = self.drafts.setdefault(draft.report.request_id, (draft, at))
        if draft.priority.revision > kept.priority.revision:
            self.drafts[draft.report.request_id] = (draft, at)
        elif draft.priority.revision == kept.priority.revision and at < since:
            self.drafts[draft.report.request_id] = (kept, at)

    def _review(self, event: ReviewMade, at: datetime) -> None:
        request = self._request(event.draft.report.request_id, at)
        request.hear(event.draft)
        request.review(event)
        self._draft(event.draft, at)
        self.reviews.setdefault(event.review_id, review_cells(event))

    def _delivery(self, event: DeliveryMade, at: datetime) -> None:
        self._request(event.request_id, at).deliver(event)
        kept = self.deliveries.setdefault((event.request_id, event.system), event)
        if event.revision > kept.revision:
            self.deliveries[event.request_id, event.system] = event

    def _surge(self, event: SurgeDetected) -> None:
        # Of one window, that it is over is the later word.
        version = (int(event.window_start.timestamp()) << 1) + (not event.active)
        kept = self.surges.get((event.service_code, event.area))
        if kept is None or version > kept["surge_version"]:
            cells = {**msgspec.structs.asdict(event), "surge_version": version}
            self.surges[event.service_code, event.area] = cells | {
                "window_s": whole(event.window_s),
                "count": whole(event.count),
            }

    def _kpi(self, event: KpiMeasured) -> None:
        labels = msgspec.json.encode(event.labels, order="sorted").decode()
        # Not versioned: a window that is measured again comes later on its key's one partition.
        cells = {**msgspec.structs.asdict(event), "labels": labels, "window_s": whole(event.window_s)}
        self.kpis[event.name, labels, event.window_start] = cells


def fold(heard: Iterable[Heard]) -> Rows:
    """Give the rows that a batch comes to. Raises TypeError for an event that the read model knows nothing of."""
    batch = _Batch()
    for event, at in heard:
        batch.hear(event, at)
    return Rows(
        requests=[_request_cells(key, batch.requests[key]) for key in sorted(batch.requests)],
        drafts=[draft_cells(*batch.drafts[key]) for key in sorted(batch.drafts)],
        reviews=[batch.reviews[key] for key in sorted(batch.reviews)],
        deliveries=[delivery_cells(batch.deliveries[key]) for key in sorted(batch.deliveries)],
        surges=[batch.surges[key] for key in sorted(batch.surges)],
        kpis=[batch.kpis[key] for key in sorted(batch.kpis)],
        to_settle=sorted(batch.to_settle),
    )


def _request_cells(request_id: str, known: _Request) -> Cells:
    cells = request_cells(request_id)
    cells["stage"] = known.stage
    cells["updated_at"] = known.updated_at
    cells["released_revision"] = known.released
    cells["content_version"] = known.content_version
    cells["link_version"] = known.link_version
    cells["priority_version"] = known.priority_version
    cells["delivery_version"] = known.delivery_version
    cells["closing_version"] = known.closing_version
    if known.content is not None:
        fill_content(cells, known.content)
    if known.link is not None:
        fill_link(cells, known.link)
    if known.priority is not None:
        cells["score"] = known.priority.score
        cells["level"] = known.priority.level
        cells["due_at"] = known.priority.due_at
        cells["revision"] = min(known.priority.revision, MOST_REVISIONS)
    if known.delivery is not None:
        cells["system"] = known.delivery.system
        cells["external_id"] = plain(known.delivery.external_id)
        cells["delivered_at"] = known.delivery.delivered_at
    if known.closing is not None:
        fill_closing(cells, *known.closing)
    return cells
