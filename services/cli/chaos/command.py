"""`stormdrain chaos`: break a town in every way that is known, and see that no report is lost or doubled."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException

from services.city.findings import CityError
from services.cli.chaos import page
from services.cli.chaos.conductor import WITHIN_S
from services.cli.chaos.plan import KINDS
from services.cli.chaos.run import Options, react, run
from services.cli.export import ExportError
from services.cli.interrupts import Interrupts, interruptible
from services.cli.passage import console
from services.cli.town import TownError, must_have
from services.runtime.cluster import ClusterError
from services.sandbox.broker import BrokerError
from services.sandbox.gateway import GatewayError

TROUBLE = (
    BrokerError,
    CityError,
    ClusterError,
    ExportError,
    GatewayError,
    KafkaException,
    OSError,
    RuntimeError,
    TownError,
    page.PageError,
)


def chaos(
    reports: Annotated[int, typer.Option(help="Reports at least; rounds of faults go on until then.", min=1)] = 20_000,
    rate: Annotated[float, typer.Option(help="Reports a second.", min=1)] = 60.0,
    seed: Annotated[int, typer.Option(help="Which faults in which order, and which storm.")] = 1,
    only: Annotated[
        list[str] | None, typer.Option(help="Only faults of this name, once; may be given again.", show_default=False)
    ] = None,
    poison: Annotated[float, typer.Option(help="Poison messages for each report.", min=0, max=0.5)] = 0.01,
    within: Annotated[
        float,
        typer.Option(
            help="Seconds that a fault may take until all is whole again; more, where others use the machine.", min=1
        ),
    ] = WITHIN_S,
    city: Annotated[Path, typer.Option(help="The town.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="Its models.")] = Path("models"),
    file: Annotated[
        Path | None, typer.Option(help="Send this past export again and again instead of a storm.", show_default=False)
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Write what was measured into this page.", show_default=False)
    ] = None,
    kinds: Annotated[bool, typer.Option("--list", help="List the faults and do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
    keep: Annotated[bool, typer.Option(help="Leave the logs where they are, and say where.")] = False,
) -> None:
    """Break a town in every way that is known while reports flow, and hold every report to account.

    Starts three Kafka nodes, a proxy, a sandbox CRM and all ten workers, each a process of its own. Workers are killed,
    frozen and multiplied; nodes die, hang and run out of disk; single requests are held and lost; the department's
    system is away for a third of the time and misbehaves in the rest; poison goes on every topic. At the end a
    verifier that knows every report reads every topic and the system's own book.

    The same seed plays the same faults in the same order. Ends with status 1 when anything was lost, doubled, out of
    order, or otherwise than it must be. Reports are invented unless --file names a past.
    """
    if kinds:
        for kind in KINDS:
            often = f", {kind.times} times a round" if kind.times > 1 else ""
            typer.echo(f"{kind.name}: {kind.what}{often}")
        return
    options = Options(
        reports=reports,
        rate=rate,
        seed=seed,
        only=tuple(only or ()),
        poison=poison,
        within=within,
        city=city,
        models=models,
        file=file,
    )
    state = Path(tempfile.mkdtemp(prefix="stormdrain-chaos-"))
    with interruptible() as interrupts:
        status = _run(state, options, write, interrupts, as_json=as_json)
        if keep or (status == 1 and any(state.iterdir())):
            console.print(f"logs are in {state / 'logs'}", highlight=False, soft_wrap=True)
        else:
            shutil.rmtree(state, ignore_errors=True)
    raise typer.Exit(status)


def _run(state: Path, options: Options, write: Path | None, interrupts: Interrupts, *, as_json: bool) -> int:
    began = time.monotonic()

    def say(what: str, done: int = 0, total: int = 0) -> None:  # noqa: ARG001 - an OnProgress
        if not total:
            console.print(f"{time.monotonic() - began:7.1f} s  {what}", markup=False, highlight=False, soft_wrap=True)

    try:
        must_have("chaos", options.city, options.models)
        if write is not None:
            page.check(write)
        result = run(state, options, say)
        if write is not None:
            page.write(write, {**result, "reactions": react(say)})
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    except TROUBLE as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; everything is stopped")
        return interrupts.status
    typer.echo(json.dumps(result, indent=1) if as_json else page.line(result))
    return 0 if all(check["good"] for check in result["checks"]) else 1
