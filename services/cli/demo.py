"""`stormdrain demo`: a whole town, a synthetic storm, and what became of every report."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.city.findings import CityError
from services.city.load import load
from services.cli.broker import progress
from services.cli.interrupts import Interrupts, interruptible
from services.cli.passage import carry, console
from services.cli.town import Town, TownError, must_have, without_settings
from services.runtime.cluster import ClusterError, apply_all
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.topics import TopicsError
from services.sandbox.broker import Broker, BrokerError
from services.sandbox.gateway import GatewayError
from services.sandbox.storm import storm, to_channel_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.cli.passage import Passage

SHOWN = 10


def demo(
    count: Annotated[int, typer.Option(help="How many reports.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="Which storm: the same seed is the same storm.")] = 1,
    rate: Annotated[float, typer.Option(help="Reports a second; 0: as fast as they are taken.", min=0)] = 0.0,
    city: Annotated[Path, typer.Option(help="The town.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="Its models.")] = Path("models"),
    keep: Annotated[bool, typer.Option(help="Leave the logs where they are, and say where.")] = False,
) -> None:
    """Send a synthetic storm through every worker, on a real Kafka broker, and count what arrived.

    Starts a broker, a sandbox CRM and all ten workers, each a process of its own; stops and removes them at the end.
    Settings in the environment do not count. Ends with status 1 when a report was lost or doubled, or a worker had to
    be started again. The storm is invented, and so is the town.
    """
    with interruptible() as interrupts:
        state = Path(tempfile.mkdtemp(prefix="stormdrain-demo-"))
        status = 1
        try:
            status = _run(state, interrupts, count=count, seed=seed, rate=rate, city=city, models=models)
        except (BrokerError, ClusterError, TopicsError, TownError, CityError, GatewayError, OSError) as error:
            console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        except KeyboardInterrupt:
            status = interrupts.status
            console.print("interrupted; everything is stopped")
        finally:
            if keep or (status == 1 and any(state.iterdir())):
                console.print(f"logs are in {state / 'logs'}", highlight=False, soft_wrap=True)
            else:
                shutil.rmtree(state, ignore_errors=True)
    raise typer.Exit(status)


def _run(state: Path, interrupts: Interrupts, *, count: int, seed: int, rate: float, city: Path, models: Path) -> int:
    must_have("the demo", city, models)
    town_data = load(city)
    began = time.monotonic()
    with ExitStack() as stack:
        with progress(as_json=False) as report:  # the first time, its jars are fetched
            starting = Broker.start(state, ephemeral=True, die_with_parent=True, ports=[0], on_progress=report)
        broker = stack.enter_context(starting)
        apply_all(broker.bootstrap, list(town_data.departments))
        town = Town.lay_out(
            state=state,
            city=city,
            models=models,
            bootstrap=broker.bootstrap,
            environment=without_settings(os.environ),
        )
        supervisor = stack.enter_context(town.supervisor())
        stack.callback(interrupts.hold)
        console.print(f"starting {len(town.names())} workers and the sandbox CRM")
        town.wait_until_ready(supervisor)
        where = f"door {town.door}, desk {town.desk}"
        console.print(f"ready after {time.monotonic() - began:.1f} s; {where}", highlight=False, soft_wrap=True)
        invented = ", an invented town" if town_data.invented else ""
        console.print(
            f"sending a synthetic storm of {count:,} reports (seed {seed}) on {town_data.name}{invented}",
            soft_wrap=True,
        )
        passage = carry(
            town,
            KafkaClients(KafkaSettings(bootstrap=broker.bootstrap)),
            town_data.departments,
            reports(town_data, seed=seed, count=count),
            count=count,
            per_second=rate,
        )
        ended = [name for name in town.names() if supervisor.exits(name)]
    return conclude(passage, count=count, workers=len(town.names()), ended=ended)


def conclude(passage: Passage, *, count: int, workers: int, ended: Sequence[str]) -> int:
    """Tell what became of the reports, by a table for people and a line for machines; give the exit status."""
    console.print(passage.table(f"{count:,} synthetic reports through {workers} workers"))
    for kind, which in (("lost", passage.verdict.lost), ("doubled", passage.verdict.doubled)):
        for request in which[:SHOWN]:
            console.print(f"{kind}: {request}", style="red", highlight=False)
        if len(which) > SHOWN:
            console.print(f"{kind}: {len(which) - SHOWN:,} more", style="red", highlight=False)
    if ended:
        console.print(f"workers that had to be started again: {', '.join(ended)}", style="red", highlight=False)
    print(f"DEMO {json.dumps(passage.figures())}", flush=True)
    return 0 if passage.verdict.good and not ended else 1


def reports(town: Any, *, seed: int, count: int) -> list[dict[str, Any]]:  # noqa: ANN401 - City
    """Give the storm as a gateway would post it: happening now.

    One report a millisecond, up to now: with one moment for all, links would hang on which came first to the door.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    found = [to_channel_json(report) for report in storm(town, seed=seed, count=count, start=now, spread_s=0)]
    for number, report in enumerate(found):
        report.pop("channel")
        report["created_at"] = (now - timedelta(milliseconds=count - number)).isoformat()
    return found
