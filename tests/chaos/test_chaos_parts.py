"""The parts of `stormdrain chaos` that need no cluster: what is drawn, what is weighed, what is written."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.chaos import page
from services.cli.chaos.brokers import java_hash
from services.cli.chaos.memory import Look, Memory
from services.cli.chaos.plan import KINDS, draw
from services.cli.chaos.reports import Past
from services.cli.chaos.run import Options
from services.cli.export import ExportError
from services.cli.main import app

ROOT = Path(__file__).parents[2]


def luck(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - seeded on purpose


def test_a_round_has_every_fault_as_often_as_it_says_and_the_systems_own_while_it_is_up() -> None:
    for seed in range(20):
        drawn = draw(luck(seed))
        played = [kind.name for kind in (*drawn.before, *drawn.while_down, *drawn.after)]
        assert sorted(played) == sorted(kind.name for kind in KINDS for _ in range(kind.times))
        assert all(kind.group != "system" for kind in drawn.while_down)
        assert len(drawn.while_down) == len(played) // 3


def test_the_same_seed_draws_the_same_round_and_another_one_another() -> None:
    assert draw(luck(1)) == draw(luck(1))
    assert draw(luck(1)) != draw(luck(2))


def test_a_fault_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"there is no fault of the name flood; expected some of: kill, kill all, "):
        draw(luck(1), ["flood"])


def test_the_coordinator_of_a_slot_is_found_as_kafka_finds_it() -> None:
    assert java_hash("a") == 97
    assert java_hash("ab") == 97 * 31 + 98
    assert java_hash("polygenelubricants") == 0  # its hashCode is the least integer, whose sign Kafka masks


def weighed(*lives: tuple[int, list[int]]) -> Memory:
    memory = Memory()
    looks = memory.looks.setdefault("route-0", [])
    for pid, residents in lives:
        looks += [Look(pid, 100 * number, resident) for number, resident in enumerate(residents)]
    return memory


def test_memory_that_grows_with_reports_is_told_in_bytes_a_report() -> None:
    growth = weighed((1, [1000 * number for number in range(40)])).growth()["route-0"]
    assert growth.per_report == pytest.approx(10.0, rel=0.01)


def test_memory_is_told_of_the_longest_life_and_not_across_a_restart() -> None:
    memory = weighed((1, [9_000_000] * 12), (2, [5000] * 30))
    assert memory.growth()["route-0"].per_report == 0.0
    assert memory.peak() == {"route-0": 9_000_000}


def test_of_a_life_that_was_too_short_nothing_is_told() -> None:
    assert weighed((1, [1, 2, 3])).growth() == {}


RESULT: dict[str, Any] = {
    "at": "2026-01-01T00:00:00+00:00",
    "options": ["--seed 7"],
    "settings": {"seed": 7, "nodes": 3},
    "what": "invented reports",
    "sent": 20_123,
    "seconds": 240.0,
    "poison": 201,
    "checks": [{"what": "reports lost", "found": "0", "expected": "0", "good": True, "examples": ()}],
    "faults": [
        {"kind": "zombie", "target": "route-0", "recovered_s": 4.0},
        {"kind": "zombie", "target": "match-0", "recovered_s": 6.0},
        {"kind": "scale", "target": "route 1 to 4", "recovered_s": None},
    ],
    "memory": {"route-0": {"peak": 104_857_600, "per_report": None}},
    "reactions": [{"case": "EndTxn: PRODUCER_FENCED", "did": "exited: another process holds its slot"}],
    "machine": {"cpus": 2},
    "versions": {"kafka": "4.3.1"},
}


def test_a_past_that_is_told_again_goes_on_in_its_own_time_and_ends_now(tmp_path: Path) -> None:
    export = tmp_path / "past.csv"
    rows = ["7,2020-01-01T00:00:00Z,a lamp", "8,2020-01-03T00:00:00Z,a hole", "9,2020-01-11T00:00:00Z,a tree"]
    export.write_text("\n".join(["id,created_at,text", *rows, ""]))
    told = list(itertools.islice(Past(export, at_least=7), 12))
    assert [report["source_id"] for report in told] == [f"{time}-{number}" for time in range(4) for number in (7, 8, 9)]
    times = [datetime.fromisoformat(report["created_at"]) for report in told]
    assert times[:9] == sorted(times[:9])
    assert [(b - a).days for a, b in itertools.pairwise(times[:9])] == [2, 8, 0, 2, 8, 0, 2, 8]
    for last in (times[8], times[11]):
        assert abs((datetime.now(UTC) - last).total_seconds()) < 60


def test_a_moment_at_the_door_is_days_in_a_past_that_is_told_in_minutes(tmp_path: Path) -> None:
    export = tmp_path / "past.csv"
    export.write_text("id,created_at,text\n7,2020-01-01T00:00:00Z,a lamp\n8,2020-01-11T00:00:00Z,a tree\n")
    assert Past(export, at_least=2).late(per_second=0.5, seconds=2.0) == timedelta(days=5)


def test_a_past_with_nothing_to_tell_is_refused(tmp_path: Path) -> None:
    export = tmp_path / "past.csv"
    export.write_text("id,created_at,text\n")
    with pytest.raises(ExportError, match="none of 0 rows can be sent"):
        Past(export, at_least=7)


def test_a_page_is_written_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{page.BEGIN}\nwhat was there\n{page.END}\nafter\n", "utf-8")
    page.write(path, RESULT)
    text = path.read_text("utf-8")
    assert text.startswith(f"before\n{page.BEGIN}\n")
    assert text.endswith(f"{page.END}\nafter\n")
    assert "what was there" not in text
    assert "Measured on 2026-01-01 by `stormdrain chaos --seed 7`: 20,123 invented reports in 4 minutes" in text
    assert "| reports lost | 0 | 0 |" in text
    (zombie,) = [line for line in text.splitlines() if line.startswith("| zombie |")]
    assert zombie.endswith("| 2 | 5.0 | 6.0 |")
    (scale,) = [line for line in text.splitlines() if line.startswith("| scale |")]
    assert scale.endswith("| 1 |  | not in time |")
    assert "| EndTxn: PRODUCER_FENCED | exited: another process holds its slot |" in text
    page.write(path, RESULT)
    assert path.read_text("utf-8") == text


def test_a_page_without_marks_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("a page", "utf-8")
    with pytest.raises(page.PageError, match="has no place for what was measured"):
        page.write(path, RESULT)
    assert path.read_text("utf-8") == "a page"


def test_the_documented_page_has_its_place() -> None:
    page.check(ROOT / "docs" / "reliability.md")


def test_options_are_told_as_they_are_given_and_only_where_they_differ() -> None:
    assert Options().words() == []
    options = Options(reports=1_000_000, only=("zombie", "disk full"), file=Path("/somewhere/past.csv.gz"))
    assert options.words() == ["--reports 1000000", '--only "zombie"', '--only "disk full"', "--file past.csv.gz"]


def test_the_faults_are_listed_without_anything_being_started() -> None:
    told = CliRunner().invoke(app, ["chaos", "--list"])
    assert told.exit_code == 0
    assert "zombie: " in told.output
    assert len(told.output.splitlines()) == len(KINDS)


def test_a_fault_that_does_not_exist_ends_the_command_before_anything_is_started() -> None:
    told = CliRunner().invoke(
        app, ["chaos", "--only", "flood", "--city", str(ROOT / "city"), "--models", str(ROOT / "models")]
    )
    assert told.exit_code == 2
    assert "there is no fault of the name flood" in told.output
