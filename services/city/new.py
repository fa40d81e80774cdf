"""Makes a town's directory from its boundary file and its past requests: a first version to be edited by hand."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
import yaml
from shapely.geometry.base import BaseGeometry

from services.city.boundaries import Feature, Reference, UnreadableError, read_features, repaired
from services.city.document import Items, Scalar, parse
from services.city.findings import Findings, listed
from services.city.history import Columns, History, HistoryError, Request, read_history, slug
from services.city.load import Examined, examine
from services.city.section import LANGUAGE

EXAMPLES = 12
SHORT, LONG = 12, 160
GAP = 2e-5
"""Degrees: slits between neighbouring areas up to about 4 m wide belong to the town."""
GRID = 1e-6
LEAST_INSIDE = 0.2
_PERSONAL = re.compile(r"@|https?:|\d[\d\s().-]{5,}\d")
_CLERICAL = re.compile(r"(?i)objectid|fid|gid|cartodb|shape|created|updated|global")
"""Properties that tell areas apart, and that nobody but a database knows them by."""
_HEAD = "# Made by `stormdrain city new`; edit it, and run `stormdrain city check` on the directory.\n\n"


class NewCityError(Exception):
    """The town cannot be made; `faults` holds every reason."""

    def __init__(self, directory: Path, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        number = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = [f"stormdrain city new cannot make {directory}: {number}", *(f"  {fault}" for fault in self.faults)]
        super().__init__("\n".join(lines))


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the town is called and how its boundary file is read; empty: find out, or take a default."""

    name: str = ""
    time_zone: str = "UTC"
    language: str = "en"
    id_property: str = ""
    name_property: str = ""
    families: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Areas:
    """The areas of a boundary file, in WGS 84 degrees: (id, name, polygon), and their union."""

    areas: tuple[tuple[str, str, BaseGeometry], ...]
    limits: BaseGeometry
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Made:
    """What came of it: the past requests to train on, what was left out and why, and what `city check` says."""

    history: History
    notes: tuple[str, ...]
    examined: Examined


def make(
    directory: Path,
    *,
    boundaries: Path,
    export: Path,
    columns: Columns,
    wishes: Wishes,
    encoding: str = "utf-8",
    step: Callable[[str], None] = lambda _: None,
) -> Made:
    """Make `directory` a town that `city check` finds no fault with. `step` is told what is being done.

    Raises:
        NewCityError: tells all that is wrong with the wishes and the files at once; nothing was written then.

    """
    faults = faults_of(directory, wishes)
    history = areas = None
    families: dict[str, str] = {}
    step("reading past requests")
    try:
        history = read_history(export, columns, encoding=encoding)
        families = read_families(wishes.families, history) if wishes.families else {}
    except HistoryError as error:
        faults.extend(error.faults)
    except UnreadableError as error:
        faults.append(f"--families: {error}")
    step("reading boundaries")
    try:
        areas = read_areas(boundaries, wishes, history.requests if history else ())
    except UnreadableError as error:
        faults.append(f"--boundaries: {error}")
    if history and areas and (wrong := misplaced(areas, history.requests)):
        faults.append(wrong)
    if faults or history is None or areas is None:
        raise NewCityError(directory, faults)
    step("writing the town")
    write(directory, areas, history, families, wishes)
    return Made(history=history, notes=(*history.notes, *areas.notes), examined=examine(directory))


def faults_of(directory: Path, wishes: Wishes) -> list[str]:
    """Say what is wrong with the wishes, before anything is read."""
    faults = []
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        faults.append(f"{directory} is there already and not empty; choose another directory")
    if not LANGUAGE.match(wishes.language):
        faults.append(f"--language {wishes.language}: expected a language code, as in en, es or zh-Hant")
    try:
        ZoneInfo(wishes.time_zone)
    except (ValueError, OSError, KeyError):
        faults.append(f"--time-zone {wishes.time_zone}: expected a name such as Europe/Madrid or America/New_York")
    return faults


def read_areas(path: Path, wishes: Wishes, requests: Iterable[Request] = ()) -> Areas:
    """Read a boundary file of any format and coordinate system; one that says no system is sought by the requests.

    Raises:
        UnreadableError: it cannot be read, lacks a property that was asked for, or has no polygon.

    """
    odd: list[str] = []
    try:
        features = read_features(path, odd=odd)
    except UnreadableError:
        reference = _reference(requests)
        if reference is None:
            raise
        features = read_features(path, reference=reference, odd=odd)
    polygons = [feature for feature in features if feature.geometry and feature.geometry.geom_type.endswith("Polygon")]
    if not polygons:
        kinds = {feature.geometry.geom_type for feature in features if feature.geometry}
        seen = f"{path.name} has no polygon among its {len(features)} features"
        raise UnreadableError(seen, expected="areas, as districts or wards", remedy=f"it has {listed(sorted(kinds))}")
    id_property, name_property = _properties(path, polygons, wishes)
    found: dict[str, tuple[str, list[BaseGeometry]]] = {}
    for number, feature in enumerate(polygons, 1):
        area_id = _value(feature, id_property) or str(number)
        name = _value(feature, name_property) or area_id
        found.setdefault(area_id, (name, []))[1].append(repaired(feature.geometry))
    areas = tuple((key, name, _neat(shapely.unary_union(parts))) for key, (name, parts) in found.items())
    areas = tuple(area for area in areas if not area[2].is_empty)
    whole = shapely.unary_union([geometry for _, _, geometry in areas])
    limits = _neat(whole.buffer(GAP, join_style="mitre").buffer(-GAP, join_style="mitre").union(whole))
    notes = [
        *odd,
        f"{len(areas)} areas, told apart by {id_property or 'their place in the file'}, named by {name_property}",
    ]
    if len(polygons) < len(features):
        notes.append(f"{len(features) - len(polygons)} of {len(features)} features have no polygon and are left out")
    return Areas(areas=areas, limits=limits, notes=tuple(notes))


def read_families(path: Path, history: History) -> dict[str, str]:
    """Read a YAML file of `family: [label, ...]`: give the family of each service code that it names.

    Raises:
        UnreadableError: the file is no such YAML, or names a category that the history has not.

    """
    findings = Findings()
    mapping = parse(path.name, path.read_bytes(), findings) if path.is_file() else None
    if mapping is None:
        seen = str(findings.faults[0]) if findings.faults else f"there is no file {path}"
        raise UnreadableError(seen)
    codes = {name.casefold(): code for code, name in history.names.items()}
    families: dict[str, str] = {}
    for family, node in mapping.values.items():
        labels = node.items if isinstance(node, Items) else [node]
        for label in labels:
            code = codes.get(label.text.strip().casefold()) if isinstance(label, Scalar) else None
            if code is None:
                seen = f"family {family!r} has a category that is not in the history"
                remedy = f"categories are {listed(history.names.values())}"
                seen = f"{path.name}:{label.line}: {seen}"
                raise UnreadableError(seen, remedy=remedy)
            families[code] = slug(family)
    return families


def inside(areas: Areas, requests: Iterable[Request]) -> tuple[int, int, int]:
    """Count the requests with coordinates, those inside the town, and those inside if they were swapped."""
    points = [(each.lon, each.lat) for each in requests if each.lon is not None and each.lat is not None]
    if not points:
        return 0, 0, 0
    lons, lats = zip(*points, strict=True)
    shapely.prepare(areas.limits)
    held = int(shapely.contains_xy(areas.limits, lons, lats).sum())
    swapped = int(shapely.contains_xy(areas.limits, lats, lons).sum())
    return len(points), held, swapped


def misplaced(areas: Areas, requests: Iterable[Request]) -> str:
    """Say what is wrong with the coordinates, if hardly any request lies inside the boundaries."""
    count, held, swapped = inside(areas, requests)
    if count == 0 or held >= count * LEAST_INSIDE:
        return ""
    seen = f"{held:,} of {count:,} requests with coordinates lie inside the boundaries"
    if swapped > held:
        return f"{seen}; {swapped:,} would if --lat and --lon were the other way round"
    return f"{seen}; is it the boundary file of this town, and are --lat and --lon in WGS 84 degrees?"


def write(directory: Path, areas: Areas, history: History, families: Mapping[str, str], wishes: Wishes) -> None:
    """Write the town's files."""
    name = wishes.name or re.sub(r"[-_.]+", " ", directory.resolve().name).title()
    (directory / "boundaries").mkdir(parents=True, exist_ok=True)
    _geojson(directory / "boundaries" / "areas.geojson", areas.areas)
    _geojson(directory / "boundaries" / "limits.geojson", [("limits", name, areas.limits)])
    _yaml(directory / "categories.yaml", _categories(history, families, wishes.language))
    _yaml(directory / "city.yaml", _city(name, wishes))
    _yaml(directory / "departments.yaml", _departments(name))
    _yaml(directory / "policy.yaml", {"mode": "supervised", "target_precision": 0.95})
    (directory / "README.md").write_text(_readme(name, history), "utf-8")


def _properties(path: Path, polygons: list[Feature], wishes: Wishes) -> tuple[str, str]:
    known = list(dict.fromkeys(key for feature in polygons for key in feature.properties))
    for option, wished in (("--id-property", wishes.id_property), ("--name-property", wishes.name_property)):
        if wished and wished not in known:
            seen = f"{option} {wished}: {path.name} has no such property"
            raise UnreadableError(seen, remedy=f"properties are {listed(known)}")
    unique = sorted((key for key in known if _tells_apart(polygons, key)), key=lambda key: bool(_CLERICAL.match(key)))
    names = [key for key in known if key.lower() in ("name", "nombre", "nom", "naziv", "label", "title")]
    name_property = wishes.name_property or next(iter(names), "")
    id_property = wishes.id_property or next((key for key in [name_property, *unique] if key in unique), "")
    return id_property, name_property or id_property or "it"


def _tells_apart(polygons: list[Feature], key: str) -> bool:
    values = [_value(feature, key) for feature in polygons]
    return all(values) and len(set(values)) == len(values)


def _value(feature: Feature, key: str) -> str:
    value = feature.properties.get(key)
    if value is None or value != value:  # noqa: PLR0124 - NaN is not itself
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _reference(requests: Iterable[Request]) -> Reference | None:
    """Give where most requests are: one in fifty on each side may be a slip."""
    places = [(each.lon, each.lat) for each in requests if each.lon is not None and each.lat is not None]
    if not places:
        return None
    west, south, east, north = np.percentile(places, [2, 98], axis=0).ravel().tolist()
    return Reference((west, south, east, north))


def _neat(geometry: BaseGeometry) -> BaseGeometry:
    return repaired(shapely.set_precision(geometry, GRID))


def _geojson(path: Path, areas: Iterable[tuple[str, str, BaseGeometry]]) -> None:
    features = [
        json.dumps(
            {
                "type": "Feature",
                "properties": {"id": area_id, "name": name},
                "geometry": _rounded(json.loads(shapely.to_geojson(geometry))),
            },
            ensure_ascii=False,
        )
        for area_id, name, geometry in areas
    ]
    text = '{"type": "FeatureCollection", "features": [\n' + ",\n".join(features) + "\n]}\n"
    path.write_text(text, "utf-8")


def _rounded(value: Any) -> Any:  # noqa: ANN401 - GeoJSON of any depth
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return {key: _rounded(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _city(name: str, wishes: Wishes) -> dict[str, Any]:
    layer = {"id_property": "id", "name_property": "name"}
    return {
        "name": name,
        "jurisdiction_id": slug(name) or "city",
        "time_zone": wishes.time_zone,
        "languages": [wishes.language],
        "layers": {
            "limits": {"file": "boundaries/limits.geojson", **layer, "limits": True},
            "areas": {"file": "boundaries/areas.geojson", **layer},
        },
    }


def _categories(history: History, families: Mapping[str, str], language: str) -> dict[str, Any]:
    by_code: dict[str, list[str]] = {code: [] for code in history.names}
    for request in history.requests:
        by_code[request.service_code].append(request.text)
    taken: set[str] = set()
    categories = {}
    for code, name in history.names.items():
        examples = _examples(by_code[code], taken) or [name]
        categories[code] = {"name": name, "family": families.get(code, code), "examples": {language: examples}}
    used = dict.fromkeys(families.get(code, code) for code in history.names)
    named = {family: {"name": history.names.get(family, family)} for family in used}
    return {"families": named, "categories": categories}


def _examples(texts: list[str], taken: set[str]) -> list[str]:
    """Pick texts of a good length without anything that looks personal, each once in the town, by their hash."""
    fit = {text for text in texts if SHORT <= len(text) <= LONG and not _PERSONAL.search(text)}
    fit = {text for text in fit if text.casefold() not in taken and text.isprintable()}
    chosen: dict[str, str] = {}
    for text in sorted(fit, key=lambda text: hashlib.sha256(text.encode()).digest()):
        chosen.setdefault(text.casefold(), text)
        if len(chosen) == EXAMPLES:
            break
    taken.update(chosen)
    return list(chosen.values())


def _departments(name: str) -> dict[str, Any]:
    return {
        "systems": {"sandbox": {"kind": "sandbox"}},
        "departments": {"city": {"name": name, "system": "sandbox"}},
        "default_department": "city",
    }


def _yaml(path: Path, content: dict[str, Any]) -> None:
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=120)
    path.write_text(_HEAD + text, "utf-8")


def _readme(name: str, history: History) -> str:
    return (
        f"# {name}\n\n"
        f"Made by `stormdrain city new`: {len(history.names)} categories of {len(history.requests):,} past requests.\n"
        "The examples in `categories.yaml` and the model are the town's own data: keep them out of public places.\n\n"
        "To do by hand: departments and rules; the categories' promised hours and base points, which are dangerous\n"
        "(`safety`, `safety_words`), and which may be one incident (`families`); holidays, and the policy.\n"
    )
