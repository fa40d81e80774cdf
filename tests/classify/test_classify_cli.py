import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from classify_phrases import history
from typer.testing import CliRunner, Result

from services.classify.serving.scorer import OnnxScorer
from services.cli.train import train

ROOT = Path(__file__).parents[2]
CITY = ROOT / "city"
STRANGE = (
    "past.csv: 1 of its categories are not the city's: gas (gas); "
    "give the column of service codes, or add them to categories.yaml\n"
)
LACKING = (
    "stormdrain train needs libraries that are not installed (onnx); install them: pip install 'stormdrain[train]'\n"
)
app = typer.Typer()
app.command()(train)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def past(tmp_path: Path) -> Path:
    path = tmp_path / "past.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [
            [each.created.isoformat() if each.created else "", each.text, each.label] for each in history(6, dated=True)
        ]
        csv.writer(file).writerows([["opened", "words", "kind"], *rows, ["2024-02-01", "noise", "rare kind"]])
    return path


def test_a_model_is_trained_on_past_requests_and_told_of(tmp_path: Path, past: Path) -> None:
    out = tmp_path / "model"
    result = run("--history", past, "--text", "words", "--label", "kind", "--created", "opened", "--out", out)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "4 categories learnt from 240 texts of past.csv"
    assert lines[1] == "learnt from the earlier 80%, judged by the later 20%:"
    assert lines[2].endswith("of 48 have the right category first, 100.0% among the first three")
    assert "asked for: 95%" in lines[3]
    assert lines[-1] == f"written to {out}; classify serves it with CLASSIFY_MODEL_DIR={out}"
    assert "100%  writing the model" in result.stderr
    assert OnnxScorer(out).card.earliest == "2024-01-01"


def test_the_card_is_printed_for_machines(tmp_path: Path, past: Path) -> None:
    result = run("--history", past, "--text", "words", "--label", "kind", "--out", tmp_path / "model", "--json")
    card = json.loads(result.stdout)
    assert (card["texts"], card["earliest"]) == (240, "")
    assert card["judged_by"].startswith("cross-validated in 5 folds at random")


def test_nothing_to_learn_from_is_told(tmp_path: Path) -> None:
    result = run("--out", tmp_path)
    assert (result.exit_code, result.stderr) == (
        1,
        "stormdrain train has nothing to learn from; give --history FILE --text COLUMN --label COLUMN or --city DIR\n",
    )


def test_a_history_without_named_columns_is_told(tmp_path: Path, past: Path) -> None:
    result = run("--out", tmp_path, "--history", past, "--text", "words")
    assert (result.exit_code, result.stderr) == (
        1,
        f"stormdrain train cannot read {past}; name its columns: --text COLUMN --label COLUMN\n",
    )


def test_a_history_with_other_categories_than_the_citys_is_refused(tmp_path: Path, past: Path) -> None:
    result = run("--out", tmp_path, "--history", past, "--text", "words", "--label", "kind", "--city", CITY)
    assert (result.exit_code, result.stderr) == (1, STRANGE)


def test_faults_of_the_history_and_the_city_are_told_as_they_are(tmp_path: Path, past: Path) -> None:
    result = run("--out", tmp_path, "--history", past, "--text", "word", "--label", "kind")
    assert result.exit_code == 1
    assert "--text word: past.csv has no column of that name" in result.stderr
    result = run("--out", tmp_path, "--city", tmp_path)
    assert result.exit_code == 1
    assert f"the city in {tmp_path} cannot be used" in result.stderr
    result = run("--out", tmp_path, "--history", past, "--text", "words", "--label", "kind", "--created", "words")
    assert result.exit_code == 1
    assert "are in no known notation; expected 2026-01-31T08:15:00" in result.stderr


def test_a_cascade_says_how_many_are_read_again(tmp_path: Path, past: Path) -> None:
    out = tmp_path / "model"
    words = ("--history", past, "--text", "words", "--label", "kind", "--created", "opened")
    result = run(*words, "--out", out, "--encoder", "minilm")
    assert result.exit_code == 0, result.stderr
    assert "of them are read again by all-MiniLM-L6-v2; right first without it: 100.0%" in result.stdout
    assert "reading with all-MiniLM-L6-v2" in result.stderr
    scorer = OnnxScorer(out)
    assert scorer.card.cascade is not None
    assert scorer.encoder is not None
    assert scorer.score(["a pothole by the bridge"])[0].best[0][0] == "pothole"


def test_tuning_says_what_it_lacks(tmp_path: Path, past: Path) -> None:
    words = ("--history", past, "--text", "words", "--label", "kind", "--out", tmp_path, "--tune")
    result = run(*words)
    assert (result.exit_code, result.stderr) == (
        1,
        "stormdrain train --tune has no encoder to teach; give --encoder minilm\n",
    )


WITHOUT_ONNX = """
import sys
sys.modules["onnx"] = None
import typer
from services.cli.train import train
app = typer.Typer()
app.command()(train)
app()
"""


def test_tuning_without_torch_says_what_to_install(tmp_path: Path, past: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.cli.train.find_spec", lambda _name: None)
    result = run(
        "--history", past, "--text", "words", "--label", "kind", "--out", tmp_path, "--tune", "--encoder", "minilm"
    )
    assert (result.exit_code, result.stderr) == (
        1,
        "stormdrain train --tune needs torch, which is not installed: pip install 'stormdrain[train-deep]'\n",
    )


def test_without_the_train_extra_it_says_what_to_install(tmp_path: Path, past: Path) -> None:
    words = ["--out", str(tmp_path), "--history", str(past), "--text", "words", "--label", "kind"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ONNX, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, LACKING)
