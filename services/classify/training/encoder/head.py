"""What is learnt on top of an encoder: a logistic regression over what it makes of texts."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from services.classify.serving.encoder import Encoder
from services.classify.serving.sessions import session
from services.classify.training.encoder.graph import graph
from services.classify.training.encoder.weights import Dense, Weights

STRENGTH = 0.01
"""Weight of the examples against the weight of the squared weights, over features of variance 1."""
STEPS = 200
AT_ONCE = 64

Opinion = Callable[[Sequence[int]], np.ndarray]
"""Gives the scores (texts, categories) of the texts at the given places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """An encoder as it is: it reads each text once, and heads are learnt from what it makes of them."""

    weights: Weights
    vectors: np.ndarray
    """(texts, width)"""
    answers: np.ndarray
    categories: int

    @property
    def name(self) -> str:
        """What the card says of it."""
        return self.weights.name

    @property
    def gated(self) -> bool:
        """Whether it reads only what the fast model is unsure of."""
        return True

    def taught(self, learnt: Sequence[int]) -> Opinion:
        """Give what has learnt from the chosen texts alone."""
        head = self._learn(learnt)
        return lambda held: self.vectors[np.asarray(held)] @ head.weights + head.bias

    def served(self) -> tuple[bytes, bytes]:
        """Give the graph, with the head that all texts taught, and the tokenizer."""
        return graph(self.weights, self._learn(range(len(self.vectors)))), self.weights.tokenizer

    def _learn(self, chosen: Sequence[int]) -> Dense:
        vectors = self.vectors[np.asarray(chosen)]
        middle, spread = vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-6)
        weights, start = _least((vectors - middle) / spread, self.answers[np.asarray(chosen)], self.categories)
        weights /= spread[:, None]
        return Dense(weights=weights, bias=start - middle @ weights)


def frozen(
    weights: Weights,
    texts: Sequence[str],
    answers: np.ndarray,
    categories: int,
    on_progress: Callable[[float], None],
) -> Frozen:
    """Read texts by the very graph that will serve, on all cores; `answers` are positions among the categories."""
    encoder = Encoder(session(graph(weights)), weights.tokenizer)
    parts = [texts[first : first + AT_ONCE] for first in range(0, len(texts), AT_ONCE)]
    found = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for vectors in pool.map(encoder.rows, parts):
            found.append(vectors)
            on_progress(len(found) / len(parts))
    return Frozen(weights=weights, vectors=np.concatenate(found), answers=answers, categories=categories)


def _least(features: np.ndarray, answers: np.ndarray, categories: int) -> tuple[np.ndarray, np.ndarray]:
    texts, width = features.shape
    at = (np.arange(texts), answers)
    shape = (width + 1, categories)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        scores = features @ weights[:-1] + weights[-1]
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        total = shares.sum(axis=1, keepdims=True)
        surprise = float((np.log(total[:, 0]) - scores[at]).sum())
        shares /= total
        shares[at] -= 1.0
        slope = np.empty(shape)
        slope[:-1] = STRENGTH * (features.T @ shares) + weights[:-1]
        slope[-1] = STRENGTH * shares.sum(axis=0)
        return STRENGTH * surprise + 0.5 * float(np.square(weights[:-1]).sum()), slope.ravel()

    found = minimize(cost, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    weights = found.x.reshape(shape).astype(np.float32)
    return weights[:-1], weights[-1]
