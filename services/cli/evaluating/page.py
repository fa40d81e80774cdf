"""The page of an evaluation: one HTML file with its pictures in it, which needs no network and runs no code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.classify.training.evaluate import Evaluation

MOST_IN_MATRIX = 40
SIDE = 320
"""Pixels of a picture's plot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was judged by what, for the page's head."""

    model: str
    version: str
    history: str
    learnt_until: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A field of the confusion matrix: how many texts, and their share of the row."""

    texts: int
    share: float
    own: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the matrix: a category, and how its texts were taken."""

    code: str
    texts: int
    cells: tuple[Cell, ...]


def render(subject: Subject, found: Evaluation, pairs: Iterable[tuple[str, str]]) -> str:
    """Give the page; `pairs` are the category that was meant and the one guessed, for each text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["percent"] = _percent
    heads, lines, left = matrix(found, pairs)
    return environment.get_template("evaluation.html").render(
        subject=subject,
        found=found,
        heads=heads,
        lines=lines,
        left=left,
        side=SIDE,
        curve=_path((point.share, point.precision) for point in found.curve),
        bins=[(x, y, each) for each in found.bins for x, y in [_at(each.confidence, each.right)]],
        target=_at(0.0, found.target)[1],
        ticks=[(f"{tick / 5:.0%}", *_at(tick / 5, tick / 5)) for tick in range(6)],
    )


def matrix(found: Evaluation, pairs: Iterable[tuple[str, str]]) -> tuple[list[str], list[Line], int]:
    """Give the heads and rows of the confusion matrix, the largest categories first, and how many are left out."""
    shown = [each.code for each in found.categories[:MOST_IN_MATRIX]]
    counts: dict[str, dict[str, int]] = {code: {} for code in shown}
    for meant, guessed in pairs:
        if meant in counts:
            counts[meant][guessed] = counts[meant].get(guessed, 0) + 1
    lines = []
    for code in shown:
        total = sum(counts[code].values())
        cells = [Cell(n := counts[code].get(other, 0), n / max(total, 1), other == code) for other in shown]
        if total:
            lines.append(Line(code, total, tuple(cells)))
    return shown, lines, len(found.categories) - len(shown)


def _at(x: float, y: float) -> tuple[float, float]:
    return round(x * SIDE, 1), round((1 - y) * SIDE, 1)


def _path(points: Iterable[tuple[float, float]]) -> str:
    places: Sequence[tuple[float, float]] = [_at(*point) for point in points]
    return " ".join(f"{x},{y}" for x, y in places)


def _percent(share: float | None, digits: int = 1) -> str:
    return "" if share is None else f"{share:.{digits}%}"
