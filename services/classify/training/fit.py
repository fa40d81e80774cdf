"""Multinomial logistic regression over what tokens are made of.

scikit-learn's would want texts times features, some 600 numbers a text; a text has some 40 tokens, so that the product
texts @ (made_of @ weights) is reached in a tenth of the time. The minimum is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize

from services.classify.training.vocabulary import Vocabulary

STRENGTH = 10.0
"""Weight of the examples against the weight of the squared weights (scikit-learn's C)."""
STEPS = 40
"""On real reports more made no better model, only a slower one."""
PAIRS_KEPT = 5
"""Steps that L-BFGS remembers: memory is twice as many copies of all weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A row of scores for each token and pair, by category in the order of the labels, and where they start from."""

    vocabulary: Vocabulary
    rows: np.ndarray
    start: np.ndarray

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Give the raw scores (logits) of texts, one row each."""
        scores: np.ndarray = self.vocabulary.weigh(texts) @ self.rows + self.start
        return scores


def fit(vocabulary: Vocabulary, texts: Sequence[str], answers: Sequence[int], categories: int) -> Fitted:
    """Learn which tokens speak for which category; `answers` are positions among the labels."""
    weighed = vocabulary.weigh(texts)
    seen = np.unique(weighed.indices)
    loss = _Loss(weighed[:, seen], vocabulary.made_of[seen], np.asarray(answers), categories)
    options = {"maxiter": STEPS, "gtol": 1e-3, "ftol": 1e-6, "maxcor": PAIRS_KEPT}
    start = np.zeros((loss.features + 1) * categories)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x.astype(np.float32)
    weights = found.reshape(loss.features + 1, categories)
    return Fitted(vocabulary=vocabulary, rows=vocabulary.made_of @ weights[:-1], start=weights[-1])


class _Loss:
    """Cross entropy and its slope at given weights; the last row of weights is where the scores start from."""

    def __init__(self, texts: sp.csr_matrix, made_of: sp.csr_matrix, answers: np.ndarray, categories: int) -> None:
        self.texts, self.texts_t = texts, texts.T.tocsr()
        self.made_of, self.made_of_t = made_of, made_of.T.tocsr()
        self.features, self.categories = made_of.shape[1], categories
        self.at = (np.arange(len(answers)), answers)

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.astype(np.float32).reshape(self.features + 1, self.categories)
        scores = self.texts @ (self.made_of @ weights[:-1]) + weights[-1]
        scores -= scores.max(axis=1, keepdims=True)
        share = np.exp(scores)
        total = share.sum(axis=1, keepdims=True)
        cost = STRENGTH * float((np.log(total[:, 0]) - scores[self.at]).sum(dtype=np.float64))
        share /= total
        share[self.at] -= 1.0
        share *= STRENGTH
        slope = np.empty_like(weights)
        slope[:-1] = self.made_of_t @ (self.texts_t @ share) + weights[:-1]
        slope[-1] = share.sum(axis=0)
        cost += 0.5 * float(np.square(weights[:-1], dtype=np.float64).sum())
        return cost, slope.ravel().astype(np.float64)
