"""`stormdrain route-diff` on public files, and with the shipped model."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
import shapely
from two_towns import diffed, past, ran

from services.city.boundaries import read_features

REPOSITORY = Path(__file__).parents[2]
ROWS = 20_000
DISTRICT = "Retiro"
CITY = """\
name: Madrid
jurisdiction_id: madrid.example
time_zone: Europe/Madrid
languages: [es]
layers:
  districts: {file: boundaries/districts.geojson, id_property: name, name_property: name, limits: true}
"""
CATEGORIES = """\
families:
  all:
categories:
  other:
    name: Other
    family: all
    examples: {es: [algo que arreglar]}
"""
DEPARTMENTS = """\
systems:
  works: {{kind: sandbox}}
departments:
  works: {{name: Works, system: works}}
  parks: {{name: Parks, system: works}}
  desk: {{name: Desk, system: works}}
default_department: desk
rules:
  to-works: {{department: works, layer: districts, areas: {works}}}
  to-parks: {{department: parks, layer: districts, areas: {parks}}}
"""


def madrid(directory: Path, districts: Path, parks: set[str], names: list[str]) -> Path:
    (directory / "boundaries").mkdir(parents=True)
    shutil.copy(districts, directory / "boundaries/districts.geojson")
    text = DEPARTMENTS.format(
        works=json.dumps([name for name in names if name not in parks]), parks=json.dumps(sorted(parks))
    )
    files = {"city.yaml": CITY, "categories.yaml": CATEGORIES, "departments.yaml": text, "policy.yaml": "mode: copilot"}
    for name, content in files.items():
        (directory / name).write_text(content, encoding="utf-8")
    return directory


@pytest.mark.realdata
def test_a_district_given_to_another_department_moves_exactly_the_reports_in_it(
    real_data: Path, tmp_path: Path
) -> None:
    districts = real_data / "madrid_districts.geojson"
    shapes = {str(each.properties["name"]): each.geometry for each in read_features(districts)}
    names = list(shapes)
    given = next(name for name in names if name != DISTRICT)
    both = (
        madrid(tmp_path / "old", districts, {given}, names),
        madrid(tmp_path / "new", districts, {given, DISTRICT}, names),
    )
    history = tmp_path / "past.csv"
    with gzip.open(real_data / "madrid_to_2023.csv.gz", "rt", encoding="utf-8") as file:
        history.write_text("".join(next(file) for _ in range(ROWS)), encoding="utf-8")

    found = diffed(both, history, "--category", "category", "--json").found

    # The plain answer, by shapely alone: the reports in the district and in none that goes before it by its name.
    import csv  # noqa: PLC0415 - the oracle's own reading

    with history.open(encoding="utf-8", newline="") as file:
        points = [(float(row["lon"]), float(row["lat"])) for row in csv.DictReader(file) if row["lat"] and row["lon"]]
    first = [name for name in sorted(names) if name <= DISTRICT]
    within = [shapely.intersects_xy(shapes[name], *zip(*points, strict=True)) for name in first]
    expected = int((within[-1] & ~sum(within[:-1], start=within[-1] & False)).sum())
    assert expected > 100
    assert [(move["from"], move["to"], move["reports"], move["causes"]) for move in found["moves"]] == [
        ("works", "parks", expected, {"rule": expected})
    ]
    assert found["left_out"] == []


def test_without_a_category_the_shipped_model_tells_it_from_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORMDRAIN_MODELS_DIR", str(REPOSITORY / "models"))
    new = shutil.copytree(REPOSITORY / "city", tmp_path / "new")
    departments = new / "departments.yaml"
    text = departments.read_text("utf-8")
    start = text.index("  lights-to-traffic:")
    departments.write_text(
        text[:start] + text[start:].replace("department: traffic", "department: streets", 1), encoding="utf-8"
    )
    history = past(
        tmp_path / "past.csv",
        "2026-03-02T12:00:00,39.2105,-75.0841,the street light is out again",
        "2026-03-02T12:00:00,39.2105,-75.0841,deep pothole by the school",
        "2026-03-02T12:00:00,39.2105,-75.0841,",
        header="created_on,latitude,longitude,description",
    )

    result = ran("--city", str(REPOSITORY / "city"), "--city", str(new), "--history", str(history), "--json")

    assert [(move["from"], move["to"], move["lines"]) for move in result.found["moves"]] == [
        ("traffic", "streets", [2])
    ]
    assert result.found["left_out"] == [{"reason": "no_text", "rows": 1, "lines": [4]}]
    assert "categories are told from the text by model shipped-" in result.told
