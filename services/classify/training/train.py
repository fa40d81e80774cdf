"""From examples to a model directory, with a card that says how good the model is on texts it had not seen."""

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from services.classify.serving.card import ENCODER_FILES, Card, Cascade, Labels, Reference, Score
from services.classify.training.calibrate import Judged, calibration_error, thresholds
from services.classify.training.cascade import Blend, blend
from services.classify.training.encoder.head import Opinion, frozen
from services.classify.training.encoder.weights import Weights
from services.classify.training.examples import Cleaned, Example, Parts, TrainingError, clean, digest, hold_back
from services.classify.training.export import write
from services.classify.training.fit import LEARNERS, Fitted, fit
from services.classify.training.picture import draw
from services.classify.training.vocabulary import build

MOST_TOKENS = 384
READING = 0.4
"""Share of the work that reading with an encoder is, by and large."""
LAST = 0.75
"""Share of the work that is done before the final fit, by and large."""
LIBRARIES = ("numpy", "onnx", "scipy", "tokenizers")

Progress = Callable[[str, float], None]
"""Told what is being done and the share that is done."""


class Reader(Protocol):
    """An encoder that can be taught the categories."""

    @property
    def name(self) -> str:
        """What the card says of it."""

    @property
    def gated(self) -> bool:
        """Whether it costs so much that it reads only what the fast model is unsure of."""

    def taught(self, learnt: Sequence[int]) -> Opinion:
        """Give what has learnt from the chosen texts alone."""

    def served(self) -> tuple[bytes, bytes]:
        """Give the graph and the tokenizer that all texts taught."""


def train(
    history: Iterable[Example],
    *,
    families: Mapping[str, str],
    out: Path,
    source: str,
    target_precision: float = 0.95,
    encoder: Weights | Literal["own"] | None = None,
    tune: bool = False,
    on_progress: Progress | None = None,
) -> Card:
    """Learn categories from `history` and write the model into `out`; the same history gives the same model.

    Scores come from texts held back (`hold_back` says how), thresholds likewise; the model itself learns from all.
    A category that `families` does not name is its own family. With an `encoder` the model is a cascade: `own` is one
    that is learnt from these texts alone; with `tune` all of another learns, not only its head. Both need torch.

    Raises:
        TrainingError: the history cannot be learnt from.

    """
    cleaned = clean(history)
    parts = hold_back(cleaned.examples, once=tune or encoder == "own")
    work = _Work(cleaned, target_precision, families, on_progress or (lambda _what, _share: None))
    if encoder is not None:
        work.read_with(encoder, tune=tune)
    judged = work.judge(parts)
    work.on_progress("learning from all texts", LAST)
    found = work.blend(judged)
    needed = thresholds(found.shares(judged), judged.answers, cleaned.labels, work.families, target_precision)
    labels = Labels(labels=cleaned.labels, families=work.families, thresholds=needed, confidence=found.knots)
    final = work.fit(range(len(cleaned.examples))).mixed(found.mixture)
    files = work.second_look()
    work.on_progress("writing the model", 1.0)
    rehearsed = work.rehearse(judged, parts)
    card = write(out, final, labels, work.card(source, parts, rehearsed, labels, found), files)
    draw(out, rehearsed.shares, rehearsed.judged.answers, f"{len(rehearsed.shares):,} texts of {source} held back")
    return card


@dataclass(frozen=True, slots=True)
class _Rehearsed:
    """Texts held back, and what a mixture and thresholds found on other texts would have done to them."""

    judged: Judged
    shares: np.ndarray
    released: np.ndarray
    """Mask of those that would have gone out without a person."""


class _Work:
    def __init__(self, cleaned: Cleaned, target: float, families: Mapping[str, str], on_progress: Progress) -> None:
        self.cleaned, self.target, self.on_progress = cleaned, target, on_progress
        self.labels = cleaned.labels
        self.families = {label: families.get(label, label) for label in self.labels}
        place = {label: number for number, label in enumerate(self.labels)}
        self.answers = np.array([place[example.label] for example in cleaned.examples])
        self.texts = [example.text for example in cleaned.examples]
        self.began = 0.0
        self.reader: Reader | None = None

    def read_with(self, encoder: Weights | Literal["own"], *, tune: bool) -> None:
        """Give the model an encoder."""

        def learning(share: float) -> None:
            self.on_progress("teaching the encoder", self.began + (LAST - self.began) * share)

        if encoder == "own":
            from services.classify.training.encoder.own import Own  # noqa: PLC0415 - needs torch

            self.reader = Own(texts=self.texts, answers=self.answers, categories=len(self.labels), on_progress=learning)
            return
        if tune:
            from services.classify.training.encoder.tune import Tuned  # noqa: PLC0415 - needs torch

            self.reader = Tuned(
                weights=encoder,
                texts=self.texts,
                answers=self.answers,
                categories=len(self.labels),
                on_progress=learning,
            )
            return
        what = f"reading with {encoder.name}"
        self.began = READING
        self.reader = frozen(
            encoder,
            self.texts,
            self.answers,
            len(self.labels),
            lambda share: self.on_progress(what, READING * share),
        )

    def second_look(self) -> dict[str, bytes]:
        """Give the files of the encoder."""
        if self.reader is None:
            return {}
        return dict(zip(ENCODER_FILES, self.reader.served(), strict=True))

    def fit(self, chosen: Sequence[int]) -> Fitted:
        texts = [self.texts[number] for number in chosen]
        vocabulary = build(texts, len(self.labels), MOST_TOKENS)
        return fit(vocabulary, texts, self.answers[np.asarray(chosen)], len(self.labels))

    def judge(self, parts: Parts) -> Judged:
        """Judge every text held back by what was learnt without it; a pair's number is the fold."""
        scores, answers, folds, unknown, reread = [], [], [], [], []
        before: Sequence[int] | None = None
        fitted: Fitted
        opinion: Opinion | None
        for number, (learnt, held) in enumerate(parts.pairs):
            share = self.began + (LAST - self.began) * number / len(parts.pairs)
            self.on_progress(f"judging, part {number + 1} of {len(parts.pairs)}", share)
            if learnt != before:
                before, fitted = learnt, self.fit(learnt)
                opinion = self.reader.taught(learnt) if self.reader is not None else None
            if opinion is not None:
                reread.append(opinion(held))
            texts = [self.texts[each] for each in held]
            scores.append(fitted.scores(texts))
            unknown.append(fitted.vocabulary.unknown(texts))
            answers.append(self.answers[np.asarray(held)])
            folds.append(np.full(len(held), number))
        return Judged(
            scores=np.concatenate(scores),
            answers=np.concatenate(answers),
            folds=np.concatenate(folds),
            unknown=np.concatenate(unknown),
            read=np.concatenate(reread) if reread else None,
        )

    def blend(self, judged: Judged) -> Blend:
        """Find what turns scores into shares."""
        return blend(judged, gated=self.reader is None or self.reader.gated)

    def rehearse(self, judged: Judged, parts: Parts) -> _Rehearsed:
        """Release each fold by the others; where folds follow in time, only the last, by those before it."""
        shares = np.zeros((len(judged.answers), len(self.labels)))
        released = np.zeros(len(judged.answers), dtype=bool)
        last = int(judged.folds.max())
        for fold in [last] if parts.by_time else range(last + 1):
            mine = judged.folds == fold
            others = judged.of(~mine)
            found = self.blend(others)
            shares[mine] = found.shares(judged.of(mine))
            needed = thresholds(found.shares(others), others.answers, self.labels, self.families, self.target)
            needs = np.array([2.0 if (need := needed[label]) is None else need for label in self.labels])
            released[mine] = shares[mine].max(axis=1) >= needs[shares[mine].argmax(axis=1)]
        scored = judged.folds == last if parts.by_time else np.ones(len(released), dtype=bool)
        return _Rehearsed(judged.of(scored), shares[scored], released[scored])

    def card(self, source: str, parts: Parts, rehearsed: _Rehearsed, labels: Labels, found: Blend) -> Card:
        judged = rehearsed.judged
        examples, answers = self.cleaned.examples, judged.answers
        ranked = np.argsort(-rehearsed.shares, axis=1, kind="stable")
        right = ranked[:, 0] == answers
        dated = [example.created for example in examples if example.created]
        return Card(
            source=source,
            data_sha256=digest(examples),
            texts=len(examples),
            earliest=dated[0].date().isoformat() if dated else "",
            latest=dated[-1].date().isoformat() if dated else "",
            judged_by=parts.rule,
            judged=len(answers),
            top1=_share(right),
            top3=_share((ranked[:, :3] == answers[:, None]).any(axis=1)),
            calibration_error=round(calibration_error(rehearsed.shares, answers), 4),
            target_precision=self.target,
            released=_share(rehearsed.released),
            released_precision=_share(right[rehearsed.released]) if rehearsed.released.any() else None,
            mixture=dict(zip(LEARNERS, found.mixture.tolist(), strict=True)),
            cascade=self.cascade(judged, found),
            categories={
                label: Score(
                    texts=int((self.answers == number).sum()),
                    judged=int((answers == number).sum()),
                    precision=_share(right[guessed]) if (guessed := ranked[:, 0] == number).any() else None,
                    recall=_share(right[meant]) if (meant := answers == number).any() else None,
                    threshold=labels.thresholds[label],
                )
                for number, label in enumerate(self.labels)
            },
            reference=Reference(
                shares={label: _share(ranked[:, 0] == number) for number, label in enumerate(self.labels)},
                confidence=round(float(rehearsed.shares.max(axis=1).mean()), 4),
                unknown=round(float(judged.unknown.mean()), 4),
            ),
            notes=self.cleaned.notes,
            versions={"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
            files={},
        )

    def cascade(self, judged: Judged, found: Blend) -> Cascade | None:
        if self.reader is None or found.second is None or judged.read is None:
            return None
        first = judged.shares(found.mixture)
        every = replace(found.second, gate=2.0).shares(first, judged.read)
        return Cascade(
            encoder=self.reader.name,
            gate=found.second.gate,
            fast=found.second.fast,
            weight=found.second.weight,
            read=_share(first.max(axis=1) < found.second.gate),
            top1_fast=_share(first.argmax(axis=1) == judged.answers),
            top1_all=_share(every.argmax(axis=1) == judged.answers),
        )


def _share(flags: np.ndarray) -> float:
    return round(float(flags.mean()), 4)


__all__ = ["Card", "Example", "TrainingError", "train"]
