"""One worker alone on a broker, in as many processes and on as many partitions as asked for."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.peers.pipeline.course import Say, course
from benchmarks.peers.pipeline.reports import Storm
from benchmarks.peers.pipeline.sides import Ground, Side
from services.cli.town import Town, without_settings
from services.events import RequestClassified

WORKER = "classify"
"""The dearest of the stateless ones."""
WARM = 200
STEADY_S = 4.0


def lone(ground: Ground, worker: str, ends: Sequence[str], copies: int = 1) -> tuple[Side, Town]:
    """Give one worker as a side, and the town it was cut out of."""
    town = Town.lay_out(
        state=ground.state / f"{worker}-{copies}",
        city=ground.city,
        models=ground.models,
        bootstrap=ground.bootstrap,
        environment=without_settings(os.environ),
        settings=ground.settings,
        sandbox=False,
        instances={worker: copies},
    )
    programs = [program for program in town.programs() if program.name.rpartition("-")[0] == worker]
    how = f"{copies} of {worker}"
    return Side(name=f"{worker}-{copies}", prefix="", programs=programs, ends=ends, how=how), town


def instances(city: Path, models: Path, numbers: Sequence[int], reports: int, say: Say) -> list[dict[str, Any]]:
    """Give reports/s of one worker by its number of processes, one after the other on one broker."""
    found = []
    storm = Storm(city, models, seed=7)
    with course(city, models, {}, say) as (here, ground, _):
        for number in numbers:
            with ExitStack() as alone:
                side, _town = lone(ground, WORKER, [RequestClassified.topic], number)
                here.start(side, storm.take(WARM), alone)
                # Under a first load that does not count, every process of the group gets its share of the partitions.
                here.saturate(side.name, storm.take(max(WARM, reports // 5)))
                figures = here.saturate(side.name, storm.take(reports))
            found.append({"instances": number, "worker": WORKER} | figures)
            say(f"{number} of {WORKER}: {figures['reports_per_s']:,.0f} reports/s")
    return found


def partitions(
    city: Path, models: Path, numbers: Sequence[int], *, reports: int, rate: float, say: Say
) -> list[dict[str, Any]]:
    """Give reports/s of one process of one worker, and its p50 and p99 at a rate, by partitions of every topic."""
    found = []
    storm = Storm(city, models, seed=8)
    for number in numbers:
        with course(city, models, {}, say, partitions=number) as (here, ground, stack):
            side, _town = lone(ground, WORKER, [RequestClassified.topic])
            here.start(side, storm.take(WARM), stack)
            figures = here.saturate(side.name, storm.take(reports))
            steady = here.steady(side.name, storm.take(round(rate * STEADY_S)), rate)
            figures |= {f"steady_{key}": value for key, value in steady.items()}
        found.append({"partitions": number, "worker": WORKER} | figures)
        say(f"{number} partitions: {figures['reports_per_s']:,.0f} reports/s, p99 {figures['steady_p99_ms']} ms")
    return found
