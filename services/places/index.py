"""Which area of a layer holds a point: answered by a grid's cells, and by exact geometry where a boundary is in one.

A cell that no boundary touches lies in the same areas with all its points (see `services.places.grid`): one exact test
answers for it, and for the whole run of such cells in its row. A point of any other cell is tested against the areas
that have a boundary there, prepared by GEOS. The answer is that of `shapely.intersects_xy` on every point.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from services.city.model import Area
from services.places.grid import Floats, Grid, Ints

SIDE = 2048
"""Cells of a grid either way, at most: 16 MB for the answers, 16 MB for what lies near."""
LEAST_SIDE = 64
CELLS_FOR_A_LINE = 50
"""Cells either way for each time that the boundaries run across the layer: about one cell in so many is an edge."""
MOST_STEPS = 30_000_000
"""Cells that may have to be followed along lines: a layer of lines without end gets a coarser grid."""
MOST_PAIRS = 2**24
"""Pairs of a cell and an area's bounding box over it: as does one whose areas lie over each other by the thousand."""
AT_ONCE = 8192
"""Points that are tested against all areas together while the grid is made, to bound memory."""
BLOCK = 16_384
"""Points that are looked up together: what is reckoned of them stays in a core's own cache."""
OUTSIDE = -1

Shapes = NDArray[Any]


class AreaIndex:
    """The areas of one layer, by area id. Longitudes and latitudes are WGS 84 degrees, of any value."""

    def __init__(self, areas: Sequence[Area]) -> None:
        self.areas = sorted(areas, key=lambda area: area.area_id)
        self.shapes: Shapes = np.array([area.geometry for area in self.areas], dtype=object)
        shapely.prepare(self.shapes)
        self._tree = shapely.STRtree(self.shapes)
        starts, ends, owners = lines_of(self.shapes)
        self._grid = Grid(_bounds(starts), _side(starts, ends, self.shapes))
        edges, touching = self._grid.touched(starts, ends, owners)
        self._edges, first = np.unique(edges, return_index=True)
        self._codes = self._numbered_cells()
        self._before = _summed(self._codes < OUTSIDE, self._grid.width)
        self._candidates, self._starts, self._otherwise = self._asked_at_edges(edges, touching, first)

    def home(self, longitude: Floats, latitude: Floats) -> Ints:
        """Give for each point the number of the first of `areas` that holds it or has it on its border, else -1."""
        answer = np.empty(len(longitude), dtype=np.intp)
        rows, kinds = [], []
        with np.errstate(over="ignore", invalid="ignore"):  # what is too far for a double is outside
            for start in range(0, len(answer), BLOCK):
                block = slice(start, start + BLOCK)
                codes = self._codes.take(self._grid.cells(longitude[block], latitude[block]))
                answer[block] = codes
                at = np.flatnonzero(codes < OUTSIDE)
                rows.append(at + start)
                kinds.append(codes[at])
        if rows:
            edges = OUTSIDE - 1 - np.concatenate(kinds).astype(np.intp)
            order = np.argsort(edges)  # neighbours ask the same prepared geometry one after another
            exact = np.concatenate(rows)[order]
            answer[exact] = self._exact(longitude[exact], latitude[exact], edges[order])
        return answer

    def tested(self, longitude: Floats, latitude: Floats) -> NDArray[np.bool_]:
        """Say of each point whether `home` tests it exactly."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self._codes[self._grid.cells(longitude, latitude)] < OUTSIDE)

    def near_boundary(self, longitude: Floats, latitude: Floats, reach: tuple[Floats, Floats]) -> NDArray[np.bool_]:
        """Say of each point whether any boundary may cross the box that reaches so many degrees each way around it.

        False is certain; true may be said of a box that no boundary crosses.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            (left, bottom), (right, top) = self._grid.corners(longitude, latitude, reach)
        sums, width = self._before.ravel(), self._grid.width + 1
        bottom, top, right = bottom * width, (top + 1) * width, right + 1
        edges = sums.take(top + right) - sums.take(bottom + right) - sums.take(top + left) + sums.take(bottom + left)
        return np.asarray(edges > 0)

    def _exact(self, longitude: Floats, latitude: Floats, edges: Ints) -> Ints:
        """Ask the areas that have a boundary in each point's cell, one after another, by area id."""
        answer = self._otherwise[edges]
        at, end = self._starts[edges], self._starts[edges + 1]
        rows = np.flatnonzero(at < end)
        while rows.size:
            columns = self._candidates[at[rows]]
            inside = shapely.intersects_xy(self.shapes[columns], longitude[rows], latitude[rows])
            answer[rows[inside]] = columns[inside]
            rows = rows[~inside]
            at[rows] += 1
            rows = rows[at[rows] < end[rows]]
        return answer

    def _numbered_cells(self) -> NDArray[np.int32]:
        """Give each cell's area or -1, by one exact test for each run of clear cells; -2, -3, ... are the edges.

        A run may go on in the next row: it leaves a row by the frame, where all is outside.
        """
        edge = np.zeros(self._grid.size, dtype=bool)
        edge[self._edges] = True
        starts = np.concatenate([[0], np.flatnonzero(edge[1:] != edge[:-1]) + 1])
        lengths = np.diff(starts, append=self._grid.size)
        values = np.full(len(starts), OUTSIDE, dtype=np.int32)
        clear = np.flatnonzero(~edge[starts])
        points, columns = self.holding(*self._grid.middles(starts[clear]))
        first = np.full(len(clear), len(self.areas))
        np.minimum.at(first, points, columns)
        values[clear] = np.where(first == len(self.areas), OUTSIDE, first)
        codes = np.repeat(values, lengths)
        codes[self._edges] = OUTSIDE - 1 - np.arange(len(self._edges), dtype=np.int32)
        return codes

    def _asked_at_edges(self, edges: Ints, touching: Ints, first: Ints) -> tuple[Ints, Ints, Ints]:
        """Give, for each edge cell, which areas are to be asked (CSR), and what holds where none of them does.

        An area of which no boundary touches the cell holds all of it or nothing, so its middle tells: the first of
        those that hold it is the answer if no area before it, which has a boundary there, has the point.
        """
        counts = np.diff(first, append=len(edges))
        number = np.repeat(np.arange(len(self._edges)), counts)
        points, columns = self.holding(*self._grid.middles(self._edges))
        many = len(self.areas) + 1
        known, held = number * many + touching, points * many + columns
        whole = np.append(known, -1)[np.searchsorted(known, held)] != held
        otherwise = np.full(len(self._edges), len(self.areas))
        np.minimum.at(otherwise, points[whole], columns[whole])
        asked = touching < otherwise[number]
        starts = np.concatenate([[0], np.cumsum(np.bincount(number[asked], minlength=len(self._edges)))])
        return touching[asked], starts, np.where(otherwise == len(self.areas), OUTSIDE, otherwise)

    def holding(self, longitude: Floats, latitude: Floats) -> tuple[Ints, Ints]:
        """Give all pairs of a point and an area that holds it."""
        pairs = [(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))]
        for start in range(0, len(longitude), AT_ONCE):
            block = slice(start, start + AT_ONCE)
            points, columns = self._tree.query(shapely.points(longitude[block], latitude[block]))
            points += start
            inside = shapely.intersects_xy(self.shapes[columns], longitude[points], latitude[points])
            pairs.append((points[inside], columns[inside]))
        return np.concatenate([points for points, _ in pairs]), np.concatenate([columns for _, columns in pairs])


def lines_of(shapes: Shapes) -> tuple[Floats, Floats, Ints]:
    """Give all straight lines of the boundaries, from and to (n, 2) degrees, and the shape that each is of."""
    parts, part_of = shapely.get_parts(shapes, return_index=True)
    rings, ring_of = shapely.get_rings(parts, return_index=True)
    points, point_of = shapely.get_coordinates(rings, return_index=True)
    follows = np.flatnonzero(point_of[1:] == point_of[:-1])
    return points[follows], points[follows + 1], part_of[ring_of[point_of[follows]]]


def _bounds(points: Floats) -> tuple[float, float, float, float]:
    if not len(points):
        return (0.0, 0.0, 0.0, 0.0)
    (west, south), (east, north) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return (west, south, east, north)


def _side(starts: Floats, ends: Floats, shapes: Shapes) -> int:
    """Give how many cells either way suit the layer: more for more boundary, as far as memory and time allow."""
    if not len(starts):
        return 1
    spans = np.ptp(starts, axis=0)
    runs = np.abs(ends - starts).sum(axis=0)
    across = np.divide(runs, spans, out=np.zeros(2), where=spans > 0).sum()
    boxes = shapely.bounds(shapes).reshape(-1, 2, 2)
    shares = np.divide(boxes[:, 1] - boxes[:, 0], spans, out=np.ones((len(boxes), 2)), where=spans > 0)
    covered = np.nansum(shares.prod(axis=1))
    wanted = np.clip(across * CELLS_FOR_A_LINE, LEAST_SIDE, SIDE)
    return max(1, int(min(wanted, MOST_STEPS / max(across, 1.0), np.sqrt(MOST_PAIRS / max(covered, 1.0)))))


def _summed(edge: NDArray[np.bool_], width: int) -> NDArray[np.int32]:
    """Give how many edge cells lie south-west of each cell, so that four of them tell of any box."""
    sums = np.zeros((width + 1, width + 1), dtype=np.int32)
    sums[1:, 1:] = edge.reshape(width, width)
    for below, row in pairwise(sums):  # four times as fast as a sum along the columns
        np.add(row, below, out=row)
    np.cumsum(sums, axis=1, out=sums)
    return sums
