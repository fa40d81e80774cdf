"""The nearest of many points within so many metres, for whole batches: sorted arrays instead of a tree.

Points are sorted by rows of latitude as high as the search is wide, and by longitude within a row. What lies near a
place is then in three rows, in one stretch of each, wherever on Earth it is.
"""

import numpy as np
from numpy.typing import NDArray

from services.city.earth import EARTH_M, METRES_PER_DEGREE

SLACK = 1.001
"""Searched a little wider than asked, so that rounding leaves nothing out; what is found is measured."""
_ROUND = 360.0
_STRIDE = 1080.0
"""Between the keys of two rows: three times round, so that a stretch across the antimeridian stays in its row."""
_NARROW = 1e-9

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def metres(longitude: Floats, latitude: Floats, to_longitude: Floats, to_latitude: Floats) -> Floats:
    """Give great-circle distances between pairs of places in degrees (haversine, on a sphere of `EARTH_M`)."""
    north, other = np.radians(latitude), np.radians(to_latitude)
    half = np.sin((other - north) / 2) ** 2
    half += np.cos(north) * np.cos(other) * np.sin(np.radians(to_longitude - longitude) / 2) ** 2
    found: Floats = 2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return found


class Grid:
    """Points (degrees), to be asked for within `reach_m` metres at most."""

    def __init__(self, longitude: Floats, latitude: Floats, reach_m: float) -> None:
        self._height = max(reach_m * SLACK / METRES_PER_DEGREE, _NARROW)
        rows = np.floor(latitude / self._height)
        keys = rows * _STRIDE + longitude
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        self._longitude, self._latitude = longitude, latitude

    def pairs(self, longitude: Floats, latitude: Floats) -> tuple[Ints, Ints, Floats]:
        """Give places and points that may be in reach of each other, by index, with their distance in metres."""
        row = np.floor(latitude / self._height)
        poleward = np.minimum(np.abs(latitude) + 2 * self._height, 90.0)
        # Where the circle of latitude is shorter than the search is wide, all longitudes are near.
        width = np.minimum(self._height / np.maximum(np.cos(np.radians(poleward)), _NARROW), _ROUND / 2)
        nobody = np.empty(0, dtype=np.intp)
        places, points = [nobody], [nobody]
        for turn in (0.0, -_ROUND, _ROUND):
            some = np.flatnonzero(np.abs(longitude + turn) <= _ROUND / 2 + width)
            if not some.size:
                continue
            for step in (-1.0, 0.0, 1.0):
                middle = (row[some] + step) * _STRIDE + longitude[some] + turn
                first = np.searchsorted(self._keys, middle - width[some] * SLACK, side="left")
                count = np.searchsorted(self._keys, middle + width[some] * SLACK, side="right") - first
                places.append(np.repeat(some, count))
                offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
                points.append(self._order[np.repeat(first, count) + offset])
        of, at = np.concatenate(places), np.concatenate(points)
        distance = metres(longitude[of], latitude[of], self._longitude[at], self._latitude[at])
        return of, at, distance

    def nearest(self, longitude: Floats, latitude: Floats, within_m: float) -> tuple[Ints, Floats]:
        """Give for each place the nearest point's index and distance; -1 and infinity where none is within reach.

        Of two equally near, that with the lower index.
        """
        of, at, distance = self.pairs(longitude, latitude)
        near = distance <= within_m
        of, at, distance = of[near], at[near], distance[near]
        order = np.lexsort((at, distance, of))
        of, at, distance = of[order], at[order], distance[order]
        first = np.flatnonzero(np.diff(of, prepend=-1))
        index = np.full(len(longitude), -1, dtype=np.intp)
        least = np.full(len(longitude), np.inf)
        index[of[first]], least[of[first]] = at[first], distance[first]
        return index, least
