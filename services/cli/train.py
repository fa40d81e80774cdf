"""`stormdrain train`: a model from a town's past requests, or from its categories' phrases alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from services.city.findings import CityError
from services.city.history import Columns, HistoryError, read_history
from services.city.load import load

if TYPE_CHECKING:
    from services.city.model import City
    from services.classify.serving.card import Card
    from services.classify.training.examples import Example

_NEEDS = "stormdrain train needs libraries that are not installed ({}); install them: pip install 'stormdrain[train]'"
_TARGET = 0.95

HistoryFile = Annotated[
    Path | None,
    typer.Option("--history", help="Past requests: .csv or .csv.gz with a header. Not set: the city's phrases."),
]
Text = Annotated[str, typer.Option(help="Column of --history that holds what the citizen wrote.")]
Label = Annotated[str, typer.Option(help="Column of --history that holds the category in which it ended.")]
Created = Annotated[str, typer.Option(help="Column of --history that holds when it came in: scores are then by time.")]
Encoding = Annotated[str, typer.Option(help="How --history was written: utf-8, cp1252, ...")]
Town = Annotated[
    Path | None, typer.Option("--city", help="The town's directory: its categories, families and target precision.")
]
Out = Annotated[Path, typer.Option(help="Directory to write the model to; what lies there is replaced.")]
Json = Annotated[bool, typer.Option("--json", help="Print the model's card instead of lines to read.")]


def train(
    *,
    out: Out,
    history: HistoryFile = None,
    text: Text = "",
    label: Label = "",
    created: Created = "",
    encoding: Encoding = "utf-8",
    city: Town = None,
    as_json: Json = False,
) -> None:
    """Train a model and say how good it is on texts it had not seen. Takes minutes, on one core, without a GPU."""
    if history is None and city is None:
        fail(
            "stormdrain train has nothing to learn from; give --history FILE --text COLUMN --label COLUMN or --city DIR"
        )
    if history is not None and not (text and label):
        fail(f"stormdrain train cannot read {history}; name its columns: --text COLUMN --label COLUMN")
    try:
        from services.classify.training.examples import TrainingError, of_city  # noqa: PLC0415 - needs the train extra
        from services.classify.training.train import train as learn  # noqa: PLC0415 - as above
    except ImportError as error:
        fail(_NEEDS.format(error.name))
    try:
        town = load(city) if city else None
        if history is None:
            source = "the phrases of the city's categories"
            learnt = of_city(town) if town else []
        else:
            source = history.name
            learnt = _past(history, Columns(text=text, label=label, created=created), encoding, town)
        card = learn(
            learnt,
            families={code: category.family for code, category in town.categories.items()} if town else {},
            out=out,
            source=source,
            target_precision=town.policy.target_precision if town else _TARGET,
            on_progress=lambda what, share: typer.echo(f"{share:4.0%}  {what}", err=True),
        )
    except (CityError, HistoryError, TrainingError) as error:
        fail(str(error))
    typer.echo(json.dumps(msgspec.to_builtins(card), ensure_ascii=False, indent=2) if as_json else told(card, out))


def told(card: Card, out: Path) -> str:
    """Give what a model's card says, in lines to read."""
    never = [label for label, score in card.categories.items() if score.threshold is None]
    right = "" if card.released_precision is None else f", {card.released_precision:.0%} of these rightly"
    lines = [
        f"{len(card.categories)} categories learnt from {card.texts:,} texts of {card.source}",
        *(f"  {note}" for note in card.notes),
        f"{card.judged_by}:",
        f"  {card.top1:.1%} of {card.judged:,} have the right category first, {card.top3:.1%} among the first three",
        f"  {card.released:.0%} go out without a person{right}; asked for: {card.target_precision:.0%}",
        *([f"  never without a person: {', '.join(never)}"] if never else []),
        f"written to {out}; classify serves it with CLASSIFY_MODEL_DIR={out}",
    ]
    return "\n".join(lines)


def _past(path: Path, columns: Columns, encoding: str, town: City | None) -> list[Example]:
    from services.classify.training.examples import TrainingError, of_past  # noqa: PLC0415 - as above

    past = read_history(path, columns, encoding=encoding)
    strange = [f"{name} ({code})" for code, name in past.names.items() if town and code not in town.categories]
    if strange:
        message = f"{path.name}: {len(strange)} of its categories are not the city's: {', '.join(strange)}"
        raise TrainingError(message + "; give the column of service codes, or add them to categories.yaml")
    return of_past(past)


def fail(message: str) -> NoReturn:
    """End with the message on standard error and status 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)
