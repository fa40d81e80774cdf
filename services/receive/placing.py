"""Where a report says it is, held against the city: what is odd is told at the door, and nothing refused for it."""

from collections.abc import Mapping
from typing import Final, Protocol

from msgspec import Struct

from services.city.earth import Extent, metres_outside, within
from services.parts import AddressMatch, Place
from services.receive.fields import Fault

_NOWHERE: Final = 1e-3
"""Degrees: so near to 0, 0 a position is one that a telephone did not have."""
_BESIDE_KM: Final = 1.0


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
    far = metres_outside(extent, latitude, longitude) / 1000
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
