"""A city's layers as shapely trees: where whole batches of places lie, and which areas their circles cross."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from msgspec.structs import replace
from numpy.typing import NDArray

from services.city.model import Layer
from services.city.shelf import CityShelf
from services.events import Event
from services.parts import Boundary, Place
from services.route.core import Router, Whereabouts

METRES_PER_DEGREE = 6_371_008.8 * np.pi / 180
"""Along a meridian, on a sphere of the Earth's mean radius (IUGG)."""
LEAST_SHARE = 0.001
"""A smaller part of a circle is not told."""
PIECE = 16
"""Vertices in one piece of a boundary: short pieces let the tree do the looking."""

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Shapes = NDArray[Any]


class Sheet:
    """One layer. A place on a boundary belongs to the first of the areas that meet there, by area id.

    Circles are measured on a plane scaled at the layer's middle latitude: within a town, and up to a degree of
    latitude from its middle at 60 degrees north, metres are true to 3 %.
    """

    def __init__(self, layer: Layer) -> None:
        areas = sorted(layer.areas, key=lambda area: area.area_id)
        self.limits = layer.limits
        self.beyond = Boundary(layer=layer.id, area_id="", name=f"outside the {layer.id}", version=layer.version)
        self.whole = [
            Boundary(layer=layer.id, area_id=area.area_id, name=area.name, version=layer.version) for area in areas
        ]
        self._shapes: Shapes = np.array([area.geometry for area in areas], dtype=object)
        shapely.prepare(self._shapes)
        self._tree = shapely.STRtree(self._shapes)
        south, north = shapely.total_bounds(self._shapes)[[1, 3]] if areas else (0.0, 0.0)
        self._scale = np.array([np.cos(np.radians((south + north) / 2)), 1.0]) * METRES_PER_DEGREE
        self._flat: Shapes = shapely.transform(self._shapes, lambda degrees: degrees * self._scale)
        self._flat_tree = shapely.STRtree(self._flat)
        self._edges = shapely.STRtree(list(_pieces(self._flat)))

    def home(self, longitude: Floats, latitude: Floats) -> Ints:
        """Give the index of the area that holds each place, -1 where none does."""
        rows, columns = self._tree.query(shapely.points(longitude, latitude))
        inside = shapely.intersects_xy(self._shapes[columns], longitude[rows], latitude[rows])
        first = np.full(len(longitude), len(self.whole))
        np.minimum.at(first, rows[inside], columns[inside])
        return np.where(first == len(self.whole), -1, first)

    def shares(self, longitude: Floats, latitude: Floats, radius: Floats) -> dict[int, dict[int, float]]:
        """Give, for each place whose circle crosses a boundary, the part of the circle in each area."""
        centres = shapely.points(np.column_stack([longitude, latitude]) * self._scale)
        rows = np.unique(self._edges.query(centres, predicate="dwithin", distance=radius)[0])
        rows = rows[radius[rows] > 0]
        circles = shapely.buffer(centres[rows], radius[rows], quad_segs=16)
        which, columns = self._flat_tree.query(circles)
        parts = shapely.area(shapely.intersection(circles[which], self._flat[columns])) / shapely.area(circles[which])
        found: dict[int, dict[int, float]] = {int(row): {} for row in rows}
        for row, column, part in zip(rows[which].tolist(), columns.tolist(), parts.round(3).tolist(), strict=True):
            if part >= LEAST_SHARE:
                found[row][column] = min(part, 1.0)
        return found


def _pieces(shapes: Shapes) -> Iterable[Any]:
    for line in shapely.get_parts(shapely.boundary(shapely.get_parts(shapes))):
        points = shapely.get_coordinates(line)
        for start in range(0, len(points) - 1, PIECE - 1):
            yield shapely.linestrings(points[start : start + PIECE])


class Live:
    """Handles each batch by the city that is worked by when it begins, from its first report to its last."""

    def __init__(self, shelf: CityShelf[Router]) -> None:
        self._shelf = shelf

    def handle(self, batch: Sequence[Event]) -> list[Event]:
        """Route a batch by one city."""
        return self._shelf.current().handle(batch)


class ShapelyAtlas:
    """All layers of a city, kept in memory; asked for whole batches, because one call costs as much as a hundred."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._sheets = [Sheet(layer) for layer in layers]
        self._limited = any(layer.limits for layer in layers)

    def locate(self, places: Sequence[Place]) -> list[Whereabouts]:
        """Give the whereabouts of each place, in order.

        `outside` is said only of a city that has a layer of limits.
        """
        if not places:
            return []
        longitude = np.array([place.longitude for place in places])
        latitude = np.array([place.latitude for place in places])
        radius = np.array([place.radius_m for place in places])
        held: list[list[Boundary]] = [[] for _ in places]
        touched: dict[int, list[Boundary]] = defaultdict(list)
        inside = np.full(len(places), not self._limited)
        for sheet in self._sheets:
            home = sheet.home(longitude, latitude)
            if sheet.limits:
                inside |= home >= 0
            shares = sheet.shares(longitude, latitude, radius)
            for row, area in enumerate(home.tolist()):
                if area >= 0:
                    whole = sheet.whole[area]
                    share = shares[row].get(area, 0.0) if row in shares else 1.0
                    held[row].append(whole if share == 1.0 else replace(whole, share=share))
            for row, parts in shares.items():
                touched[row].extend(_others(sheet, parts, int(home[row])))
        return [
            Whereabouts(tuple(boundaries), tuple(touched.get(row, ())), not known)
            for row, (boundaries, known) in enumerate(zip(held, inside.tolist(), strict=True))
        ]


def _others(sheet: Sheet, parts: dict[int, float], home: int) -> Iterable[Boundary]:
    for area, share in sorted(parts.items()):
        if area != home:
            yield replace(sheet.whole[area], share=share)
    beyond = round(1.0 - sum(parts.values()), 3)
    if home >= 0 and beyond > LEAST_SHARE:
        yield replace(sheet.beyond, share=beyond)
