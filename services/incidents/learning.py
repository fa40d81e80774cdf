"""Learns what a pair weighs from reports of which it is known whether they are duplicates. Needs the `train` extra.

Two kinds of past are learned from. Where each report names its incident, each pair has a truth. Where reports are only
marked as duplicates of *something*, the one of the earlier reports in reach that the weights so far find likest is
taken for what was meant, in turns: weights, then choices, until they stay (multiple-instance learning).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.optimize import minimize

from services.incidents.pairs import FEATURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from services.incidents.pairs import Numbers

SIGNS: Final[Mapping[str, int]] = dict.fromkeys(
    ("near", "soon", "said alike", "same numbers", "same particulars", "same category", "same thing", "same address",
     "same street", "same person"), 1,
) | dict.fromkeys(
    ("apart", "late", "said otherwise", "other numbers", "other particulars", "other category", "another thing",
     "another street"), -1,
)  # fmt: skip
"""Which way each may weigh: no town's few marks shall teach that what lies further off is likelier the same."""
STRENGTH: Final = 1.0
"""Of the pull towards weights of 0, in pairs; `FAMILY_STRENGTH` that of a family's own bias."""
FAMILY_STRENGTH: Final = 8.0
TURNS: Final = 25


class Example(NamedTuple):
    """A report and the earlier reports that it is held against: one row of `values` each, by `FEATURES`."""

    family: str
    values: Numbers
    same: NDArray[np.bool_] | None
    """Which of them are of its incident; None: that is not known."""
    marked: bool = False
    """It is a duplicate of one of them, where `same` is None."""


class Learned(NamedTuple):
    """Weights in log-odds."""

    bias: float
    weights: dict[str, float]
    families: dict[str, float]


def learn(examples: Sequence[Example], prior: Learned | None = None) -> Learned:
    """Give the weights that make the truths likeliest; a town's few marks pull them away from those of `prior`.

    Raises:
        ValueError: there is no duplicate, or nothing that is none.

    """
    examples = [each for each in examples if len(each.values)]
    names = sorted({each.family for each in examples})
    number = {name: place for place, name in enumerate(names)}
    counts = [len(each.values) for each in examples]
    values = np.concatenate([each.values for each in examples]) if examples else np.empty((0, len(FEATURES)))
    family = np.repeat([number[each.family] for each in examples], counts).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    found = prior or Learned(-4.0, {"near": 3.0, "said alike": 3.0, "same street": 1.0}, {})
    chosen: NDArray[np.bool_] | None = None
    for _ in range(TURNS):
        same = _truths(examples, starts, _odds(found, values, family, names))
        if not same.any() or same.all():
            message = "no duplicate among them" if not same.any() else "nothing among them but duplicates"
            raise ValueError(message)
        if chosen is not None and (same == chosen).all():
            break
        chosen = same
        found = _fit(values, same, family, names, prior)
    return found


def _odds(weights: Learned, values: Numbers, family: NDArray[np.int64], names: Sequence[str]) -> Numbers:
    column = np.array([weights.weights.get(name, 0.0) for name in FEATURES])
    own = np.array([weights.families.get(name, 0.0) for name in names])
    return np.asarray(values @ column + weights.bias + own[family])


def _truths(examples: Sequence[Example], starts: NDArray[np.int64], odds: Numbers) -> NDArray[np.bool_]:
    same = np.zeros(len(odds), np.bool_)
    for place, each in enumerate(examples):
        begin, end = starts[place], starts[place + 1]
        if each.same is not None:
            same[begin:end] = each.same
        elif each.marked:
            same[begin + int(np.argmax(odds[begin:end]))] = True
    return same


def _fit(
    values: Numbers, same: NDArray[np.bool_], family: NDArray[np.int64], names: Sequence[str], prior: Learned | None
) -> Learned:
    width, truth = len(FEATURES), same.astype(np.float64)
    bounds = [
        (None, None),
        *({1: (0.0, None), -1: (None, 0.0)}.get(SIGNS.get(name, 0), (None, None)) for name in FEATURES),
    ]
    bounds += [(-3.0, 3.0)] * len(names)
    centre = np.zeros(1 + width + len(names))
    if prior is not None:
        centre[1 : width + 1] = [prior.weights.get(name, 0.0) for name in FEATURES]
    pull = np.concatenate([[0.0], np.full(width, STRENGTH), np.full(len(names), FAMILY_STRENGTH)])

    def loss(at: Numbers) -> tuple[float, Numbers]:
        odds = values @ at[1 : width + 1] + at[0] + at[width + 1 :][family]
        chance = 1 / (1 + np.exp(-odds))
        missed = chance - truth
        total = float(np.sum(np.logaddexp(0, odds) - truth * odds) + np.sum(pull * (at - centre) ** 2) / 2)
        slope = np.concatenate(
            [[missed.sum()], values.T @ missed, np.bincount(family, weights=missed, minlength=len(names))]
        )
        return total, slope + pull * (at - centre)

    best = minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Learned(
        round(float(best[0]), 4),
        {name: round(float(best[1 + place]), 4) for place, name in enumerate(FEATURES)},
        {name: round(float(best[1 + width + place]), 4) for place, name in enumerate(names)},
    )
