"""How a model fares on requests whose categories are known: by the shares it gave them, and nothing else."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.classify.training.calibrate import BINS, binned, calibration_error, lower_bound, ranked

CURVE_POINTS = 300
WORST = 25
CONFUSED = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """How one category fared. `precision` is None where it was never guessed, `released_precision` where none went."""

    code: str
    texts: int
    guessed: int
    precision: float | None
    recall: float | None
    threshold: float | None
    released: int
    released_precision: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Texts of about the same confidence: its mean, and the share of them that was right."""

    texts: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """If so large a share of all texts is let out, the surest first, such a share of it is right."""

    share: float
    precision: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """So many texts of one category were taken for another."""

    meant: str
    guessed: str
    texts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A text that the model got wrong, and how sure it was."""

    text: str
    meant: str
    guessed: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All that was found; shares are of all `texts`, those of categories that the model does not know among them."""

    texts: int
    unknown: dict[str, int]
    """Texts by category that the model does not know: it cannot but be wrong there."""
    top1: float
    top3: float
    target: float
    at_target: float
    """The largest share that, let out by one confidence for all, is right to `target`; chosen in hindsight."""
    released: float
    """The share that the model's own thresholds let out."""
    released_precision: float | None
    released_at_least: float | None
    """The precision that, by the lower Clopper-Pearson bound at 0.1, these thresholds have at least."""
    calibration_error: float
    categories: tuple[Category, ...]
    bins: tuple[Bin, ...]
    curve: tuple[Point, ...]
    confused: tuple[Confusion, ...]
    worst: tuple[Mistake, ...]


def evaluate(
    texts: Sequence[str],
    meant: Sequence[str],
    shares: np.ndarray,
    *,
    labels: Sequence[str],
    thresholds: Mapping[str, float | None],
    target: float,
) -> Evaluation:
    """Judge the shares (texts, labels) that a model gave against the categories `meant`.

    Raises:
        ValueError: there is no text.

    """
    if not len(texts):
        message = "there is no text to judge a model by"
        raise ValueError(message)
    codes = Counter(meant)
    unknown = {code: number for code, number in codes.most_common() if code not in set(labels)}
    place = {code: number for number, code in enumerate((*labels, *unknown))}
    answers = np.array([place[each] for each in meant])
    order = np.argsort(-shares, axis=1, kind="stable")
    guesses, sure = order[:, 0], shares.max(axis=1)
    right = guesses == answers
    needed = np.array([2.0 if (need := thresholds.get(label)) is None else need for label in labels])
    released = sure >= needed[guesses]
    curve = _curve(sure, right)
    return Evaluation(
        texts=len(texts),
        unknown=unknown,
        top1=float(right.mean()),
        top3=float((order[:, :3] == answers[:, None]).any(axis=1).mean()),
        target=target,
        at_target=max((point.share for point in curve if point.precision >= target), default=0.0),
        released=float(released.mean()),
        released_precision=_share(right[released]),
        released_at_least=(
            float(lower_bound(right[released].sum(keepdims=True), released.sum(keepdims=True))[0])
            if released.any()
            else None
        ),
        calibration_error=calibration_error(shares, answers),
        categories=tuple(
            _category(code, answers == number, guesses == number, right, released, thresholds.get(code))
            for code, number in sorted(place.items(), key=lambda each: (-codes[each[0]], each[0]))
            if codes[code] or (guesses == number).any()
        ),
        bins=_bins(sure, right),
        curve=_thinned(curve),
        confused=_confused(meant, guesses, right, labels),
        worst=tuple(
            Mistake(text=texts[at], meant=meant[at], guessed=labels[guesses[at]], confidence=float(sure[at]))
            for at in np.argsort(-np.where(right, -1.0, sure), kind="stable")[:WORST].tolist()
            if not right[at]
        ),
    )


def _category(  # noqa: PLR0917 - columns of one table
    code: str,
    meant: np.ndarray,
    guessed: np.ndarray,
    right: np.ndarray,
    released: np.ndarray,
    threshold: float | None,
) -> Category:
    out = guessed & released
    return Category(
        code=code,
        texts=int(meant.sum()),
        guessed=int(guessed.sum()),
        precision=_share(right[guessed]),
        recall=_share(right[meant]),
        threshold=threshold,
        released=int(out.sum()),
        released_precision=_share(right[out]),
    )


def _share(right: np.ndarray) -> float | None:
    return float(right.mean()) if len(right) else None


def _curve(sure: np.ndarray, right: np.ndarray) -> list[Point]:
    """Give a point for each confidence that occurs, the highest first."""
    falling, hits, last_of_its_kind = ranked(sure, right)
    return [
        Point(share=(end + 1) / len(sure), precision=hits[end] / (end + 1), confidence=float(falling[end]))
        for end in np.flatnonzero(last_of_its_kind).tolist()
    ]


def _thinned(curve: Sequence[Point]) -> tuple[Point, ...]:
    step = max(1, len(curve) // CURVE_POINTS)
    return (*curve[:-1:step], curve[-1])


def _bins(sure: np.ndarray, right: np.ndarray) -> tuple[Bin, ...]:
    of = binned(sure)
    return tuple(
        Bin(texts=int(mine.sum()), confidence=float(sure[mine].mean()), right=float(right[mine].mean()))
        for each in range(BINS)
        if (mine := of == each).any()
    )


def _confused(
    meant: Sequence[str], guesses: np.ndarray, right: np.ndarray, labels: Sequence[str]
) -> tuple[Confusion, ...]:
    pairs = Counter((meant[at], labels[guesses[at]]) for at in np.flatnonzero(~right).tolist())
    return tuple(
        Confusion(meant=truly, guessed=guessed, texts=number)
        for (truly, guessed), number in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:CONFUSED]
    )
