"""Reads the city's things that city.yaml names: lights, hydrants, signals, from GeoJSON points or a CSV table."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from services.city.boundaries import Reference, UnreadableError, read_features
from services.city.findings import Findings, did_you_mean, listed
from services.city.layers.areas import word
from services.city.layers.declared import is_inside, unreadable
from services.city.model import Assets, Category
from services.city.parts import CODE
from services.city.section import Section

FARTHEST_M = 1000.0
LONGITUDES = ("longitude", "lon", "lng", "x")
LATITUDES = ("latitude", "lat", "y")
_LON, _LAT = 180.0, 90.0
_TABLES = {".csv", ".tsv"}


@dataclass(frozen=True, slots=True)
class _Row:
    """One thing as its file has it; `seen` says what is wrong with its place."""

    line: int
    properties: Mapping[str, Any]
    longitude: float = float("nan")
    latitude: float = float("nan")
    seen: str = ""


def read_assets(
    section: Section, directory: Path, categories: Mapping[str, Category], reference: Reference | None = None
) -> dict[str, Assets | None]:
    """Read `places.assets` of city.yaml by kind; None stands for a kind at fault, so that rules may still name it."""
    files = _Files(directory, reference)
    return {kind: _kind(kind, each, categories, files) for kind, each in section.sections("assets")}


def _kind(kind: str, section: Section, categories: Mapping[str, Category], files: "_Files") -> Assets | None:
    faults = len(section.findings.faults)
    if not CODE.match(kind):
        section.fault("", f"saw {kind!r}", "letters, digits, `_`, `.` and `-`, at most 64")
    file = section.text("file")
    kind_property = section.text("kind_property", "")
    id_property = section.text("id_property", "id")
    criticality_property = section.text("criticality_property", "")
    codes = section.texts("for", known=categories or None)
    within_m = section.number("within_m", 30.0, low=0.1, high=FARTHEST_M)
    section.done()
    rows = files.rows(section, file)
    if rows is None:
        return None
    if kind_property:
        rows = [row for row in rows if word(row.properties.get(kind_property)) == kind]
    taken = _Reader(file, id_property, criticality_property, section.findings)
    for row in rows:
        taken.take(row)
    if not rows and len(section.findings.faults) == faults:
        which = f" whose {kind_property} is {kind!r}" if kind_property else ""
        section.fault("file", f"{file} has nothing{which}", "at least one")
    if len(section.findings.faults) > faults:
        return None
    return Assets(
        kind=kind,
        ids=tuple(taken.ids),
        longitude=np.array(taken.longitude),
        latitude=np.array(taken.latitude),
        criticality=np.array(taken.criticality),
        service_codes=codes,
        within_m=within_m,
    )


class _Reader:
    """Takes the things of one kind, one by one."""

    def __init__(self, file: str, id_property: str, criticality_property: str, findings: Findings) -> None:
        self._file, self._findings = file, findings
        self._id, self._criticality = id_property, criticality_property
        self.ids: dict[str, int] = {}
        self.longitude: list[float] = []
        self.latitude: list[float] = []
        self.criticality: list[float] = []

    def take(self, row: _Row) -> None:
        asset_id, weight = word(row.properties.get(self._id)), row.properties.get(self._criticality)
        criticality = _number(weight)
        if self._id not in row.properties:
            remedy = did_you_mean(self._id, row.properties) or f"properties are {listed(row.properties)}"
            self._fault(row, "", f"has no property {self._id!r}", "", remedy)
        elif not asset_id or asset_id in self.ids:
            seen = f"{asset_id!r} stands also in line {self.ids[asset_id]}" if asset_id else "is empty"
            self._fault(row, self._id, seen, "what the city calls it, each once")
        elif row.seen:
            self._fault(row, "", f"{asset_id!r} {row.seen}", "a point in WGS 84 degrees")
        elif weight not in (None, "") and not 0 <= criticality < float("inf"):
            self._fault(row, self._criticality, f"saw {weight!r}", "a number, 0 or more")
        else:
            self.ids[asset_id] = row.line
            self.longitude.append(row.longitude)
            self.latitude.append(row.latitude)
            self.criticality.append(criticality)

    def _fault(self, row: _Row, at: str, seen: str, expected: str = "", remedy: str = "") -> None:
        self._findings.fault(self._file, row.line, at, seen, expected=expected, remedy=remedy)


class _Files:
    """The files that kinds name, each read once."""

    def __init__(self, directory: Path, reference: Reference | None) -> None:
        self._directory, self._reference = directory, reference
        self._read: dict[str, list[_Row] | None] = {}

    def rows(self, section: Section, file: str) -> list[_Row] | None:
        """Give what a file has; None where it cannot be read, which is said once."""
        if not file or file in self._read:
            return self._read.get(file)
        if not is_inside(section, file):
            return None
        self._read[file] = None
        odd: list[str] = []
        try:
            path = self._directory / file
            table = path.suffix.lower() in _TABLES
            self._read[file] = _table(path) if table else _points(path, self._reference, odd)
        except UnreadableError as error:
            unreadable(section, file, error)
        for seen in odd:
            section.warn("file", seen)
        return self._read[file]


def _points(path: Path, reference: Reference | None, odd: list[str]) -> list[_Row]:
    rows = []
    for feature in read_features(path, reference=reference, odd=odd):
        shape = feature.geometry
        if shape is None or shape.is_empty or shape.geom_type != "Point":
            seen = feature.trouble or ("has no place" if shape is None or shape.is_empty else f"is a {shape.geom_type}")
            rows.append(_Row(feature.line, feature.properties, seen=seen))
        else:
            rows.append(_placed(feature.line, feature.properties, shape.x, shape.y))
    return rows


def _table(path: Path) -> list[_Row]:
    if not path.is_file():
        beside = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
        seen = f"there is no file {path.name}"
        raise UnreadableError(seen, remedy=did_you_mean(path.name, beside))
    try:
        text = path.read_bytes().decode("utf-8-sig")
        lines = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ",")
        names = {name.strip().lower(): name for name in lines.fieldnames or () if name}
        columns = [next((names[name] for name in wanted if name in names), "") for wanted in (LONGITUDES, LATITUDES)]
        if not all(columns):
            seen = f"columns {listed(names)}"
            raise UnreadableError(seen, line=1, expected="longitude and latitude in columns of these names")
        return [_placed(lines.line_num, row, *(_number(row[column]) for column in columns)) for row in lines]
    except UnicodeDecodeError as error:
        seen = f"byte 0x{error.object[error.start]:02x}"
        raise UnreadableError(seen, line=1, expected="UTF-8 text", remedy="save the file as UTF-8") from None
    except csv.Error as error:
        seen = f"not CSV ({error})"
        raise UnreadableError(seen, line=1, expected="a header and rows") from None


def _placed(line: int, properties: Mapping[str, Any], longitude: float, latitude: float) -> _Row:
    known = abs(longitude) <= _LON and abs(latitude) <= _LAT
    seen = "" if known else f"has the coordinates {longitude:g}, {latitude:g}"
    return _Row(line, properties, longitude, latitude, seen)


def _number(value: Any) -> float:  # noqa: ANN401 - whatever the file has
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
