"""What a boundary file holds, whatever its format, before it is known where that lies."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

INSTALL = "install `stormdrain[geo]`, or convert the file to WGS 84 GeoJSON"
DEGREES = "OGC:CRS84"
"""WGS 84, longitude before latitude: https://www.opengis.net/def/crs/OGC/1.3/CRS84."""

_FURTHEST = 1e9
"""No coordinate system of the Earth has such numbers: all around it are 1.6e9 inches, and no town is there."""

Floats = NDArray[np.float64]


class UnreadableError(Exception):
    """A file of places that cannot be read at all; `line` is 0 where none is known."""

    def __init__(self, seen: str, *, line: int = 0, expected: str = "", remedy: str = "") -> None:
        super().__init__("; ".join(part for part in (seen, expected and f"expected {expected}", remedy) if part))
        self.seen, self.line, self.expected, self.remedy = seen, line, expected, remedy


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a file: what is said of it, and where it is (None where the file has nothing).

    `trouble` says why a geometry could not be built from what the file has.
    """

    properties: dict[str, Any]
    geometry: BaseGeometry | None
    line: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """A file's features in the coordinates that it has, x before y."""

    features: list[Feature]
    claim: str = ""
    """The coordinate system that the file says it has (a code, WKT or a PROJ string); empty where it says nothing."""
    by_format: bool = False
    """The claim is not written in the file; it is what the format's specification says."""
    notes: list[str] = field(default_factory=list)
    """What its reader had to say, and could read it all the same."""


def sisters(path: Path) -> dict[str, Path]:
    """Give the files of the same stem by their suffix, as a Shapefile has them; `.shp` itself is one."""
    beside = (each for each in sorted(path.parent.iterdir()) if each.stem == path.stem and each.is_file())
    return {each.suffix.lower(): each for each in beside}


def vertices(features: list[Feature]) -> Floats:
    """Give the corners of the convex hull of all features, (n, 2): what is needed to see where a file lies."""
    shapes = [feature.geometry for feature in features if feature.geometry is not None]
    points: Floats = shapely.get_coordinates(shapely.convex_hull(shapes))  # of each first: far fewer for the last
    if len(points):
        points = shapely.get_coordinates(shapely.convex_hull(shapely.multipoints(points)))
    return points


def spoilt(geometry: BaseGeometry) -> str:
    """Say what is wrong with the coordinates of a geometry in any system, or nothing.

    A corner at exactly 0, 0, further from the others than they are from each other, is a place nobody knew.
    """
    points = shapely.get_coordinates(geometry)
    odd = ~(np.abs(points) < _FURTHEST).all(axis=1)
    if odd.any():
        x, y = points[odd][0]
        return f"has coordinates that are nowhere ({x:g}, {y:g}), at {_nth(odd)}"
    null = (points == 0).all(axis=1)
    rest = points[~null]
    if not null.any():
        return ""
    if len(rest) == 0:
        return "has nothing but coordinates 0, 0"
    low, high = rest.min(axis=0), rest.max(axis=0)
    away = np.maximum(np.maximum(low, -high), 0.0)
    if np.hypot(*away) > np.hypot(*(high - low)):
        return f"has coordinates 0, 0, at {_nth(null)}, far from all its others"
    return ""


def _nth(which: NDArray[np.bool_]) -> str:
    count, first = int(which.sum()), int(np.argmax(which)) + 1
    return f"vertex {first}" if count == 1 else f"vertex {first} and {count - 1} more"
