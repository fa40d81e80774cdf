"""What only `stormdrain[train-deep]` learns: left out, with a line that says so, where there is no torch."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from classify_phrases import FAMILIES, PHRASES, history
from tokenizers import Tokenizer
from toy_encoder import toy

from services.classify.serving.encoder import Encoder
from services.classify.serving.scorer import OnnxScorer
from services.classify.serving.sessions import session
from services.classify.training.encoder.graph import graph
from services.classify.training.encoder.own import Own, _Convolutions
from services.classify.training.encoder.tune import Tuned, _Bert
from services.classify.training.encoder.weights import Weights
from services.classify.training.examples import clean
from services.classify.training.train import train

SOME = [phrase for phrases in PHRASES.values() for phrase in phrases]
LEARNT = clean(history(6))
TEXTS = [each.text for each in LEARNT.examples]
ANSWERS = np.array([LEARNT.labels.index(each.label) for each in LEARNT.examples])


def test_the_graph_of_convolutions_gives_what_torch_gives() -> None:
    torch.manual_seed(3)
    found = _Convolutions(50, 4).eval()
    served = session(found.graph())
    for ids in ([2], [2, 7], [2, 7, 8, 9, 49, 3, 3]):
        (row,) = served.run(None, {"ids": np.array([ids], dtype=np.int32)})
        wanted = found(torch.tensor([ids]), torch.ones(1, len(ids))).detach().numpy()
        assert row == pytest.approx(wanted, abs=2e-3)


def test_the_graph_of_an_encoder_gives_what_torch_gives() -> None:
    weights = toy()
    bert = _Bert(weights, 4).eval()
    rows = Encoder(session(graph(*bert.learnt(weights))), weights.tokenizer).rows(SOME)
    tokenizer = Tokenizer.from_buffer(weights.tokenizer)
    for text, row in zip(SOME, rows, strict=True):
        ids = tokenizer.encode(text).ids
        wanted = bert(torch.tensor([ids]), torch.ones(1, len(ids))).detach().numpy()[0]
        assert row == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize(("kind", "right"), [("own", 0.8), ("tuned", 0.4)])  # that one begins from nothing here
def test_texts_held_back_are_told_by_what_the_others_taught(kind: str, right: float) -> None:
    told: list[float] = []
    reader: Own | Tuned = Own(texts=TEXTS, answers=ANSWERS, categories=4, on_progress=told.append)
    if kind == "tuned":
        reader = Tuned(weights=toy(), texts=TEXTS, answers=ANSWERS, categories=4, on_progress=told.append)
    learnt, held = [*range(0, len(TEXTS), 2)], [*range(1, len(TEXTS), 2)]
    opinion = reader.taught(learnt)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert (opinion(held).argmax(axis=1) == ANSWERS[held]).mean() > right


@pytest.mark.parametrize("kind", ["own", "tuned"])
def test_a_cascade_of_it_is_served(tmp_path: Path, kind: str) -> None:
    encoder: Weights | Literal["own"] = "own" if kind == "own" else toy()
    card = train(
        history(6, dated=True), families=FAMILIES, out=tmp_path, source="a test", encoder=encoder, tune=kind == "tuned"
    )
    scorer = OnnxScorer(tmp_path)
    assert card.cascade is not None
    assert card.judged_by == "learnt from the earlier 60%, judged by the later 20%"
    assert scorer.encoder is not None
    assert scorer.score(["pothole"])[0].best[0][0] == "pothole"
    assert scorer.encoder.rows(["", "🕳️", "a" * 5000]).shape == (3, 4)
