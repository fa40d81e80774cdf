"""The race against other stream processors, run small and without fetching any: each must give the same output.

No figure is judged here.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.page import replace_table
from benchmarks.peers.passthrough import SIDES

REPOSITORY = Path(__file__).parents[2]
REQUIREMENTS = sorted((REPOSITORY / "benchmarks" / "peers" / "requirements").glob("*.txt"))
SMALL = ("--installed", "--records", "8000", "--rounds", "1", "--batch", "500", "--partitions", "3")


def race(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.peers", *words, *SMALL]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.fixture(scope="module")
def passthrough() -> dict[str, Any]:
    return race("passthrough", "--side", "stormdrain", "--side", "bare", "--side", "aiokafka")


def test_a_small_race_ends_with_one_line_of_json_that_says_who_was_measured_where_and_how_tuned(
    passthrough: dict[str, Any],
) -> None:
    assert passthrough["benchmark"] == "passthrough"
    assert passthrough["left_out"] == {}
    assert passthrough["settings"]["records"] == 8000
    assert {"commit", "kafka", "python"} <= passthrough["versions"].keys()
    assert passthrough["sides"].keys() == {"stormdrain", "bare", "aiokafka"}
    for side in passthrough["sides"].values():
        assert side["guarantee"] == "exactly once"
        assert side["versions"]
        assert side["settings"]
        assert len(side["runs"]) == 1
        assert side["records_per_s"]["median"] > 0
        assert side["peak_mib"]["median"] > 10
    assert passthrough["ratios"].keys() == {"stormdrain"}
    assert passthrough["ratios"]["stormdrain"].keys() == {"bare", "aiokafka"}


def test_a_side_that_does_not_exist_is_refused_with_those_that_do() -> None:
    words = [sys.executable, "-m", "benchmarks.peers", "passthrough", "--side", "flink"]
    ran = subprocess.run(
        words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False, env={"COLUMNS": "400"}
    )
    assert ran.returncode == 2
    assert f"no side is called flink: expected {', '.join(side.name for side in SIDES)}" in ran.stderr


def test_the_table_of_a_run_stands_between_its_marks_and_nothing_else_is_touched(
    passthrough: dict[str, Any], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- race: passthrough -->\nwhat was there\n<!-- end of race: passthrough -->\nafter\n", "utf-8"
    )
    replace_table(page, passthrough)
    text = page.read_text("utf-8")
    assert text.startswith("before\n<!-- race: passthrough -->\n")
    assert text.endswith("<!-- end of race: passthrough -->\nafter\n")
    assert "what was there" not in text
    assert re.search(
        r"^\| aiokafka \| exactly once \| up to 500 \| [\d,]+ \([\d,]+ to [\d,]+\) \| ", text, re.MULTILINE
    )
    replace_table(page, passthrough)
    assert page.read_text("utf-8") == text


def test_a_page_without_the_marks_is_refused_with_what_is_missing(passthrough: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", "utf-8")
    with pytest.raises(ValueError) as refused:
        replace_table(page, passthrough)
    assert str(refused.value) == (
        f"{page} has no place for the table of passthrough: expected a line `<!-- race: passthrough -->` and, below, "
        "`<!-- end of race: passthrough -->`"
    )


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_everything_that_a_peer_is_installed_with_is_pinned(path: Path) -> None:
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_]+", line)] == []
