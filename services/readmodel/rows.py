"""What the read model answers with, and how it is asked. All instants carry UTC; degrees are WGS 84."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.events import DraftHeld
from services.parts import Level, Relation

Status = Literal["open", "closed"]
Stage = Literal[
    "received", "classified", "routed", "matched", "prioritized", "held", "rejected", "released", "delivered"
]
DraftState = Literal["waiting", "update", "approved", "corrected", "rejected", "unlinked", "released"]
"""`waiting`: nobody has decided yet. `update`: an earlier revision was decided or released, and this one waits again.
`released`: policy let this or a later revision go without a person. The others are what a person made of it."""

STAGES: tuple[Stage, ...] = (
    "received",
    "classified",
    "routed",
    "matched",
    "prioritized",
    "held",
    "rejected",
    "released",
    "delivered",
)
"""In the order a request moves; it never moves back."""

PageSize = Annotated[int, Meta(ge=1, le=1000)]
Page = Annotated[int, Meta(ge=1)]


class RequestRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request as far as the workers have got with it. Text and address are masked as in `Report`."""

    request_id: str
    status: Status
    """Closed once a person has rejected it and nothing was released, or a department said after it was made that the
    work on its incident is done; open otherwise."""
    stage: Stage
    service_code: str
    """The workers' category once classified; before that what the citizen picked, which may be empty."""
    requested_at: datetime
    received_at: datetime
    updated_at: datetime
    """When something was last heard of it; may move on after a crash though nothing changed, never back."""
    channel: str
    family: str = ""
    confidence: float | None = None
    department: str = ""
    text: str = ""
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None
    radius_m: float | None = None
    """How far its place may be off."""
    media_urls: tuple[str, ...] = ()
    source_id: str = ""
    jurisdiction_id: str = ""
    incident_id: str = ""
    """The request id of the incident's earliest report; empty until matched."""
    duplicate_of: str = ""
    band: Literal["none", "suggestion", "automatic"] = "none"
    """Whether `duplicate_of` is a link that holds, or one that a person should look at."""
    relation: Relation | None = None
    recurs_of: str = ""
    """The incident that was closed before this request was made, and would have been its own."""
    hull: tuple[tuple[float, float], ...] = ()
    """The corners (latitude, longitude) of the area of its incident, as far as this request's link tells it."""
    closed_at: datetime | None = None
    """When the work was done, as the department says; None also where a person rejected it."""
    score: float | None = None
    level: Level | None = None
    due_at: datetime | None = None
    revision: int = 0
    """The newest `Priority.revision`; 0 until prioritized."""
    system: str = ""
    """The department's system that took the newest revision, and its own id of the case."""
    external_id: str = ""
    delivered_at: datetime | None = None


class RequestFilter(Struct, frozen=True, kw_only=True):
    """Which requests: every condition that is not empty must hold. Instants are inclusive and need an offset."""

    ids: tuple[str, ...] = ()
    service_codes: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    start: datetime | None = None
    """From when on it was requested."""
    end: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    page: Page = 1
    page_size: PageSize = 50


class ReviewRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person said of a draft."""

    review_id: str
    request_id: str
    revision: int
    verdict: Literal["approve", "correct", "reject", "unlink"]
    reviewer: str
    reviewed_at: datetime
    note: str = ""
    service_code: str = ""
    department: str = ""
    same_as: str = ""
    """A request whose incident this one's was said to be too."""


class DraftRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest draft of a request, whole, and what became of it."""

    request_id: str
    revision: int
    state: DraftState
    held_at: datetime
    draft: DraftHeld
    reviews: tuple[ReviewRow, ...] = ()
    """All that persons said of this request, oldest first; filled by `ReadModel.draft` only."""

    @property
    def is_open(self) -> bool:
        """Whether it still waits for a person."""
        return self.state in WAITING


WAITING: tuple[DraftState, ...] = ("waiting", "update")


class DraftFilter(Struct, frozen=True, kw_only=True):
    """Which drafts: one of `states`, and every other condition that is not empty must hold."""

    states: tuple[DraftState, ...] = WAITING
    ids: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Request ids that are left out."""
    departments: tuple[str, ...] = ()
    service_codes: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    page: Page = 1
    page_size: PageSize = 50


class NearbyFilter(Struct, frozen=True, kw_only=True):
    """Which incidents: a report of `service_codes` lies within `radius_m` of the point, and is recent for its family.

    `since` gives the families, each with the time of report from which it counts; a family that is left out is not
    asked for.
    """

    latitude: float
    longitude: float
    radius_m: float
    service_codes: tuple[str, ...]
    since: tuple[tuple[str, datetime], ...]
    at_most: Annotated[int, Meta(ge=1, le=100)] = 50


class NearbyRow(Struct, frozen=True, kw_only=True):
    """An open incident, of the reports that were asked for; category and place are those of the nearest."""

    incident_id: str
    service_code: str
    family: str
    stage: Stage
    """How far the furthest of its reports has come."""
    first_requested_at: datetime
    last_requested_at: datetime
    reports: int
    latitude: float
    longitude: float
    distance_m: float
    """How far its nearest report is from the point."""
    texts: tuple[str, ...]
    """What was said of it: up to three texts, newest first, none twice."""
    address: str


class SurgeRow(Struct, frozen=True, kw_only=True):
    """The newest that is known of one category in one area (H3 cell at resolution 6)."""

    service_code: str
    area: str
    window_start: datetime
    window_s: int
    count: int
    baseline: float
    ratio: float
    active: bool


class KpiRow(Struct, frozen=True, kw_only=True):
    """One figure over one window."""

    name: str
    labels: dict[str, str]
    window_start: datetime
    window_s: int
    value: float


class Counts(Struct, frozen=True, kw_only=True):
    """How many requests stand at each stage, and how many drafts wait in each department; zeros are left out."""

    requests: dict[Stage, int]
    waiting: dict[str, int]
