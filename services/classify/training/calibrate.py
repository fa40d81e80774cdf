"""How sure is sure: a mixture whose confidences are honest, and thresholds above which no person need look."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.stats import beta

DOUBT = 0.1
"""A threshold holds if fewer than one in ten samples like ours would show such a precision by luck."""
BINS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Texts that were held back: the raw scores they got, their true categories, and the fold that held them back."""

    scores: np.ndarray
    """(texts, learners, categories)"""
    answers: np.ndarray
    folds: np.ndarray
    unknown: np.ndarray
    """Share of each text's tokens that the model did not know, or in pieces alone."""

    def of(self, chosen: np.ndarray) -> "Judged":
        """Give the chosen ones."""
        return Judged(
            scores=self.scores[chosen],
            answers=self.answers[chosen],
            folds=self.folds[chosen],
            unknown=self.unknown[chosen],
        )

    def shares(self, mixture: np.ndarray) -> np.ndarray:
        """Give the shares (texts, categories) that learners add up to, each by its weight."""
        return softmax(np.tensordot(self.scores, mixture, (1, 0)))


def mixture(judged: Judged) -> np.ndarray:
    """Give each learner's weight, none below 0, such that the true categories are least surprising.

    For one learner that is temperature scaling (Guo et al., 2017); for more, the only minimum there is, too. A weak
    prior keeps confidences below 1 where a few texts held back were all guessed rightly.
    """
    texts, learners, _ = judged.scores.shape
    at = np.arange(texts)
    own = judged.scores[at, :, judged.answers]
    spread = np.maximum(judged.scores.std(axis=(0, 2)), 1e-6)

    def surprise(weights: np.ndarray) -> tuple[float, np.ndarray]:
        shares = judged.shares(weights)
        slope = (np.einsum("tlc,tc->tl", judged.scores, shares) - own).mean(axis=0) + weights * spread**2 / texts
        prior = 0.5 * float(np.square(weights * spread).sum()) / texts
        return prior - float(np.log(shares[at, judged.answers] + 1e-12).mean()), slope

    found = minimize(surprise, 1.0 / (learners * spread), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * learners)
    weights: np.ndarray = found.x.round(4)
    return weights


def softmax(scores: np.ndarray) -> np.ndarray:
    """Give shares that add up to 1 in each row."""
    shares: np.ndarray = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def thresholds(
    shares: np.ndarray, answers: np.ndarray, labels: Sequence[str], families: Mapping[str, str], target: float
) -> dict[str, float | None]:
    """Give for each category the lowest confidence from which its precision is at least `target`; None: there is none.

    Precision counts as reached if it is so by the lower Clopper-Pearson bound at `DOUBT`. Where a category's own
    examples are too few for that, those of its family are taken, and else those of all categories, as long as the
    category's own examples do not speak against it.
    """
    guesses, sure = shares.argmax(axis=1), shares.max(axis=1)
    right = guesses == answers
    of_family = np.array([families[label] for label in labels])[guesses]
    overall = lowest(sure, right, target)
    by_family = {
        family: lowest(sure[of_family == family], right[of_family == family], target) for family in set(of_family)
    }
    found: dict[str, float | None] = {}
    for number, label in enumerate(labels):
        own = guesses == number
        threshold = lowest(sure[own], right[own], target)
        for borrowed in (by_family.get(families[label]), overall):
            if threshold is None and borrowed is not None:
                threshold = _unopposed(sure[own], right[own], borrowed, target)
        found[label] = threshold
    return found


def lowest(sure: np.ndarray, right: np.ndarray, target: float) -> float | None:
    """Give the lowest confidence from which on the share of right guesses is at least `target`, beyond `DOUBT`."""
    return _cut(sure, right, lambda hits, counts: lower_bound(hits, counts) >= target)


def lower_bound(hits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Give the one-sided lower Clopper-Pearson bound of hits among counts at `DOUBT`."""
    return np.where(hits > 0, beta.ppf(DOUBT, np.maximum(hits, 1), counts - hits + 1), 0.0)


def upper_bound(hits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Give the one-sided upper Clopper-Pearson bound of hits among counts at `DOUBT`."""
    return np.where(hits < counts, beta.ppf(1 - DOUBT, hits + 1, np.maximum(counts - hits, 1)), 1.0)


def binned(sure: np.ndarray) -> np.ndarray:
    """Give the bin of each confidence, from 0 to `BINS` - 1."""
    bins: np.ndarray = np.minimum((sure * BINS).astype(int), BINS - 1)
    return bins


def ranked(sure: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give confidences from the highest on, how many are right so far, and which is the last of its kind, as a mask."""
    order = np.argsort(-sure, kind="stable")
    falling = sure[order]
    return falling, right[order].cumsum(), np.append(falling[1:] < falling[:-1], True)


def calibration_error(shares: np.ndarray, answers: np.ndarray) -> float:
    """Give the expected calibration error: how far confidence and precision are apart, on average over `BINS` bins."""
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == answers
    bins = binned(sure)
    gaps = [abs(sure[bins == each].sum() - right[bins == each].sum()) for each in range(BINS)]
    return float(sum(gaps) / max(len(sure), 1))


def _unopposed(sure: np.ndarray, right: np.ndarray, borrowed: float, target: float) -> float | None:
    above = sure >= borrowed
    if upper_bound(right[above].sum(), above.sum()) >= target:
        return borrowed
    own = _cut(sure[above], right[above], lambda hits, counts: upper_bound(hits, counts) >= target)
    return None if own is None else max(own, borrowed)


def _cut(sure: np.ndarray, right: np.ndarray, enough: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float | None:
    """Give the lowest confidence for which those at or above it are enough, rounded up to four digits."""
    if not len(sure):
        return None
    falling, hits, last_of_its_kind = ranked(sure, right)
    good = np.flatnonzero(last_of_its_kind & enough(hits, np.arange(1, len(sure) + 1)))
    return round(min(math.ceil(float(falling[good[-1]]) * 1e4) / 1e4, 1.0), 4) if len(good) else None
