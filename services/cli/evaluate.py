"""`stormdrain evaluate`: how a model fares on past requests, as a table and as a page to look at."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.city.history import Columns, HistoryError, read_history
from services.classify.serving.card import ModelError
from services.classify.serving.scorer import OnnxScorer
from services.cli.train import Encoding, Label, Text, fail

if TYPE_CHECKING:
    from services.classify.training.evaluate import Evaluation

_NEEDS = (
    "stormdrain evaluate needs libraries that are not installed ({}); install them: pip install 'stormdrain[train]'"
)
_AT_ONCE = 2000


def evaluate(
    *,
    model: Annotated[Path, typer.Option(help="Directory of the model.")],
    history: Annotated[Path, typer.Option(help="Requests to judge it by: .csv or .csv.gz with a header.")],
    text: Text,
    label: Label,
    created: Annotated[str, typer.Option(help="Column of --history that holds when it came in.")] = "",
    since: Annotated[str, typer.Option(help="Judge only by what came in from this day on: 2026-01-31.")] = "",
    encoding: Encoding = "utf-8",
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write a page with pictures, the confusion matrix and the worst mistakes."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as one JSON object.")] = False,
) -> None:
    """Judge a model by past requests that it has not learnt from.

    Repeats of a text under the same category count once. The page holds citizens' words: keep it as the history.
    """
    try:
        from services.classify.training.evaluate import evaluate as judge  # noqa: PLC0415 - needs the train extra
        from services.classify.training.examples import TrainingError  # noqa: PLC0415 - as above
    except ImportError as error:
        fail(_NEEDS.format(error.name))
    try:
        scorer = OnnxScorer(model)
        columns = Columns(text=text, label=label, created=created)
        texts, meant, notes = _asked(history, columns, encoding, since, scorer.card.latest)
    except (HistoryError, ModelError, TrainingError) as error:
        fail(str(error))
    import numpy as np  # noqa: PLC0415 - not for --help

    shares = np.concatenate([scorer.shares(texts[at : at + _AT_ONCE])[0] for at in range(0, len(texts), _AT_ONCE)])
    labels = scorer.labels.labels
    found = judge(
        texts,
        meant,
        shares,
        labels=labels,
        thresholds=scorer.labels.thresholds,
        target=scorer.card.target_precision,
    )
    if report is not None:
        from services.cli.evaluating.page import Subject, render  # noqa: PLC0415 - only who wants it

        subject = Subject(
            model=model.name,
            version=scorer.version,
            history=history.name,
            learnt_until=scorer.card.latest,
            notes=tuple(notes),
        )
        guessed = [labels[each] for each in shares.argmax(axis=1).tolist()]
        report.write_text(render(subject, found, zip(meant, guessed, strict=True)), "utf-8")
    typer.echo(json.dumps(asdict(found), ensure_ascii=False) if as_json else told(found, history.name, notes, report))


def told(found: Evaluation, history: str, notes: list[str], report: Path | None = None) -> str:
    """Give what was found, in lines to read."""
    right = "" if found.released_precision is None else f", {found.released_precision:.1%} of these rightly"
    lines = [
        f"{found.texts:,} texts of {history}",
        *(f"  {note}" for note in notes),
        f"  {found.top1:6.1%}  have the right category first",
        f"  {found.top3:6.1%}  have it among the first three",
        f"  {found.at_target:6.1%}  could go out at {found.target:.0%} precision, chosen in hindsight",
        f"  {found.released:6.1%}  go out by the model's own thresholds{right}; asked for: {found.target:.0%}",
        f"  {found.calibration_error:6.3f}  is the calibration error",
    ]
    lines += [
        f"  most often: {each.meant} taken for {each.guessed}, {each.texts:,} times" for each in found.confused[:3]
    ]
    return "\n".join([*lines, *([f"the page is {report}"] if report else [])])


def _asked(
    path: Path, columns: Columns, encoding: str, since: str, learnt_until: str
) -> tuple[list[str], list[str], list[str]]:
    """Give texts and their categories, each pair once, and what there is to say about them."""
    from services.classify.training.examples import of_past  # noqa: PLC0415 - needs the train extra

    if since and not columns.created:
        raise HistoryError(["--since needs to know when requests came in; name the column: --created COLUMN"])
    past = read_history(path, columns, encoding=encoding, fewest=1, classes=1)
    examples = of_past(past)
    first = _day(since)
    kept: dict[tuple[str, str], datetime | None] = {}
    early = 0
    for each in examples:
        if first is not None and (each.created is None or each.created.replace(tzinfo=None) < first):
            early += 1
        else:
            kept.setdefault((each.text, each.label), each.created)
    if not kept:
        raise HistoryError([f"{path.name}: no request came in since {since}; give an earlier day"])
    notes = list(past.notes)
    if early:
        notes.append(f"{early:,} rows of before {since} are left out")
    if repeats := len(examples) - early - len(kept):
        notes.append(f"{repeats:,} repeats of a text under the same category count once")
    known = sum(time is not None and time.date().isoformat() <= learnt_until for time in kept.values())
    if learnt_until and known:
        notes.append(
            f"{known:,} are no later than the model's own texts ({learnt_until}): it may have learnt from them"
        )
    return [text for text, _ in kept], [code for _, code in kept], notes


def _day(since: str) -> datetime | None:
    if not since:
        return None
    try:
        return datetime.fromisoformat(since).replace(tzinfo=None)
    except ValueError:
        raise HistoryError([f"--since {since}: no day; expected 2026-01-31"]) from None
