"""`stormdrain broker`: a real Apache Kafka on this machine, without Docker and without system Java."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID

from services.sandbox import jars
from services.sandbox.broker import Broker, BrokerError
from services.sandbox.jars import OnProgress

app = typer.Typer(no_args_is_help=True, help="Run a real Apache Kafka here, without Docker and without system Java.")

NOT_RUNNING = 3  # what init scripts answer to `status`

_State = Annotated[
    Path,
    typer.Option("--state-dir", envvar="STORMDRAIN_STATE_DIR", help="Keep the data in the folder broker of this one."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
_HERE = Path(".stormdrain")


@app.command()
def start(
    *,
    nodes: Annotated[int, typer.Option(help="1, or 3 for a cluster that survives the loss of one.")] = 1,
    port: Annotated[int, typer.Option(help="Port of the first node, the others follow; 0 finds free ones.")] = 9092,
    heap_mb: Annotated[int, typer.Option(help="Java heap of each node, in MiB.")] = 512,
    limit_s: Annotated[float, typer.Option(help="Give up when it does not answer within these seconds.")] = 90.0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier broker left.")] = False,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Forget the data at the stop.")] = False,
    state_dir: _State = _HERE,
    as_json: _Json = False,
) -> None:
    """Start the broker and return when it answers. Its data are there again after a stop and a start.

    Where it runs already, only those of its nodes that are down are started.
    """
    with _failing(as_json=as_json):
        running = Broker.attach(state_dir)
        if running is not None:
            if fresh or ephemeral or len(running.nodes) != nodes:
                msg = (
                    f"the embedded broker cannot start: one of {len(running.nodes)} nodes runs at {running.bootstrap}\n"
                    f"Stop it first: stormdrain broker stop --state-dir {state_dir}"
                )
                raise BrokerError(msg)
            for node in running.nodes:
                if node.pid is None:
                    running.restart(node.id)
            found = running.status()
        else:
            with progress(as_json=as_json) as report:
                broker = Broker.start(
                    state_dir,
                    nodes=nodes,
                    ports=[port + each for each in range(nodes)] if port else None,
                    heap_mb=heap_mb,
                    fresh=fresh,
                    ephemeral=ephemeral,
                    limit_s=limit_s,
                    on_progress=report,
                )
            found = broker.status()
    if as_json:
        print(json.dumps(asdict(found)))
        return
    print("the embedded broker is up, as it was before" if running else "the embedded broker is up")
    print(f"  KAFKA_BOOTSTRAP={found.bootstrap}")
    print(f"  data and logs in {found.data_dir}; stop it with `stormdrain broker stop`")


@app.command()
def stop(state_dir: _State = _HERE, as_json: _Json = False) -> None:
    """Stop the broker. Its data stay, unless it was started with --ephemeral."""
    with _failing(as_json=as_json):
        broker = Broker.attach(state_dir)
        if broker is not None:
            broker.stop()
    if as_json:
        print(json.dumps({"stopped": broker is not None}))
    else:
        print("the embedded broker is stopped" if broker else f"no embedded broker runs in {state_dir / 'broker'}")


@app.command()
def status(state_dir: _State = _HERE, as_json: _Json = False) -> None:
    """Say whether the broker runs, where, since when and on how much disk. Exits with 3 where it does not run."""
    with _failing(as_json=as_json):
        broker = Broker.attach(state_dir)
        found = broker.status() if broker else None
    if found is None:
        nobody = f"no embedded broker runs in {state_dir / 'broker'}; `stormdrain broker start` starts one"
        print(json.dumps({"running": False}) if as_json else nobody)
        raise typer.Exit(NOT_RUNNING)
    if as_json:
        print(json.dumps(asdict(found)))
        return
    print(f"Apache Kafka {found.version} at {found.bootstrap}")
    for node in found.nodes:
        if node.pid is None:
            print(f"  node {node.id}  port {node.port}  down; its log is {node.log}")
        else:
            resident = f"{(node.resident_bytes or 0) / 1e6:.0f} MB of memory"
            print(f"  node {node.id}  port {node.port}  pid {node.pid}  up {_span(node.uptime_s or 0)}  {resident}")
    print(f"  {found.data_bytes / 1e6:.1f} MB of data in {found.data_dir}")


@app.command()
def lock(
    to: Annotated[Path, typer.Option(help="Where to write it.")] = Path("services/sandbox") / jars.LOCK_NAME,
    as_json: _Json = False,
) -> None:
    """For maintainers: resolve Kafka's jars by their Maven coordinates and pin them by checksum."""
    with _failing(as_json=as_json), progress(as_json=as_json) as report:
        pinned = jars.write_lock(to, report)
    size = sum(jar.size for jar in pinned)
    if as_json:
        print(json.dumps({"file": str(to), "kafka": jars.KAFKA_VERSION, "jars": len(pinned), "bytes": size}))
    else:
        print(f"{to}: Apache Kafka {jars.KAFKA_VERSION}, {len(pinned)} jars, {size / 1e6:.0f} MB")


@contextmanager
def _failing(*, as_json: bool) -> Iterator[None]:
    """Turn a `BrokerError` into its text and exit code 1."""
    try:
        yield
    except BrokerError as error:
        if as_json:
            print(json.dumps({"error": str(error)}))
        else:
            print(error, file=sys.stderr)
        raise typer.Exit(1) from error


@contextmanager
def progress(*, as_json: bool) -> Iterator[OnProgress]:
    """Progress on stderr: a bar on a terminal, a line for each new step elsewhere, nothing beside JSON."""
    if as_json:
        yield jars.silent
    elif sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield _lines()


def _lines() -> OnProgress:
    last = ""

    def report(what: str, done: int = 0, total: int = 0) -> None:  # noqa: ARG001 - a line has no bar
        nonlocal last
        if what != last:
            last = what
            size = f" ({total / 1e6:.0f} MB)" if total else ""
            print(f"{what}{size}", file=sys.stderr, flush=True)

    return report


@contextmanager
def _bar() -> Iterator[OnProgress]:
    with Progress(BarColumn(), DownloadColumn(), console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int = 0, total: int = 0) -> None:
            if what not in tasks:
                progress.console.print(what, highlight=False, markup=False)
                tasks[what] = progress.add_task("", total=total, visible=total > 0)
            progress.update(tasks[what], completed=done)

        yield report


def _span(seconds: float) -> str:
    """Seconds as an operator says them: 41s, 3m05s, 2h07m."""
    whole = int(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"  # noqa: PLR2004
