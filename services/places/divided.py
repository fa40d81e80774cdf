"""A circle on the map cut along all boundaries that cross it: how much of it lies where, exactly."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import cos, radians
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from services.city.earth import METRES_PER_DEGREE
from services.city.model import Layer

_TURNS = np.arange(64) * (2 * np.pi / 64)
_RING = np.column_stack([np.cos(_TURNS), np.sin(_TURNS)])
"""The corners of a circle, whose radius is the unit: those that GEOS draws for `quad_segs=16`."""
LEAST_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a circle: the area of each layer that holds it, as (layer, area id), and its share of the circle."""

    areas: tuple[tuple[str, str], ...]
    share: float


class Divider:
    """A city's layers, to cut circles by; each in all the versions that are given."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = {(layer.id, layer.version): _Cutter(layer) for layer in layers}

    def divide(
        self, longitude: float, latitude: float, radius_m: float, versions: Collection[tuple[str, str]]
    ) -> list[Part]:
        """Cut the circle by the layers named in `versions` (layer, version); shares are 1 together.

        Where areas of one layer overlap, a part is the first area's by id.
        """
        circle = _circle(longitude, latitude, radius_m)
        whole = shapely.area(circle)
        parts: list[tuple[Any, tuple[tuple[str, str], ...]]] = [(circle, ())]
        for version in sorted(versions):
            if version in self._layers:
                cut = self._layers[version].cut
                parts = [(piece, (*areas, *more)) for shape, areas in parts for piece, more in cut(shape)]
        shares = ((areas, float(shapely.area(shape) / whole)) for shape, areas in parts)
        return [Part(areas, share) for areas, share in shares if share > LEAST_SHARE]


class _Cutter:
    def __init__(self, layer: Layer) -> None:
        self._id = layer.id
        self._areas = sorted(layer.areas, key=lambda area: area.area_id)
        self._shapes: NDArray[Any] = np.array([area.geometry for area in self._areas], dtype=object)
        shapely.prepare(self._shapes)
        self._tree = shapely.STRtree(self._shapes)

    def cut(self, shape: Any) -> list[tuple[Any, tuple[tuple[str, str], ...]]]:  # noqa: ANN401 - shapely is untyped
        found: list[tuple[Any, tuple[tuple[str, str], ...]]] = []
        for column in sorted(self._tree.query(shape).tolist()):
            area, named = self._shapes[column], ((self._id, self._areas[column].area_id),)
            if shapely.covers(area, shape):  # as in all layers but the one or two whose lines cross the circle
                return [*found, (shape, named)]
            if not shapely.intersects(area, shape):
                continue
            inside = shapely.intersection(shape, area)
            if shapely.area(inside) > 0:
                found.append((inside, named))
                shape = shapely.difference(shape, area)
        return [*found, (shape, ())]


def _circle(longitude: float, latitude: float, radius_m: float) -> Any:  # noqa: ANN401 - shapely is untyped
    """Draw a circle in degrees; shares of area are the same on any plane that is scaled alike."""
    scale = METRES_PER_DEGREE * np.array([max(cos(radians(latitude)), 0.01), 1.0])
    return shapely.polygons(np.array([longitude, latitude]) + _RING * (radius_m / scale))
