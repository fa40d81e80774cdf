"""What the door is given: the town as it judges by it, and the read model as the public may see it."""

import importlib.resources
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from services.city.model import City
from services.parts import Place
from services.places.addresses.finder import Addresses
from services.readmodel.faults import ReadModelError
from services.readmodel.rows import NearbyFilter, NearbyRow, RequestFilter, RequestRow
from services.receive.core import Town
from services.receive.nearby import Asked, Incident, family_of
from services.receive.open311 import PublicRequest, Query, RequestsAwayError
from services.receive.placing import Around

NOTES: Final[dict[str, str]] = {
    "received": "The report has come in.",
    "held": "A person is looking at it.",
    "rejected": "A person has looked at it and closed it.",
    "released": "It is with the department.",
    "delivered": "It is in the department's system.",
}
DONE: Final = "The department says that the work is done."
_UNDER_WAY: Final = "The workers are looking at it."
_MOST_IDS: Final = 1000


class Rows(Protocol):
    """The part of `services.readmodel.queries.ReadModel` that the door uses."""

    def requests(self, wanted: RequestFilter, /) -> Sequence[RequestRow]:
        """Give the requests that the filter lets through, newest first. Blocks."""

    def nearby(self, wanted: NearbyFilter, /) -> Sequence[NearbyRow]:
        """Give the open incidents about a point, newest word first. Blocks."""


def town_of(city: City, region: str = "") -> Town:
    """Give what the door knows of a city; `region` is its country, by default that of its time zone."""
    addresses = Addresses(city)
    return Town(
        time_zone=ZoneInfo(city.time_zone),
        categories=city.categories,
        jurisdiction_id=city.jurisdiction_id,
        region=region or country_of(city.time_zone),
        extent=city.extent,
        addresses=CityAddresses(addresses) if addresses.known else None,
    )


class CityAddresses:
    """The city's own addresses, as the door asks for them."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self.find = addresses.find
        self.suggest = addresses.suggest

    def around(self, latitude: float, longitude: float) -> Around:
        """Give the street and cross street nearest to a point."""
        near = self._addresses.nearest(np.array([longitude]), np.array([latitude]))
        names, street, cross = self._addresses.names.names, int(near.street[0]), int(near.cross[0])
        return Around(
            street=names[street] if street >= 0 else "",
            distance_m=round(float(near.distance_m[0]), 1) if street >= 0 else None,
            cross_street=names[cross] if cross >= 0 else "",
            cross_distance_m=round(float(near.cross_distance_m[0]), 1) if cross >= 0 else None,
        )


def country_of(time_zone: str) -> str:
    """Give the country (ISO 3166) of a time zone by the zone table of the IANA database; empty where it has none."""
    table = importlib.resources.files("tzdata") / "zoneinfo" / "zone.tab"
    for line in table.read_text(encoding="utf-8").splitlines():
        columns = line.split("\t")
        if not line.startswith("#") and columns[2] == time_zone:
            return columns[0]
    return ""


class PublicRequests:
    """Requests of public categories only; a request that has no category yet is nobody's to see.

    Who reported is not in the read model at all. What a rejected report says is left out, and with `publish_text`
    false what any of them says.
    """

    def __init__(self, rows: Rows, city: City, *, publish_text: bool) -> None:
        self._rows = rows
        self._city = city
        self._public = tuple(code for code, category in city.categories.items() if category.public)
        self._publish_text = publish_text

    def find(self, query: Query) -> list[PublicRequest]:
        """Give the requests that are asked for; see `open311.Requests`."""
        asked = tuple(code for code in self._public if not query.service_codes or code in query.service_codes)
        if not asked:
            return []
        wanted = RequestFilter(
            ids=query.request_ids,
            service_codes=asked,
            statuses=query.statuses,
            start=query.start,
            end=query.end,
            updated_after=query.updated_after,
            updated_before=query.updated_before,
            page=query.page,
            page_size=_MOST_IDS if query.request_ids else query.page_size,
        )
        try:
            found = self._rows.requests(wanted)
        except ReadModelError as error:
            raise RequestsAwayError(str(error)) from error
        return [self._public_request(row) for row in found]

    def near(self, asked: Asked, place: Place, now: datetime) -> list[Incident]:
        """Give the open incidents about a place; see `nearby.Known`."""
        codes = [
            code for code in self._public if not asked.family or self._city.categories[code].family == asked.family
        ]
        families = {family.id: family for family in (family_of(self._city, code) for code in codes)}
        wanted = NearbyFilter(
            latitude=place.latitude,
            longitude=place.longitude,
            radius_m=asked.radius_m,
            service_codes=tuple(codes),
            since=tuple((name, now - timedelta(hours=each.match_window_hours)) for name, each in families.items()),
        )
        try:
            found = self._rows.nearby(wanted)
        except ReadModelError as error:
            raise RequestsAwayError(str(error)) from error
        return [self._incident(row) for row in found]

    def _incident(self, row: NearbyRow) -> Incident:
        return Incident(
            request_id=row.incident_id,
            service_code=row.service_code,
            status_notes=NOTES.get(row.stage, _UNDER_WAY),
            first_requested_at=row.first_requested_at,
            last_requested_at=row.last_requested_at,
            reports=row.reports,
            latitude=row.latitude,
            longitude=row.longitude,
            distance_m=row.distance_m,
            texts=row.texts if self._publish_text else (),
            address=row.address,
        )

    def _public_request(self, row: RequestRow) -> PublicRequest:
        department = self._city.departments.get(row.department)
        said = self._publish_text and row.stage != "rejected"
        said_done = row.closed_at is not None and row.stage != "rejected"
        return PublicRequest(
            request_id=row.request_id,
            status=row.status,
            service_code=row.service_code,
            requested_at=row.requested_at,
            updated_at=row.updated_at,
            expected_at=row.due_at,
            status_notes=DONE if said_done else NOTES.get(row.stage, _UNDER_WAY),
            description=row.text if said else "",
            agency=department.name if department else "",
            address=row.address,
            latitude=row.latitude,
            longitude=row.longitude,
            radius_m=row.radius_m,
            media_url=row.media_urls[0] if said and row.media_urls else "",
        )
