"""Two editions of a small invented town, and invented pasts to route in both."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from services.cli.main import app

CITY = """\
name: Fennmouth
jurisdiction_id: fennmouth.example
invented: true
time_zone: Europe/London
languages: [en]
layers:
  limits: {file: boundaries/limits.geojson, limits: true}
  wards: {file: boundaries/wards.geojson, id_property: ward, name_property: title}
"""
CATEGORIES = """\
families:
  roads:
  hazards:
categories:
  pothole:
    name: Pothole
    family: roads
    examples: {en: [big hole in the road]}
  gas:
    name: Smell of gas
    family: hazards
    safety: true
    safety_words: {en: [smell of gas]}
    examples: {en: [there is a smell of gas]}
"""
DEPARTMENTS = """\
systems:
  works: {kind: sandbox}
departments:
  streets: {name: Streets, system: works}
  desk: {name: Front desk, system: works}
default_department: desk
rules:
  streets-by-day:
    department: streets
    families: [roads]
    layer: wards
    areas: [1]
    hours: Mo-Fr 08:00-17:00
  danger:
    department: streets
    safety: yes
"""
OTHER_WARD = DEPARTMENTS.replace("areas: [1]", "areas: [2]")
NO_WARD = DEPARTMENTS[: DEPARTMENTS.index("  streets-by-day:")] + DEPARTMENTS[DEPARTMENTS.index("  danger:") :]

WEST, EAST, BETWEEN, BEYOND = "52.005,-0.015", "52.005,-0.005", "52.005,-0.008", "48.1,11.5"
"""Places: in ward 1; in ward 2; in ward 2, nearer to the line; in another country."""
DAY, NIGHT = "2026-03-02T12:00:00", "2026-03-02T23:00:00"
HEADER = "id,created_at,lat,lon,category,text"


def areas(*spans: tuple[float, float], **names: Any) -> str:
    """A boundary file of areas side by side, from one longitude to another."""
    features = []
    for number, (west, east) in enumerate(spans, 1):
        ring = [[west, 52.0], [east, 52.0], [east, 52.01], [west, 52.01], [west, 52.0]]
        said = {"id": f"area-{number}", "ward": number, "title": ("Fen", "Mere")[number % 2]} | names
        features.append({"type": "Feature", "properties": said, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    return json.dumps({"type": "FeatureCollection", "features": features})


FILES = {
    "city.yaml": CITY,
    "categories.yaml": CATEGORIES,
    "departments.yaml": DEPARTMENTS,
    "policy.yaml": "mode: supervised\n",
    "boundaries/limits.geojson": areas((-0.02, 0.0)),
    "boundaries/wards.geojson": areas((-0.02, -0.01), (-0.01, 0.0)),
}


def town(directory: Path, **changed: str) -> Path:
    """Write the town; `changed` replaces files by the stem of their name."""
    for name, content in FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(changed.get(path.stem, content), encoding="utf-8")
    return directory


def towns(where: Path, **changed: str) -> tuple[Path, Path]:
    """Write the old town, and the new one with some files changed."""
    return town(where / "old"), town(where / "new", **changed)


def past(where: Path, *rows: str, header: str = HEADER) -> Path:
    """Write an export; `.gz` in the name compresses it."""
    content = "\n".join([header, *rows, ""]).encode()
    where.write_bytes(gzip.compress(content) if where.suffix == ".gz" else content)
    return where


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    told: str

    @property
    def found(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


def diffed(both: tuple[Path, Path], history: Path, *options: str) -> Ran:
    """Run `stormdrain route-diff` from the old town to the new one in this process."""
    old, new = both
    return ran("--city", str(old), "--city", str(new), "--history", str(history), *options)


def ran(*options: str) -> Ran:
    result = CliRunner().invoke(app, ["route-diff", *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)
