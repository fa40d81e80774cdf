"""Invented towns with streets, house numbers and landmarks, and typing errors made by a seed."""

import string
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import shapely

from services.city.model import Area, City, HouseNumbers, Landmark, Layer, Policy, Street, StreetName
from services.parts import Place
from services.places.addresses.finder import Addresses
from services.places.addresses.languages import convention
from services.places.addresses.spelling import Speller
from services.places.addresses.streets import StreetNames

METRES = 111_194.93
SOUTH, WEST = 50.0, 10.0
NARROW = float(np.cos(np.radians(50.05)))


def at(east_m: float, north_m: float) -> tuple[float, float]:
    """Give longitude and latitude of a point so far east and north of the town's corner."""
    return WEST + east_m / (METRES * NARROW), SOUTH + north_m / METRES


def line(name: str, *points: tuple[float, float]) -> Street:
    return Street(name=name, line=shapely.LineString([at(*point) for point in points]))


def numbers(*rows: tuple[str, int, str, float, float], quarters: Sequence[str] = ()) -> HouseNumbers:
    """Give house numbers: street, number, suffix, metres east and north; `quarters` beside them."""
    beside = quarters or [""] * len(rows)
    streets = list(dict.fromkeys((row[0], quarter) for row, quarter in zip(rows, beside, strict=True)))
    suffixes = ["", *sorted({row[2] for row in rows} - {""})]
    points = np.array([at(row[3], row[4]) for row in rows])
    return HouseNumbers(
        streets=tuple(StreetName(name=name, quarter=quarter) for name, quarter in streets),
        suffixes=tuple(suffixes),
        street=np.array([streets.index((row[0], each)) for row, each in zip(rows, beside, strict=True)], np.int32),
        number=np.array([row[1] for row in rows], np.int32),
        suffix=np.array([suffixes.index(row[2]) for row in rows], np.int32),
        longitude=points[:, 0],
        latitude=points[:, 1],
    )


def town(**given: Any) -> City:
    base: dict[str, Any] = {
        "name": "New Fenn",
        "jurisdiction_id": "newfenn.example",
        "time_zone": "UTC",
        "languages": ("en",),
        "extent": (10.0, 50.0, 10.2, 50.1),
        "categories": {},
        "families": {},
        "departments": {},
        "systems": {},
        "rules": (),
        "default_department": "desk",
        "layers": (),
        "policy": Policy(),
        "version": "aaaa00000000",
        "invented": True,
    }
    return City(**(base | given))


STREETS = (
    line("Main Street", (0, 0), (2000, 0)),
    line("Oak Avenue", (500, -500), (500, 500)),
    line("Elm Street", (1000, -500), (1000, 500)),
    line("3rd Avenue", (1500, -500), (1500, 500)),
    line("Saint John Street", (0, 300), (2000, 300)),
    line("Bend Road", (0, 1000), (500, 1000), (500, 1500)),
)
HOUSES = numbers(
    ("Main Street", 1, "", 20, 8),
    ("Main Street", 2, "", 20, -8),
    ("Main Street", 11, "", 120, 8),
    ("Main Street", 12, "", 120, -8),
    ("Main Street", 12, "A", 128, -8),
    ("Main Street", 21, "", 220, 8),
    ("Bend Road", 1, "", 400, 1008),
    ("Bend Road", 9, "", 508, 1100),
    ("3rd Avenue", 5, "", 1508, 10),
)
LANDMARKS = (
    Landmark(name="City Hall", geometry=shapely.Point(at(510, 20))),
    Landmark(name="Fenn Park", geometry=shapely.box(*at(1200, 50), *at(1400, 250))),
)
LIMITS = Layer(
    id="limits",
    version="b",
    limits=True,
    areas=(Area(area_id="1", name="All", geometry=shapely.box(10, 49.9, 10.2, 50.1)),),
)
NEW_FENN = town(streets=STREETS, house_numbers=HOUSES, landmarks=LANDMARKS)


def addresses(**given: Any) -> Addresses:
    return Addresses(town(**given))


def names(language: str, *listed: str) -> StreetNames:
    return StreetNames(listed, Speller(convention((language,))))


def metres_from(place: Place | None, east_m: float, north_m: float) -> float:
    """Give how far a place is from a point of the town, in metres."""
    assert place is not None
    longitude, latitude = at(east_m, north_m)
    east = (place.longitude - longitude) * METRES * NARROW
    return float(np.hypot(east, (place.latitude - latitude) * METRES))


def mistyped(text: str, luck: Random) -> str:
    """Give the text with one error: a letter left out, put in, replaced, or changed over with the next."""
    kind = luck.randrange(4)
    spot = luck.randrange(len(text) - 1)
    letter = luck.choice(string.ascii_lowercase)
    if kind == 0:
        return text[:spot] + text[spot + 1 :]
    if kind == 1:
        return text[:spot] + letter + text[spot:]
    if kind == 2:
        return text[:spot] + letter + text[spot + 1 :]
    return text[:spot] + text[spot + 1] + text[spot] + text[spot + 2 :]


def judged(index: StreetNames, listed: Sequence[str], seed: int, count: int = 1000) -> dict[str, float]:
    """Give the shares right, wrong and unsure of so many names with one or two typing errors."""
    luck = Random(seed)  # noqa: S311 - seeded on purpose
    told = {"right": 0, "wrong": 0, "unsure": 0}
    while sum(told.values()) < count:
        meant = luck.choice(listed)
        typed = mistyped(meant, luck)
        typed = mistyped(typed, luck) if luck.random() < 0.5 else typed
        if typed.lower() == meant.lower():
            continue
        found = index.find(typed)
        right = found.outcome == "found" and found.streets[0] == index.number(meant)
        told["right" if right else "wrong" if found.outcome == "found" else "unsure"] += 1
    return {outcome: number / count for outcome, number in told.items()}
