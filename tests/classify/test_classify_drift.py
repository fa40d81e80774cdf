"""How far a model's answers have moved from its card, by the index that credit scoring uses."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classify.core import Opinion
from services.classify.serving.card import Reference
from services.classify.serving.drift import FEWEST, WINDOW, Drift, Observed, stability
from services.classify.serving.scorer import OnnxScorer

CARD = Reference(shares={"flood": 0.5, "pothole": 0.5}, confidence=0.8, unknown=0.1)


class Parrot:
    """Says of each text the category it names; of an empty one, that it knows nothing of it."""

    version, thresholds = "parrot-1", dict[str, float | None]()

    def __init__(self, reference: Reference | None = CARD) -> None:
        self.reference = reference

    def current(self) -> "Parrot":
        return self

    def score(self, texts: Sequence[str]) -> list[Opinion]:
        return [Opinion(((text, 0.7),), 3 if text else 0, 0.3) for text in texts]


def test_nothing_has_moved_where_shares_are_as_expected() -> None:
    assert stability({"flood": 50, "pothole": 50}, CARD.shares) == 0


def test_the_index_is_that_of_the_formula() -> None:
    expected = (0.9 - 0.5) * math.log(0.9 / 0.5) + (0.1 - 0.5) * math.log(0.1 / 0.5)
    assert stability({"flood": 90, "pothole": 10}, CARD.shares) == pytest.approx(expected)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 1000)),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1)),
)
def test_the_index_is_finite_and_never_below_zero(found: dict[str, int], expected: dict[str, float]) -> None:
    assert 0 <= stability(found, expected) < 1e3


def test_nothing_is_said_of_few_answers_nor_of_a_card_without_a_reference() -> None:
    heard: list[Drift] = []
    Observed(Parrot(), heard.append).current().score(["flood"] * (FEWEST - 1))
    Observed(Parrot(None), heard.append).current().score(["flood"] * FEWEST)
    assert heard == []


def test_only_the_latest_answers_count_and_none_that_know_nothing() -> None:
    heard: list[Drift] = []
    models = Observed(Parrot(), heard.append)
    models.current().score(["pothole"] * FEWEST + [""] * 50)
    models.current().score(["flood", "pothole"] * (WINDOW // 2))
    first, last = heard
    assert first.stability > 1
    assert last.stability == pytest.approx(0)
    assert last.confidence == pytest.approx(0.7 - 0.8)
    assert last.unknown == pytest.approx(0.3 - 0.1)


def test_another_model_is_counted_afresh() -> None:
    class Two:
        models = (Parrot(), Parrot())
        now = 0

        def current(self) -> Parrot:
            return self.models[self.now]

    two, heard = Two(), list[Drift]()
    observed = Observed(two, heard.append)
    observed.current().score(["flood"] * FEWEST)
    two.now = 1
    observed.current().score(["flood"])
    assert len(heard) == 1


def test_a_trained_model_carries_what_it_answered_and_knows_its_own_words(scorer: OnnxScorer) -> None:
    reference = scorer.reference
    assert reference is not None
    assert sum(reference.shares.values()) == pytest.approx(1, abs=0.01)
    assert 0 < reference.confidence <= 1
    known, strange, nothing = (each.unknown for each in scorer.score(["pothole", "potholezzz", ""]))
    assert known == 0
    assert strange > 0
    assert nothing == 0
