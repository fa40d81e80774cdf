"""How good models are on what citizens really wrote; the floors lie a little under what was measured."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.classify.training.examples import Example, read_times
from services.classify.training.train import train

REAL = Path(os.environ.get("STORMDRAIN_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


@dataclass(frozen=True)
class Floor:
    top1: float
    top3: float
    released: float
    released_precision: float


@pytest.mark.realdata
@pytest.mark.skipif(not REAL.is_dir(), reason="no real data: set STORMDRAIN_REAL_DATA")
@pytest.mark.parametrize(
    ("file", "label", "floor"),
    [
        pytest.param(
            "newhaven_2014_jan_aug.csv",
            "category",
            Floor(0.61, 0.80, 0.20, 0.90),
            marks=pytest.mark.slow,
            id="new-haven",
        ),
        pytest.param("konstanz_first70.csv", "category", Floor(0.74, 0.93, 0.25, 0.95), id="konstanz"),
    ],
)
def test_real_reports_held_back_by_time_are_classified_as_well_as_measured(
    tmp_path: Path, file: str, label: str, floor: Floor
) -> None:
    with (REAL / file).open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["text"]]
    times = read_times([row["created_at"] for row in rows])
    history = [Example(text=row["text"], label=row[label], created=at) for row, at in zip(rows, times, strict=True)]
    card = train(history, families={}, out=tmp_path, source=file)
    assert card.judged_by == "learnt from the earlier 80%, judged by the later 20%"
    assert card.top1 >= floor.top1
    assert card.top3 >= floor.top3
    assert card.released >= floor.released
    assert card.released_precision is not None
    assert card.released_precision >= floor.released_precision
    assert card.calibration_error <= 0.08
