"""`stormdrain city`: a town's own files, checked, and made from its past."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.city.check import as_object, examine, told
from services.city.history import Columns, History
from services.city.model import City
from services.city.new import NewCityError, Wishes, make

app = typer.Typer(no_args_is_help=True, help="Check a town's files; make a town from a past.")

STEPS = ("reading past requests", "reading boundaries", "writing the town")

Directory = Annotated[Path, typer.Argument(envvar="STORMDRAIN_CITY_DIR", help="The town's directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines to read.")]


@app.callback()
def city() -> None:
    """Check a town's files, or make them from its past requests."""


@app.command()
def check(directory: Directory = Path("city"), *, as_json: Json = False) -> None:
    """Name every fault and warning in a town's files. Only reads. Exits 1 if the town cannot be used."""
    examined = examine(directory, measure=True)
    if as_json:
        typer.echo(json.dumps(as_object(examined, directory), ensure_ascii=False, indent=2))
    else:
        typer.echo(told(examined, directory))
    raise typer.Exit(0 if examined.city else 1)


@app.command()
def new(
    directory: Annotated[Path, typer.Argument(help="Where the town is to be; must not be there, or be empty.")],
    *,
    boundaries: Annotated[Path, typer.Option(help="Districts or wards: GeoJSON, Shapefile, GeoPackage ...")],
    history: Annotated[Path, typer.Option(help="Past requests: CSV with a header, or .csv.gz.")],
    text: Annotated[str, typer.Option(help="The column with what the citizen wrote.")],
    label: Annotated[str, typer.Option(help="The column with the category.")],
    lat: Annotated[str, typer.Option(help="The column with the latitude (WGS 84).")] = "",
    lon: Annotated[str, typer.Option(help="The column with the longitude (WGS 84).")] = "",
    created: Annotated[str, typer.Option(help="The column with the time it came in.")] = "",
    name: Annotated[str, typer.Option(help="What the town is called; else the directory's name.")] = "",
    id_property: Annotated[str, typer.Option(help="The property that tells areas apart.")] = "",
    name_property: Annotated[str, typer.Option(help="The property with an area's name.")] = "",
    time_zone: Annotated[str, typer.Option(help="As Europe/Madrid or America/New_York.")] = "UTC",
    language: Annotated[str, typer.Option(help="The language of the texts, as en or es.")] = "en",
    families: Annotated[
        Path | None, typer.Option(help="YAML of `family: [category, ...]`; else each category is its own family.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="How the history is written, if not in UTF-8.")] = "utf-8",
    train: Annotated[bool, typer.Option(help="Train a model on the history into DIRECTORY/model.")] = True,
) -> None:
    """Make a town that runs, from a boundary file and an export of its past requests, and train a model for it."""
    columns = Columns(text=text, label=label, lat=lat, lon=lon, created=created)
    wishes = Wishes(
        name=name,
        time_zone=time_zone,
        language=language,
        id_property=id_property,
        name_property=name_property,
        families=families,
    )
    console = Console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*shown, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(STEPS) + train)

        def step(doing: str) -> None:
            bar.update(task, description=doing, completed=STEPS.index(doing))

        def training(doing: str, share: float) -> None:
            bar.update(task, description=doing, completed=len(STEPS) + share)

        try:
            made = make(
                directory,
                boundaries=boundaries,
                export=history,
                columns=columns,
                wishes=wishes,
                encoding=encoding,
                step=step,
            )
            lines = [*made.notes, told(made.examined, directory)]
            if train and made.examined.city:
                lines += _train(directory, made.examined.city, made.history, history.name, training)
        except (NewCityError, _UntrainedError) as error:
            bar.stop()
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
    typer.echo("\n".join(lines))
    raise typer.Exit(0 if made.examined.city else 1)


class _UntrainedError(Exception):
    """The town is there, and has no model."""


def _train(
    directory: Path, town: City, history: History, source: str, on_progress: Callable[[str, float], None]
) -> list[str]:
    remedy = f"{directory} is made and has no model: `stormdrain train` makes one, or delete it and try again"
    try:
        from services.classify.training.examples import Example, TrainingError, read_times  # noqa: PLC0415
        from services.classify.training.train import train  # noqa: PLC0415 - only the `train` extra has what it needs
    except ImportError as error:
        message = f"{error.name} is not installed; install `stormdrain[train]`\n{remedy}"
        raise _UntrainedError(message) from error
    notes: list[str] = []
    try:
        times = read_times([request.created for request in history.requests])
    except TrainingError as error:
        times = [None] * len(history.requests)
        notes.append(f"times are not used: {error}")
    examples = (
        Example(text=request.text, label=request.service_code, created=created)
        for request, created in zip(history.requests, times, strict=True)
    )
    families = {code: category.family for code, category in town.categories.items()}
    try:
        card = train(
            examples,
            families=families,
            out=directory / "model",
            source=source,
            target_precision=town.policy.target_precision,
            on_progress=on_progress,
        )
    except TrainingError as error:
        message = f"{error}\n{remedy}"
        raise _UntrainedError(message) from error
    right = "none" if card.released_precision is None else f"{card.released_precision:.1%}"
    return [
        *notes,
        f"model in {directory / 'model'}, of {card.texts:,} texts; {card.judged_by}:",
        f"  right at first {card.top1:.1%}, among the first three {card.top3:.1%} of {card.judged:,} texts held back",
        f"  released without a person {card.released:.1%}, of these right {right}, wanted {card.target_precision:.0%}",
    ]
