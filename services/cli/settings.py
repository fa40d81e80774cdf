"""`stormdrain settings`: every environment variable that Stormdrain reads, with its default and meaning."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pkgutil
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import services
import services.runtime
from services.cli.run import EDGES, Name
from services.runtime import topics
from services.runtime.loopsettings import LoopSettings, loop_settings
from services.runtime.settings import NOT_SHOWN, Row, Settings, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHARED = "shared"
"""What the settings of all workers are listed under."""


def kinds() -> dict[str, list[type[Settings]]]:
    """Give the settings of all that reads some, by worker in the order of the flow; those of all of them come first."""
    found: dict[str, list[type[Settings]]] = {
        SHARED: [
            kind
            for each in pkgutil.iter_modules(services.runtime.__path__, "services.runtime.")
            for kind in _of(each.name)
            if kind is not LoopSettings
        ]
    }
    packages = [each.name for each in pkgutil.iter_modules(services.__path__) if each.ispkg]
    flow = [actor for entry in topics.load().entries.values() for actor in entry.written_by]
    for package in sorted(
        set(packages) - {"runtime"}, key=lambda name: (flow.index(name) if name in flow else 99, name)
    ):
        module = f"services.{package}.settings"
        if package != "cli" and importlib.util.find_spec(module) is not None:
            found[package] = list(_of(module))
        if package in set(Name) - EDGES:
            found[package].append(loop_settings(package))
    return found


def _of(module: str) -> Iterator[type[Settings]]:
    for value in vars(importlib.import_module(module)).values():
        if (
            isinstance(value, type)
            and issubclass(value, Settings)
            and value.__module__ == module
            and value is not Settings
        ):
            yield value


def settings(
    worker: Annotated[str | None, typer.Argument(help="Only those of one worker; `shared` for those of all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of docs/settings.md.")] = False,
) -> None:
    """List the settings: variable, what it must be, default, meaning, and what it is set to here."""
    found = kinds()
    if worker is not None and worker not in found:
        typer.echo(f"stormdrain settings cannot show {worker!r}: expected one of {', '.join(found)}", err=True)
        raise typer.Exit(1)
    chosen = {name: every(of) for name, of in found.items() if worker in (None, name)}
    if as_json:
        typer.echo(json.dumps({name: [_json(row) for row in each] for name, each in chosen.items()}, indent=2))
    elif markdown:
        typer.echo("\n\n".join(f"## {name}\n\n{table(each)}" for name, each in chosen.items()))
    else:
        for name, each in chosen.items():
            Console().print(_drawn(name, each))


def every(of: Sequence[type[Settings]]) -> list[Row]:
    """Give the rows of several kinds, each variable once."""
    return list({row.variable: row for kind in of for row in rows(kind)}.values())


def table(each: Sequence[Row]) -> str:
    """Give a Markdown table."""
    lines = ["| variable | expected | default | meaning |", "| --- | --- | --- | --- |"]
    for row in each:
        meaning = row.description + (" Secret: shown nowhere." if row.secret else "")
        cells = (f"`{row.variable}`", row.expected, row.default, meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _here(row: Row) -> str:
    value = os.environ.get(row.variable, "")
    return NOT_SHOWN if value and row.secret else value


def _json(row: Row) -> dict[str, Any]:
    return {
        "variable": row.variable,
        "expected": row.expected,
        "default": row.default,
        "meaning": row.description,
        "secret": row.secret,
        "set": _here(row) or None,
    }


def _drawn(name: str, each: Sequence[Row]) -> Table:
    drawn = Table(title=name, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for heading in ("variable", "default", "set here", "meaning", "expected"):
        drawn.add_column(heading, no_wrap=heading == "variable", overflow="fold")
    for row in each:
        drawn.add_row(*map(escape, (row.variable, row.default, _here(row), row.description, row.expected)))
    return drawn
