"""`stormdrain demo`: a whole town, a synthetic storm, and what became of every report."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from services.city.findings import CityError
from services.city.load import load
from services.cli.passage import carry, console
from services.cli.town import Town, TownError
from services.runtime.cluster import ClusterError, apply_all
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.sandbox.broker import Broker, BrokerError
from services.sandbox.gateway import GatewayError
from services.sandbox.storm import storm, to_channel_json


def demo(
    count: Annotated[int, typer.Option(help="How many reports.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="Which storm: the same seed is the same storm.")] = 1,
    rate: Annotated[float, typer.Option(help="Reports a second; 0: as fast as they are taken.", min=0)] = 0.0,
    city: Annotated[Path, typer.Option(help="The town.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="Its models.")] = Path("models"),
    keep: Annotated[bool, typer.Option(help="Leave logs and data where they are, and say where.")] = False,
) -> None:
    """Send a synthetic storm through every worker, on a real Kafka broker, and count what arrived.

    Starts a broker, a sandbox CRM and all ten workers, each a process of its own; stops and removes them at the end.
    Ends with status 1 when a report was lost or doubled. The storm is invented, and so is the town.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    state = Path(tempfile.mkdtemp(prefix="stormdrain-demo-"))
    done = False
    try:
        done = _run(state, count=count, seed=seed, rate=rate, city=city, models=models)
    except (BrokerError, ClusterError, TownError, CityError, GatewayError) as error:
        console.print(f"the demo failed: {error}", style="red", markup=False, highlight=False)
    except KeyboardInterrupt:
        console.print("interrupted; everything is stopped")
        raise typer.Exit(130) from None
    finally:
        if keep or not done:
            console.print(f"logs and data are in {state}", highlight=False)
        else:
            shutil.rmtree(state, ignore_errors=True)
    raise typer.Exit(0 if done else 1)


def _run(state: Path, *, count: int, seed: int, rate: float, city: Path, models: Path) -> bool:
    town_data = load(city)
    began = time.monotonic()
    with ExitStack() as stack:
        console.print("starting Apache Kafka")
        broker = stack.enter_context(Broker.start(state, ephemeral=True, die_with_parent=True, ports=[0]))
        apply_all(broker.bootstrap, list(town_data.departments))
        town = Town.lay_out(state=state, city=city, models=models, bootstrap=broker.bootstrap)
        supervisor = stack.enter_context(town.supervisor())
        console.print(f"starting {len(town.names())} workers and the sandbox CRM")
        town.wait_until_ready(supervisor)
        console.print(
            f"ready after {time.monotonic() - began:.1f} s; door {town.door}, desk {town.desk}", highlight=False
        )
        console.print(
            f"sending a synthetic storm of {count:,} reports (seed {seed}) on {town_data.name}, an invented town"
        )
        passage = carry(
            town,
            KafkaClients(KafkaSettings(bootstrap=broker.bootstrap)),
            town_data.departments,
            reports(town_data, seed=seed, count=count),
            count=count,
            per_second=rate,
        )
        ended = [name for name in town.names() if supervisor.restarts(name)]
    console.print(passage.table(f"{count:,} synthetic reports through {len(town.names())} workers"))
    for request in passage.verdict.lost[:10]:
        console.print(f"lost: {request}", style="red")
    if ended:
        console.print(f"workers that had to be started again: {', '.join(ended)}", style="red")
    print(f"DEMO {json.dumps(passage.figures())}", flush=True)
    return passage.verdict.good and not ended


def reports(town: Any, *, seed: int, count: int) -> list[dict[str, Any]]:  # noqa: ANN401 - City
    """Give the storm as a gateway would post it: happening now."""
    start = datetime.now(UTC).replace(microsecond=0)
    found = [to_channel_json(report) for report in storm(town, seed=seed, count=count, start=start, spread_s=0)]
    for report in found:
        report.pop("channel")
    return found


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
