"""python -m benchmarks.classify: learn from the earlier part of a history, and be judged by the later, side by side.

* `tfidf`: scikit-learn's pipeline of word and character TF-IDF and logistic regression, as its documentation has it;
* `logistic`, `hinge`, `bayes`: each of our learners alone, before they are mixed;
* `stormdrain`: the model that `stormdrain train` writes, served by ONNX Runtime in batches;
* `stormdrain one by one`: the same, a text at a time;
* with --encoder, which has read English alone: `minilm`, all-MiniLM-L6-v2 in int8 as it comes, for every text, in
  batches bucketed by length, with a head learnt on its vectors; `cascade`, what `stormdrain train --encoder minilm`
  writes (with --tune fine-tuned, with --own `--encoder own`); and `encoder`, that model's encoder for every text.

All take one thread. How good they are is counted on texts that no side has learnt from, later ones where there are
dates; how fast, in rounds in an order drawn anew. The last line on standard output is the result as JSON.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.classify.sides import Learn, Shares, alone, tfidf
from benchmarks.classify.starting import started
from benchmarks.machine import machine, now, spread
from services.city.history import Columns, read_history
from services.classify.serving.confidence import softmax
from services.classify.serving.scorer import OnnxScorer
from services.classify.training.encoder.weights import minilm
from services.classify.training.evaluate import evaluate
from services.classify.training.examples import Example, clean, of_past
from services.classify.training.train import train
from services.cli.encoders import fetched

LATER = 0.2


@dataclass(frozen=True, slots=True)
class Side:
    """A way to give shares; `labels` are their columns, `thresholds` what lets a category out."""

    name: str
    shares: Shares
    labels: tuple[str, ...]
    learnt_s: float
    thresholds: dict[str, float | None]


def classify(
    *,
    history: Annotated[Path, typer.Option(help="Past requests: .csv or .csv.gz with a header.")],
    text: Annotated[str, typer.Option(help="Column of what the citizen wrote.")],
    label: Annotated[str, typer.Option(help="Column of the category.")],
    created: Annotated[str, typer.Option(help="Column of when it came in.")] = "",
    most: Annotated[int, typer.Option(help="Learn from so many texts at most, the latest.")] = 30_000,
    rounds: Annotated[int, typer.Option(help="How often each side's speed is taken.")] = 5,
    texts: Annotated[int, typer.Option(help="Texts by which speed is taken, at most.")] = 2000,
    encoder: Annotated[bool, typer.Option(help="Race the MiniLM encoder, too: fetches 16 MB.")] = False,
    tune: Annotated[bool, typer.Option(help="Fine-tune the encoder of the cascade; needs torch.")] = False,
    own: Annotated[bool, typer.Option(help="Its encoder knows these texts alone; needs torch.")] = False,
    seed: Annotated[int, typer.Option(help="Of the order in a round.")] = 1,
) -> None:
    """Measure how good and how fast a classifier is beside others; the last line of standard output is JSON."""
    learnt, held = _parted(history, Columns(text=text, label=label, created=created), most)
    judged = [each.text for each in held]
    meant = [each.label for each in held]
    sides, starts = _sides(learnt, judged[:texts], encoder=encoder, tune=tune, own=own)
    figures: dict[str, dict[str, Any]] = {}
    for side in sides:
        found = evaluate(
            judged, meant, side.shares(judged), labels=side.labels, thresholds=side.thresholds, target=0.95
        )
        figures[side.name] = {
            "top1": round(found.top1, 4),
            "top3": round(found.top3, 4),
            "at_95": round(found.at_target, 4),
            "released": round(found.released, 4),
            "released_precision": found.released_precision and round(found.released_precision, 4),
            "calibration_error": round(found.calibration_error, 4),
            "learnt_s": round(side.learnt_s, 1),
        }
        _say(f"{side.name:22} {found.top1:.3f} {found.top3:.3f} {found.at_target:.3f} {found.calibration_error:.3f}")
    speeds = _speeds(sides, judged[:texts], rounds, Random(seed))
    for name, taken in speeds.items():
        figures[name]["texts_per_s"] = spread(taken)
    result = {
        "benchmark": "classify",
        "at": now(),
        "machine": machine(),
        "versions": {name: version(name) for name in ("stormdrain", "onnxruntime", "scikit-learn", "tokenizers")},
        "history": history.name,
        "learnt": len(learnt),
        "judged": len(held),
        "sides": figures,
        "starts": starts,
    }
    typer.echo(json.dumps(result))


def _parted(path: Path, columns: Columns, most: int) -> tuple[list[Example], list[Example]]:
    examples = clean(of_past(read_history(path, columns))).examples
    border = round(len(examples) * (1 - LATER))
    learnt = list(examples[:border][-most:])
    known = {each.label for each in learnt}
    return learnt, [each for each in examples[border:] if each.label in known]


def _sides(
    learnt: Sequence[Example], asked: list[str], *, encoder: bool, tune: bool, own: bool
) -> tuple[list[Side], dict[str, dict[str, float]]]:
    cleaned = clean(learnt)
    texts, labels = [each.text for each in cleaned.examples], cleaned.labels
    answers = np.array([labels.index(each.label) for each in cleaned.examples])
    none = dict.fromkeys(labels)
    sides = []
    learners: dict[str, Learn] = {"tfidf": tfidf, **alone(len(labels))}
    if encoder:
        from benchmarks.classify.encoder import headed  # noqa: PLC0415 - fetches

        learners["minilm"] = headed
    for name, learn in learners.items():
        _say(f"{name} learns")
        began = time.monotonic()
        sides.append(Side(name, learn(texts, answers), labels, time.monotonic() - began, none))
    scorer, took, start = _trained(learnt, asked)
    starts = {"stormdrain": start}
    known = scorer.labels
    one_by_one: Shares = lambda some: np.concatenate([scorer.shares([each])[0] for each in some])  # noqa: E731
    sides.append(Side("stormdrain", lambda some: scorer.shares(some)[0], known.labels, took, known.thresholds))
    sides.append(Side("stormdrain one by one", one_by_one, known.labels, took, known.thresholds))
    if encoder:
        cascade, took, starts["cascade"] = _trained(
            learnt, asked, encoder="own" if own else minilm(fetched()), tune=tune
        )
        read, needed = cascade.encoder, cascade.labels.thresholds
        if read is None:
            message = "the model has no encoder"
            raise RuntimeError(message)
        sides.append(Side("cascade", lambda some: cascade.shares(some)[0], known.labels, took, needed))
        sides.append(Side("encoder", lambda some: softmax(read.rows(some)), known.labels, took, none))
    return sides, starts


def _trained(
    learnt: Sequence[Example],
    asked: list[str],
    **options: Any,  # noqa: ANN401 - train's own
) -> tuple[OnnxScorer, float, dict[str, float]]:
    """Give the model that `stormdrain train` would write, the seconds that took, and what serving it takes."""
    with tempfile.TemporaryDirectory() as folder:
        _say("the cascade learns" if options else "stormdrain learns")
        began = time.monotonic()
        card = train(learnt, families={}, out=Path(folder), source="benchmark", **options)
        if card.cascade is not None:
            _say(f"{card.cascade.read:.0%} are read again below {card.cascade.gate:.2f}")
        took = time.monotonic() - began
        return OnnxScorer(Path(folder)), took, started(Path(folder), asked)


def _speeds(sides: Sequence[Side], texts: Sequence[str], rounds: int, luck: Random) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        for side in luck.sample(sides, len(sides)):
            began = time.process_time()
            side.shares(texts)
            found[side.name].append(len(texts) / (time.process_time() - began))
    return found


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
