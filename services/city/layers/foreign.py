"""Every other kind of boundary file, through pyogrio (GDAL), which the `geo` extra brings.

GDAL gives what it could make of a file that is cut short, opens what a file names, and fetches schemas from the
internet. So a file is looked at first: that it is what its name says, is whole, and is no pointer to something else.
"""

import struct
import warnings
from pathlib import Path
from typing import Any
from xml.parsers import expat

import shapely
from numpy.typing import NDArray

from services.city.findings import did_you_mean, listed
from services.city.layers.features import DEGREES, INSTALL, Contents, Feature, UnreadableError, sisters

KINDS = {
    ".shp": (b"\x00\x00\x27\x0a", "Shapefile"),
    ".gpkg": (b"SQLite format 3\x00", "GeoPackage"),
    ".fgb": (b"fgb", "FlatGeobuf file"),
    ".kmz": (b"PK", "KMZ file"),
    ".gml": (b"", "GML file"),
    ".kml": (b"", "KML file"),
}
"""How each kind begins, and what it is called. What is JSON was looked at by the reader of GeoJSON."""
_XML = {".gml", ".kml"}
_IN_DEGREES = {".kml", ".kmz", ".topojson", ".json", ".geojson"}
"""Formats that are in degrees unless they say otherwise."""
_OPTIONS = {".gml": {"WRITE_GFS": "NO", "DOWNLOAD_SCHEMA": "NO"}}
"""Write nothing beside the file, fetch nothing: https://gdal.org/drivers/vector/gml.html."""


def read_foreign(path: Path, *, layer_name: str = "", encoding: str = "") -> Contents:
    """Read one layer of a Shapefile, GeoPackage, FlatGeobuf, GML, KML, KMZ, TopoJSON or ArcGIS JSON file.

    Raises:
        UnreadableError: it is broken, has several layers and none is named, or pyogrio is not installed.

    """
    try:
        import pyogrio  # noqa: PLC0415 - only the `geo` extra has it
    except ImportError:
        seen = f"{path.name} is not WGS 84 GeoJSON, and pyogrio is not installed"
        raise UnreadableError(seen, remedy=INSTALL) from None
    suffix = path.suffix.lower()
    _look(path, suffix)
    options: dict[str, Any] = dict(_OPTIONS.get(suffix, {}))
    if suffix == ".shp":
        options["encoding"] = encoding or _encoding(path)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            layer = _layer(path, pyogrio.list_layers(path), layer_name)
            meta, fids, shapes, columns = pyogrio.raw.read(
                path, layer=layer, return_fids=True, datetime_as_string=True, **options
            )
            promised = pyogrio.read_info(path, layer=layer, force_feature_count=True)["features"]
        except UnreadableError:
            raise
        except UnicodeDecodeError as error:
            seen = f"the texts of {path.name} are not in {error.encoding}"
            raise UnreadableError(seen, remedy="write `encoding:` with what they are in") from None
        except Exception as error:  # noqa: BLE001 - GDAL's drivers raise what they like; the text is all there is
            seen = f"{path.name} cannot be read ({' '.join(str(error).split())})"
            raise UnreadableError(seen, expected=f"a {path.suffix} file that is whole") from None
    if len(fids) < promised:
        seen = f"{path.name}: only {len(fids):,} of its {promised:,} features can be read"
        raise UnreadableError(seen, expected=f"a {path.suffix} file that is whole")
    claim = str(meta["crs"] or "")
    if claim or suffix not in _IN_DEGREES:
        return Contents(_features(meta, fids, shapes, columns), claim, notes=_said(heard))
    return Contents(_features(meta, fids, shapes, columns), DEGREES, by_format=True, notes=_said(heard))


def _layer(path: Path, layers: NDArray[Any], wanted: str) -> str:
    names = [str(name) for name, kind in layers.tolist() if kind is not None] or [str(name) for name, _ in layers]
    if wanted and (wanted in names or len(names) > 1):
        if wanted in names:
            return wanted
        seen = f"{path.name} has no layer {wanted!r}"
        raise UnreadableError(seen, remedy=did_you_mean(wanted, names) or f"it has {listed(names)}")
    if len(names) > 1:
        seen = f"{path.name} has {len(names)} layers: {listed(names)}"
        raise UnreadableError(seen, remedy="write `layer_name:` with the one to read")
    if not names:
        seen = f"{path.name} has no layer"
        raise UnreadableError(seen, expected=f"a {path.suffix} file that is whole")
    return names[0]


def _features(meta: dict[str, Any], fids: NDArray[Any], shapes: NDArray[Any], columns: list[Any]) -> list[Feature]:
    geometries = shapely.force_2d(shapely.from_wkb(shapes, on_invalid="ignore"))
    names = [str(name) for name in meta["fields"]]
    rows = zip(*(column.tolist() for column in columns), strict=True) if columns else (() for _ in fids)
    key = str(meta.get("fid_column") or "fid")
    found = []
    for fid, row, raw, geometry in zip(fids.tolist(), rows, shapes.tolist(), geometries.tolist(), strict=True):
        known = dict(zip(names, row, strict=True))
        known.setdefault(key, fid)
        trouble = "has a geometry that is none" if raw is not None and geometry is None else ""
        found.append(Feature(known, geometry, 0, trouble))
    return found


def _said(heard: list[warnings.WarningMessage]) -> list[str]:
    return list(dict.fromkeys(" ".join(str(each.message).split()) for each in heard))


def _look(path: Path, suffix: str) -> None:
    begin, kind = KINDS.get(suffix, (b"", ""))
    with path.open("rb") as file:
        head = file.read(100)
        if not head or not head.startswith(begin):
            seen = f"{path.name} is empty" if not head else f"{path.name} is no {kind}"
            raise UnreadableError(seen, expected=f"a {suffix} file that is whole")
        if suffix in _XML:
            file.seek(0)
            _look_into_xml(file, kind)
    if suffix == ".shp":
        _look_at_shapefile(path, head)


def _look_at_shapefile(path: Path, head: bytes) -> None:
    beside = sisters(path)
    missing = [suffix for suffix in (".shx", ".dbf") if suffix not in beside]
    if missing:
        seen = f"there is no {' and no '.join(path.stem + suffix for suffix in missing)} beside {path.name}"
        raise UnreadableError(seen, remedy="put all files of the Shapefile there: .shp, .shx, .dbf, .prj, .cpg")
    # Bytes 24 to 27 are the length in 16-bit words: ESRI Shapefile Technical Description, July 1998, page 3.
    length = 2 * struct.unpack(">i", head[24:28])[0] if len(head) >= 28 else 0  # noqa: PLR2004
    if path.stat().st_size < max(length, 100):
        seen = f"{path.name} is cut short: {path.stat().st_size:,} of {length:,} bytes"
        raise UnreadableError(seen, expected="a .shp file that is whole")


def _look_into_xml(file: Any, kind: str) -> None:  # noqa: ANN401 - a binary file
    parser = expat.ParserCreate(namespace_separator=" ")
    roots: list[str] = []

    def begin(name: str, _: object) -> None:
        roots.append(name.rsplit(" ", maxsplit=1)[-1])
        parser.StartElementHandler = None

    def refuse(*_: object) -> None:
        seen = "declares a document type"
        remedy = "take the DOCTYPE line out, or do not trust this file"
        raise UnreadableError(seen, line=parser.CurrentLineNumber, expected=f"a {kind} without one", remedy=remedy)

    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.ParseFile(file)
    except expat.ExpatError as error:
        seen = f"not XML ({expat.ErrorString(error.code)})"
        raise UnreadableError(
            seen, line=error.lineno, expected=f"a {kind} that is whole", remedy="export it again"
        ) from None
    if roots[0].startswith("OGR"):  # GDAL's own kinds of file, which name other files and addresses
        seen = f"is a {roots[0]}, which points to other files"
        raise UnreadableError(seen, line=1, expected=f"a {kind}", remedy="give the file that it points to")


def _encoding(path: Path) -> str | None:
    """Give UTF-8 for a table that says nothing of its encoding and has letters that read so; else leave it to GDAL."""
    beside = sisters(path)
    if ".cpg" in beside:
        return None
    table = beside[".dbf"].read_bytes()
    if table[29:30] != b"\x00" or table.isascii():  # the language driver of dBASE IV
        return None
    try:
        table[32:].decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "UTF-8"
