import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import numpy as np
import pytest
from classify_phrases import FAMILIES, FIRST, PHRASES, history, town
from hypothesis import given
from hypothesis import strategies as st

from services.classify.serving.card import CARD, FILES, MODEL, Card
from services.classify.serving.confidence import honest, softmax
from services.classify.serving.scorer import OnnxScorer
from services.classify.training import vocabulary
from services.classify.training.calibrate import (
    Judged,
    calibration_error,
    lower_bound,
    lowest,
    mixture,
    thresholds,
    upper_bound,
)
from services.classify.training.examples import Example, TrainingError, clean, digest, hold_back, of_city, read_times
from services.classify.training.picture import PICTURE
from services.classify.training.train import train
from services.classify.training.vocabulary import build


def example(text: str, label: str = "pothole", day: int | None = None, group: str = "") -> Example:
    created = None if day is None else FIRST + timedelta(days=day)
    return Example(text=text, label=label, created=created, group=group)


def many(label: str, count: int = 5, **also: str) -> list[Example]:
    return [example(f"{label} number {n}", label, **also) for n in range(count)]  # type: ignore[arg-type]


def judged(shares: list[list[float]], answers: list[int]) -> Judged:
    scores = np.log(np.array(shares) + 1e-9)[:, None, :]
    return Judged(
        scores=scores,
        answers=np.array(answers),
        folds=np.zeros(len(answers), dtype=int),
        unknown=np.zeros(len(answers)),
    )


def test_texts_are_tidied_and_what_is_left_out_is_told() -> None:
    cleaned = clean(
        [
            *many("a"),
            *many("b"),
            example(" A  NUMBER\n3 ", "a"),
            example("  ", "a"),
            example("no label", ""),
            *many("c", 4),
            example("\0x\0", "a"),
        ]
    )
    assert cleaned.labels == ("a", "b")
    assert sorted(each.text for each in cleaned.examples if each.label == "a") == [
        *(f"a number {n}" for n in range(5)),
        "x",
    ]
    assert cleaned.notes == (
        "1 rows without text are left out",
        "1 rows without a category are left out",
        "1 repeats of a text under the same category are left out",
        "left out, fewer than 5 texts: c (4)",
    )


@pytest.mark.parametrize(
    ("examples", "seen"), [([], "0 of 0 categories in 0 rows"), (many("a"), "1 of 1 categories in 5 rows")]
)
def test_nothing_or_one_category_cannot_be_learnt_from(examples: list[Example], seen: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as error:
        train(examples, families={}, out=tmp_path / "model", source="nothing")
    assert str(error.value) == (
        f"a model cannot be trained: {seen} have 5 different texts or more; expected at least 2; give a longer history"
    )
    assert not (tmp_path / "model").exists()


def test_dated_texts_are_parted_by_time_and_never_at_random() -> None:
    examples = clean([example(f"{label} {day}", label, day) for day in range(50, 0, -1) for label in "ab"]).examples
    parts = hold_back(examples)
    assert parts.by_time
    assert parts.rule == "learnt from the earlier 80%, judged by the later 20%"
    assert [(len(learnt), len(held)) for learnt, held in parts.pairs] == [(40, 20), (60, 20), (80, 20)]
    for learnt, held in parts.pairs:
        assert max(_day(examples[i]) for i in learnt) <= min(_day(examples[i]) for i in held)


def _day(found: Example) -> datetime:
    assert found.created
    return found.created


def test_what_takes_long_learns_once_and_is_judged_by_thresholds_from_what_came_before() -> None:
    parts = hold_back(clean(history(6, dated=True)).examples, once=True)
    assert [(len(learnt), held[0], len(held)) for learnt, held in parts.pairs] == [(144, 144, 48), (144, 192, 48)]
    assert parts.rule == "learnt from the earlier 60%, judged by the later 20%"
    undated = hold_back(clean(history(3)).examples, once=True)
    (learnt, first), (again, second) = undated.pairs
    assert learnt == again
    assert sorted([*learnt, *first, *second]) == list(range(120))
    assert abs(len(first) - len(second)) <= 1


def test_undated_texts_among_dated_ones_count_as_the_earliest() -> None:
    examples = clean([*many("a", 20), *(example(f"b {day}", "b", day) for day in range(20))]).examples
    assert all(each.created is None for each in examples[:20])


def test_times_of_different_zones_are_ordered_as_instants() -> None:
    west = datetime(2024, 1, 1, 23, 0, tzinfo=timezone(timedelta(hours=-8)))
    east = datetime(2024, 1, 2, 6, 0, tzinfo=UTC)
    pair = [
        Example(text=f"{n} {label}", label=label, created=at)
        for n in range(5)
        for label, at in (("w", west), ("e", east))
    ]
    assert [each.label for each in clean(pair).examples] == ["e"] * 5 + ["w"] * 5


def test_translations_of_a_phrase_are_held_back_together() -> None:
    examples = clean(of_city(town())).examples
    doubled = [*examples, *examples]
    parts = hold_back(doubled)
    assert parts.rule == (
        "phrases, not reports: cross-validated in 5 folds, no translation of a judged phrase was learnt from"
    )
    for learnt, held in parts.pairs:
        groups = {(doubled[i].label, doubled[i].group) for i in held}
        assert not groups & {(doubled[i].label, doubled[i].group) for i in learnt}


def test_undated_texts_are_cross_validated_each_judged_once() -> None:
    examples = clean([*many("a", 30), *many("b", 30)]).examples
    parts = hold_back(examples)
    assert parts.rule == "cross-validated in 5 folds at random, for want of dates: expect less of the future"
    assert sorted(i for _, held in parts.pairs for i in held) == list(range(60))


def test_the_digest_tells_examples_apart_and_not_their_order() -> None:
    some = history()
    assert digest(some) == digest(reversed(some))
    assert digest(some) != digest(some[1:])
    assert digest(some) != digest(history(dated=True))


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (
            ["2024-03-01", "", "2024-03-02T10:00:00Z"],
            [datetime(2024, 3, 1), None, datetime(2024, 3, 2, 10, tzinfo=UTC)],  # noqa: DTZ001
        ),
        (["03/13/2024 01:05:00 PM"], [datetime(2024, 3, 13, 13, 5)]),  # noqa: DTZ001
        (["03/04/2024", "25/12/2024"], [datetime(2024, 4, 3), datetime(2024, 12, 25)]),  # noqa: DTZ001
        (["31.12.2024 8:15"], [datetime(2024, 12, 31, 8, 15)]),  # noqa: DTZ001
        (["", ""], [None, None]),
        ([], []),
    ],
)
def test_a_column_of_times_is_read_by_one_notation(cells: list[str], found: list[datetime | None]) -> None:
    assert read_times(cells) == found


def test_times_in_no_notation_are_refused() -> None:
    with pytest.raises(TrainingError) as error:
        read_times(["", "last Tuesday", "2024-01-01"])
    assert str(error.value) == (
        "a model cannot be trained: times such as 'last Tuesday' are in no known notation; expected 2026-01-31T08:15:00"
    )


def test_the_bounds_are_those_of_clopper_and_pearson() -> None:
    """Without a miss the lower bound solves p ** n = doubt; without a hit the upper one (1 - p) ** n = doubt."""
    hits, counts = np.array([10, 45, 0]), np.array([10, 45, 10])
    assert lower_bound(hits, counts) == pytest.approx([0.1 ** (1 / 10), 0.1 ** (1 / 45), 0.0])
    assert upper_bound(hits, counts) == pytest.approx([1.0, 1.0, 1 - 0.1 ** (1 / 10)])


def test_a_threshold_is_the_lowest_confidence_with_enough_right_guesses() -> None:
    sure = np.linspace(1.0, 0.5, 100)
    right = np.arange(100) < 60
    found = lowest(sure, right, 0.95)
    assert found is not None
    assert right[sure >= found].mean() >= 0.95
    assert 0.68 < found < 0.72
    assert lowest(sure[:40], right[:40], 0.95) is None
    assert lowest(sure[:0], right[:0], 0.95) is None


def test_of_ten_samples_at_most_one_gives_a_threshold_that_does_not_hold() -> None:
    """Of guesses that are right as often as their confidence says, those above t are on average; many samples."""
    luck = np.random.default_rng(11)
    tried = released = broken = 0
    for _ in range(400):
        sure = luck.uniform(0.8, 1.0, 700)
        right = luck.random(700) < sure
        found = lowest(sure, right, 0.93)
        tried += 1
        released += found is not None
        broken += found is not None and (found + 1.0) / 2 < 0.93
    assert broken / tried <= 0.1
    assert released / tried > 0.8


@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.booleans()), max_size=200))
def test_no_threshold_is_given_that_its_own_texts_do_not_bear_out(texts: list[tuple[float, bool]]) -> None:
    sure, right = np.array([each for each, _ in texts]), np.array([each for _, each in texts], dtype=bool)
    found = lowest(sure, right, 0.9)
    if found is not None:
        above = sure >= found
        assert above.sum() >= 22
        assert right[above].mean() >= 0.9


LABELS, KIN = ("a", "b", "c"), {"a": "one", "b": "one", "c": "two"}


def test_a_category_with_too_few_texts_borrows_its_familys_threshold() -> None:
    shares = [[0.97, 0.02, 0.01]] * 80 + [[0.01, 0.98, 0.01]] * 3 + [[0.01, 0.04, 0.95]] * 3
    found = thresholds(np.array(shares), np.array([0] * 80 + [1] * 3 + [2] * 3), LABELS, KIN, 0.95)
    assert found["a"] == pytest.approx(0.97, abs=2e-4)
    assert found["b"] == pytest.approx(0.97, abs=2e-4)
    assert found["c"] == pytest.approx(0.95, abs=2e-4), "no family of its own, so that of all categories"


def test_a_category_whose_own_texts_speak_against_it_borrows_nothing() -> None:
    shares = [[0.97, 0.02, 0.01]] * 300 + [[0.01, 0.98, 0.01]] * 6
    found = thresholds(np.array(shares), np.zeros(306), LABELS, KIN, 0.95)
    assert found["a"] is not None
    assert found["b"] is None


def test_nothing_is_released_where_nothing_is_proven() -> None:
    assert set(thresholds(np.array([[0.9, 0.05, 0.05]] * 5), np.zeros(5), LABELS, KIN, 0.95).values()) == {None}


def test_the_mixture_makes_overconfidence_honest_and_passes_over_who_only_guesses() -> None:
    rng = np.random.default_rng(7)
    scores = rng.normal(size=(4000, 3)) * 2
    answers = np.array([rng.choice(3, p=row) for row in softmax(scores)])
    noise = rng.normal(size=(4000, 3)) * 5
    none = np.zeros(4000)
    loud = Judged(scores=np.stack([scores * 3, noise], axis=1), answers=answers, folds=none, unknown=none)
    weights = mixture(loud)
    assert weights == pytest.approx([1 / 3, 0.0], abs=0.03)
    assert calibration_error(softmax(scores * 3), answers) > 0.1
    assert calibration_error(loud.shares(weights), answers) < 0.03


def test_learners_that_know_different_things_are_better_together() -> None:
    rng = np.random.default_rng(8)
    truth = rng.normal(size=(4000, 3)) * 2
    answers = np.array([rng.choice(3, p=row) for row in softmax(truth)])
    blurred = [truth + rng.normal(size=truth.shape) * 2 for _ in range(2)]
    none = np.zeros(4000)
    both = Judged(scores=np.stack(blurred, axis=1), answers=answers, folds=none, unknown=none)
    one = Judged(scores=both.scores[:, :1], answers=answers, folds=none, unknown=none)

    def surprise(of: Judged) -> float:
        return -float(np.log(of.shares(mixture(of))[np.arange(4000), answers]).mean())

    assert surprise(both) < surprise(one) - 0.05
    assert mixture(both)[0] == pytest.approx(mixture(both)[1], rel=0.2)


def test_a_category_that_comes_late_is_learnt_although_the_earliest_texts_have_none(tmp_path: Path) -> None:
    early = [example(f"{label} number {day}", label, day) for day in range(40) for label in ("a", "b")]
    late = [example(f"zebra number {day}", "z", day) for day in range(34, 40)]
    train([*early, *late], families={}, out=tmp_path, source="phrases")
    assert OnnxScorer(tmp_path).score(["zebra"])[0].best[0][0] == "z"


def test_the_same_history_in_another_order_makes_the_same_model(small_model: Path, tmp_path: Path) -> None:
    card = train(reversed(history(3)), families=FAMILIES, out=tmp_path / "small", source="a test's phrases")
    for name in (*FILES, CARD):
        assert (tmp_path / "small" / name).read_bytes() == (small_model / name).read_bytes(), name
    assert card == OnnxScorer(small_model).card


def test_the_graph_gives_what_was_fitted(small_model: Path) -> None:
    """Half precision of the rows is all that parts them."""
    from services.classify.training.fit import fit  # noqa: PLC0415 - only here

    cleaned = clean(history(3))
    texts = [each.text for each in cleaned.examples]
    fitted = fit(build(texts, 4, 384), texts, [cleaned.labels.index(each.label) for each in cleaned.examples], 4)
    scorer = OnnxScorer(small_model)
    unseen = ["a lamp and a pothole by the bridge", "schon wieder Gas", "完全不同", ""]
    weights = np.array(list(scorer.card.mixture.values()))
    assert fitted.mixed(weights).scores(unseen) == pytest.approx(
        np.tensordot(fitted.scores(unseen), weights, (1, 0)), abs=1e-3
    )
    wanted = honest(softmax(fitted.mixed(weights).scores(unseen)), scorer.labels.confidence)
    assert scorer.shares(unseen)[0] == pytest.approx(wanted, abs=2e-3)


def test_the_card_says_where_the_model_comes_from_and_how_good_it_is(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    card = train(
        history(6, dated=True),
        families=FAMILIES,
        out=tmp_path / "model",
        source="past.csv",
        target_precision=0.8,
        on_progress=lambda what, share: told.append((what, share)),
    )
    assert told == [
        ("judging, part 1 of 3", 0.0),
        ("judging, part 2 of 3", 0.25),
        ("judging, part 3 of 3", 0.5),
        ("learning from all texts", 0.75),
        ("writing the model", 1.0),
    ]
    assert (card.source, card.texts, card.judged, card.target_precision) == ("past.csv", 240, 48, 0.8)
    assert (card.earliest, card.latest) == ("2024-01-01", "2024-08-27")
    assert card.data_sha256 == digest(clean(history(6, dated=True)).examples)
    assert card.judged_by == "learnt from the earlier 80%, judged by the later 20%"
    assert card.top1 > 0.9
    assert card.top3 >= card.top1
    assert card.released > 0.5
    assert card.released_precision is not None
    assert card.released_precision > 0.9
    assert card.categories["gas"].texts == 60
    assert card.versions.keys() == {"python", "numpy", "onnx", "scipy", "tokenizers"}
    written = json.loads((tmp_path / "model" / CARD).read_bytes())
    assert msgspec.convert(written, Card) == card
    assert written["files"].keys() == set(FILES)
    picture = (tmp_path / "model" / PICTURE).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20]) == 720


def test_a_model_is_replaced_whole(small_model: Path, tmp_path: Path) -> None:
    first = train(history(2), families=FAMILIES, out=tmp_path, source="one")
    second = train(history(3), families=FAMILIES, out=tmp_path, source="two")
    assert first.files[MODEL] != second.files[MODEL]
    assert OnnxScorer(tmp_path).card == second
    assert second.files == OnnxScorer(small_model).card.files


def test_a_citys_names_keywords_and_examples_are_what_it_teaches() -> None:
    found = of_city(town())
    assert Example(text="Pothole", label="pothole") in found
    assert Example(text=PHRASES["gas"][0], label="gas", group="phrase 0") in found
    assert len(found) == 46
    texts = {each.text for each in found}
    assert any("ß" in text and text.replace("ß", "ss") in texts for text in texts), "as keyboards without ß write it"


def test_a_category_without_a_family_is_its_own(tmp_path: Path) -> None:
    train(history(), families={"pothole": "roads"}, out=tmp_path, source="phrases")
    families = OnnxScorer(tmp_path).labels.families
    assert families == {"pothole": "roads", "sidewalk": "sidewalk", "street-light": "street-light", "gas": "gas"}


def test_a_vocabulary_keeps_within_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MOST_WEIGHTS", 1)
    texts = [f"w{n} x{n % 50} common words" for n in range(3000)]
    assert build(texts, 4, 384).made_of.shape[1] <= 3_000
