"""Real boundaries give the same answers in other kinds of file and other systems; what is published agrees."""

import csv
import gzip
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import geopandas
import numpy as np
import pytest
import shapely
from layer_files import write
from small_town import CITY, DEPARTMENTS, write_town

from services.city.layers.systems import system
from services.city.load import Examined, examine
from services.city.model import Layer

pytestmark = pytest.mark.realdata


class Case(NamedTuple):
    boundaries: str
    id_property: str
    points: str
    crs: str
    where: str = ""


MADRID = Case("madrid_districts", "name", "madrid_to_2023.csv.gz", "EPSG:25830")
LONDON = Case("london_boroughs", "NAME", "london_to_2026_03.csv.gz", "EPSG:27700")
CHICAGO = Case("chicago_wards", "District_N", "chicago_potholes_odd_wards.csv", "EPSG:3435")
BUDAPEST = Case("hungary_districts", "NAME", "budapest_to_2025_03.csv.gz", "EPSG:23700", "where: {ADMIN_LEVE: 9}")
ZURICH = Case("zurich_districts", "name", "", "EPSG:21781")
NEW_YORK = Case("nyc_community_districts", "BoroCD", "nyc_2019_sample.csv", "EPSG:2263")
CASES = [MADRID, LONDON, CHICAGO, BUDAPEST, ZURICH]


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from csv.DictReader(file)


def town_with(directory: Path, case: Case, file: Path, extent: str = "") -> Examined:
    lines = f"    file: boundaries/{file.name}\n    id_property: {case.id_property}\n"
    if case.where:
        lines += f"    {case.where}\n"
    city = f"{CITY[: CITY.index('layers:')]}layers:\n  areas:\n{lines}".replace("holidays:", f"{extent}holidays:")
    departments = DEPARTMENTS.replace("    layer: wards\n    areas: [1]\n", "")
    write_town(directory, city=city, departments=departments, limits=None, wards=None)
    for sister in file.parent.glob(f"{file.stem}.*"):
        (directory / "boundaries" / sister.name).write_bytes(sister.read_bytes())
    return examine(directory, measure=True)


def layer_of(examined: Examined) -> Layer:
    assert examined.city, [str(fault) for fault in examined.faults]
    return examined.city.layers[0]


def homes(layer: Layer, points: Any) -> Any:
    shapes = np.array([area.geometry for area in layer.areas], dtype=object)
    names = np.array([area.area_id for area in layer.areas], dtype=object)
    found = np.full(len(points), "", dtype=object)
    at, area = shapely.STRtree(shapes).query(points, predicate="intersects")
    order = np.argsort(names[area], kind="stable")[::-1]
    found[at[order]] = names[area[order]]
    return found


def points_of(path: Path, most: int | None = None) -> Any:
    placed = ((float(row["lon"]), float(row["lat"])) for row in rows(path) if row["lat"] and row["lon"])
    return shapely.points(np.array(list(islice(placed, most))))


def some_points(real_data: Path, case: Case, layer: Layer, count: int = 3_000) -> Any:
    luck = np.random.default_rng(6)
    if case.points:
        points = points_of(real_data / case.points, 10 * count)
        return points[luck.permutation(len(points))[:count]]
    west, south, east, north = shapely.total_bounds([area.geometry for area in layer.areas])
    return shapely.points(luck.uniform([west, south], [east, north], (count, 2)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.boundaries)
@pytest.mark.parametrize("kind", ["zip", "gpkg", "topojson", "shp without prj"])
def test_real_points_are_found_in_the_same_areas_from_every_kind_of_file(
    tmp_path: Path, real_data: Path, case: Case, kind: str
) -> None:
    original = real_data / f"{case.boundaries}.geojson"
    before = layer_of(town_with(tmp_path / "before", case, original))
    frame = geopandas.read_file(original)
    frame = frame[[name for name in frame.columns if frame[name].dtype.kind in "OifU" or name == "geometry"]]
    if case.where:
        frame = frame[frame.ADMIN_LEVE == "9"]
    path = tmp_path / "other" / f"other.{kind.split(maxsplit=1)[0]}"
    write(frame if kind == "topojson" else frame.to_crs(case.crs), path)
    west, south, east, north = frame.total_bounds
    extent = f"extent: [{west:.3f}, {south:.3f}, {east:.3f}, {north:.3f}]\n"
    if kind == "shp without prj":
        path.with_suffix(".prj").unlink()
    examined = town_with(tmp_path / "after", case, path, extent)
    after = layer_of(examined)
    points = some_points(real_data, case, before)
    differ = homes(before, points) != homes(after, points)
    edges = shapely.union_all(shapely.boundary([area.geometry for area in before.areas]))
    on_edge = shapely.distance(points[differ], edges) * 111_195
    assert (on_edge < 0.02).all(), on_edge  # centimetres: what a TopoJSON file is rounded to
    if kind == "shp without prj":
        assert f"what fits is {case.crs} (" in " ".join(map(str, examined.warnings))


def published(case: Case, row: dict[str, str]) -> str:
    """Give the area that a row names itself."""
    if case is BUDAPEST:
        first = row["address"].split(",")[0].strip()
        return first if first.endswith(". kerület") else ""
    return row["ward"] if case is CHICAGO else row["borough"]


@pytest.mark.parametrize(
    ("case", "agree", "of"), [(LONDON, 84_742, 84_742), (CHICAGO, 491, 492), (BUDAPEST, 26_443, 27_108)]
)
def test_published_areas_agree_with_the_boundaries(
    tmp_path: Path, real_data: Path, case: Case, agree: int, of: int
) -> None:
    layer = layer_of(town_with(tmp_path, case, real_data / f"{case.boundaries}.geojson"))
    named = [(published(case, row), row) for row in rows(real_data / case.points) if row["lat"]]
    named = [(area, row) for area, row in named if area]
    points = shapely.points([(float(row["lon"]), float(row["lat"])) for _, row in named])
    found, said = homes(layer, points), np.array([area for area, _ in named], dtype=object)
    assert len(said) == of
    # Budapest: addresses on a line between two districts, and an island and a bridge that the file leaves out.
    assert (found == said).sum() == agree


def test_madrids_points_lie_in_one_district_each(tmp_path: Path, real_data: Path) -> None:
    layer = layer_of(town_with(tmp_path, MADRID, real_data / "madrid_districts.geojson"))
    found = homes(layer, points_of(real_data / MADRID.points))
    assert (len(found), (found != "").sum()) == (236_838, 236_504)  # the others lie within 160 m of the city's line


def test_state_plane_feet_by_an_esri_code_come_out_in_st_louis(real_data: Path) -> None:
    feet = [
        (float(row["srx"]), float(row["sry"]))
        for row in rows(real_data / "stlouis_2018_first_week.csv")
        if row["srx"] != "NA"
    ]
    places = system("ESRI:102696").to_degrees(np.array(feet))
    assert len(places) > 1_500
    assert (places > [-90.33, 38.53]).all()
    assert (places < [-90.16, 38.78]).all()


def test_overlaps_and_gaps_of_real_layers_are_measured_within_seconds(tmp_path: Path, real_data: Path) -> None:
    began = time.perf_counter()
    quiet = town_with(tmp_path / "nyc", NEW_YORK, real_data / "nyc_community_districts.geojson")
    assert time.perf_counter() - began < 8  # 1.5 s where nothing else runs
    assert (quiet.measured[0].overlaps, quiet.measured[0].gaps) == ((), ())
    island = town_with(tmp_path / "budapest", BUDAPEST, real_data / "hungary_districts.geojson")
    (gap,) = island.measured[0].gaps
    assert gap.square_metres == pytest.approx(1.66e6, rel=0.02)  # Margaret Island, which belongs to no district there
