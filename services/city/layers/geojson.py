"""GeoJSON (RFC 7946, and the older one that names its coordinate system), by the standard library and shapely."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from services.city.layers.features import DEGREES, Contents, Feature, UnreadableError

JSON = {".geojson", ".json", ".topojson"}


class OtherJsonError(Exception):
    """JSON that holds places in another way: TopoJSON, or a feature set of an ArcGIS server."""


def read_geojson(path: Path) -> Contents:
    """Read a FeatureCollection.

    Raises:
        UnreadableError: it is no JSON, or no FeatureCollection.
        OtherJsonError: another reader knows it.

    """
    text, document = _json(path)
    if document.get("type") == "Topology" or str(document.get("geometryType", "")).startswith("esriGeometry"):
        raise OtherJsonError
    features = document.get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(features, list):
        seen = f"GeoJSON of type {document.get('type')!r}"
        raise UnreadableError(seen, line=1, expected="a FeatureCollection with features")
    lines = _lines(text, len(features))
    claim = _crs(document)
    found = [_feature(feature, line) for feature, line in zip(features, lines, strict=True)]
    return Contents(found, claim or DEGREES, by_format=not claim)


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
    except ValueError:  # a whole number longer than Python converts
        seen = "a number of thousands of digits"
        raise UnreadableError(seen, line=1, expected="GeoJSON", remedy="export the file again") from None
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
        with np.errstate(all="ignore"):  # NaN is looked for later, in files of all kinds
            shape = shapely.force_2d(shapely.geometry.shape(geometry))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, shapely.errors.ShapelyError) as error:
        return Feature(known, None, line, f"has a geometry that is none ({type(error).__name__}: {error})")
    return Feature(known, shape, line)
