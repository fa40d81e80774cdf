"""Where a report says it is, held against the city: what is odd is told at the door, and nothing refused for it."""

import math
from collections.abc import Mapping
from typing import Final, Protocol

from msgspec import Struct

from services.parts import AddressMatch, Place
from services.receive.fields import Fault

Extent = tuple[float, float, float, float]
"""West, south, east, north, in WGS 84 degrees."""

WORLD: Final[Extent] = (-180.0, -90.0, 180.0, 90.0)
_NOWHERE: Final = 1e-3
"""Degrees: so near to 0, 0 a position is one that a telephone did not have."""
_BESIDE_KM: Final = 1.0
_EARTH_KM: Final = 6_371.009
"""The Earth's mean radius (IUGG)."""


class Around(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The street nearest to a point, and its nearest cross street; distances in metres."""

    street: str = ""
    distance_m: float | None = None
    cross_street: str = ""
    cross_distance_m: float | None = None


class AddressBook(Protocol):
    """The city's own addresses."""

    def find(self, text: str, /) -> AddressMatch:
        """Give what the city knows of a written address."""

    def suggest(self, text: str, /) -> list[str]:
        """Give streets that begin so or are called alike, the best first."""

    def around(self, latitude: float, longitude: float, /) -> Around:
        """Give the street and cross street nearest to a point."""


def within(extent: Extent, latitude: float, longitude: float) -> bool:
    """Say whether a point lies in the extent."""
    west, south, east, north = extent
    return west <= longitude <= east and south <= latitude <= north


def is_nowhere(place: Place, extent: Extent) -> bool:
    """Say whether a place is 0, 0, which stands for no position, unless the city is there."""
    zero = abs(place.latitude) < _NOWHERE and abs(place.longitude) < _NOWHERE
    return zero and not within(extent, place.latitude, place.longitude)


def odd_place(place: Place, extent: Extent, names: Mapping[str, str]) -> Fault | None:
    """Say what is odd about a place outside of the city: latitude and longitude swapped, or how far off it is."""
    latitude, longitude = place.latitude, place.longitude
    if within(extent, latitude, longitude):
        return None
    lat, lon = names.get("lat", "lat"), names.get("lon", "lon")
    if within(extent, longitude, latitude):
        said = f"{lat} {latitude:g} and {lon} {longitude:g} look swapped: the other way round they lie in the city"
        return Fault(code="swapped_place", field=lat, description=said)
    far = _km_outside(extent, latitude, longitude)
    if far < _BESIDE_KM:
        return None
    said = f"{lat} {latitude:g}, {lon} {longitude:g} lies {far:,.0f} km outside of the city"
    return Fault(code="far_place", field=lat, description=said)


def odd_address(match: AddressMatch, names: Mapping[str, str]) -> Fault | None:
    """Say what the city knows better about an address; None where it was found as it was written."""
    if not match.reason:
        return None
    field = names.get("address", "address")
    code = {"found": "address_taken", "unsure": "unsure_address", "unknown": "unknown_address"}[match.outcome]
    return Fault(code=code, field=field, description=f"{field}: {match.reason}")


def _km_outside(extent: Extent, latitude: float, longitude: float) -> float:
    west, south, east, north = extent
    """Give the distance to the extent's nearest parallel and meridian, along a great circle (haversine)."""
    here, there = math.radians(latitude), math.radians(min(max(latitude, south), north))
    aside = math.radians(longitude - min(max(longitude, west), east))
    half = math.sin((here - there) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(aside / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half)))
