"""Ranks who is responsible for a report, with an honest probability for each, as a model's directory says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.responsible.asked import Asked
from services.responsible.card import Card, Model, read
from services.responsible.evidence import Evidence, softmax
from services.responsible.trees import Trees

AT_ONCE = 2_000
"""Reports that are looked at together: memory follows it."""
TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Departments by id and how probable each is, the likeliest first."""

    best: tuple[tuple[str, float], ...]
    sure: bool
    """Whether the first is as probable as the town's target precision asks for."""


class Scorer:
    """Evidence, and trees that weigh it."""

    def __init__(self, evidence: Evidence, trees: Trees, temperature: float = 1.0) -> None:
        self.evidence = evidence
        self.trees = trees
        self.temperature = temperature

    def shares(self, asked: Sequence[Asked]) -> tuple[np.ndarray, np.ndarray]:
        """Give for each report its candidates, the likeliest first, and their shares, both (reports, candidates)."""
        candidates, features = self.evidence.gather(asked)
        scores = self.trees.score(features.reshape(-1, features.shape[-1])).reshape(candidates.shape)
        return ordered(candidates, scores, self.temperature)


def ordered(candidates: np.ndarray, scores: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Give candidates by falling score, and the softmax of `temperature` times the scores."""
    shares = softmax(scores, temperature)
    order = np.argsort(-shares, axis=1, kind="stable")
    return np.take_along_axis(candidates, order, 1), np.take_along_axis(shares, order, 1)


class Ranker:
    """Serves a model's directory."""

    def __init__(self, card: Card, model: Model) -> None:
        self.card = card
        self._departments = card.departments
        self._scorer = Scorer(model.evidence, model.trees, card.temperature)
        self._said = np.array([knot[0] for knot in card.confidence] or [0.0, 1.0])
        self._was = np.array([knot[1] for knot in card.confidence] or [0.0, 1.0])

    @classmethod
    def load(cls, directory: Path) -> "Ranker":
        """Read a model.

        Raises:
            ModelError: a file is missing, is not the one that the card tells of, or of another format.

        """
        return cls(*read(directory))

    @property
    def version(self) -> str:
        """The first digits of the hash of the model's arrays."""
        return self.card.sha256[:12]

    def rank(self, asked: Sequence[Asked]) -> list[Ranked]:
        """Give the ranking for each report, in order."""
        found = []
        for start in range(0, len(asked), AT_ONCE):
            candidates, shares = self._scorer.shares(asked[start : start + AT_ONCE])
            first = np.interp(shares[:, 0], self._said, self._was)
            for which, own, sure in zip(candidates[:, :TOLD].tolist(), shares[:, :TOLD].tolist(), first, strict=True):
                probable = [float(sure), *(min(share, float(sure)) for share in own[1:])]
                best = tuple(
                    (self._departments[body], round(share, 4)) for body, share in zip(which, probable, strict=True)
                )
                threshold = self.card.threshold
                found.append(Ranked(best=best, sure=threshold is not None and best[0][1] >= threshold))
        return found
