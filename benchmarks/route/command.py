"""python -m benchmarks.route: how fast it is told where places lie, and whether it is told right.

* Points: a million at once, over the layer's bounding box and drawn like reports, to `AreaIndex.home` and to
  `geopandas.sjoin`, in pairs, in an order drawn anew each time. GeoDataFrames are made before the clock runs, and of
  the two ways to ask sjoin (points within areas, areas that intersect points) the faster of the pair counts. All
  answers are compared.
* Start: what a process takes to load a town of these layers and to index them, the files taken again until there are
  four layers.
* Agreement: the community boards that New York City published for a sample, beside ours.
* With --kafka, the worker: `route` beside a worker that reads the same reports and writes the same events, decided
  beforehand; from Kafka to Kafka, for the shipped town and for a town of these layers. What both wrote is read back.

The last line on standard output is the result as JSON; all else goes to standard error. No row of any file is told.
"""

import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.machine import machine, now
from benchmarks.peers.side import say
from benchmarks.route.agreement import agreement
from benchmarks.route.layers import Source, town
from benchmarks.route.points import like_reports, over_the_box, raced, spots
from benchmarks.route.starting import started

DATA = Path(os.environ.get("STORMDRAIN_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
LAYERS = ("nyc_community_districts.geojson:BoroCD", "nyc_police_precincts.geojson:Precinct")
SAMPLE = "nyc_2019_sample.csv"


def route(
    *,
    layer: Annotated[
        list[str] | None,
        typer.Option(help="A boundary file, FILE:PROPERTY with the property that names an area; repeatable."),
    ] = None,
    reports: Annotated[
        Path | None, typer.Option(help="A CSV file with the columns lon and lat: where points like reports are drawn.")
    ] = None,
    points: Annotated[int, typer.Option(help="Points that are asked at once.", min=1)] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="How often each side runs.", min=1)] = 5,
    kafka: Annotated[bool, typer.Option("--kafka", help="Race the whole worker, too; takes minutes.")] = False,
    records: Annotated[int, typer.Option(help="With --kafka: records in the input.", min=1)] = 100_000,
    seed: Annotated[int, typer.Option(help="Of the points, and of the order in a round.")] = 1,
    city: Annotated[Path, typer.Option(help="Whose categories, departments and rules.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="With --kafka: the models that classify its reports.")] = Path("models"),
) -> None:
    """Measure the index beside geopandas, and the worker beside its own pass-through; the last line is JSON."""
    sources = [_source(each) for each in layer or [str(DATA / name) for name in LAYERS]]
    sample = DATA / SAMPLE if layer is None else None
    near = reports or sample
    first = sources[0].frame()
    seeds = spots(near) if near else over_the_box(first, 10_000, seed, inside=True)
    given = {"uniform": over_the_box(first, points, seed), "like_reports": like_reports(seeds, points, seed)}
    result = {
        "benchmark": "route",
        "at": now(),
        "machine": machine(),
        "versions": {name: version(name) for name in ("stormdrain", "geopandas", "numpy", "shapely")},
        "settings": {"layers": [each.path.name for each in sources], "points": points, "rounds": rounds, "seed": seed},
        "points": {name: raced(first, some, rounds, seed) for name, some in given.items()},
    }
    with tempfile.TemporaryDirectory(prefix="stormdrain-bench-") as folder:
        made = town(Path(folder) / "city", city, [sources[number % len(sources)] for number in range(4)])
        say("loading and indexing four layers")
        result["start"] = started(made)
        if sample is not None:
            result["agreement"] = agreement(first, sample)
        if kafka:
            from benchmarks.route.worker import races  # noqa: PLC0415 - brings a broker

            result["worker"] = races(
                {"shipped": (city, None), "layers": (made, seeds)},
                records=records,
                rounds=rounds,
                seed=seed,
                models=models,
                folder=Path(folder),
            )
    print(json.dumps(result), flush=True)


def _source(said: str) -> Source:
    name, _, key = said.rpartition(":")
    path = Path(name or said)
    if not path.is_file():
        message = f"there is no file {path}: set STORMDRAIN_REAL_DATA to the folder of public data, or give --layer"
        raise typer.BadParameter(message)
    return Source(path=path, key=key if name else "")
