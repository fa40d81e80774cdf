"""House numbers along a street: the one that was named, or where it would stand between its neighbours."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import shapely

from services.city.model import HouseNumbers
from services.places.addresses.ground import Floats, Ground, Ints

ROOFTOP_M: Final = 5.0
BETWEEN_M: Final = 20.0
"""What an address point, and one interpolated along a street, may be off at least (coordinately.org)."""
SAME_M: Final = 5.0
"""Two points of one number that are no further apart are one house."""


@dataclass(frozen=True, slots=True)
class House:
    """Where a house number is, in metres on the plane, how far that may be off, and what is to be said of it."""

    how: Literal["house_number", "interpolated"]
    x: float
    y: float
    radius_m: float
    reason: str = ""


class Houses:
    """A city's house numbers, by street and number."""

    def __init__(self, table: HouseNumbers | None, ground: Ground, streets: int) -> None:
        number = table.number if table else np.zeros(0, np.int32)
        suffix = table.suffix if table else np.zeros(0, np.int32)
        order = np.lexsort((suffix, number, ground.row_street))
        self._ground = ground
        self._number = number[order]
        self._suffix = suffix[order]
        self._piece = ground.row_piece[order]
        self._rows = ground.rows[order]
        self._begin = np.searchsorted(ground.row_street[order], np.arange(streets + 1)).tolist()
        self._suffixes = table.suffixes if table else ("",)
        self._codes = {suffix: code for code, suffix in enumerate(self._suffixes)}

    def span(self, street: int) -> tuple[int, int] | None:
        """Give the lowest and the highest number of a street; None where it has none."""
        begin, end = self._begin[street], self._begin[street + 1]
        return None if begin == end else (int(self._number[begin]), int(self._number[end - 1]))

    def pieces_with(self, street: int, number: int) -> frozenset[int]:
        """Give the pieces of a street on which a number stands, with whatever suffix."""
        begin, end = self._within(street, number)
        return frozenset(self._piece[begin:end].tolist())

    def find(self, street: int, number: int, suffix: str, pieces: tuple[int, ...]) -> House | None:
        """Give the house on some pieces of a street, on all if none is named; None beyond the numbers known there."""
        begin, end = self._within(street, number)
        if end == begin + 1 and not pieces and self._suffix[begin] == self._codes.get(suffix, -1):
            return self._house("house_number", np.array([begin]), ROOFTOP_M, "")
        rows = self._on(np.arange(begin, end), pieces)
        return self._among(rows, number, suffix) if len(rows) else self._between(street, number, pieces)

    def _on(self, rows: Ints, pieces: tuple[int, ...]) -> Ints:
        return rows[np.isin(self._piece[rows], pieces)] if pieces else rows

    def _within(self, street: int, number: int) -> tuple[int, int]:
        begin, end = self._begin[street], self._begin[street + 1]
        numbers = self._number[begin:end]
        return begin + int(numbers.searchsorted(number)), begin + int(numbers.searchsorted(number, side="right"))

    def _among(self, rows: Ints, number: int, suffix: str) -> House:
        exact = rows[self._suffix[rows] == self._codes.get(suffix, -1)]
        if len(exact):
            spread = self._spread(exact)
            if spread <= SAME_M:
                return self._house("house_number", exact, ROOFTOP_M, "")
            reason = f"this number stands in the list {len(exact)} times, up to {2 * spread:.0f} m apart"
            return self._house("house_number", exact, spread + ROOFTOP_M, reason)
        known = ", ".join(f"{number}/{self._suffixes[code]}".rstrip("/") for code in self._suffix[rows[:5]].tolist())
        named = f"{number}/{suffix}" if suffix else str(number)
        reason = f"there is no {named} in the list, but {known}"
        return self._house("interpolated", rows, max(self._spread(rows) + ROOFTOP_M, BETWEEN_M), reason)

    def _between(self, street: int, number: int, pieces: tuple[int, ...]) -> House | None:
        rows = self._on(np.arange(self._begin[street], self._begin[street + 1]), pieces)
        same_side = rows[self._number[rows] % 2 == number % 2]
        for side in (same_side, rows):
            numbers = self._number[side]
            at = int(numbers.searchsorted(number))
            if 0 < at < len(side):
                return self._interpolated(int(side[at - 1]), int(side[at]), number)
        return None

    def _interpolated(self, low: int, high: int, number: int) -> House:
        before, after = int(self._number[low]), int(self._number[high])
        share = (number - before) / (after - before)
        point = self._along(low, high, share)
        gap = float(np.hypot(*(self._rows[high] - self._rows[low])))
        reason = f"there is no {number} in the list: it is put between {before} and {after}, {gap:.0f} m apart"
        return House("interpolated", float(point[0]), float(point[1]), max(BETWEEN_M, gap / 2), reason)

    def _along(self, low: int, high: int, share: float) -> Floats:
        """Give the point between two houses, along their street where it has one line, as far from it as they are."""
        ends = self._rows[[low, high]]
        line = self._ground.pieces[self._piece[low]].shape
        if line.geom_type != "LineString" or self._piece[low] != self._piece[high]:
            return np.asarray(ends[0] + share * (ends[1] - ends[0]))
        begin, end = shapely.line_locate_point(line, shapely.points(ends)).tolist()
        feet = shapely.get_coordinates(
            shapely.line_interpolate_point(line, [begin, end, begin + share * (end - begin)])
        )
        aside = ends - feet[:2]
        return np.asarray(feet[2] + aside[0] + share * (aside[1] - aside[0]))

    def _spread(self, rows: Ints) -> float:
        if len(rows) == 1:
            return 0.0
        points = self._rows[rows]
        return float(np.hypot(*(points - points.mean(axis=0)).T).max())

    def _house(
        self,
        how: Literal["house_number", "interpolated"],
        rows: Ints,
        radius_m: float,
        reason: str,
    ) -> House:
        x, y = self._rows[rows].mean(axis=0).tolist() if len(rows) > 1 else self._rows[rows[0]].tolist()
        return House(how, x, y, radius_m, reason)
