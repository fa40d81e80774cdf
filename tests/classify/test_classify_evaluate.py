"""`stormdrain evaluate`: every figure by hand on a few texts, and the command on a model and a history."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import typer
from classify_phrases import history
from typer.testing import CliRunner, Result

from services.classify.training.evaluate import Confusion, Evaluation, evaluate
from services.cli.evaluate import evaluate as command

LABELS = ("flood", "graffiti", "pothole")
app = typer.Typer()
app.command()(command)


def judged(rows: Sequence[tuple[str, float, str]], *, target: float = 0.75) -> Evaluation:
    """Judge texts given as: what was guessed, how surely, what was meant."""
    shares = np.array([[sure if label == guessed else (1 - sure) / 2 for label in LABELS] for guessed, sure, _ in rows])
    return evaluate(
        [f"text {number}" for number in range(len(rows))],
        [meant for _, _, meant in rows],
        shares,
        labels=LABELS,
        thresholds={"flood": 0.8, "graffiti": 0.6, "pothole": None},
        target=target,
    )


ROWS = [
    ("flood", 0.95, "flood"),
    ("flood", 0.9, "flood"),
    ("flood", 0.85, "graffiti"),
    ("graffiti", 0.8, "graffiti"),
    ("graffiti", 0.5, "flood"),
    ("pothole", 0.99, "pothole"),
    ("pothole", 0.45, "noise"),
    ("pothole", 0.4, "noise"),
]


def test_the_figures_are_those_that_one_counts_by_hand() -> None:
    found = judged(ROWS)
    assert (found.texts, found.unknown) == (8, {"noise": 2})
    assert (found.top1, found.top3) == (0.5, 0.75)
    assert found.at_target == 5 / 8  # of the surest five, four are right; of six, four
    assert (found.released, found.released_precision) == (0.5, 0.75)
    assert found.released_at_least == pytest.approx(0.3205, abs=1e-3)
    assert found.confused == (
        Confusion(meant="noise", guessed="pothole", texts=2),
        Confusion(meant="flood", guessed="graffiti", texts=1),
        Confusion(meant="graffiti", guessed="flood", texts=1),
    )
    assert [(each.text, each.meant, each.guessed) for each in found.worst] == [
        ("text 2", "graffiti", "flood"),
        ("text 4", "flood", "graffiti"),
        ("text 6", "noise", "pothole"),
        ("text 7", "noise", "pothole"),
    ]


def test_each_category_has_its_row_also_one_that_the_model_does_not_know() -> None:
    rows = {each.code: each for each in judged(ROWS).categories}
    flood, noise, pothole = rows["flood"], rows["noise"], rows["pothole"]
    assert (flood.texts, flood.guessed, flood.precision, flood.recall) == (3, 3, 2 / 3, 2 / 3)
    assert (flood.threshold, flood.released, flood.released_precision) == (0.8, 3, 2 / 3)
    assert (noise.texts, noise.guessed, noise.precision, noise.recall, noise.released) == (2, 0, None, 0.0, 0)
    assert (pothole.threshold, pothole.released, pothole.released_precision) == (None, 0, None)


def test_confidence_that_is_as_good_as_it_says_has_no_error_and_its_dots_lie_on_the_line() -> None:
    rows = [("flood", 0.8, "flood")] * 4 + [("flood", 0.8, "pothole")]
    found = judged(rows)
    assert found.calibration_error == pytest.approx(0, abs=1e-6)
    assert [(each.texts, each.right) for each in found.bins] == [(5, 0.8)]
    assert found.bins[0].confidence == pytest.approx(0.8)
    assert judged([("flood", 1.0, "pothole")]).calibration_error == 1.0


def test_of_equally_sure_texts_all_are_let_out_or_none() -> None:
    found = judged([("flood", 0.9, "flood"), ("flood", 0.9, "pothole")], target=1.0)
    assert found.at_target == 0
    assert [(point.share, point.precision) for point in found.curve] == [(1.0, 0.5)]


def test_nothing_to_judge_by_is_an_error() -> None:
    with pytest.raises(ValueError, match="no text"):
        judged([])


# The command.


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def past(tmp_path: Path) -> Path:
    path = tmp_path / "later.csv"
    rows = [
        [each.created.isoformat() if each.created else "", each.text, each.label] for each in history(2, dated=True)
    ]
    late = [["2031-05-01", "<script>alert(1)</script> a dead whale on the beach", "whale"]] * 2
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["opened", "words", "kind"], *rows, *late])
    return path


def test_a_model_is_judged_and_its_page_written(small_model: Path, past: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    asked = ("--model", small_model, "--history", past, "--text", "words", "--label", "kind", "--created", "opened")
    result = run(*asked, "--report", page)
    assert result.exit_code == 0, result.output
    assert "1 repeats of a text under the same category count once" in result.stdout
    assert "have the right category first" in result.stdout
    assert f"the page is {page}" in result.stdout
    written = page.read_text("utf-8")
    assert "a dead whale" in written
    assert "<script>" not in written
    assert "not known to the model" in written
    assert written.count("<svg") == 2
    assert "://" not in written


def test_the_figures_are_printed_for_machines_and_since_leaves_out_what_came_before(
    small_model: Path, past: Path
) -> None:
    asked = ("--model", small_model, "--history", past, "--text", "words", "--label", "kind")
    whole = json.loads(run(*asked, "--json").stdout)
    late = json.loads(run(*asked, "--created", "opened", "--since", "2031-01-01", "--json").stdout)
    assert whole["unknown"] == {"whale": 1}
    assert whole["texts"] > 1
    assert (late["texts"], late["top1"], late["released"]) == (1, 0.0, late["released"])


def test_what_cannot_be_judged_is_told(small_model: Path, past: Path, tmp_path: Path) -> None:
    asked = ("--model", small_model, "--history", past, "--text", "words", "--label", "kind")
    for words, said in (
        (("--since", "2031-01-01"), "--since needs to know when requests came in; name the column: --created COLUMN"),
        (("--created", "opened", "--since", "soon"), "--since soon: no day; expected 2026-01-31"),
        (("--created", "opened", "--since", "2040-01-01"), "later.csv: no request came in since 2040-01-01"),
        (("--created", "words"), "are in no known notation"),
    ):
        result = run(*asked, *words)
        assert result.exit_code == 1
        assert said in result.stderr
    result = run("--model", tmp_path, "--history", past, "--text", "words", "--label", "kind")
    assert (result.exit_code, "there is no card.json" in result.stderr) == (1, True)
