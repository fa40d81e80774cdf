import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, gone, inside, line_of, started

from services.cli.demo import conclude
from services.cli.passage import FIGURES, Passage
from services.sandbox.gateway import Sent
from services.sandbox.tally import Tally, judge


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT), "COLUMNS": "200", **more}


def passage(sent: list[str], book: list[str], held: set[str]) -> Passage:
    tally = Tally(held=held, received=set(sent))
    records = [{"ref": ref, "records": book.count(ref)} for ref in dict.fromkeys(book)]
    return Passage(
        sent=Sent(accepted={each: each for each in sent}),
        tally=tally,
        verdict=judge(sent, tally, records),
        seconds=1.0,
    )


@pytest.mark.slow
def test_two_hundred_reports_arrive_and_nothing_is_left_behind(tmp_path: Path) -> None:
    # Settings of whoever starts it do not count: these would break it.
    wrong = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "RECEIVE_API_KEYS": "0" * 64, "MATCH_SLOT": "many"}
    with started("demo", "--count", "200", environment=environment(tmp_path, **wrong)) as demo:
        demo.wait_for("sending a synthetic storm of 200 reports (seed 1) on Port Alder, an invented town")
        family = demo.family()
        status, out = demo.end()
    assert status == 0, demo.told
    figures = line_of(out, "DEMO")
    assert out.count("\n") == 1
    assert figures.keys() == FIGURES.keys()
    assert figures["sent"] == figures["received"] == figures["classified"] == 200
    assert figures["delivered"] + figures["held"] == 200
    assert figures["delivered"] == figures["released"] == sum(figures["departments"].values())
    assert (figures["lost"], figures["doubled"], figures["dead"], figures["refused"]) == (0, 0, 0, 0)
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert len(family) >= 12, "a broker, a CRM and ten workers"
    assert gone(family)
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_interrupted_stops_everything_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with started("demo", "--count", "5000", "--rate", "50", environment=environment(tmp_path)) as demo:
        demo.wait_for("sending a synthetic storm")
        family = demo.family()
        demo.process.send_signal(signal.SIGINT)
        demo.process.send_signal(signal.SIGTERM)  # an impatient second one
        status, out = demo.end()
    assert (status, out) == (130, "")
    assert demo.told[-1] == "interrupted; everything is stopped"
    assert len(family) >= 12
    assert gone(family)
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_interrupted_while_it_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    with started("demo", environment=environment(tmp_path)) as demo:
        demo.wait_for("workers and the sandbox CRM")
        family = demo.family()
        demo.process.send_signal(signal.SIGTERM)
        status, _ = demo.end()
    assert status == 143
    assert family
    assert gone(family)
    assert list(tmp_path.iterdir()) == []


def test_started_elsewhere_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    status, out, told = inside("demo")
    assert (status, out) == (1, "")
    assert told[:2] == ["the demo cannot start:", f"  there is no town in {elsewhere}/city"]
    assert list(tmp_path.iterdir()) == [elsewhere]


def test_without_java_it_says_so_in_the_brokers_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    status, out, told = inside("demo", JAVA_HOME="/nowhere")
    assert (status, out) == (1, "")
    assert "the embedded broker cannot start: JAVA_HOME='/nowhere' has no Java that Apache Kafka runs on" in told


def test_it_ends_with_1_when_a_report_was_lost(capsys: pytest.CaptureFixture[str]) -> None:
    lost = passage(["a", "b", "c"], ["a"], {"b"})
    assert conclude(lost, count=3, workers=10, ended=[]) == 1
    out, told = capsys.readouterr()
    assert line_of(out, "DEMO")["lost"] == 1
    assert "lost: c\n" in told


def test_it_ends_with_1_when_a_report_was_doubled(capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude(passage(["a"], ["a", "a"], set()), count=1, workers=10, ended=[]) == 1
    out, told = capsys.readouterr()
    assert line_of(out, "DEMO")["doubled"] == 1
    assert "doubled: a\n" in told


def test_it_ends_with_1_when_a_worker_had_to_be_started_again(capsys: pytest.CaptureFixture[str]) -> None:
    fine: Any = passage(["a"], ["a"], set())
    assert conclude(fine, count=1, workers=10, ended=[]) == 0
    assert conclude(fine, count=1, workers=10, ended=["match-0"]) == 1
    assert "workers that had to be started again: match-0\n" in capsys.readouterr().err


def test_of_many_lost_reports_ten_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    conclude(passage([f"r{number:02}" for number in range(14)], [], set()), count=14, workers=10, ended=[])
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lost: ")]
    assert told == [*(f"lost: r{number:02}" for number in range(10)), "lost: 4 more"]
