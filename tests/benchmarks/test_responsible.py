"""The benchmark of who is responsible, run small: it says what it should; no figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TOWN = """
import sys; sys.path.insert(0, {tests!r})
from pathlib import Path
from routes_past import make_town, past, write
make_town(Path({aside!r}) / "town"); write(Path({aside!r}) / "past.csv", past(200))
"""


def run(words: list[str], aside: Path) -> "subprocess.CompletedProcess[str]":
    env = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, *words], cwd=aside, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_small_run_ends_with_one_line_of_json_that_sets_the_ways_side_by_side(tmp_path: Path) -> None:
    made = run(["-c", TOWN.format(tests=str(REPOSITORY / "tests" / "route"), aside=str(tmp_path))], tmp_path)
    assert made.returncode == 0, made.stderr
    columns = ["--responsible", "office", "--text", "words", "--category", "kind", "--created", "opened"]
    place = ["--lat", "lat", "--lon", "lon", "--address", "where"]
    ran = run(["-m", "benchmarks.responsible", "--city", "town", "--history", "past.csv", *columns, *place], tmp_path)
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    found = json.loads(line)
    assert (found["benchmark"], found["requests"], found["judged"], found["responsible"]) == ("responsible", 200, 40, 6)
    for way in ("majority_of_category_and_area", "text_alone", "ranking"):
        assert 0.0 < found[way]["top1"] <= found[way]["top3"] <= 1.0
    assert found["ranking"].keys() >= {"calibration_error", "target", "sure", "sure_precision"}
    assert found["machine"]["cpus"]
