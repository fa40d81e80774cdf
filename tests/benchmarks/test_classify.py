"""The classifier's benchmark, run small: it says what it should; no figure is judged here."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

from services.city.load import load

REPOSITORY = Path(__file__).parents[2]
KEPT = ("HOME", "XDG_CACHE_HOME", "STORMDRAIN_MAVEN_REPO")
"""By which the encoder is found and fetched."""


def test_a_small_run_ends_with_one_line_of_json_that_says_what_was_measured(tmp_path: Path) -> None:
    city = load(REPOSITORY / "city")
    phrases = [
        (text, code)
        for code, category in list(city.categories.items())[:4]
        for texts in category.examples.values()
        for text in texts
    ]
    with (tmp_path / "past.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "kind"), *phrases])
    words = [
        "--history",
        "past.csv",
        "--text",
        "text",
        "--label",
        "kind",
        "--rounds",
        "2",
        "--texts",
        "20",
        "--encoder",
    ]
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.classify", *words],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(REPOSITORY),
            "PATH": "/usr/bin:/bin",
            **{name: os.environ[name] for name in KEPT if name in os.environ},
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    found = json.loads(line)
    assert found["benchmark"] == "classify"
    assert found["learnt"] + found["judged"] > 100
    assert found["sides"].keys() == {
        "tfidf",
        "logistic",
        "hinge",
        "bayes",
        "stormdrain",
        "stormdrain one by one",
        "minilm",
        "cascade",
        "encoder",
    }
    assert found["starts"]["cascade"]["peak_mib"] > found["starts"]["stormdrain"]["peak_mib"] > 50
    assert found["starts"]["cascade"]["first_answer_s"] > 0.1
    assert found["sides"]["stormdrain"].keys() == {
        "top1",
        "top3",
        "at_95",
        "released",
        "released_precision",
        "calibration_error",
        "learnt_s",
        "texts_per_s",
    }
    ours = found["sides"]
    assert ours["stormdrain"]["top1"] == ours["stormdrain one by one"]["top1"]
