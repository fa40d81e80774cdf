"""The benchmark of the whole pipeline, run small: it says what it should; no figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.pipeline import stages

REPOSITORY = Path(__file__).parents[2]
SMALL = ("--reports", "100", "--rate", "50", "--seconds", "3", "--warm-up", "20")


def test_a_small_run_ends_with_one_line_of_json_that_says_what_arrived_and_what_each_worker_cost() -> None:
    words = [sys.executable, "-m", "benchmarks.pipeline", *SMALL]
    ran = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    found = json.loads(line)
    expected = {"benchmark", "at", "versions", "machine", "settings", "lost", "doubled", "saturation", "steady"}
    assert found.keys() == expected
    assert (found["benchmark"], found["lost"], found["doubled"]) == ("pipeline", 0, 0)
    for part, sent in (("saturation", 100), ("steady", 150)):
        assert found[part].keys() == {"reports_per_s", "p50_ms", "p99_ms", "runs"}
        (run,) = found[part]["runs"]
        assert run["sent"] == sent
        assert run["delivered"] + run["held"] == sent
        assert run["stages"].keys() == set(stages.STAGES[1:])
        assert run["bottleneck"] in run["stages"]
        workers = {*stages.STAGES[1:], "review", "watch", "index", "crm", "broker", "benchmark"}
        assert run["cpu_ms_per_report"].keys() == run["resident_mib"].keys() == workers


def test_what_was_held_and_later_delivered_has_settled_when_it_came_to_a_person() -> None:
    times = {"door": {"a": 1, "b": 2}, "held": {"a": 10, "b": 20}, "deliver": {"b": 50}}
    assert stages.settled(times) == {"a": 10, "b": 20}
    assert stages.latencies(times) == [9, 18]


def test_the_rate_leaves_out_the_first_and_the_last_fifth() -> None:
    moments = [0, 1000, *range(5000, 5060, 10), 9000, 9900]
    assert stages.rate(moments) == pytest.approx(0.6 * 10 / (5050 - 5000) * 1000)


def test_the_bottleneck_is_the_stage_that_most_reports_wait_for() -> None:
    ids = [str(number) for number in range(100)]
    times: stages.Times = {stage: {} for stage in (*stages.STAGES, "held")}
    for number, name in enumerate(ids):
        times["door"][name] = times["receive"][name] = number
        times["classify"][name] = 10 * number + 5
        for later, stage in enumerate(stages.STAGES[3:], 1):
            times[stage][name] = 10 * number + 5 + later
    found = stages.figures(times)
    assert stages.bottleneck(found) == "classify"
    assert found["route"]["p50_ms"] == 1
    assert found["classify"]["waiting_mean"] > 40
    assert found["receive"]["p99_ms"] == 0
