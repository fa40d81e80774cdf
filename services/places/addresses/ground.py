"""The city's ground as a plane in metres, and where each street lies on it: its pieces, each with line and hints."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from services.city.earth import METRES_PER_DEGREE
from services.city.model import City
from services.places.addresses.spelling import plain
from services.places.addresses.streets import StreetNames

APART_M: Final = 1_000.0
"""Lines of one name with a wider gap between them are two streets of one name."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Plane:
    """Metres east and north of a corner of the city; within a town true to a few parts in a thousand."""

    def __init__(self, bounds: tuple[float, float, float, float]) -> None:
        west, south, _, north = bounds
        self._origin = np.array([west, south])
        narrow = max(float(np.cos(np.radians((south + north) / 2))), 1e-6)
        self._west, self._south = west, south
        self._scale = np.array([narrow, 1.0]) * METRES_PER_DEGREE
        self._scale_x, self._scale_y = self._scale.tolist()

    def flat(self, shape: Any) -> Any:  # noqa: ANN401 - shapely is untyped: a geometry, or an array of them
        """Give a geometry of degrees in metres."""
        return shapely.transform(shape, self.metres)

    def metres(self, degrees: Floats) -> Floats:
        """Give rows of longitude and latitude as rows of metres."""
        return np.asarray((degrees - self._origin) * self._scale)

    def degrees(self, x: float, y: float) -> tuple[float, float]:
        """Give longitude and latitude of a point in metres."""
        return x / self._scale_x + self._west, y / self._scale_y + self._south


@dataclass(frozen=True, slots=True)
class Piece:
    """A street, or one of several of one name. `shape` is its line in metres, or the points of its house numbers."""

    street: int
    shape: BaseGeometry
    zips: frozenset[str] = frozenset()
    quarters: frozenset[str] = frozenset()
    """In plain spelling."""
    label: str = ""
    """What tells it from others of its name."""

    def centre(self) -> tuple[float, float, float]:
        """Give the point of the street in its middle, x and y, and how far its ends are from there, in metres."""
        middle = shapely.centroid(self.shape)
        point = shapely.get_point(shapely.shortest_line(self.shape, middle), 0)
        far = shapely.hausdorff_distance(point, self.shape)
        return float(point.x), float(point.y), float(far)


@dataclass(frozen=True, slots=True)
class Ground:
    """All streets' pieces: `pieces_of[street]` are places in `pieces`; `row_piece` has that of each house number."""

    plane: Plane
    pieces: tuple[Piece, ...]
    pieces_of: tuple[tuple[int, ...], ...]
    rows: Floats
    """House numbers' places in metres, a row each, as in the city's table."""
    row_street: Ints
    row_piece: Ints


def lay_out(city: City, names: StreetNames) -> Ground:
    """Put the city's streets and house numbers on the plane, and tell streets of one name apart."""
    plane = Plane(city.extent)
    lines: dict[int, list[BaseGeometry]] = {}
    for named in city.streets:
        if not named.line.is_empty:
            lines.setdefault(names.number(named.name), []).extend(shapely.get_parts(plane.flat(named.line)))
    table = city.house_numbers
    rows = plane.metres(np.column_stack([table.longitude, table.latitude])) if table else np.zeros((0, 2))
    groups = np.array([names.number(each.name) for each in table.streets] if table else [], dtype=np.int64)
    row_group = table.street.astype(np.int64) if table else np.zeros(0, np.int64)
    row_street = groups[row_group] if table else row_group
    laying = _Laying(city, plane, names, rows, row_group)
    order = np.argsort(row_street, kind="stable")
    bounds = np.searchsorted(row_street[order], np.arange(len(names) + 1))
    for street in range(len(names)):
        laying.street(street, lines.get(street, []), order[bounds[street] : bounds[street + 1]])
    return Ground(plane, tuple(laying.pieces), tuple(laying.pieces_of), rows, row_street, laying.row_piece)


class _Laying:
    def __init__(self, city: City, plane: Plane, names: StreetNames, rows: Floats, row_group: Ints) -> None:
        self.city, self.plane, self.names = city, plane, names
        self.rows, self.row_group = rows, row_group
        self.row_piece = np.full(len(rows), -1, dtype=np.int64)
        areas = [area.geometry for layer in city.layers if layer.limits for area in layer.areas]
        self.limits = plane.flat(shapely.union_all(areas)) if areas else None
        shapely.prepare(self.limits)
        self.pieces: list[Piece] = []
        self.pieces_of: list[tuple[int, ...]] = []

    def street(self, street: int, lines: Sequence[BaseGeometry], rows: Ints) -> None:
        shapes = self._inside([shapely.line_merge(shapely.union_all(part)) for part in _clusters(lines)])
        owner = np.zeros(len(rows), dtype=np.int64)
        if len(rows) and len(shapes) > 1:
            points = shapely.points(self.rows[rows])
            owner = np.argmin([shapely.distance(points, shape) for shape in shapes], axis=0)
        elif len(rows) and not shapes:
            shapes, owner = self._of_rows(rows)
        first = len(self.pieces)
        self.row_piece[rows] = owner + first
        for at, shape in enumerate(shapes):
            held = rows[owner == at]
            self.pieces.append(self._piece(street, shape, held, told_apart=len(shapes) > 1))
        self.pieces_of.append(tuple(range(first, len(self.pieces))))

    def _inside(self, shapes: list[BaseGeometry]) -> list[BaseGeometry]:
        """Leave out streets of the same name that lie wholly beyond the city's limits, in the next town."""
        if self.limits is None or len(shapes) < 2:  # noqa: PLR2004 - nothing to tell apart
            return shapes
        return [shape for shape in shapes if shape.intersects(self.limits)] or shapes

    def _of_rows(self, rows: Ints) -> tuple[list[BaseGeometry], Ints]:
        """Tell apart by ZIP and quarter, and bring together again what lies side by side."""
        groups, which = np.unique(self.row_group[rows], return_inverse=True)
        clouds = [shapely.multipoints(self.rows[rows[which == at]]) for at in range(len(groups))]
        label = _labels(clouds)
        shapes = [
            shapely.union_all([cloud for cloud, one in zip(clouds, label, strict=True) if one == at])
            for at in range(max(label) + 1)
        ]
        return shapes, np.array(label)[which]

    def _piece(self, street: int, shape: BaseGeometry, rows: Ints, *, told_apart: bool) -> Piece:
        table = self.city.house_numbers
        said = [table.streets[group] for group in np.unique(self.row_group[rows])] if table else []
        quarters = {each.quarter for each in said if each.quarter}
        if told_apart:
            quarters |= self._areas(shape)
        zips = {each.zip for each in said if each.zip}
        label = ", ".join(sorted(quarters)[:2]) or ", ".join(sorted(zips)[:2])
        plain_zips = frozenset(plain(code) for code in zips)
        return Piece(street, shape, plain_zips, frozenset(plain(each) for each in quarters), label)

    def _areas(self, shape: BaseGeometry) -> set[str]:
        middle = shapely.centroid(shape)
        point = shapely.Point(*self.plane.degrees(middle.x, middle.y))
        layers = [layer for layer in self.city.layers if not layer.limits]
        return {area.name for layer in layers for area in layer.areas if area.name and area.geometry.intersects(point)}


def _clusters(lines: Sequence[BaseGeometry]) -> list[list[BaseGeometry]]:
    if len(lines) < 2:  # noqa: PLR2004 - one has no other
        return [list(lines)] if lines else []
    label = _labels(lines)
    return [[line for line, one in zip(lines, label, strict=True) if one == at] for at in range(max(label) + 1)]


def _labels(shapes: Sequence[BaseGeometry]) -> list[int]:
    """Number the groups of shapes that hang together, with gaps of up to `APART_M`."""
    label = [-1] * len(shapes)
    tree = shapely.STRtree(list(shapes))
    groups = 0
    for at in range(len(shapes)):
        if label[at] >= 0:
            continue
        waiting = [at]
        while waiting:
            here = waiting.pop()
            if label[here] < 0:
                label[here] = groups
                near = tree.query(shapes[here], predicate="dwithin", distance=APART_M)
                waiting.extend(int(other) for other in near if label[other] < 0)
        groups += 1
    return label
