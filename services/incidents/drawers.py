"""Where reports are filed: by family, and in it by cells of a grid."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple

from services.incidents.grid import Grid
from services.incidents.seen import Reach

Entry = tuple[float, str, int]
"""When a report was made, its id, and its row."""


class Drawer:
    """The reports that are filed under one family, by cell."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        # As wide as what is in reach at most, so that three rows of three cells cover it.
        self.grid = Grid(max(reach.limit_m, 10.0))
        self.cells: dict[int, list[Entry]] = {}

    def around(self, latitude: float, longitude: float) -> Iterator[list[Entry]]:
        """Give the reports of each cell in reach, where there are any; most cells are empty."""
        cells = self.cells
        for cell in self.grid.around(latitude, longitude, self.reach.limit_m):
            if (held := cells.get(cell)) is not None:
                yield held

    def show(self, entry: Entry, latitude: float, longitude: float) -> None:
        """File a report."""
        held = self.cells.setdefault(self.grid.cell(latitude, longitude), [])
        if not held or held[-1] < entry:
            held.append(entry)
        else:
            insort(held, entry)

    def hide(self, entry: Entry, latitude: float, longitude: float) -> None:
        """Take a report out, if it is there."""
        cell = self.grid.cell(latitude, longitude)
        held = self.cells.get(cell, [])
        place = bisect_left(held, entry)
        if place < len(held) and held[place] == entry:
            del held[place]
            if not held:
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
