"""`stormdrain route-diff`: which past reports go to another department in a changed city, before it goes live."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, NoReturn
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from services.city.check import as_object as as_checked
from services.city.check import examine
from services.city.check import told as told_of_check
from services.city.findings import did_you_mean, listed
from services.city.model import City
from services.classify.serving.card import ModelError
from services.cli.diffing.categories import ByLabel, MapError, Pair, by_label, by_text, read_map
from services.cli.diffing.compare import AT_ONCE, Comparison
from services.cli.diffing.past import Past, columns_of
from services.cli.diffing.told import Told, as_object, as_text, left_out, notes_of
from services.cli.export import ExportError
from services.parts import YEARS
from services.runtime.settings import SettingsError

EXIT_MOVES, EXIT_CANNOT, EXIT_INTERRUPTED = 1, 2, 130
PICTURES: Final = (".png", ".svg", ".pdf")
_NEEDS: Final = (
    "stormdrain route-diff draws its map with matplotlib, which is not installed: pip install 'stormdrain[train]', or "
    "leave out --map and --html"
)


class DiffError(Exception):
    """The two cities cannot be compared; the text says why, and what to do."""


def route_diff(
    *,
    city: Annotated[
        list[Path], typer.Option("--city", help="Twice: the town's directory as it is, and as it is to be.")
    ],
    history: Annotated[Path, typer.Option(help="Past requests: .csv or .csv.gz with a header.")],
    category: Annotated[
        str,
        typer.Option(help="Column with the category: service codes, or names of categories.", show_default=False),
    ] = "",
    categories: Annotated[
        Path | None,
        typer.Option(
            help="What the history's categories are called in the cities: CSV with label and service_code, or YAML of "
            "`label: code`.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="Column of the text; several are joined.")] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="The model that tells categories from texts. Not set: as for classify.", show_default=False),
    ] = None,
    lat: Annotated[str, typer.Option("--lat", "--latitude", help="Column of the latitude.", show_default=False)] = "",
    lon: Annotated[str, typer.Option("--lon", "--longitude", help="Column of the longitude.", show_default=False)] = "",
    address: Annotated[str, typer.Option(help="Column of the address.", show_default=False)] = "",
    created: Annotated[str, typer.Option(help="Column of the time it came in.", show_default=False)] = "",
    at: Annotated[
        str,
        typer.Option(help="Route all as of this time, as 2026-11-21T08:30:00, not of their own.", show_default=False),
    ] = "",
    encoding: Annotated[str, typer.Option(help="How the history is written, if not in UTF-8.")] = "utf-8",
    limit: Annotated[int, typer.Option(help="Only so many rows; 0: all.", min=0)] = 0,
    top: Annotated[int, typer.Option(help="Only so many lines of the table; 0: all.", min=0)] = 20,
    picture: Annotated[
        Path | None,
        typer.Option("--map", help="Draw where the reports that move are: .png, .svg or .pdf.", show_default=False),
    ] = None,
    layer: Annotated[
        str, typer.Option(help="Layer whose lines the map shows. Not set: the one most rules name.", show_default=False)
    ] = "",
    html: Annotated[Path | None, typer.Option(help="Write a page with table and map.", show_default=False)] = None,
    fail_above: Annotated[
        float | None,
        typer.Option(help="Exit with 1 if a greater share moves: 0.05 is 5 %.", min=0, max=1, show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines to read.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")] = False,
) -> None:
    """Show which past reports would go to another department in a changed town, from where to where, and why.

    Each report is routed in both towns, with their own rules, boundaries and hours, as of the time it came in. Only
    reads; no Kafka. Reports are named by the line of the history where they begin; no text is printed.

        stormdrain route-diff --city city --city city-next --history past.csv.gz --category service_code
        stormdrain route-diff --city city --city city-next --history past.csv.gz --categories names.csv --map moves.png

    The category comes from --category, whose labels may be mapped with --categories, else from the text by the model
    that classify would serve. Other columns are found by their usual names (it says on stderr which), or named.

    Exits with 0, however much moves; with 1 if more moves than --fail-above allows; with 2 if it cannot compare: a
    town with faults (named as by stormdrain city check), a history that cannot be read, an option that is wrong.
    """
    say: Callable[[str], None] = (lambda _line: None) if quiet else (lambda line: typer.echo(line, err=True))
    try:
        _check_outputs(picture, html)
        old, new = _towns(city, as_json=as_json)
        chosen = _layer(new, layer)
        singles = {"label": category, "lat": lat, "lon": lon, "address": address, "created_at": created}
        named = {name: [column] for name, column in singles.items() if column} | ({"text": text} if text else {})
        columns = _columns(history, encoding, named, mapped=categories is not None)
        say(_taken(history, columns))
        zone = ZoneInfo(old.time_zone)
        past = Past(history, columns, zone=zone, encoding=encoding, limit=limit, at=_moment(at, zone))
        pair = _pair(old, new, columns, categories, model, say)
        comparison = Comparison(old, new)
        began = time.monotonic()
        _run(comparison, past, pair, quiet=quiet)
        say(f"routed {past.rows:,} rows twice in {time.monotonic() - began:.1f} s")
    except (DiffError, ExportError, MapError, ModelError, SettingsError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if not comparison.found.routed:
        _fail(_nothing(past))
    told = Told(
        old=old,
        new=new,
        past=past,
        found=comparison.found,
        notes=tuple(notes_of(past, _unknown(pair))),
        top=top,
    )
    _write(told, chosen, picture, html)
    typer.echo(json.dumps(as_object(told), ensure_ascii=False, indent=2) if as_json else as_text(told))
    if fail_above is not None and comparison.found.share > fail_above:
        say(f"more moves than --fail-above {fail_above:g} allows")
        raise typer.Exit(EXIT_MOVES)


def _towns(directories: list[Path], *, as_json: bool) -> tuple[City, City]:
    """Read both cities; where one has faults, say all of both and end with 2."""
    if len(directories) != 2:  # noqa: PLR2004 - the old one and the new one
        message = (
            f"stormdrain route-diff compares two cities, and {len(directories)} is given: --city OLD --city NEW"
            if len(directories) == 1
            else f"stormdrain route-diff compares two cities, and {len(directories)} are given: --city OLD --city NEW"
        )
        raise DiffError(message)
    examined = [examine(directory) for directory in directories]
    old, new = (each.city for each in examined)
    if old is not None and new is not None:
        return old, new
    faulty = [(each, where) for each, where in zip(examined, directories, strict=True) if each.city is None]
    if as_json:
        cities = [as_checked(each, where) for each, where in faulty]
        typer.echo(json.dumps({"error": "a city has faults", "cities": cities}, ensure_ascii=False, indent=2))
    raise DiffError("\n".join(told_of_check(each, where) for each, where in faulty))


def _layer(city: City, wanted: str) -> str:
    ids = list(dict.fromkeys(layer.id for layer in city.layers))
    if wanted and wanted not in ids:
        guess = did_you_mean(wanted, ids) or f"layers are {listed(ids)}"
        message = f"--layer {wanted}: {city.path} has no such layer; {guess}"
        raise DiffError(message)
    return wanted


def _columns(
    history: Path, encoding: str, named: Mapping[str, list[str]], *, mapped: bool
) -> dict[str, tuple[str, ...]]:
    """Decide which columns are read: the category's own where one is named or mapped, or where there is no text."""
    columns = columns_of(history, encoding, named)
    usual = columns.pop("category", None) or columns.pop("service_code", None)
    columns.pop("service_code", None)
    if "label" not in columns and usual and (mapped or "text" not in columns):
        columns["label"] = usual
    if "label" not in columns and (mapped or "text" not in columns):
        message = f"{history} cannot be routed: no column is known to hold the category; name it: --category COLUMN"
        raise DiffError(message if mapped else f"{message}, or --text COLUMN, from which a model tells it")
    return columns


def _taken(history: Path, columns: Mapping[str, tuple[str, ...]]) -> str:
    names = {"label": "category", "created_at": "time"}
    taken = (f"{names.get(name, name)} from {' and '.join(theirs)}" for name, theirs in columns.items())
    return f"{history.name}: {', '.join(taken)}"


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.year not in YEARS[1:-1]:  # an offset may lead into the next year
        message = f"--at {text}: expected a time as 2026-11-21T08:30:00, of the years {YEARS[1]} to {YEARS[-2]}"
        raise DiffError(message)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _pair(
    old: City,
    new: City,
    columns: Mapping[str, tuple[str, ...]],
    categories: Path | None,
    model: Path | None,
    say: Callable[[str], None],
) -> Pair:
    if "label" in columns:
        if model is not None:
            message = "--model tells categories from texts, and here a column names them: leave one of the two out"
            raise DiffError(message)
        return by_label(old, new, read_map(categories, (old, new)) if categories else {})
    pair, name = by_text(old, new, model)
    say(f"categories are told from the text by model {name}; to take a column: --category COLUMN")
    return pair


def _unknown(pair: Pair) -> dict[str, Mapping[str, int]]:
    """Give what categories of the history the cities do not have; of two that agree on categories, as one."""
    if not isinstance(pair.old, ByLabel) or not isinstance(pair.new, ByLabel):
        return {}
    if pair.new is pair.old:
        return {"neither city has": pair.old.unknown}
    return {"the old city lacks": pair.old.unknown, "the new city lacks": pair.new.unknown}


def _run(comparison: Comparison, past: Past, pair: Pair, *, quiet: bool) -> None:
    rows = iter(past)
    with _shown(quiet=quiet) as show:
        while batch := list(islice(rows, AT_ONCE)):
            comparison.take(past, batch, pair)
            show(past.rows)


class _Speed(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        """Give the speed of the last seconds."""
        return Text(f"{task.speed:,.0f} rows/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def _shown(*, quiet: bool) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,} rows"), _Speed())
    hidden = quiet or not console.is_terminal
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("routing twice", total=None)
        yield lambda rows: bar.update(task, completed=rows)


def _nothing(past: Past) -> str:
    if not past.rows:
        return f"{past.path} has a header and no rows: there is nothing to route"
    return "\n  ".join([f"none of the {past.rows:,} rows of {past.path} can be routed", *left_out(past)])


def _check_outputs(picture: Path | None, html: Path | None) -> None:
    """See before the work that its results can be written."""
    if picture is not None and picture.suffix.lower() not in PICTURES:
        message = f"--map {picture}: expected a name that ends in {', '.join(PICTURES)}"
        raise DiffError(message)
    for option, path in (("map", picture), ("html", html)):
        if path is not None and not path.absolute().parent.is_dir():
            message = f"--{option} {path}: there is no directory {path.parent}"
            raise DiffError(message)
    if (picture is not None or html is not None) and find_spec("matplotlib") is None:
        raise DiffError(_NEEDS)


def _write(told: Told, layer: str, picture: Path | None, html: Path | None) -> None:
    if picture is None and html is None:
        return
    from services.cli.diffing.page import render  # noqa: PLC0415 - as below
    from services.cli.diffing.picture import as_png, draw, layer_of  # noqa: PLC0415 - needs the train extra

    layer = layer_of(told.new, layer)
    try:
        if picture is not None:
            draw(picture, told.new, told.found, layer)
        if html is not None:
            html.write_text(render(told, as_png(told.new, told.found, layer)), "utf-8")
    except OSError as error:
        _fail(f"{error.filename or 'the map'} cannot be written: {error.strerror or error}")


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(EXIT_CANNOT)
