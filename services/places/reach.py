"""Which areas and lines of a layer lie within so many metres of a place, for whole batches."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from services.city.earth import METRES_PER_DEGREE
from services.city.model import Area, Layer
from services.places.nearest import Floats, Ints, metres

PIECE = 16
"""Vertices in one piece of a boundary: short pieces let the tree do the looking."""
LEAST_COSINE = 0.01


class Reach:
    """One layer. A place inside a polygon is 0 m from it.

    Boundaries are looked for on a plane scaled at the layer's middle latitude, widely enough for all of its latitudes;
    what is found is measured on the sphere.
    """

    def __init__(self, layer: Layer) -> None:
        self.areas: tuple[Area, ...] = (*layer.areas, *layer.lines)
        shapes: NDArray[Any] = np.array([area.geometry for area in self.areas], dtype=object)
        self._solid = shapely.STRtree(shapes[: len(layer.areas)])
        shapely.prepare(shapes)
        pieces = [(number, piece) for number, shape in enumerate(shapes) for piece in _pieces(shape)]
        self._of = np.array([number for number, _ in pieces], dtype=np.intp)
        _, south, _, north = shapely.total_bounds(shapes)
        cosines = np.maximum(np.cos(np.radians([south, (south + north) / 2, north])), LEAST_COSINE)
        self._slack = 1.01 * cosines[1] / cosines.min()
        self._scale = np.array([cosines[1], 1.0]) * METRES_PER_DEGREE
        self._pieces: NDArray[Any] = np.array(
            [shapely.linestrings(piece * self._scale) for _, piece in pieces], dtype=object
        )
        self._tree = shapely.STRtree(self._pieces)

    def within(self, longitude: Floats, latitude: Floats, within_m: float) -> tuple[Ints, Ints, Floats]:
        """Give places, areas and their distance in metres, where that is at most `within_m`; each pair once."""
        inside = self._solid.query(shapely.points(longitude, latitude), predicate="intersects")
        centres = shapely.points(np.column_stack([longitude, latitude]) * self._scale)
        rows, edges = self._tree.query(centres, predicate="dwithin", distance=within_m * self._slack)
        ends = shapely.get_coordinates(shapely.shortest_line(centres[rows], self._pieces[edges])) / self._scale
        far = metres(longitude[rows], latitude[rows], ends[1::2, 0], ends[1::2, 1])
        near = far <= within_m
        of = np.concatenate([inside[0], rows[near]])
        at = np.concatenate([inside[1], self._of[edges[near]]])
        distance = np.concatenate([np.zeros(inside.shape[1]), far[near]])
        order = np.lexsort((distance, at, of))
        of, at, distance = of[order], at[order], distance[order]
        first = np.flatnonzero((np.diff(of, prepend=-1) != 0) | (np.diff(at, prepend=-1) != 0))
        return of[first], at[first], distance[first]


def _pieces(shape: Any) -> Iterable[NDArray[np.float64]]:  # noqa: ANN401 - shapely is untyped
    for part in shapely.get_parts(shape):
        edge = shapely.boundary(part) if part.geom_type == "Polygon" else part
        for line in shapely.get_parts(edge):
            points = shapely.get_coordinates(line)
            for start in range(0, len(points) - 1, PIECE - 1):
                yield points[start : start + PIECE]
