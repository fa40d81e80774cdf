"""Makes the areas of a layer from a file's features: polygons that are valid, each with an id."""

from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from services.city.earth import EARTH_M
from services.city.findings import Findings, did_you_mean, listed
from services.city.layers.features import INSTALL, Feature, Floats
from services.city.model import Area

POLYGONS = ("Polygon", "MultiPolygon")
LINES = ("LineString", "MultiLineString")
_LON, _LAT = 180.0, 90.0


def repaired(geometry: BaseGeometry) -> BaseGeometry:
    """Give a valid polygon or multipolygon with the area of one that crosses itself; empty where none is left."""
    valid = shapely.make_valid(geometry)
    parts = [part for part in shapely.get_parts(valid, return_index=False) if part.geom_type.endswith("Polygon")]
    return shapely.unary_union([part for part in parts if part.area > 0])


def flat(geometries: Any, latitude: float) -> Any:  # noqa: ANN401 - one geometry or an array of them
    """Give geometries in WGS 84 degrees on a plane in metres on which areas are true to 1 %.

    That is Lambert's cylindrical equal-area projection with its standard parallel at `latitude`, where shapes are true
    as well (J. P. Snyder, Map Projections: A Working Manual, USGS Professional Paper 1395, 1987, page 76), on a sphere.
    """
    narrow = np.cos(np.radians(min(abs(latitude), _LAT - 1)))

    def project(points: Floats) -> Floats:
        x, y = np.radians(points[:, 0]) * narrow, np.sin(np.radians(points[:, 1])) / narrow
        return np.column_stack([x, y]) * EARTH_M

    return shapely.transform(geometries, project)


def square_metres(geometry: BaseGeometry) -> float:
    """Give the area of a geometry in WGS 84 degrees, true to 1 %."""
    return float(flat(geometry, 0.0).area)


def word(value: Any) -> str:  # noqa: ANN401 - whatever the file has
    """Give a property as text, whole numbers without a point (Shapefile numbers come as 7.0); empty for none."""
    if value is None or isinstance(value, (dict, list)) or value != value:  # noqa: PLR0124 - NaN is not itself
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def in_degrees(geometry: BaseGeometry) -> bool:
    """Tell whether a geometry can be in degrees."""
    west, south, east, north = geometry.bounds
    return bool(-_LON <= west <= east <= _LON and -_LAT <= south <= north <= _LAT)


def far(geometry: BaseGeometry) -> str:
    """Say which coordinates of a geometry cannot be in degrees."""
    west, south, _, _ = geometry.bounds
    return f"coordinates such as {west:g}, {south:g}"


class AreaReader:
    """Takes the features of a file one by one; `areas`, and `lines` if there may be some, have what came of them."""

    def __init__(
        self, file: str, findings: Findings, id_property: str, name_property: str, *, lines: bool = False
    ) -> None:
        self.areas: dict[str, Area] = {}
        self.lines: dict[str, Area] = {}
        self._kinds = (*POLYGONS, *LINES) if lines else POLYGONS
        self._file = file
        self._findings = findings
        self._id_property = id_property
        self._name_property = name_property

    def take(self, number: int, feature: Feature) -> None:
        """Add a feature, or note what is wrong with it."""
        at = f"features[{number}]"
        geometry = self._polygon(at, feature)
        area_id = self._property(at, feature, self._id_property)
        named = self._name_property != self._id_property
        name = self._property(at, feature, self._name_property) if named else area_id
        if geometry is None or not area_id:
            return
        if geometry.geom_type in LINES:
            known = self.lines.get(area_id)
            whole = shapely.union(known.geometry, geometry) if known else geometry
            self.lines[area_id] = Area(area_id=area_id, name=name, geometry=whole)
            return
        earlier = self.areas.get(area_id)
        if earlier is not None:
            seen = f"{area_id!r} stands there more than once; its polygons are taken together as one area"
            self._findings.warn(self._file, feature.line, at, seen)
            geometry = shapely.unary_union([earlier.geometry, geometry])
        self.areas[area_id] = Area(area_id=area_id, name=name, geometry=geometry)

    def _property(self, at: str, feature: Feature, key: str) -> str:
        if key not in feature.properties:
            remedy = did_you_mean(key, feature.properties) or f"properties are {listed(feature.properties)}"
            self._findings.fault(self._file, feature.line, at, f"has no property {key!r}", remedy=remedy)
            return ""
        value = word(feature.properties[key])
        if not value:
            self._findings.fault(self._file, feature.line, f"{at}.{key}", "is empty", expected="a name or number")
        return value

    def _polygon(self, at: str, feature: Feature) -> BaseGeometry | None:
        geometry = feature.geometry
        if geometry is None or geometry.is_empty:
            if feature.trouble:
                expected = "a Polygon or MultiPolygon"
                self._findings.fault(self._file, feature.line, at, feature.trouble, expected=expected)
            else:
                self._findings.warn(self._file, feature.line, at, "has no geometry and is left out")
            return None
        if geometry.geom_type not in self._kinds:
            remedy = "" if geometry.geom_type not in LINES else "say lines: true in city.yaml if they are to be there"
            seen, expected = f"saw a {geometry.geom_type}", "a Polygon or MultiPolygon"
            self._findings.fault(self._file, feature.line, at, seen, expected=expected, remedy=remedy)
            return None
        if not in_degrees(geometry):
            remedy = f"convert it from the coordinate system it is in, or {INSTALL}"
            expected = "WGS 84 degrees"
            self._findings.fault(self._file, feature.line, at, far(geometry), expected=expected, remedy=remedy)
            return None
        sound = geometry.is_valid or geometry.geom_type in LINES
        return geometry if sound else self._mended(at, feature.line, geometry)

    def _mended(self, at: str, line: int, geometry: BaseGeometry) -> BaseGeometry | None:
        why = shapely.is_valid_reason(geometry)
        mended = repaired(geometry)
        if mended.is_empty:
            self._findings.fault(self._file, line, at, f"is no area ({why})", expected="a polygon that has area")
            return None
        before, after = square_metres(geometry), square_metres(mended)
        change = after - before
        said = f"its area is {after:,.0f} m2"
        if abs(change) >= 1:
            said += f", {abs(change):,.0f} m2 {'more' if change > 0 else 'less'} than its lines went around before"
        self._findings.warn(self._file, line, at, f"is not valid ({why}) and was repaired: {said}")
        return mended
