"""Reads a town's directory into a `City`, or says all that is wrong with it at once."""

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import shapely

from services.city import parts
from services.city.boundaries import read_layer, read_streets
from services.city.document import Mapping, Scalar, parse
from services.city.findings import CityError, Finding, Findings, did_you_mean
from services.city.model import City, HouseNumbers, Landmark, Layer, Street
from services.city.places import TABLES, read_house_numbers, read_landmarks, read_street_names
from services.city.section import LANGUAGE, Section

FILES = ("city.yaml", "categories.yaml", "departments.yaml", "policy.yaml")
FOLDERS = ("boundaries", "places", "knowledge")
_ISO_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")

Extent = tuple[float, float, float, float]
_EXTENT = "[west, south, east, north] in degrees"
_WORLD: Extent = (-180.0, -90.0, 180.0, 90.0)


@dataclass(frozen=True, slots=True)
class Examined:
    """What reading a directory came to: a town, unless there are faults, and what is to be said of it."""

    city: City | None
    faults: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def load(directory: Path) -> City:
    """Read the town in `directory`.

    Raises:
        CityError: lists all faults of all files at once, each with file, line, field and remedy.

    """
    examined = examine(directory)
    if examined.city is None:
        raise CityError(directory, examined.faults)
    return examined.city


def examine(directory: Path) -> Examined:
    """Read the town in `directory`, with its faults and warnings by file and line; nothing is raised."""
    findings = Findings()
    city = _read(directory, findings)
    order = {file: number for number, file in enumerate(FILES)}

    def place(finding: Finding) -> tuple[int, str, int]:
        return order.get(finding.file, len(order)), finding.file, finding.line

    faults = tuple(sorted(findings.faults, key=place))
    return Examined(None if faults else city, faults, tuple(sorted(findings.warnings, key=place)))


def version_of(directory: Path) -> str:
    """Give the hash of all files that make the town what it is: 12 hex digits."""
    digest = hashlib.sha256()
    inside = (path for folder in FOLDERS for path in sorted((directory / folder).rglob("*")) if path.is_file())
    for path in [*(directory / name for name in FILES), *inside]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(directory).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def _read(directory: Path, findings: Findings) -> City | None:
    if not directory.is_dir():
        remedy = "make one with `stormdrain city new`, or set STORMDRAIN_CITY_DIR"
        findings.fault(str(directory), 0, "", "there is no such directory", expected="a city", remedy=remedy)
        return None
    roots = {name: _root(directory, name, findings) for name in FILES}
    town, services, offices, rules = (roots[name] for name in FILES)
    languages = _languages(town)
    layers = _layers(town, directory)
    found = {layer.id: layer for layer in layers.values() if layer}
    places = _places(town, directory)
    families = parts.read_families(services) if services else {}
    categories = parts.read_categories(services, families, languages) if services else {}
    departments, systems = parts.read_departments(offices) if offices else ({}, {})
    routing = parts.read_rules(offices, departments, categories, families, layers) if offices else ()
    policy = parts.read_policy(rules, categories, departments) if rules else None
    for section in (services, offices):
        if section:
            section.done()
    if town is None or services is None or offices is None or policy is None:
        return None
    extent = _extent(town, tuple(found.values()))
    if places.house_numbers:
        _check_within(town, places.house_numbers, extent)
    city = City(
        name=town.text("name"),
        jurisdiction_id=town.text("jurisdiction_id"),
        time_zone=_time_zone(town),
        languages=languages,
        extent=extent,
        categories=categories,
        families=families,
        departments=departments,
        systems=systems,
        rules=routing,
        default_department=offices.text("default_department", ""),
        layers=tuple(found.values()),
        policy=policy,
        version=version_of(directory),
        invented=bool(town.flag("invented")),
        holidays=_holidays(town),
        streets=places.streets,
        house_numbers=places.house_numbers,
        landmarks=places.landmarks,
        address_languages=places.languages,
        path=str(directory),
    )
    town.done()
    return city


def _root(directory: Path, name: str, findings: Findings) -> Section | None:
    path = directory / name
    if not path.is_file():
        near = [other.name for other in directory.iterdir() if other.stem == path.stem and other.is_file()]
        remedy = f"rename {near[0]}" if near else "compare the city that Stormdrain ships"
        findings.fault(name, 0, "", "there is no such file", remedy=remedy)
        return None
    mapping = parse(name, path.read_bytes(), findings)
    return Section(name, "", mapping, findings) if isinstance(mapping, Mapping) else None


def _languages(town: Section | None) -> tuple[str, ...]:
    if town is None:
        return ()
    languages = town.texts("languages")
    if not languages and not town.has("languages"):
        town.fault("languages", "is missing", "language codes, the town's main one first", "as in languages: [en, es]")
    for language in languages:
        if not LANGUAGE.match(language):
            town.fault("languages", f"saw {language!r}", "a language code, as in en, es or zh-Hant")
    return languages


def _layers(town: Section | None, directory: Path) -> dict[str, Layer | None]:
    """Read all layers that are declared; None stands for one at fault, so that rules may still name it."""
    if town is None:
        return {}
    layers = {}
    for layer_id, section in town.sections("layers"):
        if not parts.CODE.match(layer_id):
            section.fault("", f"saw {layer_id!r}", "letters, digits, `_`, `.` and `-`, at most 64")
        layers[layer_id] = read_layer(section, layer_id, directory)
    limits = [layer.id for layer in layers.values() if layer and layer.limits]
    if len(limits) > 1:
        town.fault("layers", f"{' and '.join(limits)} say limits: true", "one layer that is the city itself")
    if not limits and all(layers.values()):
        town.warn("layers", "no layer says limits: true", "", "nobody can tell which reports lie outside the city")
    return layers


@dataclass(frozen=True, slots=True)
class _Places:
    streets: tuple[Street, ...] = ()
    house_numbers: HouseNumbers | None = None
    landmarks: tuple[Landmark, ...] = ()
    languages: tuple[str, ...] = ()


def _places(town: Section | None, directory: Path) -> _Places:
    places = town.section("places") if town else None
    if places is None:
        return _Places()
    streets, numbers = places.section("streets"), places.section("addresses")
    landmarks, languages = places.section("landmarks"), places.texts("languages")
    for language in languages:
        if not LANGUAGE.match(language):
            places.fault("languages", f"saw {language!r}", "a language code, as in en, es or zh-Hant")
    places.done()
    return _Places(
        streets=_streets(streets, directory) if streets else (),
        house_numbers=read_house_numbers(numbers, directory) if numbers else None,
        landmarks=read_landmarks(landmarks, directory) if landmarks else (),
        languages=languages,
    )


def _streets(section: Section, directory: Path) -> tuple[Street, ...]:
    file = section.node.values.get("file")
    table = isinstance(file, Scalar) and Path(file.text.strip()).suffix.lower() in TABLES
    return read_street_names(section, directory) if table else read_streets(section, directory)


def _check_within(town: Section, table: HouseNumbers, extent: Extent) -> None:
    west, south, east, north = extent

    def within(x: Any, y: Any) -> int:  # noqa: ANN401 - an array
        return int(((west <= x) & (x <= east) & (south <= y) & (y <= north)).sum())

    held, count = within(table.longitude, table.latitude), len(table.number)
    if held * 2 < count:
        swapped = within(table.latitude, table.longitude) > held
        remedy = "x and y are the wrong way round" if swapped else "is crs that of the file?"
        town.warn("places", f"{count - held:,} of {count:,} house numbers lie outside of the extent", "", remedy)


def _time_zone(town: Section) -> str:
    name = town.text("time_zone")
    if not name:
        return "UTC"
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfo raises each of them, by what is wrong with the name
        remedy = did_you_mean(name, available_timezones())
        town.fault("time_zone", f"saw {name!r}", "a name such as Europe/Madrid or America/New_York", remedy)
    return name


def _holidays(town: Section) -> tuple[str, ...]:
    holidays = town.texts("holidays")
    for holiday in holidays:
        try:
            date.fromisoformat(holiday if _ISO_DATE.match(holiday) else "")
        except ValueError:
            town.fault("holidays", f"saw {holiday!r}", "a date such as 2026-12-25")
    return holidays


def _extent(town: Section, layers: tuple[Layer, ...]) -> Extent:
    shapes = [area.geometry for layer in layers if layer.limits or not _has_limits(layers) for area in layer.areas]
    given = town.numbers("extent", 4, _EXTENT)
    if not given:
        if not shapes:
            if not town.has("extent"):
                town.fault("extent", "is missing", f"{_EXTENT}, or a layer to take it from")
            return _WORLD
        west, south, east, north = shapely.unary_union(shapes).bounds
        return (west, south, east, north)
    west, south, east, north = given
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):  # noqa: PLR2004 - degrees
        town.fault("extent", f"saw [{', '.join(f'{number:g}' for number in given)}]", _EXTENT)
        return _WORLD
    box = shapely.box(west, south, east, north)
    for layer in layers:
        if not any(area.geometry.intersects(box) for area in layer.areas):
            remedy = "are longitude and latitude the wrong way round?"
            town.warn("extent", f"layer {layer.id!r} lies outside of it altogether", "", remedy)
    return (west, south, east, north)


def _has_limits(layers: tuple[Layer, ...]) -> bool:
    return any(layer.limits for layer in layers)
