"""How good a model is on what citizens really wrote; the floors lie a little under what was measured.

New Haven's is judged by tests/endtoend/test_newhaven.py, which has to train it anyway.
"""

import csv
from pathlib import Path

import pytest

from services.classify.training.examples import Example, read_times
from services.classify.training.train import train


@pytest.mark.realdata
def test_real_reports_held_back_by_time_are_classified_as_well_as_measured(real_data: Path, tmp_path: Path) -> None:
    file = "konstanz_first70.csv"
    with (real_data / file).open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["text"]]
    times = read_times([row["created_at"] for row in rows])
    history = [
        Example(text=row["text"], label=row["category"], created=at) for row, at in zip(rows, times, strict=True)
    ]
    card = train(history, families={}, out=tmp_path, source=file)
    assert card.judged_by == "learnt from the earlier 80%, judged by the later 20%"
    assert card.top1 >= 0.74
    assert card.top3 >= 0.93
    assert card.released >= 0.25
    assert card.released_precision is not None
    assert card.released_precision >= 0.95
    assert card.calibration_error <= 0.08
