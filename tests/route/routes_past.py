"""An invented town of two districts, and a past in which its offices had what their words, places and streets say."""

import csv
import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import yaml
from shapely import box, to_geojson

HEAD = ("opened", "kind", "words", "where", "lat", "lon", "office")
WORDS = {
    "pothole": ("hole in the road", "deep hole by the kerb", "my tyre burst in a hole"),
    "lamp": ("street lamp is dark", "lamp flickers all night", "no light here since Monday"),
    "litter": ("rubbish lies about", "bags of waste on the pavement", "litter everywhere"),
}
STREETS = ("Mill Lane", "High Street", "Quay Road", "Station Road")


def make_town(directory: Path) -> Path:
    """Write a town with districts `west` and `east` that meet at 10.0 E, and its front desk as the one department."""
    (directory / "boundaries").mkdir(parents=True)
    areas = {"limits": {"town": (9.9, 49.9, 10.1, 50.1)}}
    areas["districts"] = {"west": (9.9, 49.9, 10.0, 50.1), "east": (10.0, 49.9, 10.1, 50.1)}
    for layer, found in areas.items():
        features = [
            f'{{"type": "Feature", "properties": {{"id": "{name}"}}, "geometry": {to_geojson(box(*bounds))}}}'
            for name, bounds in found.items()
        ]
        text = f'{{"type": "FeatureCollection", "features": [{", ".join(features)}]}}'
        (directory / "boundaries" / f"{layer}.geojson").write_text(text, encoding="utf-8")
    files = {
        "city.yaml": {
            "name": "Twyford",
            "jurisdiction_id": "twyford.example",
            "invented": True,
            "time_zone": "UTC",
            "languages": ["en"],
            "layers": {
                layer: {"file": f"boundaries/{layer}.geojson", "id_property": "id"}
                | ({"limits": True} if layer == "limits" else {})
                for layer in areas
            },
        },
        "categories.yaml": {
            "families": {"streets": {}},
            "categories": {
                code: {"name": code.title(), "family": "streets", "examples": {"en": [said[0]]}}
                for code, said in WORDS.items()
            },
        },
        "departments.yaml": {
            "systems": {"desk": {"kind": "sandbox"}},
            "departments": {"front-desk": {"name": "Front desk", "system": "desk"}},
            "default_department": "front-desk",
        },
        "policy.yaml": {"mode": "automatic"},
    }
    for name, content in files.items():
        (directory / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return directory


def past(size: int = 600, seed: int = 0) -> list[tuple[str, ...]]:
    """Give rows as of `HEAD`, the oldest first.

    Lamps are the Electric Board's, potholes the districts' own but on Quay Road the Harbour's, litter the Cleaners',
    unless the words say that a school is near, when it is the School Office's.
    """
    rng = random.Random(seed)  # noqa: S311 - an invented past
    rows: list[tuple[str, ...]] = []
    for number in range(size):
        kind = rng.choice(sorted(WORDS))
        longitude, latitude = rng.uniform(9.95, 10.05), rng.uniform(49.95, 50.05)
        words, street = rng.choice(WORDS[kind]), rng.choice(STREETS)
        district = "West" if longitude < 10.0 else "East"
        office = {"lamp": "Electric Board", "litter": "Cleaners", "pothole": f"{district} District"}[kind]
        if kind == "pothole" and street == "Quay Road":
            office = "Harbour Office"
        if kind == "litter" and rng.random() < 0.3:
            words, office = f"{words} beside the school gate", "School Office"
        day = date(2024, 1, 1) + timedelta(days=number // 2)
        where = f"{street} {rng.randrange(1, 80)}"
        rows.append((day.isoformat(), kind, words, where, f"{latitude:.5f}", f"{longitude:.5f}", office))
    return rows


def write(path: Path, rows: Sequence[Sequence[str]], head: Sequence[str] = HEAD) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path
