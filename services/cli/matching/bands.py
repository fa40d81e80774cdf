"""From which score links are made, and from which suggested: chosen on reports that nothing was learned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from services.cli.matching.labelled import Point

FEWEST: Final = 50
"""Links that a precision is told from, at least; with fewer nothing is linked without a person."""
WORTH: Final = 0.5
"""Of what is suggested, this share is right at least: below, a clerk's time is worth more."""
NEVER: Final = 1.0
LEAST: Final = 0.5
"""Nothing is linked without a person that is likelier two things than one, whatever a past of few marks says."""


class Chosen(NamedTuple):
    """Both bands, and the share of automatic links that were right; None: none is made."""

    automatic: float
    suggestion: float
    precision: float | None


def choose(scored: Sequence[tuple[float, bool]], precision: float) -> Chosen:
    """Give the lowest scores at which links were as precise as wanted, and suggestions still worth a look.

    `scored` are the scores of the likeliest of each report, and whether it was right.
    """
    ordered = sorted(scored, reverse=True)
    automatic, reached, right = NEVER, None, 0
    cut = 0
    for number, (score, yes) in enumerate(ordered, 1):
        right += yes
        last = number == len(ordered) or ordered[number][0] != score
        if last and score >= LEAST and number >= FEWEST and right / number >= precision:
            automatic, reached, cut = score, right / number, number
    suggestion, right = automatic, 0
    for number, (score, yes) in enumerate(ordered[cut:], 1):
        right += yes
        last = cut + number == len(ordered) or ordered[cut + number][0] != score
        if last and right / number >= WORTH and score > 0:
            suggestion = score
    return Chosen(automatic, min(suggestion, automatic), reached)


def at_precision(points: Sequence[Point], precision: float) -> Point | None:
    """Give the point of the highest recall that is as precise; None where there is none."""
    return max((point for point in points if point.precision >= precision), key=lambda each: each.recall, default=None)
