"""Whether the places that two rules ask for meet on the map."""

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from services.city.earth import METRES_PER_DEGREE
from services.city.model import Area, Layer, Rule


def meet(one: Rule, first: Layer, other: Rule, second: Layer) -> bool:
    """Say whether a place can satisfy the layer conditions of both rules; `first` and `second` are their layers."""
    apart = one.within_m + other.within_m
    if first.id == second.id and not apart:
        return not one.areas or not other.areas or bool(set(one.areas) & set(other.areas))
    ours, theirs = _shapes(one, first), _shapes(other, second)
    if not ours or not theirs:
        return False
    tree = shapely.STRtree(ours)
    if not apart:
        rows, columns = tree.query(theirs, predicate="intersects")
        return any(
            shapely.intersection(theirs[row], ours[column]).area > 0 for row, column in zip(rows, columns, strict=True)
        )
    _, south, _, north = shapely.total_bounds([*ours, *theirs])
    scale = np.array([np.cos(np.radians((south + north) / 2)), 1.0]) * METRES_PER_DEGREE
    flat = shapely.STRtree(shapely.transform(ours, lambda degrees: degrees * scale))
    return bool(flat.query(shapely.transform(theirs, lambda degrees: degrees * scale), "dwithin", apart).size)


def _shapes(rule: Rule, layer: Layer) -> list[BaseGeometry]:
    """Give what a rule's layer condition is about; what is only a line counts for a distance alone."""
    areas: tuple[Area, ...] = (*layer.areas, *layer.lines) if rule.within_m else layer.areas
    return [area.geometry for area in areas if not rule.areas or area.area_id in rule.areas]
