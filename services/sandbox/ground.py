"""Where synthetic things happen: along a town's streets, or anywhere in it where none are given."""

import math
from bisect import bisect
from itertools import accumulate
from random import Random
from typing import Any

import shapely

from services.city.model import City, Street

METRES = 111_320.0
"""Metres in a degree of latitude."""

Point = tuple[float, float]
"""Latitude and longitude, WGS 84 degrees."""


class Ground:
    """A town's streets and limits, and places there that luck picks."""

    def __init__(self, city: City, luck: Random) -> None:
        self.city = city
        self.luck = luck
        self.lines = [Line(street, part) for street in city.streets for part in _parts(street)]
        self.lengths = list(accumulate(line.length for line in self.lines))
        shapes = [area.geometry for layer in city.layers if layer.limits for area in layer.areas]
        self.limits = shapely.unary_union(shapes) if shapes else shapely.box(*city.extent)
        shapely.prepare(self.limits)
        self.narrow = math.cos(math.radians(self.limits.centroid.y))
        self.pools: dict[bool, list[Point]] = {True: [], False: []}

    def inside(self) -> tuple[Point, str]:
        """Give a point on a street, each metre as likely as any other, and an address; no address without streets."""
        if not self.lines:
            return self._anywhere(within=True), ""
        line = self.lines[pick(self.lengths, self.luck)]
        along = self.luck.random() * line.length
        side = self.luck.random() < 0.5  # noqa: PLR2004 - half
        return line.at(along), f"{2 * int(along / 12) + 1 + side} {line.name}"

    def outside(self) -> tuple[Point, str]:
        """Give a point beyond the limits, and no address."""
        return self._anywhere(within=False), ""

    def holds(self, point: Point) -> bool:
        """Say whether a point lies within the limits."""
        return bool(shapely.contains_xy(self.limits, point[1], point[0]))

    def near(self, point: Point, reach_m: float) -> Point:
        """Give a point that is off by a Gaussian of `reach_m` metres to the north and as much to the east."""
        lat, lon = point
        north, east = self.luck.gauss(0, reach_m), self.luck.gauss(0, reach_m)
        return round(lat + north / METRES, 6), round(lon + east / (METRES * math.cos(math.radians(lat))), 6)

    def _anywhere(self, *, within: bool) -> Point:
        pool = self.pools[within]
        while not pool:
            west, south, east, north = self.limits.bounds
            margin = 0.0 if within else 0.3 * max(east - west, north - south)
            lons = [self.luck.uniform(west - margin, east + margin) for _ in range(2000)]
            lats = [self.luck.uniform(south - margin, north + margin) for _ in range(2000)]
            held = shapely.contains_xy(self.limits, lons, lats).tolist()
            pool.extend((lat, lon) for lat, lon, inside in zip(lats, lons, held, strict=True) if inside is within)
        return pool.pop()


class Line:
    """One line of a street; `length` is metres."""

    def __init__(self, street: Street, part: Any) -> None:  # noqa: ANN401 - shapely is untyped
        self.name = street.name
        self.points = [(lat, lon) for lon, lat in part.coords]
        self.marks = [0.0]
        for (lat, lon), (to_lat, to_lon) in zip(self.points, self.points[1:], strict=False):
            east = (to_lon - lon) * math.cos(math.radians(lat))
            self.marks.append(self.marks[-1] + METRES * math.hypot(to_lat - lat, east))
        self.length = self.marks[-1]

    def at(self, along: float) -> Point:
        """Give the point so many metres from its beginning."""
        leg = min(max(bisect(self.marks, along), 1), len(self.points) - 1)
        (lat, lon), (to_lat, to_lon) = self.points[leg - 1], self.points[leg]
        whole = self.marks[leg] - self.marks[leg - 1]
        part = (along - self.marks[leg - 1]) / whole if whole else 0.0
        return lat + (to_lat - lat) * part, lon + (to_lon - lon) * part


def _parts(street: Street) -> list[Any]:
    return [part for part in shapely.get_parts(street.line) if part.length > 0]


def pick(heights: list[float], luck: Random) -> int:
    """Give the place of one of several, by their weights added up."""
    return min(bisect(heights, luck.random() * heights[-1]), len(heights) - 1)
