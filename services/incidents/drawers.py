"""Where reports are filed: by family, and in it by cells of a grid."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import NamedTuple

from services.incidents.grid import Grid
from services.incidents.seen import Reach

Entry = tuple[float, float, str, int]
"""The key of a report, and its row."""


class Drawer:
    """The reports that are filed under one family: of each cell their rows, in the order of `entries`.

    Rows as numbers side by side: what is only looked at, as most is, need not be fetched from all over the memory.
    """

    def __init__(self, reach: Reach, entries: list[Entry]) -> None:
        self.reach = reach
        # As wide as what is in reach at most, so that three rows of three cells cover it.
        self.grid = Grid(max(reach.limit_m, 10.0))
        self.cells: dict[int, array[int]] = {}
        self._entries = entries

    def around(self, latitude: float, longitude: float) -> list[array[int]]:
        """Give the reports of each cell in reach, where there are any; most cells are empty."""
        held = self.cells.get
        return [rows for cell in self.grid.around(latitude, longitude, self.reach.limit_m) if (rows := held(cell))]

    def show(self, entry: Entry, latitude: float, longitude: float) -> None:
        """File a report."""
        cell, row = self.grid.cell(latitude, longitude), entry[3]
        rows = self.cells.get(cell)
        if rows is None:
            self.cells[cell] = array("I", (row,))
        elif self._entries[rows[-1]] < entry:
            rows.append(row)
        else:
            rows.insert(bisect_left(rows, entry, key=self._entries.__getitem__), row)

    def hide(self, entry: Entry, latitude: float, longitude: float) -> None:
        """Take a report out, if it is there."""
        cell = self.grid.cell(latitude, longitude)
        rows = self.cells.get(cell)
        if rows is None:
            return
        last = len(rows) - 1
        place = last if rows[last] == entry[3] else bisect_left(rows, entry, key=self._entries.__getitem__)
        if place <= last and rows[place] == entry[3]:
            del rows[place]
            if not last:
                del self.cells[cell]


class Filing(NamedTuple):
    """Where reports of the same families are filed: one object for all of them."""

    family: str
    """Their own."""
    own: Reach
    drawers: tuple[Drawer, ...]
    """Those in which anything is compared, of the largest radius first."""
    window_s: float
    """How long such a report may be compared with later ones."""
