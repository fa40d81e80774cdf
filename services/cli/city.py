"""`stormdrain city`: a town's own files, checked, and made from its past."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from services.city.check import as_object, examine, told

app = typer.Typer(no_args_is_help=True)

Directory = Annotated[Path, typer.Argument(envvar="STORMDRAIN_CITY_DIR", help="The town's directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines to read.")]


@app.callback()
def city() -> None:
    """Check a town's files, or make them from its past requests."""


@app.command()
def check(directory: Directory = Path("city"), *, as_json: Json = False) -> None:
    """Name every fault and warning in a town's files. Only reads. Exits 1 if the town cannot be used."""
    examined = examine(directory)
    if as_json:
        typer.echo(json.dumps(as_object(examined, directory), ensure_ascii=False, indent=2))
    else:
        typer.echo(told(examined, directory))
    raise typer.Exit(0 if examined.city else 1)
