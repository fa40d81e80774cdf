"""Coordinate systems by pyproj (PROJ, and the EPSG and ESRI registries that come with it): named, applied, sought.

What is in degrees of WGS 84 already needs no pyproj. Its registry: https://epsg.org, https://proj.org.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from services.city.earth import METRES_PER_DEGREE, Extent
from services.city.layers.features import DEGREES, INSTALL, Floats, UnreadableError

_WGS84 = re.compile(r"(?i)CRS:?84$|EPSG:+([\d.]*:)?4326$|^WGS ?84$|^4326$")
_WIDE = 170.0
"""Degrees of longitude: a system that is meant for more is one for maps of the world."""
_PAST = "WGS 72"
"""Gave way to WGS 84 in 1984, before towns had such files, and would leave every UTM zone in doubt by 15 m."""
_FEW = 0.5
"""Degrees: without its datum shift, a place comes out within this distance."""


@dataclass(frozen=True, slots=True)
class System:
    """A coordinate system; `code` is what a town may write for it."""

    code: str
    name: str
    definition: str
    swapped: bool = False
    """The file has y before x."""

    def __str__(self) -> str:
        """Give `EPSG:2263 (NAD83 / New York Long Island (ftUS))`."""
        name = f"{self.code} ({self.name})" if self.name and self.code else self.code or self.name
        return f"{name} with the axes swapped" if self.swapped else name

    def to_degrees(self, points: Floats) -> Floats:
        """Give longitude and latitude (WGS 84) of points (n, 2); infinite where the system does not reach."""
        points = points[:, ::-1] if self.swapped else points
        if self.definition == DEGREES:
            return points
        transformer = _transformer(self.definition)
        if transformer is None:
            return np.full_like(points, np.inf)
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))


WGS84 = System("EPSG:4326", "WGS 84", DEGREES)
SWAPPED = System("EPSG:4326", "WGS 84", DEGREES, swapped=True)


class UnknownSystemError(Exception):
    """A coordinate system that nobody knows."""


def is_wgs84(text: str) -> bool:
    """Tell whether a code means WGS 84 degrees; exports put longitude first by whichever of its names."""
    return bool(_WGS84.search(text.strip()))


@lru_cache(maxsize=256)
def system(text: str) -> System:
    """Give the system that a code (`EPSG:2263`, `ESRI:102718`, `2263`), WKT or a PROJ string means.

    Raises:
        UnknownSystemError: it means none that places on Earth have.
        UnreadableError: pyproj is not installed.

    """
    text = text.strip()
    if is_wgs84(text):
        return WGS84
    proj = _pyproj()
    try:
        crs = proj.CRS.from_user_input(int(text) if text.isdigit() else text)
        if not (crs.is_projected or crs.is_geographic) or crs.name.lower().startswith("undefined"):
            raise UnknownSystemError(text)
        authority = crs.to_authority(min_confidence=70)
    except proj.exceptions.ProjError as error:
        raise UnknownSystemError(text) from error
    code = ":".join(authority) if authority else ""
    if _transformer(code or text) is None:
        raise UnknownSystemError(text)
    if is_wgs84(code) and crs.is_geographic:
        return WGS84
    return System(code, crs.name, code or text)


def datum(given: System) -> str:
    """Give the name of the geographic system that one stands on, as `ETRS89`."""
    if given.definition == DEGREES:
        return "WGS 84"
    base = _pyproj().CRS.from_user_input(given.definition).geodetic_crs
    return str(base.name) if base is not None else ""


def apart_m(one: Floats, other: Floats) -> float:
    """Give the mean distance between two rows of places, in metres (WGS 84 degrees, (n, 2))."""
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("inf")
    narrow = np.cos(np.radians((one[:, 1] + other[:, 1]) / 2))
    return float(np.hypot((one[:, 0] - other[:, 0]) * narrow, one[:, 1] - other[:, 1]).mean() * METRES_PER_DEGREE)


def candidates(extent: Extent, points: Floats) -> Iterator[list[System]]:
    """Give the projected systems in use at `extent` that put `points` near it, the likelier kinds first.

    First come the systems of the place itself and Web Mercator, then those that only ESRI has a code for, then those
    for maps of the world, then the first again with the axes swapped.
    """
    proj = _pyproj()
    near: list[list[Any]] = [[], [], []]
    for authority in ("EPSG", "ESRI"):
        for info in proj.database.query_crs_info(
            auth_name=authority,
            pj_types=proj.enums.PJType.PROJECTED_CRS,
            area_of_interest=proj.aoi.AreaOfInterest(*extent),
        ):
            wide = info.area_of_use.east - info.area_of_use.west > _WIDE and info.code != "3857"
            near[2 if wide or info.name.startswith(_PAST) else int(authority == "ESRI")].append(info)
    for group in near:
        unique = {f"{info.auth_name}:{info.code}": info.name for info in group}
        yield [System(code, name, code) for code, name in unique.items() if _lands(code, points, extent)]
    turned = {f"{info.auth_name}:{info.code}": info.name for group in near[:2] for info in group}
    yield [
        System(code, name, code, swapped=True) for code, name in turned.items() if _lands(code, points[:, ::-1], extent)
    ]


def _lands(code: str, points: Floats, extent: Extent) -> bool:
    """Tell quickly, without its datum, whether a system puts the middle of some points near an extent."""
    proj = _pyproj()
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a PROJ string says less than the registry
        try:
            longitude, latitude = _projection(code)(*middle, inverse=True)
        except (proj.exceptions.ProjError, RuntimeError):
            return False
    west, south, east, north = extent
    wide, high = (east - west) + _FEW, (north - south) + _FEW
    return bool(west - wide <= longitude <= east + wide and south - high <= latitude <= north + high)


@lru_cache(maxsize=512)
def _projection(code: str) -> Any:  # noqa: ANN401 - pyproj's own
    return _pyproj().Proj(code)


@lru_cache(maxsize=64)
def _transformer(definition: str) -> Any:  # noqa: ANN401 - pyproj's own
    proj = _pyproj()
    try:
        return proj.Transformer.from_crs(definition, DEGREES, always_xy=True)
    except proj.exceptions.ProjError:  # for instance a system of another planet
        return None


def _pyproj() -> Any:  # noqa: ANN401 - it has no types
    try:
        import pyproj  # noqa: PLC0415 - only the `geo` extra has it
        import pyproj.aoi  # noqa: PLC0415
        import pyproj.database  # noqa: PLC0415
    except ImportError:
        seen = "its coordinates are not in WGS 84 degrees, and pyproj is not installed"
        raise UnreadableError(seen, remedy=INSTALL) from None
    return pyproj
