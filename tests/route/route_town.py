"""An invented town around (10.0 E, 50.0 N): two districts that meet at 10.0 E, a road along 50.02 N, some hydrants."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from shapely import LineString, box

from services.city.earth import METRES_PER_DEGREE
from services.city.model import (
    AcrossBoundary,
    Area,
    Assets,
    Category,
    City,
    Department,
    Family,
    Layer,
    Outside,
    Policy,
    Rule,
    System,
)
from services.events import RequestClassified, RequestRouted
from services.parts import Classification, Place, Report, Routing, Safety
from services.route.adapters import DatedAtlas
from services.route.core import Router

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
NORTH_M = 1 / METRES_PER_DEGREE
EAST_M = NORTH_M / float(np.cos(np.radians(50.0)))
LIMITS = Layer(
    id="limits",
    version="aaaa00000000",
    limits=True,
    areas=(Area(area_id="town", name="Town", geometry=box(9.9, 49.9, 10.1, 50.1)),),
)
DISTRICTS = Layer(
    id="districts",
    version="bbbb00000000",
    areas=(
        Area(area_id="west", name="West End", geometry=box(9.9, 49.9, 10.0, 50.1)),
        Area(area_id="east", name="East End", geometry=box(10.0, 49.9, 10.1, 50.1)),
    ),
)
ROADS = Layer(
    id="state-roads",
    version="dddd00000000",
    areas=(),
    lines=(Area(area_id="R1", name="Route 1", geometry=LineString([(9.9, 50.02), (10.1, 50.02)])),),
)
STRIP = Layer(
    id="highway",
    version="eeee00000000",
    areas=(Area(area_id="H1", name="Highway 1", geometry=box(9.95, 49.95, 9.95 + 20 * EAST_M, 49.99)),),
)
NEIGHBOURS = Layer(
    id="neighbours",
    version="ffff00000000",
    areas=(Area(area_id="harlow", name="Harlow", geometry=box(10.1, 49.9, 10.2, 50.1)),),
)


def things(kind: str, *at: tuple[str, float, float, float], codes: Sequence[str] = (), within_m: float = 30) -> Assets:
    return Assets(
        kind=kind,
        ids=tuple(each[0] for each in at),
        longitude=np.array([each[1] for each in at]),
        latitude=np.array([each[2] for each in at]),
        criticality=np.array([each[3] for each in at]),
        service_codes=tuple(codes),
        within_m=within_m,
    )


def town(
    *rules: Rule,
    assets: Mapping[str, Assets] | None = None,
    outside: Outside | None = None,
    boundary: AcrossBoundary = "hold",
    layers: tuple[Layer, ...] = (LIMITS, DISTRICTS, ROADS, STRIP, NEIGHBOURS),
) -> City:
    departments = ("desk", "works", "county", "state", "fire")
    return City(
        name="Nowhere",
        jurisdiction_id="nowhere.example",
        time_zone="Europe/Berlin",
        languages=("en",),
        extent=(9.9, 49.9, 10.1, 50.1),
        categories={"pothole": Category(service_code="pothole", name="Pothole", family="roads")},
        families={"roads": Family(id="roads")},
        departments={name: Department(id=name, name=name.title(), system="sandbox") for name in departments},
        systems={"sandbox": System(id="sandbox")},
        rules=rules,
        default_department="desk",
        layers=layers,
        policy=Policy(boundary=boundary),
        version="cccc00000000",
        assets=dict(assets or {}),
        outside=outside,
    )


def classified(
    place: Place | None, *, code: str = "pothole", urgency: tuple[str, ...] = (), at: datetime = NOON
) -> RequestClassified:
    return RequestClassified(
        report=Report(request_id="r-1", channel="web", received_at=at, requested_at=at, text="A.", place=place),
        classification=Classification(
            service_code=code, family="roads", confidence=0.9, urgency=urgency, safety=Safety()
        ),
    )


def spot(east: float = 0.0, north: float = 0.0, radius: float = 0.0) -> Place:
    """Give a place so many metres from (10.0 E, 50.0 N)."""
    return Place(latitude=50.0 + north * NORTH_M, longitude=10.0 + east * EAST_M, radius_m=radius)


def routings(city: City, events: Sequence[RequestClassified]) -> list[Routing]:
    outcomes = Router(city, DatedAtlas(city)).handle(events)
    return [outcome.routing for outcome in outcomes if isinstance(outcome, RequestRouted)]


def routing(city: City, place: Place | None, **said: tuple[str, ...]) -> Routing:
    (found,) = routings(city, [classified(place, **said)])  # type: ignore[arg-type]
    return found
