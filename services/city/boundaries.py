"""Boundary files: GeoJSON with the standard library and shapely, other formats and coordinate systems with geopandas.

A worker needs no geopandas: it serves WGS 84 GeoJSON. The `train` extra brings geopandas for Shapefile, GeoPackage
and other coordinate systems (https://epsg.io).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from services.city.findings import Findings, did_you_mean, listed
from services.city.model import Area, Layer, Street
from services.city.section import Section

GEOJSON = {".geojson", ".json"}
FOREIGN = {".shp", ".gpkg", ".fgb", ".gml", ".kml"}
POLYGONS = ("Polygon", "MultiPolygon")
LINES = ("LineString", "MultiLineString")
INSTALL = "install `stormdrain[train]`, or convert the file to WGS 84 GeoJSON"
_DEGREES = re.compile(r"(?i)CRS:?84$|EPSG:+(\d*:)?4326$|WGS ?84$")
_LON, _LAT = 180.0, 90.0


class UnreadableError(Exception):
    """A file of places that cannot be read at all; `line` is 0 where none is known."""

    def __init__(self, seen: str, *, line: int = 0, expected: str = "", remedy: str = "") -> None:
        super().__init__("; ".join(part for part in (seen, expected and f"expected {expected}", remedy) if part))
        self.seen, self.line, self.expected, self.remedy = seen, line, expected, remedy


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a file: what is said of it, and where it is (WGS 84 degrees; None where the file has nothing).

    `trouble` says why a geometry could not be built from what the file has.
    """

    properties: dict[str, Any]
    geometry: BaseGeometry | None
    line: int = 0
    trouble: str = ""


def read_features(path: Path) -> list[Feature]:
    """Read all features of a GeoJSON, Shapefile, GeoPackage, FlatGeobuf, GML or KML file, in WGS 84 degrees.

    Raises:
        UnreadableError: the file is missing or broken, of another kind, without a coordinate system, or needs
            geopandas where that is not installed.

    """
    if not path.is_file():
        beside = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
        seen = f"there is no file {path.name}"
        raise UnreadableError(seen, remedy=did_you_mean(path.name, beside) or f"files there: {listed(sorted(beside))}")
    if path.suffix.lower() in FOREIGN:
        return _foreign(path)
    if path.suffix.lower() not in GEOJSON:
        kinds = ", ".join(sorted(GEOJSON | FOREIGN))
        seen = f"a file that ends in {path.suffix!r}"
        raise UnreadableError(seen, expected=f"one of {kinds}")
    text, document = _json(path)
    crs = _crs(document)
    if crs and not _DEGREES.search(crs):
        return _foreign(path)
    features = document.get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(features, list):
        seen = f"GeoJSON of type {document.get('type')!r}"
        raise UnreadableError(seen, line=1, expected="a FeatureCollection with features")
    lines = _lines(text, len(features))
    return [_feature(feature, line) for feature, line in zip(features, lines, strict=True)]


def read_layer(section: Section, layer_id: str, directory: Path) -> Layer | None:
    """Read a layer that `city.yaml` declares; None, with faults noted, where there is no area to be had of it."""
    id_property = section.text("id_property", "id")
    name_property = section.text("name_property", id_property)
    limits = bool(section.flag("limits"))
    lines = bool(section.flag("lines"))
    file = section.text("file")
    section.done()
    features = _declared(section, file, directory)
    if not features:
        return None
    reader = _LayerReader(file, section.findings, lines=lines)
    for number, feature in enumerate(features):
        reader.take(number, feature, id_property, name_property)
    if not reader.areas and not reader.lines:
        section.fault("file", f"no area in {file}", "at least one polygon")
        return None
    if limits and not reader.areas:
        section.fault("limits", f"{file} only has lines", "at least one polygon")
    return Layer(
        id=layer_id,
        version=version_of(directory / file),
        areas=tuple(reader.areas.values()),
        limits=limits,
        lines=tuple(reader.lines.values()),
    )


def read_streets(section: Section, directory: Path) -> tuple[Street, ...]:
    """Read the named lines of a places file; several lines of one name are one street."""
    name_property = section.text("name_property", "name")
    file = section.text("file")
    section.done()
    lines: dict[str, list[BaseGeometry]] = {}
    for number, feature in enumerate(_declared(section, file, directory)):
        name = _word(feature.properties.get(name_property))
        geometry = feature.geometry
        if not name:
            continue  # many towns have paths without a name
        if geometry is None or geometry.geom_type not in LINES:
            seen = f"{name!r} is no line" + (f" ({feature.trouble})" if feature.trouble else "")
            section.findings.fault(file, feature.line, f"features[{number}]", seen, expected="a LineString")
        elif not _in_degrees(geometry):
            section.findings.fault(file, feature.line, f"features[{number}]", _far(geometry), expected="WGS 84 degrees")
        else:
            lines.setdefault(name, []).append(geometry)
    return tuple(Street(name=name, line=shapely.unary_union(parts)) for name, parts in sorted(lines.items()))


def version_of(path: Path) -> str:
    """Give the hash of a boundary file, a Shapefile's sister files included: 12 hex digits."""
    sisters = sorted(path.parent.glob(f"{path.stem}.*")) if path.suffix.lower() == ".shp" else [path]
    digest = hashlib.sha256()
    for sister in sisters:
        digest.update(sister.read_bytes())
    return digest.hexdigest()[:12]


def repaired(geometry: BaseGeometry) -> BaseGeometry:
    """Give a valid polygon or multipolygon with the area of one that crosses itself; empty where none is left."""
    valid = shapely.make_valid(geometry)
    parts = [part for part in shapely.get_parts(valid, return_index=False) if part.geom_type.endswith("Polygon")]
    return shapely.unary_union([part for part in parts if part.area > 0])


class _LayerReader:
    def __init__(self, file: str, findings: Findings, *, lines: bool) -> None:
        self.file = file
        self.kinds = (*POLYGONS, *LINES) if lines else POLYGONS
        self.findings = findings
        self.areas: dict[str, Area] = {}
        self.lines: dict[str, Area] = {}

    def take(self, number: int, feature: Feature, id_property: str, name_property: str) -> None:
        at = f"features[{number}]"
        geometry = self._polygon(at, feature)
        area_id = self._property(at, feature, id_property)
        name = self._property(at, feature, name_property) if name_property != id_property else area_id
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
            self.findings.warn(self.file, feature.line, at, seen)
            geometry = shapely.unary_union([earlier.geometry, geometry])
        self.areas[area_id] = Area(area_id=area_id, name=name, geometry=geometry)

    def _property(self, at: str, feature: Feature, key: str) -> str:
        if key not in feature.properties:
            remedy = did_you_mean(key, feature.properties) or f"properties are {listed(feature.properties)}"
            self.findings.fault(self.file, feature.line, at, f"has no property {key!r}", remedy=remedy)
            return ""
        value = _word(feature.properties[key])
        if not value:
            self.findings.fault(self.file, feature.line, f"{at}.{key}", "is empty", expected="a name or number")
        return value

    def _polygon(self, at: str, feature: Feature) -> BaseGeometry | None:
        geometry = feature.geometry
        if geometry is None or geometry.is_empty:
            if feature.trouble:
                self.findings.fault(self.file, feature.line, at, feature.trouble, expected="a Polygon or MultiPolygon")
            else:
                self.findings.warn(self.file, feature.line, at, "has no geometry and is left out")
            return None
        if geometry.geom_type not in self.kinds:
            remedy = "" if geometry.geom_type not in LINES else "say lines: true in city.yaml if they are to be there"
            seen, expected = f"saw a {geometry.geom_type}", "a Polygon or MultiPolygon"
            self.findings.fault(self.file, feature.line, at, seen, expected=expected, remedy=remedy)
            return None
        if not _in_degrees(geometry):
            remedy = f"convert it from the coordinate system it is in, or {INSTALL}"
            self.findings.fault(self.file, feature.line, at, _far(geometry), expected="WGS 84 degrees", remedy=remedy)
            return None
        if geometry.is_valid or geometry.geom_type in LINES:
            return geometry
        why = shapely.is_valid_reason(geometry)
        mended = repaired(geometry)
        if mended.is_empty:
            self.findings.fault(self.file, feature.line, at, f"is no area ({why})", expected="a polygon that has area")
            return None
        self.findings.warn(self.file, feature.line, at, f"is not valid ({why}) and was repaired")
        return mended


def _declared(section: Section, file: str, directory: Path) -> list[Feature]:
    if not file:
        return []
    if Path(file).is_absolute() or ".." in Path(file).parts:
        section.fault("file", f"saw {file!r}", "a file inside the city's own directory")
        return []
    try:
        features = read_features(directory / file)
    except UnreadableError as error:
        if error.line:
            section.findings.fault(file, error.line, "", error.seen, expected=error.expected, remedy=error.remedy)
        else:
            section.fault("file", error.seen, error.expected, error.remedy)
        return []
    if not features:
        section.fault("file", f"{file} has no features", "at least one")
    return features


def _json(path: Path) -> tuple[str, dict[str, Any]]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
        document = json.loads(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        seen = f"byte 0x{raw[error.start]:02x}"
        raise UnreadableError(seen, line=line, expected="UTF-8 text", remedy="save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        seen = f"not JSON ({error.msg})"
        raise UnreadableError(seen, line=error.lineno, expected="GeoJSON", remedy="export the file again") from None
    except RecursionError:
        seen = "lists inside each other without end"
        raise UnreadableError(seen, line=1, expected="GeoJSON", remedy="export the file again") from None
    if not isinstance(document, dict):
        seen = "JSON, but not GeoJSON"
        raise UnreadableError(seen, line=1, expected="a FeatureCollection with features")
    return text, document


def _crs(document: Mapping[str, Any]) -> str:
    # GeoJSON of 2008 could name a coordinate system; RFC 7946 took that away, exports still do it.
    crs = document.get("crs")
    properties = crs.get("properties") if isinstance(crs, dict) else None
    return str(properties.get("name", "")) if isinstance(properties, dict) else ""


def _lines(text: str, count: int) -> list[int]:
    """Give the line each feature begins on, by reading over the features once more; 0 where that fails."""
    start = re.search(r'"features"\s*:\s*\[', text)
    decoder = json.JSONDecoder()
    lines: list[int] = []
    position, line, counted = start.end() if start else len(text), 1, 0
    while len(lines) < count:
        opening = text.find("{", position)
        if opening < 0:
            return [0] * count
        line += text.count("\n", counted, opening)
        counted = opening
        lines.append(line)
        try:
            _, position = decoder.raw_decode(text, opening)
        except json.JSONDecodeError:
            return [0] * count
    return lines


def _feature(feature: Any, line: int) -> Feature:  # noqa: ANN401 - whatever the file has
    if not isinstance(feature, dict):
        return Feature({}, None, line, "is no feature")
    properties = feature.get("properties")
    known = dict(properties) if isinstance(properties, dict) else {}
    if "id" in feature:
        known.setdefault("id", feature["id"])  # RFC 7946 has the id beside the properties
    geometry = feature.get("geometry")
    if geometry is None:
        return Feature(known, None, line)
    try:
        shape = shapely.force_2d(shapely.geometry.shape(geometry))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, shapely.errors.ShapelyError) as error:
        return Feature(known, None, line, f"has a geometry that is none ({type(error).__name__}: {error})")
    return Feature(known, shape, line)


def _foreign(path: Path) -> list[Feature]:
    try:
        import geopandas  # noqa: PLC0415 - only the `train` extra has it
    except ImportError:
        seen = f"{path.name} is not WGS 84 GeoJSON, and geopandas is not installed"
        raise UnreadableError(seen, remedy=INSTALL) from None
    try:
        frame = geopandas.read_file(path)
    except Exception as error:  # noqa: BLE001 - GDAL's drivers raise what they like; the text is all there is
        seen = f"cannot be read ({' '.join(str(error).split())})"
        raise UnreadableError(seen, expected=f"a {path.suffix} file that is whole") from None
    if frame.crs is None:
        seen = f"{path.name} does not say its coordinate system"
        raise UnreadableError(seen, remedy="put the .prj file beside it")
    frame = frame.to_crs(4326)
    geometries = list(frame.geometry)
    rows = frame.drop(columns=frame.geometry.name).to_dict("records")
    return [
        Feature(row, None if shape is None else shapely.force_2d(shape))
        for row, shape in zip(rows, geometries, strict=True)
    ]


def _word(value: Any) -> str:  # noqa: ANN401 - whatever the file has
    if value is None or isinstance(value, (dict, list)) or value != value:  # noqa: PLR0124 - NaN is not itself
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # Shapefile numbers come as 7.0
    return str(value).strip()


def _in_degrees(geometry: BaseGeometry) -> bool:
    west, south, east, north = geometry.bounds
    return bool(-_LON <= west <= east <= _LON and -_LAT <= south <= north <= _LAT)


def _far(geometry: BaseGeometry) -> str:
    west, south, _, _ = geometry.bounds
    return f"coordinates such as {west:g}, {south:g}"
