"""What serves: the mixture of linear models for all texts, and an encoder's second look at those it is unsure of."""

from dataclasses import dataclass, replace

import numpy as np

from services.classify.serving.confidence import honest
from services.classify.serving.encoder import both
from services.classify.training.calibrate import Judged, knots, mixture

SHARES_READ = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Gates that are tried: how many texts are read again, the least sure first."""
ALL = 1.01
"""The gate below which every text is."""
GIVEN_UP = 0.001
"""Share of right answers that may be lost against reading all again, for the sake of speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """A second look: below `gate` a text is read again, and both opinions (logits) are added up by their weights."""

    gate: float
    fast: float
    weight: float

    def shares(self, first: np.ndarray, read: np.ndarray) -> np.ndarray:
        """Give the shares of texts (texts, categories) from what was thought at first and what the encoder says."""
        unsure = first.max(axis=1) < self.gate
        return np.where(unsure[:, None], both(first, read, self.fast, self.weight), first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """All that turns raw scores into shares."""

    mixture: np.ndarray
    """Weight of each linear learner."""
    second: Second | None = None
    knots: tuple[tuple[float, float], ...] = ()
    """What makes confidences honest."""

    def shares(self, judged: Judged) -> np.ndarray:
        """Give the shares (texts, categories) as they would be served."""
        shares = judged.shares(self.mixture)
        if self.second is not None and judged.read is not None:
            shares = self.second.shares(shares, judged.read)
        return honest(shares, self.knots)


def blend(judged: Judged, *, gated: bool = True) -> Blend:
    """Find the weights by which true categories are least surprising, the gate, and how sure the sure may be.

    An encoder that is not `gated` reads all: what it adds to the sure ones, too, is worth its little time.
    """
    found = _added_up(judged, gated=gated)
    shares = found.shares(judged)
    return replace(found, knots=knots(shares.max(axis=1), shares.argmax(axis=1) == judged.answers))


def _added_up(judged: Judged, *, gated: bool) -> Blend:
    weights = mixture(judged)
    if judged.read is None:
        return Blend(mixture=weights)
    first = judged.shares(weights)
    pair = Judged(
        scores=np.stack([np.log(first + 1e-9), judged.read], axis=1),
        answers=judged.answers,
        folds=judged.folds,
        unknown=judged.unknown,
    )
    fast, weight = mixture(pair).tolist()
    gate = _gate(first, judged.read, judged.answers, fast, weight) if gated else ALL
    return Blend(mixture=weights, second=Second(gate=gate, fast=fast, weight=weight))


def _gate(first: np.ndarray, read: np.ndarray, answers: np.ndarray, fast: float, weight: float) -> float:
    """Give the lowest gate above which nearly as many are right as if all were read again."""
    sure = first.max(axis=1)
    rising = np.sort(sure)
    gates = [float(rising[min(round(share * len(sure)), len(sure) - 1)]) for share in SHARES_READ[:-1]] + [ALL]
    at_first, at_second = (shares.argmax(axis=1) == answers for shares in (first, both(first, read, fast, weight)))

    def right(gate: float) -> float:
        return float(np.where(sure < gate, at_second, at_first).mean())

    enough = right(gates[-1]) - GIVEN_UP
    return round(next(gate for gate in gates if right(gate) >= enough), 4)
