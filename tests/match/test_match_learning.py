"""What is learned from a past, and the file that it is kept in."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from match_reports import WEIGHTS
from msgspec.structs import replace

from services.incidents.learning import SIGNS, Example, Learned, learn
from services.incidents.pairs import FEATURES
from services.incidents.shelf import WeightsError, read, write

WIDTH = len(FEATURES)
NEAR, ALIKE, OTHERWISE = (FEATURES.index(name) for name in ("near", "said alike", "said otherwise"))
PRIOR = Learned(-4.0, {"near": 3.0, "said alike": 4.0}, {})


def values(*pairs: tuple[float, float]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Give a row for each pair: how near it is and how alike its texts are."""
    rows = np.zeros((len(pairs), WIDTH))
    for place, (near, alike) in enumerate(pairs):
        rows[place, [NEAR, ALIKE, OTHERWISE]] = near, alike, 1 - alike
    return rows


def truths(number: int, seed: int = 1) -> list[Example]:
    """Give reports with one pair of their incident, near and alike, one that is only near, and one only alike."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        one, two, three = random.uniform(0.0, 0.3, 3).tolist()
        same = np.array([False, True, False])
        found.append(Example("roads", values((1 - one, two), (1 - one, 1 - three), (two, 1 - three)), same))
    return found


def test_weights_are_learned_that_tell_duplicates_from_others() -> None:
    found = learn(truths(200))
    odds = {
        pair: found.bias + found.families["roads"] + float(values(pair)[0] @ [found.weights[each] for each in FEATURES])
        for pair in ((0.9, 0.9), (0.9, 0.1), (0.1, 0.9))
    }
    assert odds[0.9, 0.9] > 1
    assert odds[0.9, 0.1] < -1
    assert odds[0.1, 0.9] < -1


def test_no_weight_has_the_wrong_sign_even_where_the_truths_are_upside_down() -> None:
    upside_down = [each._replace(same=~each.same) for each in truths(100) if each.same is not None]
    for found in (learn(truths(100)), learn(upside_down), learn(upside_down, PRIOR)):
        assert set(found.weights) == set(FEATURES)
        assert {name: each for name, each in found.weights.items() if each * SIGNS.get(name, 0) < 0} == {}


def test_marks_that_name_no_other_report_find_the_one_that_was_meant() -> None:
    marked = [each._replace(same=None, marked=True) for each in truths(200)]
    strangers = [Example("roads", values((0.9, 0.1), (0.1, 0.2)), None) for _ in range(50)]
    blind, told = learn([*marked, *strangers]), learn(truths(200) + strangers)
    for name in ("near", "said alike"):
        assert blind.weights[name] == pytest.approx(told.weights[name], rel=0.25)


def test_few_marks_leave_the_weights_near_those_that_were_shipped_and_many_do_not() -> None:
    def off(number: int) -> float:
        found = learn(truths(number), PRIOR).weights
        return math.hypot(*(found[name] - PRIOR.weights.get(name, 0.0) for name in FEATURES))

    assert off(2) < 0.6
    assert off(2) < off(20) < off(400)


def test_without_a_duplicate_or_without_another_there_is_nothing_to_learn() -> None:
    none = np.zeros(2, np.bool_)
    with pytest.raises(ValueError, match=r"^no duplicate among them$"):
        learn([Example("roads", values((0.1, 0.1), (0.2, 0.1)), none)])
    with pytest.raises(ValueError, match=r"^nothing among them but duplicates$"):
        learn([Example("roads", values((0.1, 0.1), (0.2, 0.1)), ~none)])
    for nothing in ([], [Example("roads", values(), none[:0], marked=True)]):
        with pytest.raises(ValueError, match="no duplicate"):
            learn(nothing)


def test_a_file_of_weights_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "match.json"
    write(path, WEIGHTS)
    assert read(path) == WEIGHTS
    assert path.read_text().startswith("{\n")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "No such file or directory"),
        ("", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "Object missing required field `source`"),
        (replace(WEIGHTS, format=9), "it is of format 9, expected 1"),
        (replace(WEIGHTS, weights={"luck": 1.0, "near": 2.0}), "it weighs luck, which nothing measures"),
        *(
            (each, "a weight is not a number, or the bands are not 0 < suggestion <= automatic <= 1")
            for each in (
                replace(WEIGHTS, suggestion=0.0),
                replace(WEIGHTS, suggestion=0.9, automatic=0.8),
                replace(WEIGHTS, automatic=1.1),
            )
        ),
    ],
)
def test_a_file_that_cannot_be_served_is_named_with_what_is_wrong_and_what_to_do(
    tmp_path: Path, content: object, fault: str
) -> None:
    path = tmp_path / "match.json"
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        write(path, content)  # type: ignore[arg-type]
    expected = f"match cannot serve the weights in {path}: {fault}; train them: stormdrain train-match"
    with pytest.raises(WeightsError, match=f"^{re.escape(expected)}$"):
        read(path)


def test_a_weight_beyond_all_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "match.json"
    write(path, WEIGHTS)
    path.write_text(path.read_text().replace("-4.0", "1e999"))
    with pytest.raises(WeightsError, match="match cannot serve the weights"):
        read(path)
