"""The benchmark of incidents, run small: it says what it should; no figure of speed is judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from benchmarks.match.server import MissingError, places, programs
from benchmarks.match.town import Town
from benchmarks.samples import samples
from services.city.load import load
from services.events import RequestMatched, RequestRouted

REPOSITORY = Path(__file__).parents[2]
SMALL = ("--open", "3000", "--batch", "200", "--rounds", "2", "--singles", "50")
SHAPES = {"plain", "composite", "tuned"}


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks.match", *words]
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def town() -> tuple[list[RequestMatched], list[RequestRouted]]:
    base = samples("routed", seed=1, count=50, city=Path("city"), models=Path("models"))
    made = Town(load(Path("city")), cast("list[RequestRouted]", list(base)), seed=3)
    return list(made.opened(2000)), list(made.fresh(200))


@pytest.mark.slow
def test_a_small_run_ends_with_one_line_of_json_that_says_what_was_measured(tmp_path: Path) -> None:
    ran = run(*SMALL, "--part", "rate", "--part", "rebuild", "--keep", str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    found = json.loads(line)
    assert found["benchmark"] == "match"
    assert found["synthetic"] is True
    assert found["settings"] == {"open": 3000, "batch": 200, "rounds": 2, "singles": 50, "seed": 1}
    rate = found["rate"]
    assert rate["open_reports"] == 3000
    assert rate["matches_per_s"].keys() == {"median", "q1", "q3", "min", "max"}
    assert 0 < rate["one_ms"]["cpu"]["p50"] <= rate["one_ms"]["cpu"]["p99"]
    assert 0 < rate["linked"] < 1
    assert rate["peak_mib"] > rate["before_mib"]
    assert {"said", "table", "cells"} <= rate["held_bytes_per_open_report"].keys()
    assert found["rebuild"]["open_reports"] == 3000
    assert found["rebuild"]["seconds"] > 0
    assert "postgres" not in found
    assert "one look-up, p50 and p99" in ran.stderr
    assert {file.suffix for file in tmp_path.iterdir()} == {".jsonl"}


@pytest.mark.slow
def test_postgres_is_asked_the_same_in_every_shape_and_takes_in_what_match_does() -> None:
    try:
        programs(places())
    except MissingError as error:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(error))
    ran = run(*SMALL, "--part", "postgres")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)["postgres"]
    assert found["queries"] == 200
    for rates in (found["per_s"], found["per_cpu_s"]):
        assert rates["asked"].keys() == {
            "match",
            "match_one_by_one",
            "plain",
            "composite",
            "tuned_one_by_one",
            "tuned_at_once",
        }
        assert rates["taken"].keys() == {"match", *SHAPES}
    for ratios in (found["ratio"], found["ratio_of_cpu"]):
        assert ratios.keys() == SHAPES
        for ratio in ratios.values():
            assert ratio.keys() == {"asked", "taken"}
            assert all(0 < spread["min"] <= spread["median"] <= spread["max"] for spread in ratio.values())
    assert found["held_after"] == dict.fromkeys(("match", *SHAPES), 3000 + 3 * 200)
    agreement = found["agreement"]
    assert agreement["likest_text"] > 0.95
    assert agreement["compared"] > 0.95
    assert agreement["plain_and_tuned"] > 0.9
    assert 0 < agreement["answered"] < 1
    for shape in SHAPES:
        index = found["index"][shape]
        assert index["chosen"] in index["tried_per_s"]
        assert index["plan"][0] == "Sort"
        assert found["bytes_per_open_report"][shape] > 0
        assert f"match to PostgreSQL, {shape}, taken" in ran.stderr


def test_the_same_seed_gives_the_same_reports() -> None:
    assert town() == town()


def test_open_reports_come_in_order_and_lie_in_their_windows_and_a_quarter_are_repeats() -> None:
    opened, fresh = town()
    city = load(Path("city"))
    made = [event.report.requested_at for event in opened]
    assert made == sorted(made)
    assert fresh[0].report.requested_at > made[-1]
    for event in opened:
        window_s = city.families[event.classification.family].match_window_hours * 3600
        assert (fresh[0].report.requested_at - event.report.requested_at).total_seconds() <= window_s
    repeats = sum(event.matching.duplicate_of is not None for event in opened)
    assert 0.2 < repeats / len(opened) < 0.3
    assert len({event.report.text for event in opened}) > 1000


def test_a_postgres_that_is_not_there_or_lacks_something_is_said_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as none:
        programs([tmp_path])
    assert str(none.value) == (
        "there is no PostgreSQL to race: initdb and pg_ctl were not found; "
        "Debian 12: apt-get install postgresql postgresql-15-postgis-3, or leave --part postgres out"
    )
    for name in ("initdb", "pg_ctl", "pg_trgm.control"):
        (tmp_path / name).touch()
    with pytest.raises(MissingError) as bare:
        programs([tmp_path], tmp_path)
    assert str(bare.value) == (
        f"the PostgreSQL in {tmp_path} cannot be raced: {tmp_path} has no postgis, btree_gist; "
        "Debian 12: apt-get install postgresql-15-postgis-3, or leave --part postgres out"
    )


def test_help_says_what_is_measured_and_how() -> None:
    ran = run("--help")
    assert ran.returncode == 0
    told = " ".join(ran.stdout.split())
    for word in ("--part", "--open", "--keep", "PostGIS", "replay", "target of ten times", "All are published"):
        assert word in told
