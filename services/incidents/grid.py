"""Cells of the globe, to find what is near: each of about the same size, wherever on the globe."""

from __future__ import annotations

from functools import lru_cache
from math import asin, cos, degrees, floor, radians, sin

from services.city.earth import METRES_PER_DEGREE

POLE = 90.0


class Grid:
    """Cells about `cell_m` metres wide: rows of latitude, each cut into whole columns. A cell is one whole number."""

    def __init__(self, cell_m: float) -> None:
        self._step = max(cell_m, 1.0) / METRES_PER_DEGREE
        self._columns = lru_cache(maxsize=65_536)(self._count)

    def cell(self, latitude: float, longitude: float) -> int:
        """Give the cell of a place."""
        row = floor(latitude / self._step)
        columns = self._columns(row)
        return row << 32 | floor((longitude + 180) / 360 * columns) % columns

    def around(self, latitude: float, longitude: float, reach_m: float) -> list[int]:
        """Give every cell that a place within `reach_m` metres can be in, each once."""
        reach = reach_m / METRES_PER_DEGREE * 1.001 + 1e-9
        top = abs(latitude) + reach
        width = 180.0 if top >= POLE else degrees(asin(min(1.0, sin(radians(reach)) / cos(radians(latitude)))))
        cells: list[int] = []
        for row in range(floor((latitude - reach) / self._step), floor((latitude + reach) / self._step) + 1):
            columns = self._columns(row)
            first = floor((longitude - width + 180) / 360 * columns)
            last = min(floor((longitude + width + 180) / 360 * columns), first + columns - 1)
            high = row << 32
            if first >= 0 and last < columns:
                cells.extend(range(high | first, (high | last) + 1))
            else:
                cells.extend(high | column % columns for column in range(first, last + 1))
        return cells

    def _count(self, row: int) -> int:
        middle = (row + 0.5) * self._step
        return max(1, floor(360 * cos(radians(middle)) / self._step)) if abs(middle) < POLE else 1
