"""The race of pipelines, small, with ours and Faust: they say the same of every report; no figure is judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.pipeline import chain, figures
from benchmarks.peers.pipeline.reports import Storm
from benchmarks.peers.pipeline.tables import door, tables

REPOSITORY = Path(__file__).parents[2]
SMALL = (
    *("--world", "synthetic", "--peer", "faust", "--installed", "--qualifying", "0", "--reports", "120"),
    *("--rounds", "1", "--rate", "20", "--seconds", "2", "--burst-seconds", "1", "--base", "10", "--times", "5"),
    *("--door", "0"),
)


def test_ours_and_faust_say_the_same_of_every_report_and_the_result_is_one_line_of_json() -> None:
    words = [sys.executable, "-m", "benchmarks.peers.pipeline", *SMALL]
    ran = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    found = json.loads(line)
    world = found["worlds"]["synthetic"]
    assert world["sides"].keys() == {"stormdrain", "bare", "faust-one"}
    assert world["checked"]["stormdrain"] > 120 + 40
    assert world["checked"]["faust-one"] > 30 + 40
    for side in world["sides"].values():
        assert side["saturated"]["reports_per_s"]["median"] > 0
        assert side["steady"]["20"]["p99_ms"]["median"] > 0
    assert world["sides"]["stormdrain"]["burst"]["reports"] >= 30 + 50
    page = tables(found)
    assert "| stormdrain | " in page
    assert "Outputs compared, report by report" in page


def test_a_chain_of_single_records_says_what_the_workers_say_of_them_together() -> None:
    city, models = REPOSITORY / "city", REPOSITORY / "models"
    stages = {stage.reads: stage for stage in chain.stages(chain.STAGES, city, models, "x.")}
    ends = set(chain.ends(city, "x."))
    waiting = [(f"x.{chain.RECEIVED}", 0, record.value, record.headers) for record in Storm(city, models, 3).take(40)]
    came_out = []
    while waiting:
        topic, partition, value, headers = waiting.pop(0)
        if topic in ends:
            came_out.append(json.loads(value)["report"]["request_id"])
            continue
        waiting += [
            (said.topic, said.partition or 0, said.value, said.headers)
            for said in stages[topic].step(partition, value, headers)
        ]
    assert len(set(came_out)) == 40


def test_a_trace_goes_on_through_the_chain() -> None:
    city, models = REPOSITORY / "city", REPOSITORY / "models"
    (stage,) = chain.stages(["classify"], city, models, "")
    (record,) = Storm(city, models, 3).take(1)
    (said,) = stage.step(0, record.value, record.headers)
    before, after = dict(record.headers)["traceparent"], dict(said.headers)["traceparent"]
    assert after[:36] == before[:36]
    assert after != before


def test_a_side_has_recovered_when_the_first_of_ten_prompt_reports_in_a_row_was_sent() -> None:
    sent = {str(number): 100.0 + number for number in range(20)}
    first = {name: at + (5.0 if at < 104 else 0.02) for name, at in sent.items()}
    assert figures.recovered_after(sent, first, burst_ended=99.0, limit_ms=50.0) == 5.0
    assert figures.recovered_after(sent, first, burst_ended=99.0, limit_ms=10.0) is None


def test_what_never_came_out_is_not_prompt() -> None:
    sent = {str(number): float(number) for number in range(12)}
    first = {name: at for name, at in sent.items() if name != "5"}
    assert figures.recovered_after(sent, first, burst_ended=0.0, limit_ms=1.0) is None


def test_percentiles_are_of_what_came_out_in_milliseconds() -> None:
    sent = {str(number): 0.0 for number in range(100)}
    first = {name: (int(name) + 1) / 1000 for name in sent}
    assert figures.percentiles(sent, first) == {"p50_ms": pytest.approx(51.0), "p99_ms": pytest.approx(100.0)}
    assert figures.percentiles({}, {}) == {"p50_ms": None, "p99_ms": None}


def test_what_was_measured_through_the_door_is_told_with_what_each_process_took() -> None:
    rates = {"median": 2100.0, "q1": 2000.0, "q3": 2200.0}
    runs = [{"reports_per_s": 2100.0, "cpu_ms_per_report": {"receive-0": 0.2, "broker": 0.3}}]
    world = {"door": {"reports_per_s": rates, "runs": runs}, "door_all_ten": None}
    told = door(world)
    assert "2,100 (2,000 to 2,200) reports/s with the six workers of the way." in told
    assert told.endswith("Milliseconds of processor a report: receive 0.20, broker 0.30.")
