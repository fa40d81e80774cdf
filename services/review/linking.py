"""What a person is shown of a draft's incident: what it may repeat and why, how far it reaches, what came back.

Pure, as `showing`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import cos, radians
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from services.city.earth import METRES_PER_DEGREE
from services.review.words import Said, When, category_name, department_name, percent, points, span, when

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.city.model import City
    from services.parts import LinkEvidence, Matching, Place, Relation
    from services.readmodel.rows import RequestRow
    from services.review.desk import Lying

RELATIONS: dict[Relation, str] = {
    "duplicate": "another person's report of the same",
    "resend": "sent again by the same person within minutes",
    "surge": "one of many reports of one outage",
    "confirmed": "the citizen says that it is the same",
    "merged": "a person of the city says that it is the same",
}
FRAME, MARGIN = 100.0, 8.0
"""The side of a picture in its own units, and what is left free around what it shows."""
LONGEST_S = 1e10
"""Some 300 years: what is said to lie further apart is shown as this far."""


class Other(Struct, frozen=True, kw_only=True):
    """A report that a draft is linked to, or may be. What the read model does not know yet is empty."""

    request_id: str
    text: str = ""
    address: str = ""
    category: str = ""
    department: str = ""
    requested: When | None = None
    closed: When | None = None
    """When the work on it was done."""
    likeness: int = 0
    """Percent."""
    evidence: tuple[str, ...] = ()
    weights: tuple[Said, ...] = ()
    """What speaks for it and against, each with its points."""
    why: str = ""
    """Why a link was not made."""
    linked: bool = False
    """The link was made already; otherwise it is suggested."""


class Picture(NamedTuple):
    """An area drawn in a square of `FRAME` units: its corners as SVG takes them, and the place of the report."""

    corners: str
    here: tuple[str, str] | None
    across: str
    """How wide or high the area is, in words."""


class Spread(NamedTuple):
    """How far an incident reaches."""

    reports: int
    since: When
    until: When
    picture: Picture | None


class Links(Struct, frozen=True, kw_only=True):
    """All that is shown of a draft's incident."""

    other: Other | None
    candidates: tuple[Other, ...]
    """Other reports that may be the same, the likest first; none of which nothing is known."""
    why: str
    """Why a link was not made that the score alone would have made."""
    recurs: Other | None
    spread: Spread | None


def links_of(lying: Lying, city: City, now: datetime) -> Links:
    """Give what is shown of the incident of a draft."""
    draft = lying.draft.draft
    link, zone = draft.matching, ZoneInfo(city.time_zone)
    known = {row.request_id: row for row in lying.candidates}
    spread = None
    if link.extent is not None:
        since, until = (when(moment, now, zone) for moment in (link.extent.since, link.extent.until))
        spread = Spread(link.extent.reports, since, until, picture(link.extent.hull, draft.report.place))
    return Links(
        other=_linked(link, lying.duplicate, city, now),
        candidates=tuple(
            _told(known[each.request_id], city, now, likeness=percent(each.score), why=each.why)
            for each in link.candidates
            if each.request_id in known
        ),
        why=link.why,
        recurs=_returned(link, lying.recurs_of, city, now),
        spread=spread,
    )


def evidence_words(evidence: LinkEvidence) -> Iterator[str]:
    """Say what speaks for two reports being one incident, and against it."""
    off = evidence.uncertainty_m
    known = f", where the two places may be off by {off:.0f} m" if off >= 1 else ""
    yield f"{evidence.distance_m:.0f} m away{known}"
    apart = timedelta(seconds=min(abs(evidence.elapsed_s), LONGEST_S))
    yield f"{span(apart)} {'earlier' if evidence.elapsed_s >= 0 else 'later'}"
    yield f"words {percent(evidence.text_similarity)} % alike"
    if evidence.same_service_code:
        yield "the same category"
    elif evidence.category_distance > 0:
        yield f"categories {percent(evidence.category_distance)} % apart"
    if evidence.same_asset is not None:
        yield "the same asset of the city's" if evidence.same_asset else "another asset of the city's"
    if evidence.same_address is not None:
        yield "the same address" if evidence.same_address else "another address"
    if evidence.same_reporter:
        yield "the same person"


def picture(hull: Sequence[tuple[float, float]], place: Place | None) -> Picture | None:
    """Draw the corners (latitude, longitude) of an area, north on top; None where all lie at one place."""
    if len(hull) < 2:  # noqa: PLR2004 - two make a line
        return None
    middle = hull[0]
    corners = [_metres(corner, middle) for corner in hull]
    wide, high = (max(ways) - min(ways) for ways in zip(*corners, strict=True))
    here = None if place is None else _metres((place.latitude, place.longitude), middle)
    shown = corners if here is None else [*corners, here]
    (west, south), (east, north) = (tuple(edge(ways) for ways in zip(*shown, strict=True)) for edge in (min, max))
    scale = (FRAME - 2 * MARGIN) / max(east - west, north - south, 1e-6)

    def on_paper(spot: tuple[float, float]) -> tuple[str, str]:
        left = FRAME / 2 + (spot[0] - (west + east) / 2) * scale
        down = FRAME / 2 - (spot[1] - (south + north) / 2) * scale
        return f"{left:.1f}", f"{down:.1f}"

    return Picture(
        corners=" ".join(",".join(on_paper(corner)) for corner in corners),
        here=None if here is None else on_paper(here),
        across=f"about {max(wide, high):,.0f} m across",
    )


def _metres(spot: tuple[float, float], middle: tuple[float, float]) -> tuple[float, float]:
    """Give how far east and north of another a place is; a few kilometres away it is right to some metres."""
    east = (spot[1] - middle[1] + 180) % 360 - 180
    return east * METRES_PER_DEGREE * cos(radians(middle[0])), (spot[0] - middle[0]) * METRES_PER_DEGREE


def _linked(link: Matching, row: RequestRow | None, city: City, now: datetime) -> Other | None:
    if link.duplicate_of is None:
        return None
    words = [RELATIONS[link.relation]] if link.relation else []
    weights: tuple[Said, ...] = ()
    if link.evidence is not None:
        words += evidence_words(link.evidence)
        weights = tuple(Said(reason.what, points(reason.points, 1)) for reason in link.evidence.reasons)
    return _told(
        row or link.duplicate_of,
        city,
        now,
        likeness=percent(link.score),
        evidence=tuple(words),
        weights=weights,
        linked=link.band == "automatic",
    )


def _returned(link: Matching, row: RequestRow | None, city: City, now: datetime) -> Other | None:
    return None if link.recurs_of is None else _told(row or link.recurs_of, city, now)


def _told(
    row: RequestRow | str,
    city: City,
    now: datetime,
    *,
    likeness: int = 0,
    evidence: tuple[str, ...] = (),
    weights: tuple[Said, ...] = (),
    why: str = "",
    linked: bool = False,
) -> Other:
    """Give a report, or the id of one of which nothing is known."""
    link = Other(
        request_id=row if isinstance(row, str) else row.request_id,
        likeness=likeness,
        evidence=evidence,
        weights=weights,
        why=why,
        linked=linked,
    )
    if isinstance(row, str):
        return link
    zone = ZoneInfo(city.time_zone)
    return replace(
        link,
        text=row.text,
        address=row.address,
        category=category_name(row.service_code, city),
        department=department_name(row.department, city),
        requested=when(row.requested_at, now, zone),
        closed=when(row.closed_at, now, zone) if row.closed_at else None,
    )
