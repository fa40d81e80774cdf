"""Grows the trees that weigh what speaks for each candidate: one list of candidates is one choice among them.

Each tree follows the slope of the cross entropy of the softmax over a report's candidates (Friedman's gradient boosting
with the objective of ListNet). scikit-learn's own boosting knows no such lists; the trees are its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.ensemble._hist_gradient_boosting.grower import TreeGrower
from threadpoolctl import threadpool_limits

from services.responsible.evidence import softmax
from services.responsible.trees import Trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.cli.learning.fit import Block

ROUNDS, RATE, LEAVES, BINS = 150, 0.05, 31, 256
STIFFNESS, LEAST_CURVE = 5.0, 1e-4


def trees(learnt: Sequence[Block]) -> Trees:
    """Learn which candidate is the one, and give the trees as arrays; with nothing to learn from there is no tree.

    One thread: several that wait for each other on a busy machine are slower than one by an order of magnitude.
    """
    rows = np.concatenate([each.features.reshape(-1, each.features.shape[-1]) for each in learnt]).astype(np.float64)
    right = np.concatenate([each.candidates == each.answers[:, None] for each in learnt]).astype(np.float32)
    told = right.any(axis=1, keepdims=True)  # a list without the right one says nothing of the others
    bins = _BinMapper(n_bins=BINS, random_state=0, n_threads=1)
    binned = bins.fit_transform(rows)
    scores = np.zeros(len(rows), dtype=np.float32)
    grown: list[np.ndarray] = []
    with threadpool_limits(1):
        while told.any() and len(grown) < ROUNDS:
            shares = softmax(scores.reshape(right.shape))
            grower = TreeGrower(
                binned,
                ((shares - right) * told).ravel().astype(np.float32),
                (np.maximum(shares * (1.0 - shares), LEAST_CURVE) * told).ravel().astype(np.float32),
                max_leaf_nodes=LEAVES,
                min_samples_leaf=min(100, max(len(rows) // 400, 5)),
                l2_regularization=STIFFNESS,
                shrinkage=RATE,
                n_bins=BINS,
                n_bins_non_missing=bins.n_bins_non_missing_,
                n_threads=1,
            )
            grower.grow()
            tree = grower.make_predictor(bins.bin_thresholds_)
            scores += tree.predict_binned(binned, bins.missing_values_bin_idx_, 1).astype(np.float32)
            grown.append(tree.nodes)
    return _arrays(grown)


def _arrays(grown: Sequence[np.ndarray]) -> Trees:
    """Take the trees out of scikit-learn's predictors, which it keeps to itself: a test holds the two together."""
    if not grown:
        none, nothing = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
        parts = {"roots": none, "feature": none, "left": none, "right": none}
        return Trees(**parts, threshold=nothing, value=nothing, depth=0)
    sizes = [len(nodes) for nodes in grown]
    roots = np.cumsum([0, *sizes[:-1]]).astype(np.int32)
    nodes = np.concatenate(grown)
    offset = np.repeat(roots, sizes)
    own = np.arange(len(nodes), dtype=np.int32)
    leaf = nodes["is_leaf"].astype(bool)
    threshold = nodes["num_threshold"].astype(np.float32)
    # A threshold lies between two values of 32 bits: rounded to 32 bits it must not reach the upper one.
    threshold = np.where(threshold > nodes["num_threshold"], np.nextafter(threshold, np.float32(-np.inf)), threshold)
    return Trees(
        roots=roots,
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int32),
        threshold=np.where(leaf, 0.0, threshold).astype(np.float32),
        left=np.where(leaf, own, nodes["left"] + offset).astype(np.int32),
        right=np.where(leaf, own, nodes["right"] + offset).astype(np.int32),
        value=nodes["value"].astype(np.float32),
        depth=int(nodes["depth"].max()),
    )
