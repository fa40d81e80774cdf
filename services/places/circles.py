"""Which part of a place's circle lies in which area: asked only of circles that a boundary may cross.

Circles are measured on a plane scaled at the layer's middle latitude: within a town, and up to a degree of latitude
from its middle at 60 degrees north, metres are true to 3 %.
"""

import numpy as np
import shapely

from services.city.earth import METRES_PER_DEGREE
from services.places.clipping import WHOLE, shared
from services.places.grid import Floats, Ints
from services.places.index import AreaIndex, Shapes, lines_of

LEAST_SHARE = 0.001
"""A smaller part of a circle is not told."""
MOST_RADIUS = 2e7
"""Metres, from pole to pole: no circle is larger."""
PIECE = 8
"""Lines in one piece of a boundary: short pieces let the tree do the looking."""
AT_ONCE = 256
"""Circles that are looked up together, to bound memory."""
PIECES_AT_ONCE = 20_000
DOUBT = 1e-6
"""Of a circle: less is hardly to be told from all of it, and GEOS is asked."""


class Circles:
    """Circles on the areas of one layer."""

    def __init__(self, index: AreaIndex) -> None:
        self._index = index
        latitudes = shapely.bounds(index.shapes).reshape(-1, 4)[:, 1::2]
        south, north = (np.nanmin(latitudes), np.nanmax(latitudes)) if np.isfinite(latitudes).any() else (0.0, 0.0)
        self._scale = np.array([np.cos(np.radians((south + north) / 2)), 1.0]) * METRES_PER_DEGREE
        self._flat: Shapes = shapely.transform(index.shapes, lambda degrees: degrees * self._scale)
        begin, end, self._owner = lines_of(shapely.orient_polygons(self._flat))
        self._first, pieces = _pieces(begin, end, self._owner)
        self._begin, self._end = np.ascontiguousarray(begin.T), np.ascontiguousarray(end.T)
        self._pieces = shapely.STRtree(pieces)

    def shares(self, longitude: Floats, latitude: Floats, radius: Floats) -> dict[int, dict[int, float]]:
        """Give, for each place whose circle of `radius` metres crosses a boundary, its part in each area it reaches.

        Places and areas are told by number; parts are rounded to thousandths.
        """
        radius = np.minimum(radius, MOST_RADIUS)
        reach = radius / self._scale[0], radius / self._scale[1]
        near = self._index.near_boundary(longitude, latitude, reach)
        rows = np.flatnonzero(near & (radius > 0) & np.isfinite(longitude) & np.isfinite(latitude))
        found: dict[int, dict[int, float]] = {}
        for start in range(0, len(rows), AT_ONCE):
            block = rows[start : start + AT_ONCE]
            numbers, columns, parts = self._parts(longitude[block], latitude[block], radius[block])
            found |= {row: {} for row in block[np.unique(numbers)].tolist()}
            told = parts >= LEAST_SHARE
            cut = zip(block[numbers[told]].tolist(), columns[told].tolist(), parts[told].tolist(), strict=True)
            for row, column, part in cut:
                found[row][column] = part
        return found

    def _parts(self, longitude: Floats, latitude: Floats, radius: Floats) -> tuple[Ints, Ints, Floats]:
        """Give triples of a circle that a boundary comes near, an area, and the part of the one in the other."""
        middles = np.stack([longitude, latitude]) * self._scale[:, None]
        points = shapely.points(*middles)
        which, pieces = self._pieces.query(points, predicate="dwithin", distance=radius)
        crossed = np.unique(which)
        held_by, held = self._index.holding(longitude[crossed], latitude[crossed])
        many = len(self._index.areas)
        holds = crossed[held_by] * many + held
        lines = self._first[pieces]
        keys = np.unique(np.concatenate([which * many + self._owner[lines], holds]))
        sums, lines_in = np.zeros((2, len(keys)))
        for start in range(0, len(which), PIECES_AT_ONCE):
            some = slice(start, start + PIECES_AT_ONCE)
            counts = self._first[pieces[some] + 1] - lines[some]
            circle = np.repeat(which[some], counts)
            line = np.arange(len(circle)) - np.repeat(np.cumsum(counts) - counts - lines[some], counts)
            middle, unit = middles.take(circle, axis=1), radius[circle]
            begin, end = self._begin.take(line, axis=1), self._end.take(line, axis=1)
            adds = shared((begin - middle) / unit, (end - middle) / unit)
            at = np.searchsorted(keys, circle * many + self._owner[line])
            sums += np.bincount(at, weights=adds, minlength=len(keys))
            lines_in += np.bincount(at, weights=adds != 0, minlength=len(keys))
        numbers, columns = np.divmod(keys, many)
        parts = sums / WHOLE % 1.0
        parts[lines_in == 0] = 0.0
        held_whole = np.searchsorted(keys, holds)
        parts[held_whole[lines_in[held_whole] == 0]] = 1.0
        doubtful = np.flatnonzero((lines_in > 0) & ((parts < DOUBT) | (parts > 1 - DOUBT)))
        if doubtful.size:
            circles = shapely.buffer(points[numbers[doubtful]], radius[numbers[doubtful]], quad_segs=16)
            inside = shapely.area(shapely.intersection(circles, self._flat[columns[doubtful]]))
            parts[doubtful] = inside / shapely.area(circles)
        return numbers, columns, np.minimum(parts.round(3), 1.0)


def _pieces(begin: Floats, end: Floats, owner: Ints) -> tuple[Ints, Shapes]:
    """Give the first line of each piece, with one more for the end, and the pieces as lines of GEOS."""
    lines = np.arange(len(begin))
    breaks = np.ones(len(begin), dtype=bool)
    breaks[1:] = (owner[1:] != owner[:-1]) | (begin[1:] != end[:-1]).any(axis=1)
    since = lines - np.maximum.accumulate(np.where(breaks, lines, 0))
    first = np.flatnonzero(since % PIECE == 0)
    last = np.append(first[1:], len(lines))[: len(first)] - 1
    number = np.repeat(np.arange(len(first)), last - first + 1)
    points, pieces = np.concatenate([begin, end[last]]), np.concatenate([number, number[last]])
    order = np.argsort(pieces, kind="stable")
    return np.append(first, len(lines)), shapely.linestrings(points[order], indices=pieces[order])
