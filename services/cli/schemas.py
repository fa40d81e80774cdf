"""`stormdrain schemas`: schemas/ rendered from services/events.py, and whether it still is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.runtime import schemas

app = typer.Typer(no_args_is_help=True, help="The JSON Schema of every event, rendered from services/events.py.")

Directory = Annotated[Path, typer.Option("--directory", help="Where the files lie.")]


@app.command()
def render(directory: Directory = Path("schemas")) -> None:
    """Write the files that changed."""
    directory.mkdir(parents=True, exist_ok=True)
    stale = _stale(directory)
    for name, text in stale.items():
        (directory / name).write_text(text, "utf-8")
        typer.echo(f"wrote {directory / name}")
    if not stale:
        typer.echo(f"{directory} is as services/events.py says")


@app.command()
def check(directory: Directory = Path("schemas")) -> None:
    """Exit 1 where a file is not as services/events.py says."""
    faults = [f"{directory / name} is not as services/events.py says" for name in _stale(directory)]
    faults += [
        f"{path} is of no event" for path in sorted(directory.glob("*.json")) if path.name not in schemas.files()
    ]
    if faults:
        typer.echo("\n".join([*faults, "to do: stormdrain schemas render"]), err=True)
        raise typer.Exit(1)
    typer.echo(f"{directory} is as services/events.py says")


def _stale(directory: Path) -> dict[str, str]:
    def on_disk(name: str) -> str | None:
        path = directory / name
        return path.read_text("utf-8") if path.exists() else None

    return {name: text for name, text in schemas.files().items() if on_disk(name) != text}
