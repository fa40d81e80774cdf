"""python -m benchmarks.peers growth: more processes, partitions and open reports, and ten million a day on paper.

The last line on standard output is the result as JSON; all else goes to standard error.
"""

import json
import sys
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import msgspec
import typer

from benchmarks.machine import machine, now, versions
from benchmarks.peers.growth.lone import instances, partitions
from benchmarks.peers.growth.paper import Figures, limits, needs, slope
from benchmarks.peers.growth.state import states
from benchmarks.peers.growth.tables import tables
from benchmarks.peers.page import put
from benchmarks.peers.pipeline import sides
from benchmarks.peers.pipeline.course import BENCHMARK, course
from benchmarks.peers.pipeline.door import encoded
from benchmarks.peers.pipeline.load import StuckError
from benchmarks.peers.pipeline.reports import Storm
from benchmarks.samples import samples
from services.city.load import load
from services.match.settings import MatchSettings
from services.runtime import topics as topics_file

DAY = 10_000_000.0
HOURS = 24.0
BATCH, CALLERS = 100, 8


def growth(
    *,
    reports: Annotated[int, typer.Option(help="At once, in each measurement.", min=100)] = 20_000,
    instance: Annotated[list[int] | None, typer.Option(help="Processes; repeatable: 1, 2, 4.", min=1)] = None,
    partition: Annotated[list[int] | None, typer.Option(help="Of every topic; repeatable: 1, 4, 16, 48.")] = None,
    opened: Annotated[
        list[int] | None, typer.Option("--open", help="Open reports; repeatable: 10,000, 100,000, 1,000,000.")
    ] = None,
    fresh: Annotated[int, typer.Option(help="Reports sent to `match` on top of those.", min=10)] = 5000,
    rate: Annotated[float, typer.Option(help="Reports a second at which latency is looked at.", min=1)] = 200.0,
    write: Annotated[Path | None, typer.Option(help="The page whose tables are replaced by this run's.")] = None,
    city: Annotated[Path, typer.Option(help="The town.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="Its models.")] = Path("models"),
) -> None:
    """Measure how Stormdrain grows; the last line of standard output is JSON."""
    city, models, host = city.absolute(), models.absolute(), machine()
    try:
        way, kafka = _way(city, models, reports)
        by_instances = instances(city, models, instance or (1, 2, 4), reports, _say)
        by_partitions = partitions(city, models, partition or (1, 4, 16, 48), reports=reports, rate=rate, say=_say)
        by_state = states(city, models, opened or (10_000, 100_000, 1_000_000), fresh, _say)
    except StuckError as error:
        _say(str(error))
        raise typer.Exit(1) from None
    figures = _figures(city, models, way, by_state)
    result = {
        "benchmark": "growth",
        "at": now(),
        "versions": versions(kafka),
        "machine": host | {"load_1m_after": machine()["load_1m"]},
        "settings": {"reports": reports, "fresh": fresh, "rate": rate},
        "way": way,
        "instances": by_instances,
        "partitions": by_partitions,
        "states": by_state,
        "paper": msgspec.to_builtins(figures),
        "limits": msgspec.to_builtins(limits(figures)),
        "needs": needs(figures, DAY),
    }
    print(json.dumps(result), flush=True)
    if write is not None:
        put(write, "growth", tables(result))


def _way(city: Path, models: Path, reports: int) -> tuple[dict[str, Any], str]:
    """Give what the whole way costs, saturated: bytes by topic, and processor time by worker, from the door on."""
    storm = Storm(city, models, seed=6)
    with course(city, models, {}, _say) as (here, ground, stack):
        side = sides.stormdrain(ground)
        here.start(side, storm.take(200), stack)
        here.saturate(side.name, storm.take(max(200, reports // 10)))
        size = here.saturate(side.name, storm.take(reports))["bytes_by_topic"]
        posted = here.door(side.name, encoded(storm.bodies(reports), BATCH), CALLERS)
        return posted | {"bytes_by_topic": size}, here.kafka


def _figures(city: Path, models: Path, way: dict[str, Any], runs: list[dict[str, Any]]) -> Figures:
    routed: list[Any] = list(samples("routed", seed=9, count=2000, city=city, models=models))
    settings, families = MatchSettings(), load(city).families
    hours = mean(families[event.classification.family].match_window_hours for event in routed)
    topics = topics_file.load()
    kept = 0.0
    for name, size in way["bytes_by_topic"].items():
        stem = name if name in topics.entries else "cases.{department}.v1"
        kept += size * topics_file.milliseconds(topics.entries[stem].retention) / topics_file.MILLISECONDS["d"]
    most = max(runs, key=lambda run: run["open_reports"])
    return Figures(
        cpu_ms={
            name.removesuffix("-0"): value for name, value in way["cpu_ms_per_report"].items() if name != BENCHMARK
        },
        kept_bytes=kept,
        open_days=(hours + settings.lateness_hours) / HOURS,
        open_mib=slope(runs, "resident_mib"),
        open_s=slope(runs, "ready_after_s"),
        open_ms=most["cpu_ms_per_report"],
        at_most_open=settings.open_reports,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
