"""`stormdrain topics`: what topics.yaml wants of a cluster, planned, applied and checked."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from services.city.findings import CityError
from services.city.load import load as load_city
from services.city.model import City
from services.runtime import cluster, topics
from services.runtime.cluster import ClusterError, Plan, Sign, Step
from services.runtime.kafka import KafkaSettings, connection
from services.runtime.settings import SettingsError, read

app = typer.Typer(no_args_is_help=True, help="Plan, apply and check the topics of a Kafka cluster, by topics.yaml.")

COLOURS: dict[Sign, str] = {"+": "green", "~": "yellow", "!": "red", "?": "dim"}

REBUILT_FROM = frozenset({"requests.matched.v1", "requests.prioritized.v1"})
"""Topics whose writers rebuild from them what they know of open reports."""

Directory = Annotated[Path, typer.Option("--city", envvar="STORMDRAIN_CITY_DIR", help="The town's own files.")]
Bootstrap = Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP", help="The cluster: host:port, comma separated.")]
File = Annotated[
    Path | None, typer.Option("--file", help="Another topics.yaml than the one that came with this program.")
]
Replication = Annotated[int | None, typer.Option(min=1, help="Replicas instead of those in the file.")]
Partitions = Annotated[int | None, typer.Option(min=1, help="Partitions of every topic, for a small machine.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines to read.")]
Repartition = Annotated[
    bool,
    typer.Option("--allow-repartition", help="Add partitions to topics that exist; stop and drain the workers first."),
]


@app.command()
def plan(
    *,
    city: Directory = Path("city"),
    bootstrap: Bootstrap = "127.0.0.1:9092",
    file: File = None,
    replication_factor: Replication = None,
    partitions: Partitions = None,
    allow_repartition: Repartition = False,
    as_json: Json = False,
) -> None:
    """Show what apply would do. Only reads. Exits 0: nothing to do, 2: something, 1: something refused or wrong."""
    found, _ = _plan(
        city=city,
        bootstrap=bootstrap,
        file=file,
        replication_factor=replication_factor,
        partitions=partitions,
        allow_repartition=allow_repartition,
    )
    _show(found, as_json)
    raise typer.Exit(1 if found.of("!") else 0 if found.agrees else 2)


@app.command()
def check(
    *,
    city: Directory = Path("city"),
    bootstrap: Bootstrap = "127.0.0.1:9092",
    file: File = None,
    replication_factor: Replication = None,
    partitions: Partitions = None,
    as_json: Json = False,
) -> None:
    """Compare a cluster with topics.yaml. Only reads. Exits 1 where they differ."""
    found, _ = _plan(
        city=city,
        bootstrap=bootstrap,
        file=file,
        replication_factor=replication_factor,
        partitions=partitions,
        allow_repartition=False,
    )
    _show(found, as_json)
    raise typer.Exit(0 if found.agrees else 1)


@app.command()
def apply(
    *,
    city: Directory = Path("city"),
    bootstrap: Bootstrap = "127.0.0.1:9092",
    file: File = None,
    replication_factor: Replication = None,
    partitions: Partitions = None,
    allow_repartition: Repartition = False,
    as_json: Json = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Create and change topics. Never deletes, never shrinks. Exits 1 where a step is refused or fails."""
    found, client = _plan(
        city=city,
        bootstrap=bootstrap,
        file=file,
        replication_factor=replication_factor,
        partitions=partitions,
        allow_repartition=allow_repartition,
    )
    _show(found, as_json)
    if found.of("+", "~"):
        if not yes and not sys.stdin.isatty():
            _fail("stormdrain topics apply cannot ask here: give --yes to apply without a question")
        if not yes and not typer.confirm("Apply?"):
            raise typer.Exit(1)
        try:
            cluster.apply(client, found, bootstrap)
        except ClusterError as error:
            _fail(str(error))
        if not as_json:
            typer.echo(f"Applied: {_count(found, past=True)}.")
    raise typer.Exit(1 if found.of("!") else 0)


def _plan(
    *,
    city: Path,
    bootstrap: str,
    file: Path | None,
    replication_factor: int | None,
    partitions: int | None,
    allow_repartition: bool,
) -> tuple[Plan, Any]:
    try:
        wanted = topics.load(file)
        town = load_city(city)
        settings = read(KafkaSettings, {**os.environ, "KAFKA_BOOTSTRAP": bootstrap}, "stormdrain topics")
        client = cluster.admin(bootstrap, connection(settings))
        found = cluster.look(client, wanted.ours, bootstrap)
        every = wanted.expand(
            town.departments, brokers=found.brokers, partitions=partitions, replication_factor=replication_factor
        )
        compared = cluster.compare(found, every, ours=wanted.ours, allow_repartition=allow_repartition)
        return Plan((*compared.steps, *forgetful(wanted, town))), client
    except (topics.TopicsError, CityError, ClusterError, SettingsError) as error:
        _fail(str(error))


def forgetful(wanted: topics.Topics, town: City) -> list[Step]:
    """Give the topics that forget, before their worker may: state is rebuilt from them after a restart."""
    if not town.families:
        return []
    family = max(town.families.values(), key=lambda each: each.match_window_hours)
    steps = []
    for name in REBUILT_FROM & set(wanted.entries):
        kept = topics.milliseconds(wanted.entries[name].retention)
        if 0 <= kept < 2 * family.match_window_hours * topics.MILLISECONDS["h"]:
            text = (
                f"kept {wanted.entries[name].retention}, but reports of family {family.id} match over "
                f"{family.match_window_hours:g} h: after a restart some would be forgotten; keep it twice that long"
            )
            steps.append(Step(sign="!", topic=name, text=text))
    return sorted(steps, key=lambda step: step.topic)


def _fail(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(1)


def _show(found: Plan, as_json: bool) -> None:
    if as_json:
        steps = [{"action": cluster.WORDS[s.sign], "topic": s.topic, "text": s.text} for s in found.steps]
        typer.echo(json.dumps({"agrees": found.agrees, "steps": steps}, indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    width = max((len(step.topic) for step in found.steps), default=0)
    for step in found.steps:
        colour = COLOURS[step.sign]
        console.print(f"[{colour}]{step.sign}[/]  {escape(step.topic):<{width}}  {escape(step.text)}")
    summary = "The cluster is as topics.yaml wants it" if found.agrees else f"Plan: {_count(found)}"
    console.print(f"{summary}.")


def _count(found: Plan, *, past: bool = False) -> str:
    words = {"+": "created", "~": "changed"} if past else {"+": "to create", "~": "to change", "!": "refused"}
    parts = [f"{len(found.of(sign))} {word}" for sign, word in words.items() if found.of(sign)]  # type: ignore[arg-type]
    return ", ".join(parts) or "nothing"
