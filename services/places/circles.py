"""Which part of a place's circle lies in which area: asked only of circles that a boundary may cross.

Circles are measured on a plane scaled at the layer's middle latitude: within a town, and up to a degree of latitude
from its middle at 60 degrees north, metres are true to 3 %.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from services.places.grid import Floats, Ints
from services.places.index import AreaIndex, Shapes

METRES_PER_DEGREE = 6_371_008.8 * np.pi / 180
"""Along a meridian, on a sphere of the Earth's mean radius (IUGG)."""
LEAST_SHARE = 0.001
"""A smaller part of a circle is not told."""
PIECE = 16
"""Vertices in one piece of a boundary: short pieces let the tree do the looking."""
MOST_RADIUS = 2e7
"""Metres, from pole to pole: no circle is larger."""
LEAST_TILE = 64.0
"""Metres. Tiles are this wide, or twice that, or four times, and so on: the least that is as wide as the radius."""
MOST_TILES = 4096
"""Tiles kept at most; when they are more, all are cut anew as they are asked for."""

Tile = tuple[int, int, int]
"""How often a tile is twice as wide, and where it lies: column and row."""


class Circles:
    """Circles on the areas of one layer.

    A circle is cut with what lies around its tile, a few dozen vertices, in place of a whole area of thousands: what
    is further from its middle than a tile's width is no part of it.
    """

    def __init__(self, index: AreaIndex) -> None:
        self._index = index
        latitudes = shapely.bounds(index.shapes).reshape(-1, 4)[:, 1::2]
        south, north = (np.nanmin(latitudes), np.nanmax(latitudes)) if np.isfinite(latitudes).any() else (0.0, 0.0)
        self._scale = np.array([np.cos(np.radians((south + north) / 2)), 1.0]) * METRES_PER_DEGREE
        self._flat: Shapes = shapely.transform(index.shapes, lambda degrees: degrees * self._scale)
        self._tree = shapely.STRtree(self._flat)
        self._edges = shapely.STRtree(list(_pieces(self._flat)))
        self._tiles: dict[Tile, tuple[Ints, Shapes]] = {}

    def shares(self, longitude: Floats, latitude: Floats, radius: Floats) -> dict[int, dict[int, float]]:
        """Give, for each place whose circle of `radius` metres crosses a boundary, its part in each area it reaches.

        Places and areas are told by number; parts are rounded to thousandths.
        """
        radius = np.minimum(radius, MOST_RADIUS)
        rows = self._crossing(longitude, latitude, radius)
        found: dict[int, dict[int, float]] = {int(row): {} for row in rows}
        if not len(rows):
            return found
        middles = np.column_stack([longitude[rows], latitude[rows]]) * self._scale
        circles = shapely.buffer(shapely.points(middles), radius[rows], quad_segs=16)
        around = [self._around(tile) for tile in _tiles(middles, radius[rows])]
        which = np.repeat(np.arange(len(rows)), [len(columns) for columns, _ in around])
        columns = np.concatenate([columns for columns, _ in around])
        pieces = np.concatenate([pieces for _, pieces in around])
        parts = shapely.area(shapely.intersection(circles[which], pieces)) / shapely.area(circles)[which]
        for row, column, part in zip(rows[which].tolist(), columns.tolist(), parts.round(3).tolist(), strict=True):
            if part >= LEAST_SHARE:
                found[row][column] = min(part, 1.0)
        return found

    def _crossing(self, longitude: Floats, latitude: Floats, radius: Floats) -> Ints:
        reach = radius / self._scale[0], radius / self._scale[1]
        near = self._index.near_boundary(longitude, latitude, reach)
        rows = np.flatnonzero(near & (radius > 0) & np.isfinite(longitude) & np.isfinite(latitude))
        centres = shapely.points(np.column_stack([longitude[rows], latitude[rows]]) * self._scale)
        crossing: Ints = np.unique(self._edges.query(centres, predicate="dwithin", distance=radius[rows])[0])
        return rows[crossing]

    def _around(self, tile: Tile) -> tuple[Ints, Shapes]:
        """Give the areas around a tile, as much of them as a circle that has its middle in the tile may reach."""
        known = self._tiles.get(tile)
        if known is not None:
            return known
        if len(self._tiles) >= MOST_TILES:
            self._tiles.clear()
        width, column, row = np.ldexp(LEAST_TILE, tile[0]), tile[1], tile[2]
        box = shapely.box((column - 1.01) * width, (row - 1.01) * width, (column + 2.01) * width, (row + 2.01) * width)
        columns = np.sort(self._tree.query(box))
        pieces = shapely.intersection(self._flat[columns], box)
        some = ~shapely.is_empty(pieces)
        cut = self._tiles[tile] = (columns[some], pieces[some])
        return cut


def _tiles(middles: NDArray[np.float64], radius: Floats) -> list[Tile]:
    levels = np.ceil(np.log2(np.maximum(radius / LEAST_TILE, 1.0))).astype(int)
    places = np.floor(middles / np.ldexp(LEAST_TILE, levels)[:, None]).astype(int)
    return [(level, column, row) for level, (column, row) in zip(levels.tolist(), places.tolist(), strict=True)]


def _pieces(shapes: Shapes) -> Iterable[Any]:
    for line in shapely.get_parts(shapely.boundary(shapely.get_parts(shapes))):
        points = shapely.get_coordinates(line)
        for start in range(0, len(points) - 1, PIECE - 1):
            yield shapely.linestrings(points[start : start + PIECE])
