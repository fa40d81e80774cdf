"""`stormdrain try WORKER`: one worker's own code over rows or events, from standard input to standard output."""

from __future__ import annotations

import contextlib
import importlib
import os
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any, Final, NoReturn, cast

import typer
from msgspec.structs import replace
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.city.findings import CityError, did_you_mean
from services.city.load import load
from services.city.model import City
from services.cli.run import own_settings
from services.cli.trying.entries import READS, Filler
from services.cli.trying.keeping import Matching, Prioritizing
from services.cli.trying.placing import Placing
from services.cli.trying.readable import Readable
from services.cli.trying.reading import STANDARD_INPUT, Reading, UnreadableError, read
from services.cli.trying.said import Writer
from services.cli.trying.stages import Stage, delivering, receiving, stateless
from services.cli.trying.summary import Tally, nothing, told
from services.receive.recent import Recent
from services.receive.settings import ReceiveSettings
from services.runtime.settings import Settings, SettingsError, Shared, read_all
from services.runtime.worker import Worker

ELSEWHERE: Final = {
    "review": "it is where people decide, on a page in the browser; what would wait for them there says: "
    "stormdrain try decide",
    "watch": "it counts reports by the hour against the days before, so it needs a stream: stormdrain demo runs it",
    "index": "it decides nothing, and writes what the others said into a database: stormdrain demo runs it",
}
"""Workers of which there is nothing to try, with the reason and where to look instead."""

EXIT_USAGE: Final = 2
BARS_A_SECOND: Final = 4

WorkerName = Annotated[
    str,
    typer.Argument(
        metavar="WORKER", help=f"One of {', '.join(READS)}.", autocompletion=lambda: list(READS), show_default=False
    ),
]
CityDir = Annotated[
    Path | None,
    typer.Option("--city", help="The town's directory. Not set: STORMDRAIN_CITY_DIR, else city.", show_default=False),
]
ModelDir = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="For classify: the model. Not set: as CLASSIFY_MODEL_DIR says, or by default.",
        show_default=False,
    ),
]
InFile = Annotated[
    Path | None, typer.Option("--in", help="Read this file instead of standard input.", show_default=False)
]
Lat = Annotated[str, typer.Option("--lat", "--latitude", help="Column of the latitude (WGS 84).", show_default=False)]
Lon = Annotated[str, typer.Option("--lon", "--longitude", help="Column of the longitude (WGS 84).", show_default=False)]
Category = Annotated[
    str, typer.Option("--category", help="Column of the category: a service code, or its name.", show_default=False)
]
AsTable = Annotated[
    bool, typer.Option("--table", help="For route: lines for people, each area and why, in place of JSON.")
]
Flat = Annotated[
    bool, typer.Option("--flat", help='Leave out "event": shorter to read; a next stage cannot take such lines.')
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")]


def try_(
    worker: WorkerName,
    *,
    city: CityDir = None,
    model: ModelDir = None,
    file: InFile = None,
    lat: Lat = "",
    lon: Lon = "",
    category: Category = "",
    table: AsTable = False,
    flat: Flat = False,
    quiet: Quiet = False,
) -> None:
    """Try one worker on your own reports: rows or events in, one line of JSON out for each, in order.

    Runs the worker's own code with your town's files and the settings it would have in the town, without Kafka.
    Nothing is kept and nothing is sent.

    In: CSV with a header (comma, semicolon, tab or bar), JSON lines or a JSON array, with any of id, created_at, text,
    lat, lon, radius_m, address, service_code (what the citizen picked), category; or the lines of an earlier stage.
    What a worker needs and nobody has said yet is filled in with as little as there is, and named in "filled".
    Columns it does not know come out in "row".

    Out: "id" is yours; then the worker's answer in plain fields; "event" is what would stand on the topic. A line that
    cannot be used gives {"id", "rejected": {"reason", "detail"}} in its place, and passes through later stages.

    One worker alone:

        stormdrain try classify --flat < reports.csv
        stormdrain try route --city mytown --in points.csv
        stormdrain try route --city mytown --lat y --lon x --table < points.csv
        echo '{"text": "deep pothole by the school"}' | stormdrain try classify

    The whole town, as its topics go:

        stormdrain try receive < reports.csv | stormdrain try classify |
          stormdrain try route | stormdrain try match |
          stormdrain try prioritize | stormdrain try decide > decided.jsonl
    """
    try:
        _check(worker, model, table=table)
        named = {ours: theirs for ours, theirs in (("lat", lat), ("lon", lon), ("category", category)) if theirs}
        with _opened(worker, file, quiet=quiet) as (stream, source):
            reading = read(cast("Any", stream), worker, source, named)
            output = Output(Writer(flat=flat), table=table, named=named)
            stage, filler = _prepared(worker, city, model, reading, output)
            if reading.table is not None and (renamed := reading.table.renamed()) and not quiet:
                typer.echo(f"try {worker}: reads {', '.join(renamed)}", err=True)
            tally = Tally()
            began = time.monotonic()
            with _shown(worker, quiet=quiet) as show:
                _run(stage, filler, reading, tally, show)
            seconds = time.monotonic() - began
    except UnreadableError as error:
        _fail(str(error), 1)
    except BrokenPipeError:  # the reader has seen enough
        _let_go()
        raise typer.Exit(0) from None
    except OSError as error:
        _let_go()
        _fail(f"stormdrain try {worker} stopped in the middle: {error.strerror or error}", 1)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if tally.lines and not quiet:
        typer.echo(told(worker, tally, seconds), err=True)
        if isinstance(stage, Placing) and (more := stage.told()):
            typer.echo(more, err=True)
    if fault := nothing(worker, source, tally, table=reading.table is not None):
        _fail(fault, 1)


def _let_go() -> None:
    """Let what is still in the buffer go nowhere, so that the end of the process does not try to write it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@dataclass(frozen=True, slots=True)
class Output:
    """How answers are written, and which columns were named."""

    writer: Writer
    table: bool
    named: dict[str, str]


def _check(worker: str, model: Path | None, *, table: bool) -> None:
    if worker in ELSEWHERE:
        _fail(f"there is nothing to try in {worker}: {ELSEWHERE[worker]}")
    if worker not in READS:
        guess = did_you_mean(worker, [*READS, *ELSEWHERE])
        _fail(f"stormdrain try knows no worker {worker!r}; {guess or 'there are ' + ', '.join(READS)}")
    if model is not None and worker != "classify":
        _fail(f"stormdrain try {worker} has no model: --model is for classify")
    if table and worker != "route":
        _fail(f"stormdrain try {worker} has no table: --table is for route")


@contextlib.contextmanager
def _opened(worker: str, file: Path | None, *, quiet: bool) -> Iterator[tuple[IO[bytes], str]]:
    if file is None:
        stream = sys.stdin.buffer
        if stream.isatty() and not quiet:
            typer.echo("reading what you type: JSON, an object a line, or CSV with a header; end with Ctrl-D", err=True)
        yield stream, STANDARD_INPUT
        return
    if not file.is_file():
        beside = [other.name for other in file.parent.iterdir()] if file.parent.is_dir() else []
        guess = did_you_mean(file.name, beside)
        _fail(f"stormdrain try {worker} cannot read {file}: there is no such file{'; ' + guess if guess else ''}")
    with file.open("rb") as stream:
        yield stream, str(file)


def _prepared(
    worker: str, city: Path | None, model: Path | None, reading: Reading, output: Output
) -> tuple[Stage, Filler]:
    """Build the worker as `stormdrain run` does, from the environment and the options."""
    who = f"stormdrain try {worker}"
    try:
        own, shared = read_all((own_settings(worker), Shared), os.environ, who)
        assert isinstance(shared, Shared)  # noqa: S101 - read_all gives them in the order of kinds
        if city is not None:
            shared = replace(shared, stormdrain_city_dir=city)
        if model is not None:
            own = replace(own, model_dir=model)
        town = load(shared.city_dir)
        stage = _stage(worker, own, shared, town, output)
        region = own.phone_region if isinstance(own, ReceiveSettings) else ""
        return stage, Filler(worker, town, reading.table, region, output.named)
    except SettingsError as error:
        _fail(str(error))
    except CityError as error:
        _fail(f"{who} cannot start: {error}")


def _stage(worker: str, own: Settings, shared: Shared, town: City, output: Output) -> Stage:
    writer = output.writer
    if worker == "receive":
        return receiving(Recent(own.recent_reports if isinstance(own, ReceiveSettings) else 0), writer)
    if worker == "deliver":
        return delivering(town, writer)
    built = _classifier(own, shared) if worker == "classify" else _built(worker, own, shared)
    if worker == "route":
        return Placing(built, town, Readable(town).line if output.table else writer.line)
    if worker == "match":
        return Matching(built, writer)
    if worker == "prioritize":
        return Prioritizing(built, own.open_requests, writer)  # type: ignore[attr-defined]
    return stateless(built, writer)


def _built(worker: str, own: Settings, shared: Shared) -> Worker:
    built: Worker = importlib.import_module(f"services.{worker}.worker").build(own, shared)
    return built


def _classifier(own: Settings, shared: Shared) -> Worker:
    from services.classify.serving.card import ModelError  # noqa: PLC0415 - it takes a while, and others go without it

    try:
        return _built("classify", own, shared)
    except ModelError as error:
        _fail(f"stormdrain try {error}")


def _run(stage: Stage, filler: Filler, reading: Reading, tally: Tally, show: Any) -> None:  # noqa: ANN401
    out = sys.stdout.buffer
    entries = (item if item is None else filler.entry(item) for item in reading.items)
    for answers in stage(entries):
        for entry, line in answers:
            tally.count(entry)
            out.write(line)
        out.flush()
        show(tally.lines)


@contextlib.contextmanager
def _shown(worker: str, *, quiet: bool) -> Iterator[Any]:
    """Show progress where somebody looks at it, and where it is not in the way of another stage or of the output."""
    console = Console(stderr=True)
    to_file = stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode) if console.is_terminal else False
    if quiet or not to_file:
        yield lambda _lines: None
        return
    columns = (SpinnerColumn(), TextColumn("try {task.description}: {task.completed:,} lines"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=BARS_A_SECOND) as bar:
        task = bar.add_task(worker, total=None)
        yield lambda lines: bar.update(task, completed=lines)


def _fail(message: str, status: int = EXIT_USAGE) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(status)
