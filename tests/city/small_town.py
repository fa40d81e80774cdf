"""A very small invented town on disk, to be broken in one place at a time."""

import json
from pathlib import Path
from typing import Any

from services.city.load import examine

CITY = """\
name: Fennmouth
jurisdiction_id: fennmouth.example
invented: true
time_zone: Europe/London
languages: [en, no]
holidays: [2026-12-25]
layers:
  limits:
    file: boundaries/limits.geojson
    limits: true
  wards:
    file: boundaries/wards.geojson
    id_property: ward
    name_property: title
places:
  streets:
    file: places/streets.geojson
"""
CATEGORIES = """\
families:
  roads:
    name: Roads
    match_radius_m: 40
    match_window_hours: 240
  hazards:
categories:
  pothole:
    name: Pothole
    family: roads
    description: A hole in the road.
    keywords: [hole, crater]
    base_points: 25
    promised_hours: 72
    examples:
      en: [big hole in the road, my tyre burst in a hole]
      no: [stort hull i veien]
    questions:
      size:
        prompt: How big is it?
        datatype: singlevaluelist
        required: true
        values: [small, large]
  gas:
    name: Smell of gas
    family: hazards
    safety: true
    safety_words:
      en: [smell of gas, gas leak]
    examples:
      en: there is a smell of gas
"""
DEPARTMENTS = """\
systems:
  works:
    kind: sandbox
    max_per_second: 5
departments:
  streets:
    name: Streets
    system: works
  desk:
    name: Front desk
    system: works
    contact: desk@fennmouth.example
default_department: desk
rules:
  streets-by-day:
    department: streets
    families: [roads]
    layer: wards
    areas: [1]
    hours: Mo-Fr 08:00-17:00; PH off
  danger:
    department: streets
    safety: yes
"""
POLICY = """\
mode: supervised
categories:
  pothole: automatic
target_precision: 0.9
approvers:
  "*": [duty-officer]
  streets: [foreman]
"""


def square(west: float, south: float, size: float = 0.01) -> dict[str, Any]:
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features: dict[str, Any], **more: Any) -> str:
    inside = ",\n".join(json.dumps(one) for one in features)
    head = "".join(f'"{key}": {json.dumps(value)},\n' for key, value in more.items())
    return f'{{"type": "FeatureCollection",\n{head}"features": [\n{inside}\n]}}\n'


LIMITS = collection(feature(square(-0.02, 52.0, 0.02), id="all"))
WARDS = collection(
    feature(square(-0.02, 52.0), ward=1, title="Fen"), feature(square(-0.01, 52.0), ward=2, title="Mere")
)
STREETS = collection(feature({"type": "LineString", "coordinates": [[-0.02, 52.005], [0.0, 52.005]]}, name="Eel Lane"))

FILES = {
    "city.yaml": CITY,
    "categories.yaml": CATEGORIES,
    "departments.yaml": DEPARTMENTS,
    "policy.yaml": POLICY,
    "boundaries/limits.geojson": LIMITS,
    "boundaries/wards.geojson": WARDS,
    "places/streets.geojson": STREETS,
}


def write_town(directory: Path, **changed: str | bytes | None) -> Path:
    """Write the town; `changed` replaces files by the stem of their name, None leaves one out."""
    for name, content in FILES.items():
        given = changed.get(Path(name).stem, content)
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if given is not None:
            path.write_bytes(given if isinstance(given, bytes) else given.encode())
    return directory


def faults(directory: Path) -> list[str]:
    return [str(fault) for fault in examine(directory).faults]


def warnings(directory: Path) -> list[str]:
    return [str(warning) for warning in examine(directory).warnings]
