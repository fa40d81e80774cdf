"""Reads a town's directory into a `City`, or says all that is wrong with it at once."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard
from zoneinfo import ZoneInfo, available_timezones

import shapely

from services.city import parts, rules
from services.city.assets import read_assets
from services.city.boundaries import Layers, measure_layers, read_layers, read_streets, warn_of_missing_areas
from services.city.document import Mapping, Scalar, parse
from services.city.earth import WORLD, Extent
from services.city.findings import CityError, Finding, Findings, did_you_mean
from services.city.layers.overlaps import Measured
from services.city.layers.placing import Reference
from services.city.model import Assets, Category, City, HouseNumbers, Landmark, Layer, Street
from services.city.places import TABLES, read_house_numbers, read_landmarks, read_street_names
from services.city.section import LANGUAGE, Section, is_date

FILES = ("city.yaml", "categories.yaml", "departments.yaml", "policy.yaml")
RANKING = "routes"
"""The folder of the ranking of who is responsible, if the town has one."""
FOLDERS = (RANKING, "boundaries", "places", "knowledge")

_EXTENT = "[west, south, east, north] in degrees"


@dataclass(frozen=True, slots=True)
class Examined:
    """What reading a directory came to: a town, unless there are faults, and what is to be said of it."""

    city: City | None
    faults: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    measured: tuple[Measured, ...] = ()
    """Overlaps and gaps between the areas of each layer, where it was asked for."""


def load(directory: Path) -> City:
    """Read the town in `directory`.

    Raises:
        CityError: lists all faults of all files at once, each with file, line, field and remedy.

    """
    examined = examine(directory)
    if examined.city is None:
        raise CityError(directory, examined.faults)
    return examined.city


def examine(directory: Path, *, measure: bool = False) -> Examined:
    """Read the town in `directory`, with its faults and warnings by file and line; nothing is raised.

    With `measure`, the overlaps and gaps between areas are measured as well, which takes a second for a large city.
    """
    findings = Findings()
    city, layers = _read(directory, findings)
    measured = measure_layers(layers) if measure and layers else ()
    order = {file: number for number, file in enumerate(FILES)}

    def place(finding: Finding) -> tuple[int, str, int]:
        return order.get(finding.file, len(order)), finding.file, finding.line

    faults = tuple(sorted(findings.faults, key=place))
    return Examined(None if faults else city, faults, tuple(sorted(findings.warnings, key=place)), measured)


def version_of(directory: Path) -> str:
    """Give the hash of all files that make the town what it is: 12 hex digits."""
    digest = hashlib.sha256()
    inside = (path for folder in FOLDERS for path in sorted((directory / folder).rglob("*")) if path.is_file())
    for path in [*(directory / name for name in FILES), *inside]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(directory).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def _read(directory: Path, findings: Findings) -> tuple[City | None, Layers | None]:
    if not directory.is_dir():
        remedy = "make one with `stormdrain city new`, or set STORMDRAIN_CITY_DIR"
        findings.fault(str(directory), 0, "", "there is no such directory", expected="a city", remedy=remedy)
        return None, None
    roots = {name: _root(directory, name, findings) for name in FILES}
    town, services, offices, rulings = (roots[name] for name in FILES)
    languages = _languages(town)
    given = town.numbers("extent", 4, _EXTENT) if town else ()
    layers = _layers(town, directory, given)
    found = layers.all() if layers else ()
    merged = layers.merged() if layers else {}
    holidays = _holidays(town) if town else ()
    families = parts.read_families(services) if services else {}
    categories = parts.read_categories(services, families, languages) if services else {}
    departments, systems = parts.read_departments(offices) if offices else ({}, {})
    places = _places(town, directory, categories, layers.reference if layers else None)
    known = rules.Known(
        departments=departments,
        categories=categories,
        families=families,
        layers=merged,
        assets=places.assets,
        holidays=holidays,
    )
    routing = rules.read_rules(offices, known) if offices else ()
    if offices and layers:
        warn_of_missing_areas(offices, routing, layers)
    outside = rules.read_outside(offices, merged) if offices else None
    ranking = _ranking(offices, directory) if offices else False
    policy = parts.read_policy(rulings, categories, departments) if rulings else None
    for section in (services, offices):
        if section:
            section.done()
    if town is None or services is None or offices is None or policy is None:
        return None, layers
    extent = _extent(town, given, found)
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
        layers=found,
        policy=policy,
        version=version_of(directory),
        invented=bool(town.flag("invented")),
        holidays=holidays,
        streets=places.streets,
        house_numbers=places.house_numbers,
        landmarks=places.landmarks,
        address_languages=places.languages,
        assets={kind: each for kind, each in places.assets.items() if each},
        outside=outside,
        ranking=ranking,
        path=str(directory),
    )
    town.done()
    return city, layers


def _ranking(offices: Section, directory: Path) -> bool:
    wanted = bool(offices.flag("ranking"))
    if wanted and not (directory / RANKING / "card.json").is_file():
        remedy = f"train it: stormdrain learn-routes ... --model {directory / RANKING}"
        offices.fault("ranking", f"is true, and there is no {RANKING}/card.json", "a model", remedy)
    return wanted


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


def _layers(town: Section | None, directory: Path, extent: tuple[float, ...]) -> Layers | None:
    if town is None:
        return None
    layers = read_layers(town, directory, extent if _is_extent(extent) else None)
    for layer_id, layer in layers.declared.items():
        if not parts.CODE.match(layer_id):
            layer.section.fault("", f"saw {layer_id!r}", "letters, digits, `_`, `.` and `-`, at most 64")
    limits = [layer_id for layer_id, layer in layers.declared.items() if layer.limits]
    if len(limits) > 1:
        town.fault("layers", f"{' and '.join(limits)} say limits: true", "one layer that is the city itself")
    if not limits and all(layers.editions.values()):
        town.warn("layers", "no layer says limits: true", "", "nobody can tell which reports lie outside the city")
    return layers


@dataclass(frozen=True, slots=True)
class _Places:
    streets: tuple[Street, ...] = ()
    house_numbers: HouseNumbers | None = None
    landmarks: tuple[Landmark, ...] = ()
    languages: tuple[str, ...] = ()
    assets: dict[str, Assets | None] = field(default_factory=dict)


def _places(
    town: Section | None, directory: Path, categories: dict[str, Category], reference: Reference | None
) -> _Places:
    places = town.section("places") if town else None
    if places is None:
        return _Places()
    streets, numbers = places.section("streets"), places.section("addresses")
    landmarks, languages = places.section("landmarks"), places.texts("languages")
    assets = read_assets(places, directory, categories, reference)
    for language in languages:
        if not LANGUAGE.match(language):
            places.fault("languages", f"saw {language!r}", "a language code, as in en, es or zh-Hant")
    places.done()
    return _Places(
        streets=_streets(streets, directory, reference) if streets else (),
        house_numbers=read_house_numbers(numbers, directory) if numbers else None,
        landmarks=read_landmarks(landmarks, directory) if landmarks else (),
        languages=languages,
        assets=assets,
    )


def _streets(section: Section, directory: Path, reference: Reference | None) -> tuple[Street, ...]:
    file = section.node.values.get("file")
    table = isinstance(file, Scalar) and Path(file.text.strip()).suffix.lower() in TABLES
    return read_street_names(section, directory) if table else read_streets(section, directory, reference)


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
        if not is_date(holiday):
            town.fault("holidays", f"saw {holiday!r}", "a date such as 2026-12-25")
    return holidays


def _extent(town: Section, given: tuple[float, ...], layers: tuple[Layer, ...]) -> Extent:
    shapes = [area.geometry for layer in layers if layer.limits or not _has_limits(layers) for area in layer.areas]
    if not given:
        if not shapes:
            if not town.has("extent"):
                town.fault("extent", "is missing", f"{_EXTENT}, or a layer to take it from")
            return WORLD
        west, south, east, north = shapely.total_bounds(shapes).tolist()
        return (west, south, east, north)
    if not _is_extent(given):
        town.fault("extent", f"saw [{', '.join(f'{number:g}' for number in given)}]", _EXTENT)
        return WORLD
    box = shapely.box(*given)
    for layer in layers:
        if not any(area.geometry.intersects(box) for area in (*layer.areas, *layer.lines)):
            remedy = "are longitude and latitude the wrong way round?"
            town.warn("extent", f"layer {layer.id!r} lies outside of it altogether", "", remedy)
    return given


def _is_extent(given: tuple[float, ...]) -> TypeGuard[Extent]:
    if len(given) != 4:  # noqa: PLR2004 - the edges of a box
        return False
    west, south, east, north = given
    return -180 <= west < east <= 180 and -90 <= south < north <= 90  # noqa: PLR2004 - degrees


def _has_limits(layers: tuple[Layer, ...]) -> bool:
    return any(layer.limits for layer in layers)
