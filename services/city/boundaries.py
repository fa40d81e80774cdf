"""Boundary files: read, moved to WGS 84 degrees, and made into a town's layers.

A worker needs nothing for WGS 84 GeoJSON but shapely. The `geo` extra brings pyogrio and pyproj for all else: Shapefile
(zipped too), GeoPackage, FlatGeobuf, GML, KML, TopoJSON, and every other coordinate system (https://epsg.io).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import shapely
from msgspec.structs import replace
from shapely.geometry.base import BaseGeometry

from services.city.document import Mapping
from services.city.earth import Extent
from services.city.findings import listed
from services.city.layers.areas import LINES, AreaReader, far, in_degrees, repaired, word
from services.city.layers.declared import DeclaredLayer, Source, read_declared, read_source, unreadable, version_of
from services.city.layers.features import Feature, UnreadableError
from services.city.layers.overlaps import Measured, measure
from services.city.layers.placing import Reference, near
from services.city.layers.reading import read_contents
from services.city.layers.settling import located, place
from services.city.layers.systems import WGS84, System, UnknownSystemError, system
from services.city.model import Layer, Rule, Street
from services.city.section import Section

__all__ = [
    "Feature",
    "Layers",
    "Reference",
    "UnreadableError",
    "read_features",
    "read_layers",
    "read_streets",
    "repaired",
]


@dataclass(frozen=True, slots=True)
class Layers:
    """A town's layers by id, each with its editions (none where all are at fault), and where the town is."""

    declared: dict[str, DeclaredLayer]
    editions: dict[str, tuple[Layer, ...]]
    reference: Reference | None

    def merged(self) -> dict[str, Layer | None]:
        """Give one layer for each id with the areas of all its editions; None where there are none."""
        return {
            layer_id: replace(
                editions[-1],
                areas=tuple(area for layer in editions for area in layer.areas),
                lines=tuple(line for layer in editions for line in layer.lines),
            )
            if editions
            else None
            for layer_id, editions in self.editions.items()
        }

    def all(self) -> tuple[Layer, ...]:
        """Give all editions."""
        return tuple(layer for editions in self.editions.values() for layer in editions)


def read_features(
    path: Path,
    *,
    crs: str = "",
    layer_name: str = "",
    encoding: str = "",
    reference: Reference | None = None,
    odd: list[str] | None = None,
) -> list[Feature]:
    """Read all features of a boundary file of any kind, in WGS 84 degrees.

    `crs` declares its coordinate system; `reference` is where it must lie; `odd` takes what is to be said of it.

    Raises:
        UnreadableError: it is missing, broken, of another kind, or in a coordinate system that nobody can tell.

    """
    try:
        declared = system(crs) if crs else None
    except UnknownSystemError:
        seen = f"saw crs {crs!r}"
        raise UnreadableError(seen, expected="a coordinate system, as in EPSG:2263 or ESRI:102718") from None
    contents = read_contents(path, layer_name=layer_name, encoding=encoding)
    placed = place(contents, path.name, declared, reference)
    if odd is not None:
        odd.extend("; ".join(filter(None, (each.seen, each.remedy))) for each in placed.odd)
    return placed.features


def read_layers(town: Section, directory: Path, extent: Extent | None) -> Layers:
    """Read all layers that `city.yaml` declares, with all their editions; what is wrong with them is noted."""
    declared = {layer_id: read_declared(section, directory) for layer_id, section in town.sections("layers")}
    reference = _reference(declared, extent)
    editions = {}
    for layer_id, layer in declared.items():
        read = (_layer(layer_id, layer, source, reference) for source in layer.editions)
        editions[layer_id] = tuple(edition for edition in read if edition is not None)
        if layer.editions and (first := layer.editions[0]).effective:
            seen = f"no lines are valid before {first.effective}, so that earlier reports are in no area of this layer"
            first.section.warn("effective", seen)
    return Layers(declared, editions, reference)


def read_streets(section: Section, directory: Path, reference: Reference | None = None) -> tuple[Street, ...]:
    """Read the named lines of a places file; several lines of one name are one street."""
    name_property = section.text("name_property", "name")
    source = read_source(section, None, directory)
    section.done()
    lines: dict[str, list[BaseGeometry]] = {}
    for number, feature in enumerate(_placed(source, reference)):
        name = word(feature.properties.get(name_property))
        geometry = feature.geometry
        at = f"features[{number}]"
        if not name:
            continue  # many towns have paths without a name
        if geometry is None or geometry.geom_type not in LINES:
            seen = f"{name!r} is no line" + (f" ({feature.trouble})" if feature.trouble else "")
            section.findings.fault(source.file, feature.line, at, seen, expected="a LineString")
        elif not in_degrees(geometry):
            section.findings.fault(source.file, feature.line, at, far(geometry), expected="WGS 84 degrees")
        else:
            lines.setdefault(name, []).append(geometry)
    return tuple(Street(name=name, line=shapely.unary_union(parts)) for name, parts in sorted(lines.items()))


def measure_layers(layers: Layers) -> tuple[Measured, ...]:
    """Measure overlaps and gaps of all editions; those that are not allowed are warnings."""
    found = []
    for layer_id, declared in layers.declared.items():
        sources = {source.effective: source for source in declared.editions}
        for layer in layers.editions[layer_id]:
            if not layer.areas:
                continue
            measured = measure(layer)
            found.append(measured)
            section = sources[layer.effective].section
            if measured.overlaps and not declared.overlaps:
                _warn_of_overlaps(section, measured)
            if measured.gaps and not declared.gaps:
                _warn_of_gaps(section, measured)
    return tuple(found)


def warn_of_missing_areas(offices: Section, rules: Iterable[Rule], layers: Layers) -> None:
    """Note the areas that a rule names and that one of several editions does not have."""
    node = offices.node.values.get("rules")
    sections = node.values if isinstance(node, Mapping) else {}
    for rule in rules:
        section = sections.get(rule.id)
        line = section.keys.get("areas", section.line) if isinstance(section, Mapping) else 0
        for layer in layers.editions.get(rule.layer, ()):
            missing = sorted(set(rule.areas) - {area.area_id for area in (*layer.areas, *layer.lines)})
            if missing:
                since = f"takes effect {layer.effective}" if layer.effective else "is valid from the beginning"
                seen = f"the edition of {layer.id} that {since} has no {listed(missing)}"
                offices.findings.warn(offices.file, line, f"rules.{rule.id}.areas", seen)


def _layer(layer_id: str, declared: DeclaredLayer, source: Source, reference: Reference | None) -> Layer | None:
    features = _placed(source, reference)
    if not features:
        return None
    reader = AreaReader(
        source.file, source.section.findings, source.id_property, source.name_property, lines=declared.lines
    )
    for number, feature in enumerate(features):
        reader.take(number, feature)
    if not reader.areas and not reader.lines:
        source.section.fault("file", f"no area in {source.file}", "at least one polygon")
        return None
    if declared.limits and not reader.areas:
        source.section.fault("limits", f"{source.file} only has lines", "at least one polygon")
    return Layer(
        id=layer_id,
        version=version_of(source.path),
        areas=tuple(reader.areas.values()),
        limits=declared.limits,
        effective=source.effective,
        lines=tuple(reader.lines.values()),
    )


def _placed(source: Source, reference: Reference | None) -> list[Feature]:
    if source.contents is None:
        return []
    try:
        placed = place(source.contents, source.path.name, source.crs, reference)
    except UnreadableError as error:
        unreadable(source.section, source.file, error)
        return []
    for odd in placed.odd:
        source.section.warn("file", odd.seen, "", odd.remedy)
    return placed.features


def _reference(declared: dict[str, DeclaredLayer], extent: Extent | None) -> Reference | None:
    """Find where the town is: its extent, unless all its files agree on another place; else where most of them lie."""
    boxes: list[tuple[Extent, bool]] = []
    customary: dict[System, None] = {}
    for layer in declared.values():
        for source in layer.editions:
            box, known = located(source.contents, source.crs) if source.contents else (None, None)
            if box is not None:
                boxes.append((box, layer.limits))
            if known is not None and known != WGS84:
                customary[known] = None
    if extent is not None:
        at = [box for box, _ in boxes if near(box, extent)]
        agree = len(boxes) > 1 and all(near(boxes[0][0], box) for box, _ in boxes)
        if at or not agree:
            return Reference(extent, tuple(at), tuple(customary))
    best = max(boxes, key=lambda each: (_company(each[0], boxes), each[1]), default=None)
    if best is None or (len(boxes) > 1 and not best[1] and _company(best[0], boxes) == 1):
        return None
    at = [box for box, _ in boxes if near(box, best[0])]
    limits = [box for box, limits in boxes if limits and box in at]
    west, south, east, north = zip(*(limits or at), strict=True)
    return Reference((min(west), min(south), max(east), max(north)), tuple(at), tuple(customary))


def _company(box: Extent, boxes: list[tuple[Extent, bool]]) -> int:
    return sum(near(box, other) for other, _ in boxes)


def _warn_of_overlaps(section: Section, measured: Measured) -> None:
    named = [f"{each.areas[0]} and {each.areas[1]} by {each.square_metres:,.0f} m2" for each in measured.overlaps]
    pairs = "1 pair of areas overlaps" if len(named) == 1 else f"{len(named)} pairs of areas overlap"
    section.warn("file", f"{pairs}: {listed(named)}", "", "mend the lines, or write `overlaps: allowed`")


def _warn_of_gaps(section: Section, measured: Measured) -> None:
    named = [f"{each.square_metres:,.0f} m2 around {each.latitude}, {each.longitude}" for each in measured.gaps]
    gaps = "1 gap" if len(named) == 1 else f"{len(named)} gaps"
    seen = f"{gaps} between areas, where a report is in none: {listed(named)}"
    section.warn("file", seen, "", "mend the lines, or write `gaps: allowed`")
