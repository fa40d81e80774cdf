"""The benchmark of the whole pipeline, run small: it says what it should; no figure is judged here."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks.pipeline import command, stages
from benchmarks.pipeline.course import Load

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_small_run_ends_with_one_line_of_json_that_says_what_arrived_and_what_each_worker_cost() -> None:
    small = ("--reports", "0", "--to-case", "0", "--rate", "50", "--seconds", "3", "--warm-up", "20")
    words = [sys.executable, "-m", "benchmarks.pipeline", *small]
    ran = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    found = json.loads(line)
    assert found.keys() == {"benchmark", "at", "versions", "machine", "settings", "lost", "doubled", "steady"}
    assert (found["benchmark"], found["lost"], found["doubled"]) == ("pipeline", 0, 0)
    assert found["steady"].keys() == {"reports_per_s", "p50_ms", "p99_ms", "runs"}
    (run,) = found["steady"]["runs"]
    assert run["sent"] == 150
    assert run["delivered"] + run["held"] == 150
    assert run["stages"].keys() == set(stages.STAGES[1:])
    assert run["bottleneck"] in run["stages"]
    workers = {*stages.STAGES[1:], "review", "watch", "index", "crm", "broker", "benchmark"}
    assert run["cpu_ms_per_report"].keys() == run["resident_mib"].keys() == workers


class Course:
    """A town that is told what would be sent through it, and loses one report of the second storm."""

    kafka = "0"

    def __init__(self, loads: list[Load]) -> None:
        self._loads = loads

    def run(self, load: Load, say: Callable[[str], None]) -> dict[str, Any]:
        self._loads.append(load)
        say("settled")
        lost = load.seed - 1
        return {"reports_per_s": 10.0 * load.seed, "p50_ms": 1, "p99_ms": 2, "lost": lost, "doubled": 0}


def test_all_parts_are_run_each_time_in_a_town_of_their_own_and_a_lost_report_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loads: list[Load] = []
    towns: list[tuple[dict[str, str], bool]] = []

    @contextmanager
    def running(_city: Path, _models: Path, settings: dict[str, str], *, to_case: bool) -> Iterator[Course]:
        towns.append((settings, to_case))
        yield Course(loads)

    monkeypatch.setattr(command, "running", running)
    changed = ["ROUTE_BATCH_SIZE=7"]
    with pytest.raises(typer.Exit) as ended:
        command.pipeline(reports=1000, rate=200.0, seconds=3.0, to_case=500, repeats=2, warm_up=20, setting=changed)
    assert ended.value.exit_code == 1
    assert towns == [({"ROUTE_BATCH_SIZE": "7"}, short) for short in (False, False, True)] * 2
    assert [(load.reports, load.per_second, load.warm_up, load.seed) for load in loads] == [
        (1000, 0.0, 20, 1),
        (600, 200.0, 20, 1),
        (500, 0.0, 20, 1),
        (1000, 0.0, 20, 2),
        (600, 200.0, 20, 2),
        (500, 0.0, 20, 2),
    ]
    found = json.loads(capsys.readouterr().out)
    assert (found["lost"], found["doubled"]) == (3, 0)
    assert found["saturation"]["reports_per_s"]["median"] == 15.0
    assert len(found["steady"]["runs"]) == 2


def test_what_was_held_and_later_delivered_has_settled_when_it_came_to_a_person() -> None:
    times = {"door": {"a": 1, "b": 2}, "held": {"a": 10, "b": 20}, "deliver": {"b": 50}}
    assert stages.settled(times) == {"a": 10, "b": 20}
    assert stages.latencies(times) == [9, 18]


def test_on_the_short_way_a_report_has_settled_when_there_is_a_case_or_a_draft() -> None:
    times = {"door": {"a": 1, "b": 2}, "held": {"a": 10}, "decide": {"a": 10, "b": 30}, "deliver": {}}
    assert stages.settled(times, "decide") == {"a": 10, "b": 30}
    assert stages.latencies(times, "decide") == [9, 28]
    every = {"door": times["door"], "held": times["held"], "deliver": {}}
    every |= dict.fromkeys(stages.STAGES[1:-1], times["decide"])
    assert list(stages.figures(every, "decide")) == list(stages.STAGES[1:-1])


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
