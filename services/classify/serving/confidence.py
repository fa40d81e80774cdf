"""From a model's shares to confidences that mean what they say."""

from collections.abc import Sequence

import numpy as np

Knots = Sequence[tuple[float, float]]
"""A rising line: from the share that a model gives its winner, to how often such winners were right."""


def softmax(scores: np.ndarray) -> np.ndarray:
    """Give shares that add up to 1 in each row."""
    shares: np.ndarray = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def honest(shares: np.ndarray, knots: Knots) -> np.ndarray:
    """Move each row's greatest share along the line, and the others so that the row adds up to 1 as far as may be.

    `shares` is (texts, categories). No share overtakes the greatest: the order of a row stays.
    """
    if not knots:
        return shares
    texts = np.arange(len(shares))
    best = shares.argmax(axis=1)
    was = shares[texts, best]
    now = np.interp(was, *np.array(knots, dtype=np.float64).T).astype(shares.dtype)
    moved: np.ndarray = shares * ((1 - now) / np.maximum(1 - was, 1e-9))[:, None]
    np.minimum(moved, now[:, None], out=moved)
    moved[texts, best] = now
    return moved
