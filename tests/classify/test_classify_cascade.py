import json
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from classify_phrases import FAMILIES, PHRASES, history
from hypothesis import given
from hypothesis import strategies as st
from test_classify_model import HOSTILE
from tokenizers import Tokenizer
from toy_encoder import mean_of, toy

from services.classify.serving.card import CARD, ENCODER, ENCODER_FILES, ModelError
from services.classify.serving.confidence import honest, softmax
from services.classify.serving.encoder import MOST_TOKENS, Encoder
from services.classify.serving.scorer import OnnxScorer
from services.classify.serving.sessions import session
from services.classify.training.calibrate import Judged, knots
from services.classify.training.cascade import GIVEN_UP, Blend, Second, blend
from services.classify.training.encoder.graph import graph
from services.classify.training.encoder.weights import Dense, minilm
from services.classify.training.examples import TrainingError
from services.classify.training.train import train
from services.cli.encoders import fetched

SOME = [phrase for phrases in PHRASES.values() for phrase in phrases]


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models") / "cascade"
    train(history(3), families=FAMILIES, out=directory, source="a test's phrases", encoder=toy())
    card = json.loads((directory / CARD).read_bytes())
    # Phrases so few are learnt by heart: nothing would be unsure.
    card["cascade"] |= {
        "gate": 0.9,
        "fast": 0.5,
        "weight": 1.0,
    }
    card["tried"] = []
    (directory / CARD).write_text(json.dumps(card))
    return directory


@pytest.fixture(scope="module")
def scorer(cascade: Path) -> OnnxScorer:
    return OnnxScorer(cascade)


def test_the_graph_is_the_encoder_but_for_the_rounding_of_its_weights() -> None:
    weights = toy()
    found = Encoder(session(graph(weights)), weights.tokenizer).rows(SOME)
    tokenizer = Tokenizer.from_buffer(weights.tokenizer)
    wanted = np.stack([mean_of(weights, tokenizer.encode(text).ids) for text in SOME])
    found, wanted = (rows / np.linalg.norm(rows, axis=1)[:, None] for rows in (found, wanted))
    assert (found * wanted).sum(axis=1).min() > 0.995
    assert (found * np.roll(wanted, 1, axis=0)).sum(axis=1).max() < 0.95


def test_a_head_is_added_to_the_mean() -> None:
    weights, luck = toy(), np.random.default_rng(1)
    head = Dense(weights=luck.normal(size=(48, 3)).astype(np.float32), bias=np.array([1, 2, 3], dtype=np.float32))
    means, scores = (Encoder(session(graph(weights, each)), weights.tokenizer).rows(SOME) for each in (None, head))
    assert scores == pytest.approx(means @ head.weights + head.bias, abs=1e-4)


def test_a_long_text_is_read_from_its_beginning_alone() -> None:
    weights = toy()
    encoder = Encoder(session(graph(weights)), weights.tokenizer)
    beginning = " ".join(["pothole"] * MOST_TOKENS)
    (short,), (long,) = (encoder.rows([text]) for text in (beginning, beginning + " lamp" * 500))
    assert short.tobytes() == long.tobytes()


def test_minilm_knows_what_english_words_mean() -> None:
    weights = minilm(fetched())
    assert (len(weights.layers), weights.words.shape) == (6, (30522, 384))
    encoder = Encoder(session(graph(weights)), weights.tokenizer)
    rows = encoder.rows(["deep pothole in the road", "the asphalt has a hole", "music next door all night"])
    likeness = rows @ rows.T / np.linalg.norm(rows, axis=1) / np.linalg.norm(rows, axis=1)[:, None]
    assert likeness[0, 1] > 0.5
    assert likeness[0, 2] < 0.3


def test_another_file_than_the_encoders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.jar").write_bytes(b"no jar")
    with pytest.raises(TrainingError, match=r"^an encoder cannot be read from other\.jar \(.+\); expected the jar of "):
        minilm(tmp_path / "other.jar")


words = st.sampled_from(" ".join(SOME).split())
texts = st.lists(words | st.text(max_size=8), max_size=30).map(" ".join)


@given(text=texts, before=st.lists(texts, max_size=10), after=st.lists(texts, max_size=10))
def test_a_second_look_gives_the_same_to_the_last_bit_alone_and_in_any_company(
    scorer: OnnxScorer, text: str, before: list[str], after: list[str]
) -> None:
    alone, _ = scorer.shares([text])
    among, _ = scorer.shares([*before, text, *after])
    assert alone[0].tobytes() == among[len(before)].tobytes()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_survives_a_second_look(scorer: OnnxScorer, text: str) -> None:
    (opinion,) = scorer.score([text])
    shares = [share for _, share in opinion.best]
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= share <= 1 for share in shares)


def test_only_what_is_unsure_and_can_be_read_is_read_again(
    scorer: OnnxScorer, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = OnnxScorer(small_model)
    unsure = ["by the school", "the hill and the bridge since Monday"]
    seen: list[str] = []
    second = scorer._second
    assert second is not None

    def rows(again: list[str]) -> np.ndarray:
        seen.extend(again)
        return np.zeros((len(again), 4))

    monkeypatch.setattr(second.encoder, "rows", rows)
    said = fast.score([*SOME, *unsure, "", "ꙮꙮꙮ"])
    scorer.score([*SOME, *unsure, "", "ꙮꙮꙮ"])
    assert set(seen) >= set(unsure)
    assert not {"", "ꙮꙮꙮ"} & set(seen)
    assert len(seen) < len(said) / 2


@pytest.mark.parametrize("name", ENCODER_FILES)
def test_a_cascade_without_its_encoder_is_refused(cascade: Path, tmp_path: Path, name: str) -> None:
    directory = tmp_path / "model"
    directory.mkdir()
    for path in cascade.iterdir():
        if path.name != name:
            (directory / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match=rf": there is no {name}; train the model again$"):
        OnnxScorer(directory)


def test_a_model_trained_again_without_an_encoder_leaves_none_behind(cascade: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    directory.mkdir()
    for path in cascade.iterdir():
        (directory / path.name).write_bytes(path.read_bytes())
    train(history(3), families=FAMILIES, out=directory, source="a test's phrases")
    assert not (directory / ENCODER).exists()
    assert OnnxScorer(directory).card.cascade is None


def judged(seed: int, number: int = 600) -> Judged:
    """Texts of three categories: one learner knows two thirds of them, an encoder the others, and some of the first."""
    luck = np.random.default_rng(seed)
    answers = luck.integers(0, 3, number)
    truth = np.eye(3)[answers]
    easy = luck.random(number) < 2 / 3
    linear = luck.normal(0, 0.3, (number, 3)) + 4 * truth * easy[:, None]
    read = luck.normal(0, 1.0, (number, 3)) + 3 * truth
    return Judged(
        scores=np.stack([linear, luck.normal(0, 1, (number, 3)), luck.normal(0, 1, (number, 3))], axis=1),
        answers=answers,
        folds=np.zeros(number, dtype=int),
        unknown=np.zeros(number),
        read=read,
    )


def test_a_gate_costs_no_right_answers_and_spares_the_encoder_the_easy_ones() -> None:
    texts = judged(3)
    found = blend(texts)
    assert found.second is not None
    assert texts.read is not None
    first = texts.shares(found.mixture)
    again = first.max(axis=1) < found.second.gate
    every = Second(gate=2.0, fast=found.second.fast, weight=found.second.weight).shares(first, texts.read)

    def right(shares: np.ndarray) -> float:
        return float((shares.argmax(axis=1) == texts.answers).mean())

    assert 0.2 < again.mean() < 0.45
    assert right(found.shares(texts)) >= right(every) - GIVEN_UP
    assert right(found.shares(texts)) > right(first) + 0.1


def test_without_an_encoder_there_is_no_second_look() -> None:
    texts = judged(3)
    found = blend(Judged(scores=texts.scores, answers=texts.answers, folds=texts.folds, unknown=texts.unknown))
    assert found.second is None
    assert honest(softmax(np.tensordot(texts.scores, found.mixture, (1, 0))), found.knots) == pytest.approx(
        found.shares(texts)
    )


def test_what_serves_is_what_was_judged(cascade: Path, scorer: OnnxScorer) -> None:
    fast = OnnxScorer(cascade)
    fast._second, second = None, scorer._second
    assert second is not None
    cascaded = Second(gate=0.9, fast=0.5, weight=1.0)
    line = scorer.labels.confidence
    fast.labels = msgspec.structs.replace(fast.labels, confidence=())
    first = fast._shares(fast._bags(SOME), SOME)
    blended = Blend(mixture=np.ones(1), second=cascaded, knots=line)
    one = Judged(
        scores=np.log(first)[:, None, :],
        answers=np.zeros(len(SOME)),
        folds=np.zeros(len(SOME)),
        unknown=np.zeros(len(SOME)),
        read=second.encoder.rows(SOME),
    )
    assert scorer.shares(SOME)[0] == pytest.approx(blended.shares(one), abs=1e-4)


lines = st.lists(st.floats(0.01, 0.99), min_size=3, max_size=6, unique=True).map(sorted)


@given(lines, lines, st.lists(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4), min_size=1, max_size=5))
def test_an_honest_row_keeps_its_order_and_is_never_more_than_whole(
    said: list[float], was: list[float], rows: list[list[float]]
) -> None:
    line = [(0.0, 0.0), *zip(said, was, strict=False), (1.0, 1.0)]
    shares = softmax(np.array(rows) * 5)
    found = honest(shares, line)
    best = shares.argmax(axis=1)
    assert (found.max(axis=1) == found[np.arange(len(found)), best]).all()
    assert (found.sum(axis=1) <= 1 + 1e-6).all()
    assert found[np.arange(len(found)), best] == pytest.approx(np.interp(shares.max(axis=1), *np.array(line).T))


def test_a_line_rises_from_nothing_to_less_than_certainty_and_mends_what_is_too_sure() -> None:
    luck = np.random.default_rng(5)
    sure = luck.uniform(0.3, 1.0, 2000)
    right = luck.random(2000) < 0.2 + 0.6 * sure
    line = knots(sure, right)
    assert line[0] == (0.0, 0.0)
    assert line[-1][0] == 1.0
    assert all(before < after for (_, before), (_, after) in pairwise(line))
    shares = np.stack([sure, 1 - sure], axis=1)[sure > 0.5]
    now = honest(shares, line).max(axis=1)
    assert np.abs(now - (0.2 + 0.6 * sure[sure > 0.5])).mean() < 0.03
    assert knots(sure[:60], right[:60]) == ()
