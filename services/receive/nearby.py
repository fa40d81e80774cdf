"""Is it known already? What was asked about a point, which incidents come first, and the document that names them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from math import exp
from typing import Final, Protocol

from msgspec import Struct
from rapidfuzz import fuzz, utils

from services.city.model import City, Family
from services.parts import Place
from services.receive.fields import LONGEST_ADDRESS, LONGEST_TEXT, Fault, Fields
from services.receive.open311 import Requests, Status, w3c
from services.receive.placing import is_nowhere, odd_place
from services.receive.rendering import Value

USUAL_M: Final = 100.0
WIDEST_M: Final = 1000.0
USUAL: Final = 5
MOST: Final = 20
_LONGEST_CODE: Final = 64
_COMPARED: Final = 300
"""Characters of a text that are compared with another: it is what comes first that says what a report is about."""
_NEAREST_M: Final = 10.0
_WEIGHTS: Final = {"near": 0.45, "recent": 0.15, "words": 0.3, "same": 0.1}


class Asked(Struct, frozen=True, kw_only=True):
    """What is asked: about a point, or an address `q`; of one service's family, or of all."""

    place: Place | None = None
    q: str = ""
    service_code: str = ""
    family: str = ""
    radius_m: float = USUAL_M
    limit: int = USUAL
    description: str = ""


class Incident(Struct, frozen=True, kw_only=True):
    """What the public may see of an open incident; `texts` newest first, times with an offset."""

    request_id: str
    service_code: str
    first_requested_at: datetime
    last_requested_at: datetime
    reports: int
    latitude: float
    longitude: float
    distance_m: float
    status: Status = "open"
    status_notes: str = ""
    texts: tuple[str, ...] = ()
    address: str = ""


class Known(Requests, Protocol):
    """The requests that the public may see, also by where they are."""

    def near(self, asked: Asked, place: Place, now: datetime) -> Sequence[Incident]:
        """Give open incidents within `radius_m` of a place, the nearest 50 at most. Blocks.

        Raises:
            RequestsAwayError: they cannot be read just now.

        """


def read_nearby_query(arguments: Mapping[str, str], city: City) -> Asked | tuple[Fault, ...]:
    """Read the arguments of GET requests/nearby, or say what is wrong with them. A point goes before an address."""
    fields = Fields(arguments, {}, loose=True)
    place = _place(fields, city)
    q = fields.string("q", LONGEST_ADDRESS)
    code = fields.string("service_code", _LONGEST_CODE)
    category = city.categories.get(code)
    if code and category is None:
        fields.fault("unknown_service_code", "service_code", f"{code!r} is not a service of this city: see /services")
    radius = fields.number("radius", 1, WIDEST_M)
    limit = fields.number("limit", 1, MOST)
    description = fields.string("description", LONGEST_TEXT)
    if place is None and not q and not fields.faults:
        fields.faults.append(Fault(code="missing", description="a place is missing: expected lat and long, or q"))
    if fields.faults:
        return tuple(fields.faults)
    usual = min(family_of(city, code).match_radius_m, WIDEST_M) if category else USUAL_M
    return Asked(
        place=place,
        q=q,
        service_code=code,
        family=category.family if category else "",
        radius_m=radius or usual or USUAL_M,
        limit=int(limit or USUAL),
        description=description,
    )


def family_of(city: City, service_code: str) -> Family:
    """Give the family of a service, as far as the city says anything of it."""
    category = city.categories.get(service_code)
    name = category.family if category else ""
    return city.families.get(name) or Family(id=name)


def likeliest(found: Iterable[Incident], asked: Asked, city: City, now: datetime) -> list[tuple[float, Incident]]:
    """Give up to `limit` incidents, the likeliest first, each with how likely it is: 0 to 1, to rank by.

    That is the weighted mean of four figures, each 0 to 1 and as far as there is something to go by: nearness, which
    is 1/e at the family's own radius; how much of the family's window is left since the last report; the words that
    the description has in common with the nearest text; and whether the category is the very same.
    """
    ranked = [(_likely(each, asked, family_of(city, each.service_code), now), each) for each in found]
    ranked.sort(key=lambda pair: (-pair[0], pair[1].distance_m, pair[1].request_id))
    return ranked[: asked.limit]


def incidents(found: Iterable[tuple[float, Incident]], city: City, time_zone: tzinfo) -> Value:
    """Give the document of incidents, times in the city's own."""
    return [_incident(likely, each, city, time_zone) for likely, each in found]


def _place(fields: Fields, city: City) -> Place | None:
    before = len(fields.faults)
    latitude = fields.number("lat", -90, 90)
    longitude = fields.number("long", -180, 180)
    if len(fields.faults) > before:
        return None
    if latitude is None or longitude is None:
        if latitude is not longitude:
            given, absent = ("long", "lat") if latitude is None else ("lat", "long")
            fields.fault("missing", absent, f"is missing: expected it with {given}")
        return None
    place = Place(latitude=latitude, longitude=longitude)
    if is_nowhere(place, city.extent):
        fields.fault("no_place", "lat", "and long are 0, 0, which stands for no position: expected a point in the city")
    elif (odd := odd_place(place, city.extent, {"lon": "long"})) and odd.code == "swapped_place":
        fields.faults.append(odd)
    return place


def _likely(each: Incident, asked: Asked, family: Family, now: datetime) -> float:
    age_h = (now - each.last_requested_at).total_seconds() / 3600
    figures = {
        "near": exp(-each.distance_m / max(family.match_radius_m, _NEAREST_M)),
        "recent": 1 - age_h / family.match_window_hours if family.match_window_hours else 0.0,
    }
    if asked.description and each.texts:
        figures["words"] = max(_in_common(asked.description, text) for text in each.texts)
    if asked.service_code:
        figures["same"] = float(each.service_code == asked.service_code)
    weight = sum(_WEIGHTS[name] for name in figures)
    mean = sum(_WEIGHTS[name] * min(1.0, max(0.0, figure)) for name, figure in figures.items()) / weight
    return round(mean, 3)


def _in_common(one: str, two: str) -> float:
    shares = fuzz.token_set_ratio(one[:_COMPARED], two[:_COMPARED], processor=utils.default_process)
    return float(shares) / 100


def _incident(likely: float, each: Incident, city: City, time_zone: tzinfo) -> Value:
    category = city.categories.get(each.service_code)
    return {
        "service_request_id": each.request_id,
        "status": each.status,
        "status_notes": each.status_notes or None,
        "service_name": category.name if category else None,
        "service_code": each.service_code,
        "description": each.texts[0] if each.texts else None,
        "descriptions": list(each.texts),
        "reports": each.reports,
        "reported_first": w3c(each.first_requested_at, time_zone),
        "reported_last": w3c(each.last_requested_at, time_zone),
        "address": each.address or None,
        "lat": each.latitude,
        "long": each.longitude,
        "distance_m": round(each.distance_m, 1),
        "likely": likely,
    }
