"""A calibrated score over what speaks for two reports being one incident: a logistic model whose weights are data.

The weights are learned by `stormdrain train-match`. A file of them holds no words, places or people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from operator import mul
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from services.incidents.pairs import FEATURES

if TYPE_CHECKING:
    from services.incidents.pairs import Numbers

FORMAT = 1
DIGITS = 4
"""To how many digits a score is told and compared."""
WORTH_TELLING = 0.05
"""What weighs less, in log-odds, is no reason."""


class Measured(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How good links were on reports that nothing was learned from."""

    by: str
    """What they were, and how they were held back."""
    reports: int
    duplicates: int
    automatic_precision: float | None = None
    automatic_recall: float | None = None
    recall: float | None = None
    """With suggestions."""


class Weights(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `match.json` holds. Bands are probabilities."""

    format: int = FORMAT
    source: str
    """What it learned from."""
    synthetic: bool = False
    """It learned from reports that nobody made."""
    pairs: int = 0
    incidents: int = 0
    bias: float
    weights: dict[str, float]
    """In log-odds, by the names of `FEATURES`; what is not there weighs nothing."""
    families: dict[str, float] = {}
    """What is added to the bias in a family."""
    suggestion: float
    automatic: float
    measured: Measured | None = None


class Scorer:
    """Scores pairs by weights. `digest` is the first digits of their hash."""

    def __init__(self, weights: Weights) -> None:
        self.known = weights
        self._weights = [weights.weights.get(name, 0.0) for name in FEATURES]
        self._column = np.array(self._weights)

    @cached_property
    def digest(self) -> str:
        """The first digits of the hash of what decides."""
        decides = (self.known.bias, self.known.weights, self.known.families)
        return hashlib.sha256(msgspec.json.encode(decides, order="sorted")).hexdigest()[:8]

    def scores(self, values: Numbers, families: Sequence[str]) -> Numbers:
        """Give the probability that each pair is one incident, rounded to `DIGITS`; `families` are the later ones'."""
        own = self.known.families
        bias = np.array([own.get(family, 0.0) for family in families]) + self.known.bias
        # A sum over each row by itself: a product of matrices adds up differently for other numbers of rows.
        odds = (values * self._column).sum(axis=1) + bias
        return np.asarray(np.round(1 / (1 + np.exp(-odds)), DIGITS))

    def reasons(self, values: Sequence[float], at_most: int = 4) -> list[tuple[str, float]]:
        """Give what weighed most in one pair's score, in log-odds, the weightiest first; `values` is its row."""
        shares = zip(FEATURES, map(mul, values, self._weights), strict=True)
        telling = [(name, share) for name, share in shares if abs(share) >= WORTH_TELLING]
        telling.sort(key=lambda each: -abs(each[1]))
        return [(name, round(share, 2)) for name, share in telling[:at_most]]
