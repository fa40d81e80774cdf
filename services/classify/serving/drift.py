"""Whether texts are still what the model has learnt: its latest answers against those it gave where it was made."""

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from services.classify.core import Model, Opinion
from services.classify.serving.card import Reference

WINDOW = 5000
"""Answers that are compared, the latest."""
FEWEST = 500
"""With fewer, chance alone would move the index."""
LEAST = 1e-4
"""Share that a category has at least: one that was never given would otherwise weigh without end."""


class Drift(NamedTuple):
    """How far the latest answers are from those on the card."""

    stability: float
    """The population stability index of the categories. By custom: below 0.1 nothing, above 0.25 something."""
    confidence: float
    """Mean confidence, less what it was."""
    unknown: float
    """Share of tokens that the model does not know, or in pieces alone, less what it was."""


class Referring(Model, Protocol):
    """A model whose card says what it answered where it was made."""

    @property
    def reference(self) -> Reference | None:
        """Give that; None: the card has none."""


class ReferringModels(Protocol):
    """The model to serve now; see `services.classify.core.Models`."""

    def current(self) -> Referring:
        """Give the model for a batch."""


def stability(found: Mapping[str, int], expected: Mapping[str, float]) -> float:
    """Give the population stability index: the sum of (a - e) * ln(a / e) over categories."""
    total = max(sum(found.values()), 1)
    pairs = [
        (max(found.get(code, 0) / total, LEAST), max(expected.get(code, 0.0), LEAST))
        for code in found.keys() | expected.keys()
    ]
    return sum((a - e) * math.log(a / e) for a, e in pairs)


class Observed:
    """The same models; `told` hears after each batch how far the one that serves has drifted, once there is enough."""

    def __init__(self, models: ReferringModels, told: Callable[[Drift], None]) -> None:
        self._models, self._told = models, told
        self._observed: _Observed | None = None

    def current(self) -> Model:
        """Give the model for a batch."""
        model = self._models.current()
        if self._observed is None or self._observed.model is not model:
            self._observed = _Observed(model, self._told)
        return self._observed


class _Observed:
    """A model, and what its latest answers add up to."""

    def __init__(self, model: Referring, told: Callable[[Drift], None]) -> None:
        self.model, self.version, self.thresholds = model, model.version, model.thresholds
        self._told = told
        self._latest: deque[tuple[str, float, float]] = deque()
        self._codes: Counter[str] = Counter()
        self._confidence = self._unknown = 0.0

    def score(self, texts: Sequence[str]) -> Sequence[Opinion]:
        opinions = self.model.score(texts)
        for opinion in opinions:
            if opinion.known:
                self._count((*opinion.best[0], opinion.unknown), 1)
        while len(self._latest) > WINDOW:
            self._count(self._latest.popleft(), -1)
        reference, number = self.model.reference, len(self._latest)
        if reference is not None and number >= FEWEST:
            self._told(
                Drift(
                    stability(self._codes, reference.shares),
                    self._confidence / number - reference.confidence,
                    self._unknown / number - reference.unknown,
                )
            )
        return opinions

    def _count(self, answer: tuple[str, float, float], times: int) -> None:
        if times > 0:
            self._latest.append(answer)
        code, confidence, unknown = answer
        self._codes[code] += times
        self._confidence += times * confidence
        self._unknown += times * unknown
