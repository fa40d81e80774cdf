"""A grid laid over a layer: which cell a point falls into, and which cells a line may touch, whatever is rounded.

A degree becomes a position by one subtraction and one multiplication of doubles. Either is off by at most one part in
2^53, and no position within the layer reaches 2^12, so that it is off by less than 2^-40 of a cell. A line is said to
touch every cell that it comes within `MARGIN` of, 2^-20 of a cell: more than all the roundings of the line's positions
and of the points' together. A cell that no line touches is thus clear of all lines with every point that is ever
counted to it, and all its points lie in the same areas.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

MARGIN = 2.0**-20
"""Of a cell."""
LEAST_CELL = 1e-9
"""Degrees, a tenth of a millimetre: doubles up to 180 lie 3e-14 degrees apart at most, far less than a cell's width."""
FRAME = 1.5
"""Cells between the grid's rim and the layer: the outermost touch no line, and stand for all that is outside."""
AT_ONCE = 500_000
"""Cells that are followed along lines at one time, to bound memory."""


class Grid:
    """Cells over `bounds` (west, south, east, north in degrees), `side` either way, and a frame around them.

    Cells are numbered from the south-west corner, row by row. A layer without width or height has cells, too.
    """

    def __init__(self, bounds: tuple[float, float, float, float], side: int) -> None:
        west, south, east, north = bounds
        self.width = side + 3
        self.size = self.width**2
        least = LEAST_CELL * side
        self.scale = np.array([side / max(east - west, least), side / max(north - south, least)])
        """Cells to a degree of longitude and latitude."""
        self._origin = np.array([west, south]) - FRAME / self.scale
        self._last = self.width - 0.5

    def cells(self, longitude: Floats, latitude: Floats) -> Ints:
        """Give the cell of each point; NaN, infinity and all that lies outside fall into the frame."""
        columns, rows = (self._from_below(self._at(each, axis)) for axis, each in enumerate((longitude, latitude)))
        return self._numbered(columns, rows)

    def corners(
        self, longitude: Floats, latitude: Floats, reach: tuple[Floats, Floats]
    ) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
        """Give the south-west and north-east cells of boxes that reach so many degrees either way from a middle.

        Either as columns and rows. A box that cannot be reckoned with is as large as the grid.
        """
        at = [self._at(each, axis) for axis, each in enumerate((longitude, latitude))]
        by = [degrees * scale + MARGIN for degrees, scale in zip(reach, self.scale, strict=True)]
        low = [self._from_below(middle - half) for middle, half in zip(at, by, strict=True)]
        high = [self._from_above(middle + half) for middle, half in zip(at, by, strict=True)]
        west, south, east, north = (each.astype(np.intp) for each in (*low, *high))
        return (west, south), (east, north)

    def middles(self, cells: Ints) -> tuple[Floats, Floats]:
        """Give longitude and latitude of the middles of cells."""
        rows, columns = np.divmod(cells, self.width)
        return (columns + 0.5) / self.scale[0] + self._origin[0], (rows + 0.5) / self.scale[1] + self._origin[1]

    def touched(self, starts: Floats, ends: Floats, owners: Ints) -> tuple[Ints, Ints]:
        """Give the cells that straight lines may touch and whose lines: each pair once, by cell, then by owner.

        Lines lead from (n, 2) to (n, 2) degrees within the bounds; owners are numbers from 0.
        """
        begin, end = ((degrees - self._origin) * self.scale for degrees in (starts, ends))
        along = np.abs(end - begin)
        steep = along[:, 1] > along[:, 0]
        many = int(owners.max(initial=0)) + 1
        keys = [np.empty(0, dtype=np.intp)]
        for axis, lines in enumerate((np.flatnonzero(~steep), np.flatnonzero(steep))):
            steps = np.cumsum(along[lines, axis] + 2)
            cuts = np.searchsorted(steps, np.arange(AT_ONCE, steps[-1] if len(lines) else 0, AT_ONCE))
            for some in np.split(lines, cuts):
                which, major, minor = _followed(begin[some], end[some], axis)
                cells = minor * self.width + major if axis == 0 else major * self.width + minor
                keys.append(np.unique(cells * many + owners[some][which]))
        found, whose = np.divmod(np.unique(np.concatenate(keys)), many)
        return found, whose

    def _at(self, degrees: Floats, axis: int) -> Floats:
        at: Floats = degrees - self._origin[axis]
        at *= self.scale[axis]
        return at

    def _from_below(self, at: Floats) -> Floats:
        np.fmax(at, 0.0, out=at)  # NaN becomes 0
        return np.fmin(at, self._last, out=at)

    def _from_above(self, at: Floats) -> Floats:
        np.fmin(at, self._last, out=at)  # NaN becomes the last
        return np.fmax(at, 0.0, out=at)

    def _numbered(self, columns: Floats, rows: Floats) -> Ints:
        cells = rows.astype(np.intp)
        cells *= self.width
        cells += columns.astype(np.intp)
        return cells


def _followed(begin: Floats, end: Floats, axis: int) -> tuple[Ints, Ints, Ints]:
    """Give the cells within `MARGIN` of lines that run at least as far along `axis` as across.

    A triple is a line's number, a cell's place along the axis, and its place across.
    """
    backwards = begin[:, axis] > end[:, axis]
    start, stop = np.where(backwards, end[:, axis], begin[:, axis]), np.where(backwards, begin[:, axis], end[:, axis])
    low, high = (
        np.where(backwards, *pair)
        for pair in ((end[:, 1 - axis], begin[:, 1 - axis]), (begin[:, 1 - axis], end[:, 1 - axis]))
    )
    run = stop - start
    slope = np.divide(high - low, run, out=np.zeros_like(run), where=run > 0)
    first = np.floor(start - MARGIN).astype(np.intp)
    which, major = _counted(first, np.floor(stop + MARGIN).astype(np.intp))
    start, stop, low, slope = start[which], stop[which], low[which], slope[which]
    here = low + (np.clip(major - MARGIN, start, stop) - start) * slope
    there = low + (np.clip(major + 1 + MARGIN, start, stop) - start) * slope
    least = np.floor(np.minimum(here, there) - MARGIN).astype(np.intp)
    most = np.floor(np.maximum(here, there) + MARGIN).astype(np.intp)
    of, minor = _counted(least, most)
    return which[of], major[of], minor


def _counted(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Give all whole numbers from each first to its last, and before them whose they are."""
    many = last - first + 1
    whose = np.repeat(np.arange(len(many)), many)
    return whose, np.arange(len(whose)) - (np.cumsum(many) - many - first)[whose]
