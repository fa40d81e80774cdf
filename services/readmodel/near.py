"""Which open incidents lie about a point: one statement, of which an index on the places bounds the work."""

from __future__ import annotations

from math import cos, radians
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from services.city.earth import METRES_PER_DEGREE, arc_m
from services.readmodel.closing import REJECTED, is_open
from services.readmodel.rows import STAGES, NearbyFilter, NearbyRow
from services.readmodel.schema import requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TEXTS = 3
"""So many texts of an incident are given, at most."""
_FAR = 1e9
_TURN, _HALF = 360, 180
_HAIR = 1.001
"""The statement reckons on a plane and takes that much more; what is given is measured on the sphere."""


def nearby_query(wanted: NearbyFilter) -> Select[Any]:
    """Give the statement: of the nearest incidents, what all their reports come to, on a row for each that is shown."""
    at = requests.c
    visible = and_(
        at.content_version > 0,
        at.stage != REJECTED,
        # Not the bare column: SQLite, which keeps no statistics, would take the index of the services for it.
        func.coalesce(at.service_code, "").in_(wanted.service_codes),
    )
    aside = _aside(wanted)
    within = (wanted.radius_m * _HAIR / METRES_PER_DEGREE) ** 2
    recent = or_(*(and_(at.family == family, at.requested_at >= since) for family, since in wanted.since))
    about = (
        select(at.incident_id, func.min(aside).label("aside"))
        .where(_box(wanted), aside <= within, visible, recent, at.incident_id.is_not(None))
        .group_by(at.incident_id)
        .subquery("about")
    )
    # Once for each incident, not for each report: the one that is still open may lie outside the radius.
    still = select(at.request_id).where(at.incident_id == about.c.incident_id, visible, is_open()).correlate(about)
    seeds = (
        select(about.c.incident_id)
        .where(still.exists())
        .order_by(about.c.aside, about.c.incident_id)
        .limit(wanted.at_most)
        .subquery("seeds")
    )
    silent = case((at.text == "", 1), else_=0)
    newest = (silent, at.requested_at.desc(), at.request_id.desc())
    nearest = (func.coalesce(aside, _FAR), at.requested_at.desc(), at.request_id.desc())
    ranked = (
        select(
            at.request_id,
            func.row_number().over(partition_by=at.incident_id, order_by=newest).label("said"),
            func.row_number().over(partition_by=at.incident_id, order_by=nearest).label("near"),
            func.count().over(partition_by=at.incident_id).label("reports"),
            func.min(at.requested_at).over(partition_by=at.incident_id).label("first_requested_at"),
            func.max(at.requested_at).over(partition_by=at.incident_id).label("last_requested_at"),
            func.max(at.stage).over(partition_by=at.incident_id).label("stage"),
        )
        .join(seeds, seeds.c.incident_id == at.incident_id)
        .where(visible)
        .subquery("ranked")
    )
    # Words are fetched for the few reports that are shown: an incident of thousands is sorted without them.
    shown = requests.alias("shown")
    words = [shown.c[name] for name in ("incident_id", "service_code", "family", "text", "address")]
    figures = [column for column in ranked.c if column.name != "request_id"]
    return (
        select(*words, shown.c.latitude, shown.c.longitude, *figures)
        .join_from(ranked, shown, shown.c.request_id == ranked.c.request_id)
        .where(or_(ranked.c.said <= TEXTS, ranked.c.near == 1))
        .order_by(ranked.c.last_requested_at.desc(), shown.c.incident_id, ranked.c.said)
    )


def nearby_rows(wanted: NearbyFilter, found: Iterable[dict[str, Any]]) -> list[NearbyRow]:
    """Give one row for each incident from what the statement found, in its order."""
    incidents: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        incidents.setdefault(row["incident_id"], []).append(row)
    rows = [_row(wanted, reports) for reports in incidents.values()]
    return [row for row in rows if row.distance_m <= wanted.radius_m]


def _row(wanted: NearbyFilter, reports: Sequence[dict[str, Any]]) -> NearbyRow:
    nearest = next(report for report in reports if report["near"] == 1)
    latitude, longitude = nearest["latitude"], nearest["longitude"]
    here, there = radians(wanted.latitude), radians(latitude)
    said = (report["text"] for report in reports if report["said"] <= TEXTS and report["text"])
    return NearbyRow(
        incident_id=nearest["incident_id"],
        service_code=nearest["service_code"],
        family=nearest["family"],
        stage=STAGES[nearest["stage"]],
        first_requested_at=nearest["first_requested_at"],
        last_requested_at=nearest["last_requested_at"],
        reports=nearest["reports"],
        latitude=latitude,
        longitude=longitude,
        distance_m=arc_m(here, there, radians(longitude - wanted.longitude)),
        texts=tuple(dict.fromkeys(said)),
        address=nearest["address"] or "",
    )


def _aside(wanted: NearbyFilter) -> ColumnElement[float]:
    """Give the square of how far a row's place lies off, in degrees of latitude, on a plane."""
    shrunk = cos(radians(wanted.latitude))
    north = requests.c.latitude - wanted.latitude
    east = requests.c.longitude - wanted.longitude
    # Across the meridian of 180 degrees the shorter way round.
    east = case((east > _HALF, east - _TURN), (east < -_HALF, east + _TURN), else_=east) * shrunk
    return north * north + east * east


def _box(wanted: NearbyFilter) -> ColumnElement[bool]:
    """Give the condition that the index on latitude and longitude serves."""
    at = requests.c
    high = wanted.radius_m * _HAIR / METRES_PER_DEGREE
    wide = min(_HALF, high / max(cos(radians(wanted.latitude)), 1e-9))
    west, east = wanted.longitude - wide, wanted.longitude + wide
    spans: list[ColumnElement[bool]] = [at.longitude.between(west, east)]
    if west < -_HALF:
        spans.append(at.longitude >= west + _TURN)
    if east > _HALF:
        spans.append(at.longitude <= east - _TURN)
    return and_(at.latitude.between(wanted.latitude - high, wanted.latitude + high), or_(*spans))
