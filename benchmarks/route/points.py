"""Points on one layer: the index and geopandas.sjoin, in pairs, and their answers compared."""

import csv
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from benchmarks.machine import spread
from benchmarks.peers.side import say
from services.city.model import Area
from services.places.index import AreaIndex

Points = NDArray[np.float64]
"""(n, 2): longitude and latitude, WGS 84 degrees."""
STREET = 0.0002
"""Degrees, some 20 m: how far a point like a report lies from where one was."""


def over_the_box(areas: geopandas.GeoDataFrame, count: int, seed: int, *, inside: bool = False) -> Points:
    """Draw points evenly over a layer's bounding box; with `inside`, keep those that lie in an area."""
    west, south, east, north = areas.total_bounds
    found = np.random.default_rng(seed).uniform((west, south), (east, north), (count, 2))
    if not inside:
        return found
    kept = found[shapely.intersects_xy(areas.geometry.union_all(), *found.T)]
    return kept if len(kept) else found


def spots(file: Path) -> Points:
    """Read where reports were: a CSV file with the columns `lon` and `lat`."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [(float(row["lon"]), float(row["lat"])) for row in csv.DictReader(lines) if row["lon"]]
    return np.array(rows)


def like_reports(seeds: Points, count: int, seed: int) -> Points:
    """Draw points about these, each a street's width away or so."""
    luck = np.random.default_rng(seed)
    return seeds[luck.integers(0, len(seeds), count)] + luck.normal(0, STREET, (count, 2))


def raced(areas: geopandas.GeoDataFrame, given: Points, rounds: int, seed: int) -> dict[str, Any]:
    """Give points/s of one core for each side, the ratios of each round, and whether all answers were the same.

    Raises:
        RuntimeError: an answer differs.

    """
    longitude, latitude = (np.ascontiguousarray(each) for each in given.T)
    named = enumerate(areas.geometry)
    index = AreaIndex([Area(area_id=f"{number:06}", name="", geometry=shape) for number, shape in named])
    points = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(longitude, latitude), crs=4326)
    sides: dict[str, Callable[[], Any]] = {
        "index": lambda: index.home(longitude, latitude),
        "sjoin_within": lambda: geopandas.sjoin(points, areas, predicate="within"),
        "sjoin_intersects": lambda: geopandas.sjoin(areas, points, predicate="intersects"),
    }
    answers = {name: side() for name, side in sides.items()}  # warms all, and shows what they say
    _compare(answers["index"], _first(answers["sjoin_intersects"], len(given)))
    luck, rates = Random(seed), {name: list[float]() for name in sides}
    for number in range(rounds):
        for name in luck.sample(list(sides), len(sides)):
            began = time.process_time()
            sides[name]()
            rates[name].append(len(given) / (time.process_time() - began))
        say(f"round {number + 1}: " + ", ".join(f"{name} {taken[-1]:,.0f} points/s" for name, taken in rates.items()))
    best = [max(pair) for pair in zip(rates["sjoin_within"], rates["sjoin_intersects"], strict=True)]
    return {
        "points_per_s": {name: spread(taken) for name, taken in rates.items()},
        "ratio": spread([ours / theirs for ours, theirs in zip(rates["index"], best, strict=True)], 1),
        "identical": len(given),
        "in_an_area": round(float((answers["index"] >= 0).mean()), 4),
        "tested_exactly": round(float(index.tested(longitude, latitude).mean()), 4),
    }


def _first(joined: geopandas.GeoDataFrame, count: int) -> NDArray[np.intp]:
    first = np.full(count, np.iinfo(np.intp).max)
    np.minimum.at(first, joined["index_right"].to_numpy(), joined.index.to_numpy())
    return np.where(first == np.iinfo(np.intp).max, -1, first)


def _compare(ours: NDArray[np.intp], theirs: NDArray[np.intp]) -> None:
    if differ := int((ours != theirs).sum()):
        message = f"{differ:,} of {len(ours):,} points are answered differently: the figures would mean nothing"
        raise RuntimeError(message)
