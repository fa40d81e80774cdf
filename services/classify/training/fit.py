"""Three linear models over what tokens are made of, whose weighted sum is the one that serves.

They err in different ways: logistic regression is the best calibrated, a squared hinge draws sharper borders between
categories that people mix up, and complement naive Bayes (Rennie et al., 2003) does not forget small ones. Since all
are linear over the same features, their mixture is one row of scores for each token: it costs nothing to serve.

scikit-learn would want texts times features, some 600 numbers a text; a text has some 40 tokens, so that the product
texts @ (made_of @ weights) is reached in a tenth of the time. The minimum is the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize

from services.classify.training.vocabulary import Vocabulary

LEARNERS = ("logistic", "hinge", "bayes")
LOGISTIC_STRENGTH = 10.0
HINGE_STRENGTH = 0.5
"""Weight of the examples against the weight of the squared weights (scikit-learn's C)."""
STEPS = 40
"""On real reports more made no better model, only a slower one."""
PAIRS_KEPT = 5
"""Steps that L-BFGS remembers: memory is twice as many copies of all weights."""
SMOOTHING = 0.3
"""What naive Bayes has seen of every feature in every category before it has seen anything."""

Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Of scores (texts, categories): the loss, and its slope at each score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """A row of scores for each token and pair, by category in the order of the labels, and where they start from."""

    vocabulary: Vocabulary
    rows: np.ndarray
    start: np.ndarray

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Give the scores (logits) of texts, one row each."""
        scores: np.ndarray = self.vocabulary.weigh(texts) @ self.rows + self.start
        return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What each of `LEARNERS` has learnt."""

    vocabulary: Vocabulary
    rows: np.ndarray
    """(learners, tokens and pairs, categories)"""
    starts: np.ndarray
    """(learners, categories)"""

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Give the raw scores of texts: (texts, learners, categories)."""
        weighed = self.vocabulary.weigh(texts)
        return np.stack([weighed @ rows + start for rows, start in zip(self.rows, self.starts, strict=True)], axis=1)

    def mixed(self, mixture: np.ndarray) -> Mixed:
        """Add the learners up, each by its weight."""
        return Mixed(
            vocabulary=self.vocabulary,
            rows=np.tensordot(mixture.astype(np.float32), self.rows, 1),
            start=np.tensordot(mixture.astype(np.float32), self.starts, 1),
        )


def fit(vocabulary: Vocabulary, texts: Sequence[str], answers: Sequence[int], categories: int) -> Fitted:
    """Learn which tokens speak for which category; `answers` are positions among the labels."""
    weighed = vocabulary.weigh(texts)
    seen = np.unique(weighed.indices)
    known = _Known(weighed[:, seen], vocabulary.made_of[seen], np.asarray(answers), categories)
    learnt = [known.least(known.logistic), known.least(known.hinge), known.bayes()]
    return Fitted(
        vocabulary=vocabulary,
        rows=np.stack([vocabulary.made_of @ weights[:-1] for weights in learnt]),
        starts=np.stack([weights[-1] for weights in learnt]),
    )


class _Known:
    """Texts over tokens, tokens over features, and the answers."""

    def __init__(self, texts: sp.csr_matrix, made_of: sp.csr_matrix, answers: np.ndarray, categories: int) -> None:
        self.texts, self.texts_t = texts, texts.T.tocsr()
        self.made_of, self.made_of_t = made_of, made_of.T.tocsr()
        self.features, self.categories, self.answers = made_of.shape[1], categories, answers
        self.at = (np.arange(len(answers)), answers)
        self.sides = np.full((len(answers), categories), -1.0, dtype=np.float32)
        self.sides[self.at] = 1.0

    def least(self, loss: Loss) -> np.ndarray:
        """Give the weights (features and a start, categories) where the loss and their squares are least."""
        shape = (self.features + 1, self.categories)

        def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weights = flat.astype(np.float32).reshape(shape)
            found, slopes = loss(self.texts @ (self.made_of @ weights[:-1]) + weights[-1])
            slope = np.empty_like(weights)
            slope[:-1] = self.made_of_t @ (self.texts_t @ slopes) + weights[:-1]
            slope[-1] = slopes.sum(axis=0)
            found += 0.5 * float(np.square(weights[:-1], dtype=np.float64).sum())
            return found, slope.ravel().astype(np.float64)

        options = {"maxiter": STEPS, "gtol": 1e-3, "ftol": 1e-6, "maxcor": PAIRS_KEPT}
        found = minimize(cost, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options=options)
        weights: np.ndarray = found.x.astype(np.float32).reshape(shape)
        return weights

    def logistic(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        """Give the cross entropy."""
        scores -= scores.max(axis=1, keepdims=True)
        share = np.exp(scores)
        total = share.sum(axis=1, keepdims=True)
        cost = LOGISTIC_STRENGTH * float((np.log(total[:, 0]) - scores[self.at]).sum(dtype=np.float64))
        share /= total
        share[self.at] -= 1.0
        return cost, share * LOGISTIC_STRENGTH

    def hinge(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        """Give the squared hinge loss of each category against all others."""
        short = np.maximum(0.0, 1.0 - self.sides * scores)
        cost = HINGE_STRENGTH * float(np.square(short, dtype=np.float64).sum())
        return cost, -2.0 * HINGE_STRENGTH * self.sides * short

    def bayes(self) -> np.ndarray:
        """Give, as weights, how rare each feature is in all other categories."""
        shape = (self.categories, len(self.answers))  # a category may have no text in a part of the history
        of = sp.csr_matrix((np.ones(len(self.answers), dtype=np.float32), (self.answers, self.at[0])), shape=shape)
        seen = np.asarray((of @ self.texts @ self.made_of).todense())
        others = seen.sum(axis=0) - seen + SMOOTHING
        weights = np.zeros((self.features + 1, self.categories), dtype=np.float32)
        weights[:-1] = -np.log(others / others.sum(axis=1, keepdims=True)).T
        return weights
