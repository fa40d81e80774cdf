"""Scoring alone: the likeliest category of each text by the files of one model directory, and its share.

`many` is what `services.classify` does for a batch; `one` does the same for a single text without building arrays that
only a batch gains from, as someone would whose framework gives a record at a time.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks.passthrough.job import travelling
from benchmarks.peers.job import Job
from services.classify.serving.card import MODEL, PAIRS, TOKENIZER, Labels
from services.classify.serving.scorer import OnnxScorer
from services.events import Event, RequestReceived
from services.parts import Report

MAX_TOKENS = 384
"""As `classify` does by default."""


class Scored(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A report and the likeliest category of its text."""

    topic: ClassVar[str] = "requests.scored.v1"
    report: Report
    service_code: str
    share: float

    @property
    def key(self) -> str:
        """Keyed by request."""
        return self.report.request_id

    @property
    def id(self) -> str:
        """One per request."""
        return f"{self.report.request_id}.scored"


class Scoring:
    """The model of a job."""

    def __init__(self, job: Job) -> None:
        self._directory = Path(job.models) / "shipped"
        self.scorer = OnnxScorer(self._directory, max_tokens=MAX_TOKENS)
        self.into: Any = travelling(Scored, job.target)
        self._single: Single | None = None

    def many(self, events: Sequence[RequestReceived]) -> list[Event]:
        """Score the texts of a batch."""
        opinions = self.scorer.score([event.report.text for event in events])
        return [
            self.into(report=event.report, service_code=opinion.best[0][0], share=opinion.best[0][1])
            for event, opinion in zip(events, opinions, strict=True)
        ]

    def one(self, event: RequestReceived) -> Event:
        """Score a single text."""
        if self._single is None:
            self._single = Single(self._directory, self.scorer.labels)
        service_code, share = self._single.best(event.report.text)
        scored: Event = self.into(report=event.report, service_code=service_code, share=share)
        return scored


def answers(events: Sequence[Any], models: Path) -> list[Event]:
    """Give what every side has to say of these events."""
    scorer = OnnxScorer(models / "shipped", max_tokens=MAX_TOKENS)
    opinions = scorer.score([event.report.text for event in events])
    return [
        Scored(report=event.report, service_code=opinion.best[0][0], share=opinion.best[0][1])
        for event, opinion in zip(events, opinions, strict=True)
    ]


class Single:
    """Scores one text at a time."""

    def __init__(self, directory: Path, labels: Labels) -> None:
        import onnxruntime  # noqa: PLC0415 - after `services.classify.serving`, which tells it to keep to itself
        from tokenizers import Tokenizer  # noqa: PLC0415 - with it

        self._labels = labels.labels
        self._line = np.array(labels.confidence or ((0.0, 0.0), (1.0, 1.0))).T
        self._tokenizer: Any = Tokenizer.from_file(str(directory / TOKENIZER))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokens = self._tokenizer.get_vocab_size()
        keys = np.load(directory / PAIRS, allow_pickle=False).tolist()
        self._pairs = {key: self._tokens + place for place, key in enumerate(keys)}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(
            str(directory / MODEL), options, providers=["CPUExecutionProvider"]
        )

    def best(self, text: str) -> tuple[str, float]:
        """Give the likeliest category and its share."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        pairs, tokens = self._pairs, self._tokens
        counts = Counter(each for each in ids if each)
        counts.update(row for first, second in pairwise(ids) if (row := pairs.get(first * tokens + second)) is not None)
        rows = sorted(counts) or [0]
        weights = [1.0 + math.log(counts[row]) if row else 0.0 for row in rows]
        (shares,) = self._session.run(
            None, {"ids": np.array([rows], dtype=np.int32), "weights": np.array([weights], dtype=np.float32)}
        )
        place = int(shares[0].argmax())
        return self._labels[place], float(np.interp(shares[0][place], *self._line))
