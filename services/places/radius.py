"""How far a place may be off, by how it was found, where whoever found it does not say."""

from types import MappingProxyType

from msgspec.structs import replace

from services.parts import Place, PlaceMethod

RADIUS_M: MappingProxyType[PlaceMethod, float] = MappingProxyType(
    {
        "gps": 10.0,
        "rooftop": 5.0,
        "interpolated": 35.0,
        "street": 75.0,
        "zip": 3000.0,
        "given": 0.0,
    }
)
"""Metres, by method:

gps: twice the 4.9 m of smartphones under open sky (gps.gov, "GPS Accuracy"), since reports come from between houses.
rooftop: an address point stands on its building, about 5 m from what is meant.
interpolated: 20 to 50 m, the middle of it. street: the middle of a street, 50 to 100 m, the middle of it.
zip: 1 to 5 km, the middle of it. These four are geocoders' own figures (coordinately.org, "Geocoding accuracy").
given: 0, since a gateway that gives a place with no radius has said what it knows.
"""


def radius_of(place: Place) -> float:
    """Give the radius that a place says, else its method's, in metres."""
    return place.radius_m or RADIUS_M[place.method]


def reckoned(place: Place) -> Place:
    """Give the place with the radius that it is reckoned with."""
    return place if place.radius_m or place.method == "given" else replace(place, radius_m=radius_of(place))
