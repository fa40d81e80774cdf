"""The community boards that New York City published for a sample of reports, beside the areas that hold them."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely

from services.city.model import Area
from services.places.index import AreaIndex

BOROUGHS = {"MANHATTAN": 1, "BRONX": 2, "BROOKLYN": 3, "QUEENS": 4, "STATEN ISLAND": 5}
BORDER = 1e-5
"""Degrees, about a metre."""


def agreement(boards: geopandas.GeoDataFrame, sample: Path) -> dict[str, Any]:
    """Count how many reports lie in the board that was published for them, and why the others do not.

    `area_id` of the boards is the borough's number and the board's: 107 is Manhattan's board 7.
    """
    ids, shapes = boards["area_id"].tolist(), boards.geometry.tolist()
    index = AreaIndex([Area(area_id=key, name="", geometry=shape) for key, shape in zip(ids, shapes, strict=True)])
    agreed = 0
    others: Counter[str] = Counter()
    with sample.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            number, _, borough = row["community_board"].partition(" ")
            if not number.isdigit() or borough not in BOROUGHS or not row["lon"]:
                others["no board or no place was published"] += 1
                continue
            published = f"{BOROUGHS[borough]}{int(number):02}"
            longitude, latitude = float(row["lon"]), float(row["lat"])
            home = int(index.home(np.array([longitude]), np.array([latitude]))[0])
            if home >= 0 and index.areas[home].area_id == published:
                agreed += 1
                continue
            meant = [shape for key, shape in zip(ids, shapes, strict=True) if key == published]
            others[_why(shapely.Point(longitude, latitude), meant)] += 1
    of = agreed + sum(others.values()) - others["no board or no place was published"]
    return {"agreed": agreed, "of": of, "others": {why: count for why, count in sorted(others.items()) if count}}


def _why(point: shapely.Point, meant: list[shapely.Geometry]) -> str:
    if not meant:
        return "the published board is no area of the layer"
    if meant[0].distance(point) <= BORDER:
        return "on the border: less than a metre from the published board"
    return "a metre or more from the published board"
