"""The benchmark of places, run small on invented polygons: it says what it should; no figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import shapely
from shapely import box

REPOSITORY = Path(__file__).parents[2]


def layer(path: Path) -> Path:
    """A town of nine squares, one with a hole, and an island beside them."""
    shapes = {f"{column}{row}": box(column, row, column + 1, row + 1) for column in range(3) for row in range(3)}
    shapes["11"] = shapes["11"].difference(box(1.25, 1.25, 1.75, 1.75))
    shapes["99"] = box(4, 0, 5, 0.5)
    features = [
        {
            "type": "Feature",
            "properties": {"ward": name},
            "geometry": json.loads(shapely.to_geojson(shapely.transform(shape, lambda at: at * 0.01 + [10, 50]))),
        }
        for name, shape in shapes.items()
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks.route", *words]
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_small_run_ends_with_one_line_of_json_that_says_what_was_measured(tmp_path: Path) -> None:
    wards = f"{layer(tmp_path / 'wards.geojson')}:ward"
    ran = run("--layer", wards, "--points", "2000", "--rounds", "2")
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    found = json.loads(line)
    assert found["benchmark"] == "route"
    assert found["settings"] == {"layers": ["wards.geojson"], "points": 2000, "rounds": 2, "seed": 1}
    assert found["points"].keys() == {"uniform", "like_reports"}
    for side in found["points"].values():
        assert side["identical"] == 2000
        assert side["points_per_s"].keys() == {"index", "sjoin_within", "sjoin_intersects"}
        assert side["ratio"].keys() == {"median", "q1", "q3", "min", "max"}
        assert 0 < side["in_an_area"] <= 1
    assert found["start"]["layers"] == 4
    assert found["start"]["areas"] == 40
    assert found["start"]["grown_mib"] > 0
    assert "agreement" not in found
    assert "worker" not in found


@pytest.mark.slow
def test_the_worker_is_raced_against_one_that_decides_nothing_and_both_wrote_the_same(tmp_path: Path) -> None:
    wards = f"{layer(tmp_path / 'wards.geojson')}:ward"
    words = ("--points", "100", "--rounds", "1", "--records", "10000", "--kafka")
    ran = run("--layer", wards, *words)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)["worker"]
    assert found.keys() == {"shipped", "layers"}
    for town in found.values():
        assert town["records_per_s"].keys() == {"route", "passthrough"}
        assert town["ratio"]["median"] > 0
        assert town["ratio_of_cpu"] > 0


def test_a_file_that_is_not_there_and_a_property_it_has_not_are_named(tmp_path: Path) -> None:
    missing = run("--layer", str(tmp_path / "no.geojson:ward"))
    assert missing.returncode == 2
    assert "there is no file" in missing.stderr
    other = run("--layer", f"{layer(tmp_path / 'wards.geojson')}:district", "--points", "10")
    assert other.returncode == 2
    assert "wards.geojson has no property 'district': expected one of ward, geometry" in other.stderr


def test_help_says_what_is_measured_and_how() -> None:
    ran = run("--help")
    assert ran.returncode == 0
    for word in ("--layer", "--kafka", "--points", "geopandas"):
        assert word in ran.stdout
