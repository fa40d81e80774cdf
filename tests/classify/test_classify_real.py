"""How good a model is on what citizens really wrote; the floors lie a little under what was measured.

New Haven's is judged by tests/endtoend/test_newhaven.py, which has to train it anyway.
"""

import csv
from pathlib import Path

import pytest
from cold_start import KONSTANZ, NEW_HAVEN, Mapping

from services.classify.serving.scorer import OnnxScorer
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
    assert card.released >= 0.12
    assert card.released_precision is not None
    assert card.released_precision >= 0.95
    assert card.calibration_error <= 0.08


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("file", "mapping", "floors"),
    [("newhaven_2014_jan_aug.csv", NEW_HAVEN, (0.64, 0.80)), ("konstanz_first70.csv", KONSTANZ, (0.52, 0.77))],
    ids=["newhaven", "konstanz"],
)
def test_in_its_first_hour_the_shipped_model_is_of_use_to_a_city_it_has_never_read(
    real_data: Path, file: str, mapping: Mapping, floors: tuple[float, float]
) -> None:
    """Of texts whose category has a counterpart; where it says a category that has none, it is wrong."""
    with (real_data / file).open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["text"].strip()]
    possible = frozenset[str]().union(*mapping.values())
    rows = [row for row in rows if row["category"] in possible]
    said = OnnxScorer(Path(__file__).parents[2] / "models" / "shipped").score([row["text"] for row in rows])
    right = [
        [row["category"] in mapping.get(code, ()) for code, _ in opinion.best]
        for row, opinion in zip(rows, said, strict=True)
    ]
    first, among_three = (sum(each) / len(rows) for each in ((one[0] for one in right), map(any, right)))
    assert first >= floors[0]
    assert among_three >= floors[1]
