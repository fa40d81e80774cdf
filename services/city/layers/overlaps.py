"""How far the areas of a layer lie over each other, and what lies between them."""

from typing import Any

import numpy as np
import shapely
from msgspec import Struct

from services.city.layers.areas import flat
from services.city.model import Layer

SLIVER_M = 1.0
"""Metres. Pieces narrower than this are left out: neighbours that were digitized or rounded apart lie that close. A
degree written with five decimals is true to 1.1 m, and no report's place is known so well."""


class Overlap(Struct, frozen=True, kw_only=True):
    """Two areas that share ground."""

    areas: tuple[str, str]
    square_metres: float


class Gap(Struct, frozen=True, kw_only=True):
    """Ground between the areas of a layer that belongs to none of them, and a place inside of it (WGS 84 degrees)."""

    latitude: float
    longitude: float
    square_metres: float


class Measured(Struct, frozen=True, kw_only=True):
    """The overlaps and gaps of one edition of a layer, the largest first."""

    layer: str
    effective: str
    overlaps: tuple[Overlap, ...] = ()
    gaps: tuple[Gap, ...] = ()


def measure(layer: Layer) -> Measured:
    """Measure a layer in square metres, true to 1 %; slivers narrower than `SLIVER_M` are left out.

    A gap is a hole in the union of all areas: what is open to the outside is where the layer ends.
    """
    shapes = np.array([area.geometry for area in layer.areas], dtype=object)
    _, south, _, north = shapely.total_bounds(shapes)
    latitude = float(south + north) / 2
    even = flat(shapes, latitude)
    return Measured(
        layer=layer.id,
        effective=layer.effective,
        overlaps=_overlaps([area.area_id for area in layer.areas], even),
        gaps=_gaps(shapes, latitude),
    )


def _overlaps(names: list[str], shapes: Any) -> tuple[Overlap, ...]:  # noqa: ANN401 - an array of shapes
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    shapely.prepare(shapes)
    apart = shapely.touches(shapes[one], shapes[other])
    one, other = one[~apart], other[~apart]
    pieces, which = shapely.get_parts(shapely.intersection(shapes[one], shapes[other]), return_index=True)
    areas = np.bincount(which, np.where(_wide(pieces), shapely.area(pieces), 0.0), minlength=len(one))
    found = [
        Overlap(areas=(names[a], names[b]), square_metres=round(float(area), 1))
        for a, b, area in zip(one.tolist(), other.tolist(), areas, strict=True)
        if area > 0
    ]
    return tuple(sorted(found, key=lambda each: -each.square_metres))


def _gaps(shapes: Any, latitude: float) -> tuple[Gap, ...]:  # noqa: ANN401 - an array of shapes
    rings = [
        ring for part in shapely.get_parts(shapely.union_all(shapes)) for ring in shapely.get_rings(part).tolist()[1:]
    ]
    holes = shapely.polygons(rings) if rings else np.array([], dtype=object)
    even = flat(holes, latitude)
    wide = _wide(even)
    found = [
        Gap(latitude=round(place.y, 6), longitude=round(place.x, 6), square_metres=round(area, 1))
        for place, area in zip(
            shapely.point_on_surface(holes[wide]).tolist(), shapely.area(even[wide]).tolist(), strict=True
        )
    ]
    return tuple(sorted(found, key=lambda each: -each.square_metres))


def _wide(pieces: Any) -> Any:  # noqa: ANN401 - an array of shapes
    """Tell which pieces are wider than a sliver: for a long strip, twice the area by the perimeter is its width."""
    around = shapely.length(pieces)
    return 2 * shapely.area(pieces) > SLIVER_M * around
