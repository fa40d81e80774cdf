"""How large the Earth is, and what is where on it: for all that measures places one by one."""

from math import asin, cos, pi, radians, sin, sqrt

Extent = tuple[float, float, float, float]
"""West, south, east, north, in WGS 84 degrees."""

WORLD: Extent = (-180.0, -90.0, 180.0, 90.0)
EARTH_M = 6_371_008.8
"""Its mean radius (IUGG), metres."""
METRES_PER_DEGREE = EARTH_M * pi / 180
"""One degree along a meridian."""


def within(extent: Extent, latitude: float, longitude: float) -> bool:
    """Say whether a point lies in the extent."""
    west, south, east, north = extent
    return west <= longitude <= east and south <= latitude <= north


def metres_outside(extent: Extent, latitude: float, longitude: float) -> float:
    """Give the distance to the extent's nearest parallel and meridian, along a great circle (haversine)."""
    west, south, east, north = extent
    here, there = radians(latitude), radians(min(max(latitude, south), north))
    return arc_m(here, there, radians(longitude - min(max(longitude, west), east)))


def arc_m(here: float, there: float, aside: float) -> float:
    """Give the metres along a great circle between two latitudes, so far apart in longitude; all in radians."""
    half = sin((here - there) / 2) ** 2 + cos(here) * cos(there) * sin(aside / 2) ** 2
    return 2 * EARTH_M * asin(min(1.0, sqrt(half)))
