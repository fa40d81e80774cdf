"""The benchmark of the runtime beside a bare loop, run small: it says what it should; no figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_small_run_ends_with_one_line_of_json_that_says_what_was_measured_where() -> None:
    words = [sys.executable, "-m", "benchmarks.passthrough", "--records", "2000", "--rounds", "1", "--warm-up", "0"]
    ran = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    found = json.loads(line)
    sides = {"runtime", "bare", "bare_tuned", "bare_without_headers"}
    assert found.keys() == {
        "benchmark",
        "at",
        "versions",
        "machine",
        "settings",
        "records_per_s",
        "records_per_s_spread",
        "cpu_us_per_record",
        "batch_mean",
        "committed",
        "ratio",
        "ratio_of_cpu",
        "ratio_tuned",
        "ratio_tuned_of_cpu",
        "ratio_without_headers",
        "ratio_without_headers_of_cpu",
    }
    assert found["benchmark"] == "passthrough"
    assert found["committed"] == 2000
    assert {"commit", "kafka", "python", "librdkafka", "confluent-kafka"} <= found["versions"].keys()
    assert {"cpus", "cpu_model", "memory_gib", "system", "load_1m", "load_1m_after"} == found["machine"].keys()
    assert found["settings"]["records"] == 2000
    assert found["records_per_s"].keys() == sides
    assert all(len(rates) == 1 and rates[0] > 0 for rates in found["records_per_s"].values())
    assert found["ratio"].keys() == {"median", "q1", "q3", "min", "max"}


def test_an_event_that_is_not_measured_is_refused_with_those_that_are() -> None:
    words = [sys.executable, "-m", "benchmarks.passthrough", "--event", "matched"]
    ran = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert "'matched' is not an event of this benchmark" in ran.stderr
