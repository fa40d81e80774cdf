"""The benchmark of addresses, run small: it says what it should; no figure of speed is judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_a_small_run_ends_with_one_line_of_json_that_says_what_was_measured() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.addresses", "--errors", "40", "--seeds", "2"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    assert said["city"] == "Port Alder"
    assert [each["seed"] for each in said["mistyped"]] == [0, 1]
    assert said["written"]["within_5_m"] == 1.0
    assert said["written"]["farther_without_a_reason"] == 0
    assert said["missing"]["not_said_so"] == 0
    assert said["nearest"]["points"] == 4000
    assert all(each["wrong"] < 0.05 for each in said["mistyped"])
