"""The whole worker, Kafka to Kafka, beside one that writes the same events without deciding anything."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np

from benchmarks.passthrough.topics import Topics, drawn
from benchmarks.peers.checking import Passed
from benchmarks.peers.contest import Input, Plan, contest
from benchmarks.peers.race import Check
from benchmarks.peers.side import Say, Side, say
from benchmarks.route.points import Points, like_reports
from benchmarks.route.side import ROUTINGS
from benchmarks.samples import samples
from services.events import Event, RequestClassified, RequestRouted
from services.route.settings import RouteSettings
from services.route.worker import build
from services.runtime.settings import Shared
from services.runtime.worker import Stateless

SAMPLES = 2000


def _here(program: str, _say: Say) -> Sequence[str]:
    return [sys.executable, "-m", f"benchmarks.route.{program}"]


SIDES = (
    Side(name="route", program="side", place=_here, task="route"),
    Side(name="passthrough", program="side", place=_here, task="passthrough"),
)


def races(
    towns: Mapping[str, tuple[Path, Points | None]],
    *,
    records: int,
    rounds: int,
    seed: int,
    models: Path,
    folder: Path,
) -> dict[str, Any]:
    """Race the two in each town; where there are points, its reports are moved to where some of these are.

    Raises:
        SideError: a side did not write what it should.

    """
    reports = cast("Sequence[RequestClassified]", _classified(seed, min(SAMPLES, records), models))
    found = {}
    for name, (city, seeds) in towns.items():
        say(f"town: {name}")
        events = reports if seeds is None else _moved(reports, seeds, seed)
        beside = folder / f"race-{name}"
        shutil.copytree(city, beside / "city")
        found[name] = _race(events, beside / "city", records=records, rounds=rounds, seed=seed, models=models)
    return found


def _race(
    events: Sequence[RequestClassified], city: Path, *, records: int, rounds: int, seed: int, models: Path
) -> dict[str, Any]:
    worker = build(RouteSettings(), Shared(stormdrain_city_dir=city))
    routed = cast("Sequence[RequestRouted]", cast("Stateless", worker.handler).handle(events))
    decided = {event.report.source_id: event.routing for event in routed}
    (city.parent / ROUTINGS).write_bytes(msgspec.json.encode(decided))
    plan = Plan(
        benchmark="route",
        records=records,
        rounds=rounds,
        seed=seed,
        event="classified",
        batch=worker.batch_size,
        partitions=12,
        warm_up=1,
        city=city,
        models=models,
        ours=("route",),
    )

    def checks(topics: Topics, _task: str, given: Input) -> Check:
        expected = [RequestRouted(report=e.report, classification=e.classification, routing=e.routing) for e in routed]
        return Passed(topics, RequestRouted, (event for _, event in drawn(expected, given.records, seed)))

    result = contest(plan, SIDES, lambda: events, checks)
    sides = result["sides"]
    cpu = {name: side["cpu_us_per_record"]["median"] for name, side in sides.items()}
    return {
        "ratio": result["ratios"]["route"]["passthrough"],
        "ratio_of_cpu": round(cpu["passthrough"] / cpu["route"], 3),
        "records_per_s": {name: side["records_per_s"] for name, side in sides.items()},
        "cpu_us_per_record": {name: side["cpu_us_per_record"] for name, side in sides.items()},
        "peak_mib": {name: side["peak_mib"] for name, side in sides.items()},
        "ambiguous": round(sum(bool(event.routing.ambiguous) for event in routed) / len(routed), 4),
        "kafka": result["versions"]["kafka"],
        "machine": result["machine"],
    }


def _classified(seed: int, count: int, models: Path) -> Sequence[Event]:
    return samples("classified", seed=seed, count=count, city=Path("city"), models=models)


def _moved(reports: Sequence[RequestClassified], seeds: Points, seed: int) -> list[RequestClassified]:
    places = like_reports(seeds, len(reports), seed)
    return [_placed(report, at) for report, at in zip(reports, places, strict=True)]


def _placed(event: RequestClassified, at: np.ndarray[Any, Any]) -> RequestClassified:
    if event.report.place is None:
        return event
    longitude, latitude = at.tolist()
    place = msgspec.structs.replace(event.report.place, longitude=longitude, latitude=latitude)
    return msgspec.structs.replace(event, report=msgspec.structs.replace(event.report, place=place))
