"""House numbers, landmarks and street lists of a town: CSV read row by row, or any file that boundaries may be in.

What is kept of a house number is a few numbers in arrays, so that a million of them take some 30 MB.
"""

import csv
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import shapely

from services.city.boundaries import UnreadableError, read_features
from services.city.findings import did_you_mean, listed
from services.city.layers.areas import in_degrees, word
from services.city.layers.declared import is_inside, unreadable
from services.city.layers.features import Floats
from services.city.layers.systems import WGS84, System, UnknownSystemError, system
from services.city.model import HouseNumbers, Landmark, Street, StreetName
from services.city.section import Section

TABLES = {".csv", ".tsv", ".txt"}
HIGHEST = 999_999
_NUMBER = re.compile(r"\s*(\d{1,6})(?:\.0)?(?!\d)\s*[-/\s]?\s*([^\W_]{0,8}(?:[-/][^\W_]{1,4})?)\s*")
_SHAPE = "\0shape"
"""Where a feature's geometry stands among its properties."""
_SHOWN = 5
"""Rows of one kind of trouble that are named one by one."""
_LON, _LAT = 180.0, 90.0


def split_number(text: str) -> tuple[int, str] | None:
    """Give a house number and its suffix in capitals: `12/a` is (12, A), `12-14` is (12, 14); None where it is none."""
    found = _NUMBER.fullmatch(text)
    return (int(found[1]), found[2].upper()) if found else None


def read_house_numbers(section: Section, directory: Path) -> HouseNumbers | None:
    """Read the house numbers that `city.yaml` declares; None, with faults noted, where there are none to be had."""
    columns = _Columns(
        street=section.texts("street") or ("street",),
        number=section.text("number", "number"),
        suffix=section.text("suffix", ""),
        zip=section.text("zip", ""),
        quarter=section.text("quarter", ""),
        x=section.text("x", "lon"),
        y=section.text("y", "lat"),
    )
    source = _Source(section, directory)
    section.done()
    reader = _HouseReader(source)
    for line, row in source.rows(columns.asked(points=source.table)):
        reader.take(line, row, columns)
    return reader.finished()


def read_landmarks(section: Section, directory: Path) -> tuple[Landmark, ...]:
    """Read named points or areas: CSV with `lon` and `lat`, or features."""
    name, x, y = section.text("name_property", "name"), section.text("x", "lon"), section.text("y", "lat")
    source = _Source(section, directory)
    section.done()
    found: list[Landmark] = []
    for line, row in source.rows((name, x, y) if source.table else (name,)):
        called = _word(row.get(name))
        shape = _point(row.get(x), row.get(y)) if source.table else row.get(_SHAPE)
        where = None if shape is None or shape.is_empty else shapely.transform(shape, source.degrees)
        if not called:
            source.odd(line, "a landmark without a name")
        elif where is None or not in_degrees(where):
            source.odd(line, f"{called!r} has no place in WGS 84 degrees")
        else:
            found.append(Landmark(name=called, geometry=where))
    source.told()
    return tuple(found)


def read_street_names(section: Section, directory: Path) -> tuple[Street, ...]:
    """Read a list of streets without their lines: CSV."""
    columns = section.texts("name_property") or ("name",)
    source = _Source(section, directory)
    section.done()
    names = {_joined(row, columns): line for line, row in source.rows(columns)}
    return tuple(Street(name=name, line=shapely.LineString()) for name in sorted(names) if name)


@dataclass(frozen=True)
class _Columns:
    street: tuple[str, ...]
    number: str
    suffix: str
    zip: str
    quarter: str
    x: str
    y: str

    def asked(self, *, points: bool) -> tuple[str, ...]:
        wanted = (*self.street, self.number, self.suffix, self.zip, self.quarter)
        return tuple(filter(None, (*wanted, self.x, self.y) if points else wanted))


@dataclass
class _Source:
    """The file that a section names, row by row; a feature's geometry stands under `_SHAPE`."""

    section: Section
    directory: Path
    file: str = ""
    table: bool = False
    encoding: str = "utf-8-sig"
    crs: str = ""
    system: System = WGS84
    troubles: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.file = self.section.text("file")
        self.table = Path(self.file).suffix.lower() in TABLES
        self.encoding = self.section.text("encoding", "utf-8-sig" if self.table else "")
        self.crs = self.section.text("crs", "")
        try:
            self.system = system(self.crs) if self.crs else WGS84
        except UnknownSystemError:
            self.section.fault("crs", f"saw {self.crs!r}", "a coordinate system, as in EPSG:3003")
        except UnreadableError as error:
            self.section.fault("crs", error.seen, error.expected, error.remedy)

    def degrees(self, points: Floats) -> Floats:
        """Give points of the file (n, 2) in WGS 84 degrees; features come so already."""
        return self.system.to_degrees(points) if self.table else points

    def odd(self, line: int, what: str) -> None:
        """Note a row that is left out."""
        self.troubles.setdefault(what.partition(":")[0], []).append(line)
        if len(self.troubles[what.partition(":")[0]]) <= _SHOWN:
            self.section.findings.warn(self.file, line, "", f"{what}; it is left out")

    def told(self) -> None:
        """Sum up what was left out beyond the rows named."""
        for what, lines in self.troubles.items():
            if len(lines) > _SHOWN:
                self.section.findings.warn(self.file, 0, "", f"{what}: {len(lines) - _SHOWN:,} rows more are left out")

    def rows(self, asked: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Give line and row of each record; faults are noted, and nothing more is given then."""
        if not self.file or not is_inside(self.section, self.file):
            return
        try:
            yield from self._table(asked) if self.table else self._features(asked)
        except UnreadableError as error:
            unreadable(self.section, self.file, error)

    def _features(self, asked: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        features = read_features(self.directory / self.file, crs=self.crs, encoding=self.encoding)
        for number, feature in enumerate(features):
            if not number:
                self._missing(asked, list(feature.properties), feature.line)
            yield feature.line, {**feature.properties, _SHAPE: feature.geometry}

    def _table(self, asked: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        path = self.directory / self.file
        if not path.is_file():
            seen = f"there is no file {path.name}"
            raise UnreadableError(seen)
        with self._opened(path) as stream:
            try:
                head = stream.readline(65_536)
                delimiter = max(";,\t|", key=head.count)
                names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
                self._missing(asked, names, 1)
                at = {name: place for place, name in enumerate(names) if name in asked}
                reader = csv.reader(stream, delimiter=delimiter)
                for row in reader:
                    if row:
                        line = reader.line_num + 1
                        yield line, {name: row[place] for name, place in at.items() if place < len(row)}
            except UnicodeDecodeError as error:
                seen = f"byte 0x{error.object[error.start]:02x} is not {self.encoding}"
                line = self._undecodable(path)
                raise UnreadableError(seen, line=line, remedy="save it as UTF-8, or say its encoding") from None
            except csv.Error as error:
                seen = f"not CSV ({error})"
                raise UnreadableError(seen, expected="a table with a header", remedy="export the file again") from None

    def _opened(self, path: Path) -> IO[str]:
        try:
            return path.open(encoding=self.encoding, newline="")
        except (LookupError, OSError) as error:
            raise UnreadableError(str(error), remedy="say encoding: utf-8 or latin-1") from None

    def _undecodable(self, path: Path) -> int:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    line.decode(self.encoding)
                except UnicodeDecodeError:
                    return number
        return 0

    def _missing(self, asked: Sequence[str], names: list[str], line: int) -> None:
        for name in asked:
            if name not in names:
                remedy = did_you_mean(name, names) or f"columns are {listed(names)}"
                seen = f"has no column {name!r}"
                raise UnreadableError(seen, line=line or 1, remedy=remedy)


class _HouseReader:
    def __init__(self, source: _Source) -> None:
        self.source = source
        self.names: dict[StreetName, int] = {}
        self.suffixes: dict[str, int] = {"": 0}
        self.street, self.number, self.suffix, self.line = array("i"), array("i"), array("i"), array("i")
        self.x, self.y = array("d"), array("d")

    def take(self, line: int, row: dict[str, Any], columns: _Columns) -> None:
        street = _joined(row, columns.street)
        number = split_number(f"{_word(row.get(columns.number))} {_word(row.get(columns.suffix))}".strip())
        x, y = self._where(row, columns)
        if not street:
            self.source.odd(line, "no street")
        elif number is None:
            self.source.odd(line, f"no house number: saw {_word(row.get(columns.number))[:20]!r}")
        elif not (math.isfinite(x) and math.isfinite(y)):
            self.source.odd(line, "no place")
        else:
            where = StreetName(name=street, zip=_word(row.get(columns.zip)), quarter=_word(row.get(columns.quarter)))
            self.street.append(self.names.setdefault(where, len(self.names)))
            self.number.append(number[0])
            self.suffix.append(self.suffixes.setdefault(number[1], len(self.suffixes)))
            self.line.append(line)
            self.x.append(x)
            self.y.append(y)

    def _where(self, row: dict[str, Any], columns: _Columns) -> tuple[float, float]:
        if self.source.table:
            return _number(row.get(columns.x)), _number(row.get(columns.y))
        shape = row.get(_SHAPE)
        return (math.nan, math.nan) if shape is None or shape.is_empty else (shape.centroid.x, shape.centroid.y)

    def finished(self) -> HouseNumbers | None:
        points = np.column_stack([np.frombuffer(self.x), np.frombuffer(self.y)])
        longitude, latitude = self.source.degrees(points).T
        inside = (np.abs(longitude) <= _LON) & (np.abs(latitude) <= _LAT)
        for at in np.flatnonzero(~inside)[: _SHOWN + 1].tolist():
            self.source.odd(self.line[at], f"not in WGS 84 degrees: saw {longitude[at]:g}, {latitude[at]:g}")
        self.source.told()
        if not inside.any():
            if len(self.line):
                remedy = "say the file's coordinate system, as in crs: EPSG:3003"
                self.source.section.fault("crs", "no house number lies on the globe", "WGS 84 degrees", remedy)
            elif not self.source.section.findings.faults:
                self.source.section.fault("file", f"{self.source.file} has no house numbers", "at least one")
            return None
        return HouseNumbers(
            streets=tuple(self.names),
            suffixes=tuple(self.suffixes),
            street=np.frombuffer(self.street, dtype=np.int32)[inside],
            number=np.frombuffer(self.number, dtype=np.int32)[inside],
            suffix=np.frombuffer(self.suffix, dtype=np.int32)[inside],
            longitude=longitude[inside],
            latitude=latitude[inside],
        )


def _joined(row: dict[str, Any], columns: Iterable[str]) -> str:
    return " ".join(filter(None, (_word(row.get(column)) for column in columns)))


def _word(value: Any) -> str:  # noqa: ANN401 - whatever the file has
    return " ".join(word(value).split())


def _number(value: Any) -> float:  # noqa: ANN401 - whatever the file has
    try:
        return float(str(value).replace(",", "."))
    except ValueError:
        return math.nan


def _point(x: Any, y: Any) -> Any:  # noqa: ANN401 - whatever the file has
    lon, lat = _number(x), _number(y)
    return shapely.Point(lon, lat) if math.isfinite(lon) and math.isfinite(lat) else None
