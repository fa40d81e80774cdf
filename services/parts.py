"""The parts that events are made of: what a citizen said, and what each worker says of it.

Units: degrees are WGS 84, distances metres, durations seconds unless the name says otherwise; instants carry a UTC
offset. Confidences, shares and scores are 0 to 1, except `Priority.score`, which is 0 to 100.
"""

import re
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Latitude = Annotated[float, Meta(ge=-90.0, le=90.0)]
Longitude = Annotated[float, Meta(ge=-180.0, le=180.0)]
Instant = Annotated[datetime, Meta(tz=True)]
YEARS: Final = range(1900, 3000)
"""Times of an event are of these: at the ends of the calendar due times and windows lead out of it."""
LONGEST_ID: Final = 64
_ID: Final = f"[A-Za-z0-9_-]{{1,{LONGEST_ID}}}"
Identifier = Annotated[str, Meta(pattern=rf"^{_ID}\Z")]
"""With `$` a line feed would pass at the end; in JSON Schema, where it would not, the pattern ends in `$`."""
IdentifierOrNone = Annotated[str, Meta(pattern=rf"^({_ID})?\Z")]
"""Empty where nothing is named."""
Text = Annotated[str, Meta(max_length=10_000)]

Channel = Literal["web", "app", "phone", "sms", "email", "open311", "file"]
PlaceMethod = Literal["gps", "rooftop", "interpolated", "street", "zip", "given"]
AddressOutcome = Literal["found", "unsure", "unknown"]
Relation = Literal["duplicate", "resend", "surge", "confirmed", "merged"]
AddressKind = Literal["house_number", "interpolated", "crossing", "landmark", "street"]
Intent = Literal["report", "question", "status", "feedback", "spam"]
Level = Literal["routine", "elevated", "urgent", "life_safety"]
Mode = Literal["copilot", "supervised", "automatic"]


def may_be_id(text: str) -> bool:
    """Say whether a text can be an `Identifier`, such as the id of a request."""
    return re.fullmatch(_ID, text) is not None


def refuse_far(moment: datetime, what: str) -> None:
    """Refuse a time that nobody can reckon with.

    Raises:
        ValueError: it is not of `YEARS`; msgspec makes a `ValidationError` of it. The text begins with `what`.

    """
    if moment.year not in YEARS:
        message = f"{what} of the year {moment.year}, expected {YEARS[0]} to {YEARS[-1]}"
        raise ValueError(message)


class Place(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A point on the ground and how far it may be off."""

    latitude: Latitude
    longitude: Longitude
    radius_m: Annotated[float, Meta(ge=0.0)] = 0.0
    method: PlaceMethod = "given"


class Report(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a citizen said. Phones, e-mails and card numbers in `text` and `address` are masked at the door."""

    request_id: Identifier
    channel: Channel
    received_at: Instant
    """From 1900 to 2999, as `requested_at`: at the ends of the calendar due times and windows lead out of it."""
    requested_at: Instant
    text: Text = ""
    place: Place | None = None
    address: Annotated[str, Meta(max_length=512)] = ""
    service_code: str = ""
    """The category the citizen picked, if any; a hint, never a decision."""
    attributes: dict[str, list[str]] = {}
    media_urls: tuple[str, ...] = ()
    source_id: str = ""
    """The gateway's own id of the report; the same one again is the same request."""
    jurisdiction_id: str = ""
    reporter: Annotated[str, Meta(max_length=64)] = ""
    """A pseudonym: equal for one person's reports of one day, and nobody can tell from it who that is; empty where the
    door has no secret to make it with, or no contact."""
    same_as: IdentifierOrNone = ""
    """A request that is the same incident, as the citizen says who was shown it."""

    def __post_init__(self) -> None:
        """Refuse times that nobody can reckon with."""
        for moment in (self.received_at, self.requested_at):
            refuse_far(moment, "a time")


class Alternative(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A category that lost, and how near it came."""

    service_code: str
    confidence: Share


class Entity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something named in the text: `kind` is for instance `street`, `place`, `time`, `asset`."""

    kind: str
    text: str
    start: int
    end: int


class Safety(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether life or limb may be in danger, and the words that say so."""

    flagged: bool = False
    evidence: tuple[str, ...] = ()


class Classification(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a report is about. `alternatives` are the three best, the winner first."""

    service_code: str
    family: str
    confidence: Share
    alternatives: tuple[Alternative, ...] = ()
    threshold: Share = 1.0
    """What `confidence` must reach to be released without a person."""
    released: bool = False
    reason: str = ""
    language: str = "und"
    language_confidence: Share = 0.0
    intent: Intent = "report"
    entities: tuple[Entity, ...] = ()
    sentiment: Annotated[float, Meta(ge=-1.0, le=1.0)] = 0.0
    urgency: tuple[str, ...] = ()
    """The words of hurry found in the text, such as `asap`: what the writer says, nothing that is reckoned with."""
    safety: Safety = Safety()
    model: str = ""


class Boundary(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The area of one layer that holds the place; `share` is the part of the place's circle inside it."""

    layer: str
    area_id: str
    name: str = ""
    version: str = ""
    share: Share = 1.0
    department: str = ""
    """Of an ambiguous area: whose the report would be there, where that is not the routing's department."""
    distance_m: Annotated[float, Meta(ge=0.0)] = 0.0
    """Of an area or line that is nearby: how far from it the place is; 0 inside."""


class Asset(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the city's things near a place, such as the street light that is out."""

    kind: str
    asset_id: str
    distance_m: Annotated[float, Meta(ge=0.0)]
    criticality: Annotated[float, Meta(ge=0.0)] | None = None
    """On the town's own scale; None: it says nothing."""


class Claim(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A department, and the part of a place's circle in which a report would be its."""

    department: str
    share: Share


class LostRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A routing rule that was considered and did not win."""

    rule: str
    why: str


class AddressMatch(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the city's own streets, house numbers and landmarks say of a written address."""

    outcome: AddressOutcome
    kind: AddressKind | None = None
    text: str = ""
    """The address as the city writes it."""
    place: Place | None = None
    """Where it is; `unsure` with a place: somewhere in its circle."""
    candidates: tuple[str, ...] = ()
    """What may have been meant, up to five, the likeliest first."""
    reason: str = ""


class Likely(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A department, and how probable it is that a report is its."""

    department: str
    probability: Share


class Ranking(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is probably responsible for a report that no rule takes, by the town's past."""

    best: tuple[Likely, ...]
    """The likeliest first."""
    sure: bool
    """The first has it; else the report is held, since it is not clear whose it is."""
    threshold: Share | None = None
    """The probability that it takes; None: none is enough."""
    version: str = ""
    """The first digits of the model's hash."""


class Routing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which department, and why."""

    department: str
    rule: str
    reason: str = ""
    lost: tuple[LostRule, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    ambiguous: tuple[Boundary, ...] = ()
    """Areas that the place's circle also touches, if it crosses a boundary; no `area_id`: beyond those of the layer,
    such as beyond the limits."""
    boundary_ambiguous: bool = False
    """The circle crosses a boundary, and beyond it the report would be another department's."""
    candidates: tuple[Claim, ...] = ()
    """Then: the departments and their shares of the circle, the largest first."""
    near: tuple[Boundary, ...] = ()
    """Areas and lines that are as near as a rule asks."""
    asset: Asset | None = None
    """The nearest of the kind that the category is about; else the one that the rule asks for."""
    outside: bool = False
    """The place lies outside the city's limits."""
    instead: str = ""
    """Whom to ask there instead, as departments.yaml says."""
    ranking: Ranking | None = None
    """What the town's ranking said, if it was asked."""
    cell: str = ""
    """H3 cell of the place at resolution 9, empty without a place."""
    address: AddressMatch | None = None
    """What became of the written address of a report that came without a place."""
    version: str = ""


class Reason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One contribution to a score, in points."""

    what: str
    points: float


class LinkEvidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What speaks for two reports being one incident."""

    distance_m: float
    elapsed_s: float
    text_similarity: Share
    same_service_code: bool = False
    uncertainty_m: float = 0.0
    """How far the two places may be off, together."""
    category_distance: Share = 0.0
    """0 where the classifier would give both the same category, 1 where it sees nothing in common."""
    same_asset: bool | None = None
    """The same street light, or another beside it; None where one of them names none."""
    same_address: bool | None = None
    same_reporter: bool = False
    reasons: tuple[Reason, ...] = ()
    """What speaks for it and against, in log-odds, the weightiest first."""


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An earlier report that was compared and did not become the link."""

    request_id: Identifier
    score: Share
    why: str = ""


class Extent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far an incident had grown when this was said."""

    reports: Annotated[int, Meta(ge=2)]
    since: Instant
    until: Instant
    """When its first and its last report were made."""
    hull: tuple[tuple[Latitude, Longitude], ...] = ()
    """The corners of the smallest convex area that holds all places: one where all lie at one place, two of a line."""


class Matching(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The incident a report belongs to. `incident_id` is the request id of its earliest report."""

    incident_id: Identifier
    band: Literal["none", "suggestion", "automatic"] = "none"
    duplicate_of: Identifier | None = None
    score: Share = 0.0
    evidence: LinkEvidence | None = None
    candidates: tuple[Candidate, ...] = ()
    revision: Annotated[int, Meta(ge=1)] = 1
    """Grows when a later arrival, or a person, changes the link."""
    relation: Relation | None = None
    """What the link says: another citizen's report of the same (`duplicate`), the same person within minutes
    (`resend`), one of many of one outage (`surge`), the same as the citizen says (`confirmed`), or as a person of the
    city says (`merged`)."""
    why: str = ""
    """Why a link was not made that the score alone would have made, or was made that it would not."""
    recurs_of: Identifier | None = None
    """The incident that was closed before this report was made, and would have been its own."""
    anchor: tuple[Latitude, Longitude] | None = None
    """Of a report that joined another's incident: where that is measured from, the place of its first report."""
    extent: Extent | None = None
    """Of an incident of two reports or more."""
    version: str = ""


class Priority(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How soon. `score` is 0 to 100, the sum of `reasons` clipped to that range."""

    score: Annotated[float, Meta(ge=0.0, le=100.0)]
    level: Level
    due_at: Instant
    reasons: tuple[Reason, ...] = ()
    revision: Annotated[int, Meta(ge=1)] = 1
    """Grows whenever anything said of this request changes; the newest wins, but no one wins over a person's word."""
    version: str = ""


class Decision(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Released to a department or held for a person, by which policy or person, and why."""

    action: Literal["release", "hold", "reject"]
    mode: Mode
    reasons: tuple[str, ...] = ()
    reviewer: str = ""
    """Set when a person decided; empty when policy did."""
    version: str = ""
