"""What `train-match` and `evaluate-match` share: how they are asked, what is checked first, how shares are told."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.train import fail

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEEDS = "stormdrain {} needs libraries that are not installed ({}): pip install 'stormdrain[train]'"

Town = Annotated[Path, typer.Option("--city", help="The town's directory: its categories and their families.")]
Models = Annotated[Path, typer.Option("--models", help="Where trained models lie; --storm uses them.")]
History = Annotated[
    Path | None, typer.Option("--history", help="Past reports with marks: .csv or .csv.gz with a header.")
]
Mark = Annotated[str, typer.Option(help="Column that says yes where a report is a duplicate of an earlier one.")]
Incident = Annotated[
    str, typer.Option(help="Column of what duplicates share, or of the id of what a report is a duplicate of.")
]
Own = Annotated[str, typer.Option("--id", help="Column of a report's own id.")]
Created = Annotated[str, typer.Option(help="Column of when it was made.")]
Category = Annotated[str, typer.Option(help="Column of the category: service codes or names of categories.yaml.")]
Text = Annotated[list[str] | None, typer.Option(help="Column of the citizen's words; may be given more than once.")]
Latitude = Annotated[str, typer.Option("--latitude", "--lat", help="Column of the latitude, WGS 84 degrees.")]
Longitude = Annotated[str, typer.Option("--longitude", "--lon", help="Column of the longitude.")]
Radius = Annotated[str, typer.Option("--radius", help="Column of how far the place may be off, metres.")]
Address = Annotated[str, typer.Option(help="Column of the address.")]
Encoding = Annotated[str, typer.Option(help="How --history was written: utf-8, cp1252, ...")]
Size = Annotated[int, typer.Option("--incidents", min=50, help="Incidents of each storm.")]


def check(
    command: str, *, history: Path | None, storm: str | int | None, mark: str, incident: str, one_thing: str
) -> None:
    """Say that a command can go on, or end it with a message.

    It cannot where not just one of a history and a storm is named (`one_thing` says so), where nothing or two things
    say which of a history are duplicates, or where the `train` extra is not installed.
    """
    if (history is None) == (storm in ("", None)):
        fail(f"stormdrain {command} {one_thing}")
    if history and bool(mark) == bool(incident):
        fail(f"stormdrain {command} needs to know what is a duplicate: give --mark COLUMN, or --incident COLUMN")
    try:
        import_module("services.incidents.learning")
    except ImportError as error:
        fail(_NEEDS.format(command, error.name))


def make(folder: Path, option: str) -> None:
    """Make a directory for what will be written, or end with a message that names the option."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f"{option}: the directory {folder} cannot be made: {error.strerror}; name another: --out")


def columns_named(**named: str | Sequence[str]) -> dict[str, Sequence[str]]:
    """Give the columns that were named, by what they hold."""
    return {what: [columns] if isinstance(columns, str) else columns for what, columns in named.items() if columns}


def percent(share: float | None) -> str:
    """Give a share to read; None is one of nothing."""
    return "none" if share is None else f"{share:.1%}"
