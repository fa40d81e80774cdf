"""Trains the ranking of who is responsible, and says how good it is on requests later than those it learnt from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar

from services.classify.training.calibrate import calibration_error, knots, lowest
from services.cli.learning import fit
from services.cli.learning.boost import trees
from services.responsible.card import Card, Model, write
from services.responsible.ranker import ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from services.city.model import City
    from services.cli.learning.past import Assignment, Past
    from services.responsible.trees import Trees

EDGES = (0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of what is learnt from at which blocks end: the trees learn from all blocks but the first."""
LEAST = 100
"""Fewer requests are not enough for evidence, trees that weigh it, and something to judge both by."""


class TooFewError(Exception):
    """There is too little to learn a ranking from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """How scores become probabilities, and from which of these on no person need look."""

    temperature: float
    confidence: tuple[tuple[float, float], ...]
    threshold: float | None

    def sure(self, shares: np.ndarray) -> np.ndarray:
        """Give the probability that first answers with such shares are right, as serving rounds it."""
        line = self.confidence or ((0.0, 0.0), (1.0, 1.0))
        found: np.ndarray = np.interp(shares, [said for said, _ in line], [was for _, was in line]).round(4)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How good answers were on requests held back."""

    judged: int
    top1: float
    top3: float
    calibration_error: float
    released: float
    released_precision: float | None


def train(
    past: Past,
    city: City,
    *,
    source: str,
    out: Path,
    target: float,
    on_progress: Callable[[str, float], None] = lambda _what, _share: None,
) -> Card:
    """Learn from the earlier requests, judge by the later ones, then learn from all and write the model to `out`.

    Raises:
        TooFewError: there are fewer than `LEAST` requests.

    """
    size = len(past.assignments)
    if size < LEAST:
        message = f"{size} past requests are too few to learn a ranking from; expected at least {LEAST}"
        raise TooFewError(message)
    departments = sorted(past.names)
    layers = [layer.id for layer in city.layers if not layer.limits]
    on_progress("reading words and places", 0.0)
    known = fit.known(past.assignments, departments, [past.names[code] for code in departments], layers)
    cut = len(past.parted()[0])
    edges = [round(cut * share) for share in EDGES]
    learnt = []
    for number, (start, end) in enumerate(pairwise([*edges, size])):
        on_progress("ranking by what was known before", 0.1 + 0.12 * number)
        learnt.append(fit.block(fit.evidence(known, start), known, start, end))
    on_progress("learning what to trust", 0.7)
    judged = learnt[-1]
    scores, calibrated = judge(trees(learnt[:-1]), judged, target)
    on_progress("learning from all", 0.8)
    model = Model(fit.evidence(known, size), trees(learnt))
    when = [each.when for each in past.assignments if each.when]
    card = Card(
        source=source,
        data_sha256=_digest(past.assignments),
        requests=size,
        earliest=f"{when[0]:%Y-%m-%d}" if when else "",
        latest=f"{when[-1]:%Y-%m-%d}" if when else "",
        judged_by=past.rule,
        judged=scores.judged,
        top1=round(scores.top1, 4),
        top3=round(scores.top3, 4),
        calibration_error=round(scores.calibration_error, 4),
        target_precision=target,
        threshold=calibrated.threshold,
        released=round(scores.released, 4),
        released_precision=None if scores.released_precision is None else round(scores.released_precision, 4),
        temperature=calibrated.temperature,
        confidence=calibrated.confidence,
        departments=tuple(departments),
        names=known.names,
        layers=known.layers,
        notes=tuple(past.notes),
    )
    return write(out, card, model)


def judge(trees: Trees, block: fit.Block, target: float) -> tuple[Scores, Calibrated]:
    """Say how good the trees are on a block, and how their scores become probabilities.

    Each half of the block is judged by what the other half taught of probabilities and thresholds.
    """
    rows, width = block.features.reshape(-1, block.features.shape[-1]), block.candidates.shape
    raw = trees.score(rows).reshape(width)
    halves = np.arange(len(raw)) % 2
    sure, right, out = np.zeros(len(raw)), np.zeros(len(raw), dtype=bool), np.zeros(len(raw), dtype=bool)
    among = np.zeros(len(raw), dtype=bool)
    for half in (0, 1):
        own, other = halves == half, halves != half
        by = calibrate(block.candidates[other], raw[other], block.answers[other], target)
        candidates, shares = ordered(block.candidates[own], raw[own], by.temperature)
        sure[own] = by.sure(shares[:, 0])
        right[own] = candidates[:, 0] == block.answers[own]
        among[own] = (candidates[:, :3] == block.answers[own, None]).any(axis=1)
        out[own] = sure[own] >= by.threshold if by.threshold is not None else False
    pairs = np.column_stack([sure, np.full(len(sure), -1.0)])  # the first answer, and one that is never given
    return Scores(
        judged=len(raw),
        top1=float(right.mean()),
        top3=float(among.mean()),
        calibration_error=calibration_error(pairs, np.where(right, 0, 1)),
        released=float(out.mean()),
        released_precision=float(right[out].mean()) if out.any() else None,
    ), calibrate(block.candidates, raw, block.answers, target)


def calibrate(candidates: np.ndarray, raw: np.ndarray, answers: np.ndarray, target: float) -> Calibrated:
    """Find the temperature at which the right candidates are least surprising, then how often the first is right."""
    at, column = np.nonzero(candidates == answers[:, None])

    def surprise(temperature: float) -> float:
        scores = temperature * (raw[at] - raw[at].max(axis=1, keepdims=True))
        return float((np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(at)), column]).mean())

    found = minimize_scalar(surprise, bounds=(0.05, 5.0), method="bounded").x if len(at) else 1.0
    temperature = round(float(found), 4)
    order, shares = ordered(candidates, raw, temperature)
    right = order[:, 0] == answers
    line = knots(shares[:, 0], right)
    by = Calibrated(temperature=temperature, confidence=line, threshold=None)
    return Calibrated(temperature=temperature, confidence=line, threshold=lowest(by.sure(shares[:, 0]), right, target))


def _digest(past: Sequence[Assignment]) -> str:
    digest = hashlib.sha256()
    for each in past:
        own = (each.department, each.text, each.service_code, each.address, each.place, each.when)
        digest.update(repr(own).encode("utf-8", "replace"))
    return digest.hexdigest()
