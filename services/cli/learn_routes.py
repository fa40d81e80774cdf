"""`stormdrain learn-routes`: rules and a ranking of who is responsible, from a town's past assignments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from services.city.findings import CityError
from services.city.history import HistoryError
from services.city.load import load
from services.cli.train import fail, progress

if TYPE_CHECKING:
    from services.city.model import City
    from services.cli.learning.past import Past
    from services.cli.learning.rules import Found
    from services.responsible.card import Card

_NEEDS = "stormdrain learn-routes needs libraries that are not installed ({}): pip install 'stormdrain[train]'"
_TEXT = typer.Option(help="Column with the citizen's words; may be given more than once, and all are read as one text.")

Town = Annotated[Path, typer.Option("--city", help="The town's directory: its categories, departments and boundaries.")]
HistoryFile = Annotated[Path, typer.Option("--history", help="Past requests: .csv or .csv.gz with a header.")]
Responsible = Annotated[str, typer.Option(help="Column of --history that says who was responsible: an id or a name.")]
Text = Annotated[list[str] | None, _TEXT]
Category = Annotated[str, typer.Option(help="Column of the category: service codes or names of categories.yaml.")]
Latitude = Annotated[str, typer.Option("--latitude", "--lat", help="Column of the latitude, WGS 84 degrees.")]
Longitude = Annotated[str, typer.Option("--longitude", "--lon", help="Column of the longitude.")]
Address = Annotated[str, typer.Option(help="Column of the address; the model reads its street.")]
Created = Annotated[str, typer.Option(help="Column of when it came in: scores are then by the newest fifth.")]
Encoding = Annotated[str, typer.Option(help="How --history was written: utf-8, cp1252, ...")]
Out = Annotated[Path, typer.Option(help="File to write the proposed rules to. Nothing reads it but you.")]
ModelDir = Annotated[
    Path | None, typer.Option("--model", help="Train a ranking as well, and write it to this directory.")
]
Fewest = Annotated[int, typer.Option(min=5, help="Past requests behind a rule, at least.")]
Precision = Annotated[
    float, typer.Option(min=0.5, max=1.0, help="Share of them that one department had, at least, by a lower bound.")
]
Json = Annotated[bool, typer.Option("--json", help="Print all that was found as JSON.")]


def learn_routes(
    *,
    city: Town,
    history: HistoryFile,
    responsible: Responsible,
    text: Text = None,
    category: Category = "",
    latitude: Latitude = "",
    longitude: Longitude = "",
    address: Address = "",
    created: Created = "",
    encoding: Encoding = "utf-8",
    out: Out = Path("proposed-routes.yaml"),
    model: ModelDir = None,
    fewest: Fewest = 20,
    precision: Precision = 0.8,
    as_json: Json = False,
) -> None:
    """Propose rules from past assignments, with support and precision, for a person to review. Nothing becomes active.

    With --model, also train a ranking of who is responsible, from words, category and place.
    """
    if bool(latitude) != bool(longitude):
        fail("stormdrain learn-routes has half a place; give --latitude and --longitude, or none of them")
    try:
        from services.classify.training.examples import TrainingError  # noqa: PLC0415 - needs the train extra
        from services.cli.learning import past as pasts  # noqa: PLC0415 - as above
        from services.cli.learning import proposed  # noqa: PLC0415 - as above
        from services.cli.learning.rules import Finder  # noqa: PLC0415 - as above
    except ImportError as error:
        fail(_NEEDS.format(error.name))
    asked = pasts.Asked(
        responsible=responsible,
        text=tuple(text or ()),
        category=category,
        latitude=latitude,
        longitude=longitude,
        address=address,
        created=created,
    )
    try:
        town = load(city)
        past = pasts.read_past(history, asked, town, encoding=encoding)
        found = Finder(town, fewest, precision).find(*past.parted())
        card = _ranking(past, town, history.name, model) if model else None
        out.write_text(proposed.written(found, past, town, history.name), encoding="utf-8")
    except (CityError, HistoryError, TrainingError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"stormdrain learn-routes cannot write: {error}")
    if as_json:
        said: dict[str, Any] = {"requests": len(past.assignments), "judged_by": past.rule, "notes": past.notes}
        said |= proposed.as_json(found) | {"model": card and msgspec.to_builtins(card)}
        typer.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    _tell(past, found, out)
    if card and model:
        typer.echo("\n".join(told(card, model)))


def _ranking(past: Past, town: City, source: str, out: Path) -> Card:
    try:
        from services.cli.learning.ranking import TooFewError, train  # noqa: PLC0415 - needs the train extra
    except ImportError as error:
        fail(_NEEDS.format(error.name))
    try:
        with progress() as on_progress:
            return train(
                past, town, source=source, out=out, target=town.policy.target_precision, on_progress=on_progress
            )
    except TooFewError as error:
        fail(str(error))


def _tell(past: Past, found: Found, out: Path) -> None:
    from services.cli.learning.proposed import lines  # noqa: PLC0415 - imported already, and not without its libraries

    typer.echo(f"{len(past.assignments):,} past requests, {len(past.names)} responsible")
    for note in past.notes:
        typer.echo(f"  {note}")
    typer.echo("proposed:" if found.proposals else "no rule is sure enough to be proposed")
    for line in lines(found):
        typer.echo(line)
    right = f", {found.right / found.taken:.1%} of them rightly" if found.taken else ""
    typer.echo(f"judged by {past.rule}: rules take {found.taken:,} of {found.later:,}{right}")
    typer.echo(f"written to {out}; nothing is active: copy what is to hold into departments.yaml, then")
    typer.echo("  stormdrain city check, and stormdrain route-diff to see what would move")


def told(card: Card, out: Path) -> list[str]:
    """Give what a ranking's card says, in lines to read."""
    right = "" if card.released_precision is None else f", {card.released_precision:.1%} of these rightly"
    return [
        f"the ranking, judged by {card.judged_by}:",
        f"  {card.top1:.1%} of {card.judged:,} have the right department first, {card.top3:.1%} among the first three",
        f"  {card.released:.0%} are sure enough{right}; asked for: {card.target_precision:.0%}",
        f"written to {out}; route asks it of what no rule takes if it lies in the town's directory as `routes`",
        "  and departments.yaml says `ranking: true`",
    ]
