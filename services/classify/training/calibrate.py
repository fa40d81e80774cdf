"""How sure is sure: a mixture whose confidences are honest, and thresholds above which no person need look."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression, minimize
from scipy.stats import beta

from services.classify.serving.confidence import softmax

DOUBT = 0.1
"""A threshold holds unless ours is the one in ten samples that flatters."""
STARTS, STEP = (60, 120, 240, 480), 1.1
"""How many of the surest texts a threshold is first tried on, and by how much more after each success."""
BIN, MOST_KNOTS, LEAST_RISE = 50, 12, 0.02
"""Texts behind a knot at least; knots at most; how steep the line between two is at least, so that none is level."""
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
    read: np.ndarray | None = None
    """The scores that an encoder gave them (texts, categories); None: there is none."""

    def of(self, chosen: np.ndarray) -> "Judged":
        """Give the chosen ones."""
        return Judged(
            scores=self.scores[chosen],
            answers=self.answers[chosen],
            folds=self.folds[chosen],
            unknown=self.unknown[chosen],
            read=None if self.read is None else self.read[chosen],
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


def thresholds(
    shares: np.ndarray, answers: np.ndarray, labels: Sequence[str], families: Mapping[str, str], target: float
) -> dict[str, float | None]:
    """Give for each category the lowest confidence from which its precision is at least `target`; None: there is none.

    Precision counts as reached if `lowest` says so. Where a category's own examples are too few for that, those of its
    family are taken, and else those of all categories, as long as the category's own examples do not speak against it:
    what is promised then holds for the family, or for all, and not for the category.
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
    """Give the lowest confidence from which on the share of right guesses is at least `target`; None: there is none.

    Of all samples such as this one, at most `DOUBT` give a confidence that is too low: a fixed sequence of cuts, from
    the surest texts on, each tested by its lower Clopper-Pearson bound, ends at the first that fails, so that the last
    one passed is not the luckiest of many (fixed-sequence testing; Angelopoulos et al., 2021, arXiv:2110.01052).
    Several sequences, begun at `STARTS`, share `DOUBT` (Bonferroni), since one wrong among the surest ends the first.
    """
    starts = [start for start in STARTS if start <= len(sure)]
    if not starts:
        return None
    falling, hits, last_of_its_kind = ranked(sure, right)
    ends = np.flatnonzero(last_of_its_kind)  # a cut never parts equals

    def passed(number: float) -> float | None:
        found = None
        while number <= len(sure):
            end = int(ends[np.searchsorted(ends, int(number) - 1)])
            if lower_bound(hits[end], end + 1, DOUBT / len(starts)) < target:
                break
            found, number = float(falling[end]), max(end + 2, number * STEP)
        return found

    found = [threshold for threshold in map(passed, starts) if threshold is not None]
    return _rounded(min(found)) if found else None


def lower_bound(hits: np.ndarray, counts: np.ndarray | int, doubt: float = DOUBT) -> np.ndarray:
    """Give the one-sided lower Clopper-Pearson bound of hits among counts at `doubt`."""
    return np.where(hits > 0, beta.ppf(doubt, np.maximum(hits, 1), counts - hits + 1), 0.0)


def upper_bound(hits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Give the one-sided upper Clopper-Pearson bound of hits among counts at `DOUBT`."""
    return np.where(hits < counts, beta.ppf(1 - DOUBT, hits + 1, np.maximum(counts - hits, 1)), 1.0)


def knots(sure: np.ndarray, right: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Give the rising line from confidence to how often such guesses were right, by its knots; empty: too few texts.

    Linear models are not sure enough where they doubt, and too sure where they do not: no one factor mends both.
    """
    number = min(MOST_KNOTS, len(sure) // BIN)
    if number <= 1:
        return ()
    parts = np.array_split(np.argsort(sure, kind="stable"), number)
    rising = isotonic_regression([(right[part].sum() + 0.5) / (len(part) + 1) for part in parts]).x
    line = [(0.0, 0.0)]
    for part, was in zip(parts, rising.tolist(), strict=True):
        said = float(sure[part].mean())
        line.append((said, max(was, line[-1][1] + LEAST_RISE * (said - line[-1][0]))))
    line.append((1.0, (1.0 + line[-1][1]) / 2))
    return tuple((round(said, 6), round(min(was, 1.0), 6)) for said, was in line)


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
    """Give a threshold that was found on others' texts, raised until a category's own do not speak against it."""
    above = sure >= borrowed
    if upper_bound(right[above].sum(), above.sum()) >= target:
        return borrowed
    falling, hits, last_of_its_kind = ranked(sure[above], right[above])
    good = np.flatnonzero(last_of_its_kind & (upper_bound(hits, np.arange(1, len(hits) + 1)) >= target))
    return max(_rounded(float(falling[good[-1]])), borrowed) if len(good) else None


def _rounded(threshold: float) -> float:
    """Round up to four digits, as confidences are rounded down."""
    return round(min(math.ceil(threshold * 1e4) / 1e4, 1.0), 4)
