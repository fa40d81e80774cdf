"""`stormdrain train`: a model from a town's past requests, or from its categories' phrases alone."""

from __future__ import annotations

import json
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from services.city.findings import CityError
from services.city.history import Columns, HistoryError, read_history
from services.city.load import load
from services.cli.encoders import fetched
from services.sandbox.jars import BrokerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.city.model import City
    from services.classify.serving.card import Card
    from services.classify.training.encoder.weights import Weights
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
Encoder = Annotated[
    Literal["none", "minilm", "own"],
    typer.Option(
        help="What reads again what the fast model is unsure of. minilm: a transformer that knows English, fetched once"
        " (16 MB). own: learnt from --history alone, of any language, 10,000 texts or more (needs train-deep)."
    ),
]
Tune = Annotated[
    bool,
    typer.Option(
        "--tune",
        help="Teach all of the encoder, not only its head: better, but needs torch (train-deep) and up to hours.",
    ),
]
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
    encoder: Encoder = "none",
    tune: Tune = False,
    as_json: Json = False,
) -> None:
    """Train a model and say how good it is on texts it had not seen. Takes minutes, on one core, without a GPU."""
    if history is None and city is None:
        fail(
            "stormdrain train has nothing to learn from; give --history FILE --text COLUMN --label COLUMN or --city DIR"
        )
    if history is not None and not (text and label):
        fail(f"stormdrain train cannot read {history}; name its columns: --text COLUMN --label COLUMN")
    if tune and encoder != "minilm":
        fail("stormdrain train --tune has no encoder to teach; give --encoder minilm")
    if (tune or encoder == "own") and find_spec("torch") is None:
        what = "--tune" if tune else "--encoder own"
        fail(f"stormdrain train {what} needs torch, which is not installed: pip install 'stormdrain[train-deep]'")
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
        with progress() as on_progress:
            card = learn(
                learnt,
                families={code: category.family for code, category in town.categories.items()} if town else {},
                out=out,
                source=source,
                target_precision=town.policy.target_precision if town else _TARGET,
                encoder=_minilm(on_progress) if encoder == "minilm" else "own" if encoder == "own" else None,
                tune=tune,
                on_progress=on_progress,
            )
    except (BrokerError, CityError, HistoryError, TrainingError) as error:
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
        *told_of_cascade(card),
        f"  {card.released:.0%} go out without a person{right}; asked for: {card.target_precision:.0%}",
        *([f"  never without a person: {', '.join(never)}"] if never else []),
        f"written to {out}; classify serves it with CLASSIFY_MODEL_DIR={out}",
    ]
    return "\n".join(lines)


def told_of_cascade(card: Card) -> list[str]:
    """Give what the encoder of a model is good for, in a line; nothing where there is none."""
    if card.cascade is None:
        return []
    cascade = card.cascade
    again = f"  {cascade.read:.0%} of them are read again by {cascade.encoder}; right first without it:"
    return [f"{again} {cascade.top1_fast:.1%}, and if it read all: {cascade.top1_all:.1%}"]


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Show on standard error what is being done and how much of it is; where that is no terminal, a line a step."""
    console = Console(stderr=True)
    said: set[str] = set()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=console
    ) as shown:
        task = shown.add_task("beginning", total=1.0, visible=console.is_terminal)

        def told(what: str, share: float) -> None:
            shown.update(task, description=what, completed=share)
            if not console.is_terminal and what not in said:
                said.add(what)
                typer.echo(f"{share:4.0%}  {what}", err=True)

        yield told


def _minilm(on_progress: Callable[[str, float], None]) -> Weights:
    from services.classify.training.encoder.weights import minilm  # noqa: PLC0415 - needs the train extra

    return minilm(fetched(lambda _what, _done=0, _total=0: on_progress("fetching the encoder", 0.0)))


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
