"""The index answers as plain shapely does, on every point: most of all where a coordinate may be rounded."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from benchmarks.route.agreement import agreement
from benchmarks.route.layers import Source
from services.city.model import Area
from services.places.grid import Grid
from services.places.index import AreaIndex

Floats = NDArray[np.float64]
ENDS = [0.0, -0.0, 90.0, -90.0, 180.0, -180.0, 1e-300, 1e300, -1e300, np.inf, -np.inf, np.nan, 360.0, 5e-324]

# Where a layer may lie: the whole globe, a town, the antimeridian, the poles, about (0, 0), and a layer a few
# centimetres across, where neighbouring doubles are large.
VIEWS = [
    (-180.0, -90.0, 360.0, 180.0),
    (10.0, 50.0, 0.1, 0.1),
    (-74.25559136315213, 40.49611539518921, 0.55, 0.42),
    (179.5, -16.0, 0.5, 0.3),
    (-180.0, 60.0, 0.7, 0.1),
    (20.0, 89.5, 9.0, 0.5),
    (-30.0, -90.0, 60.0, 0.1),
    (-0.05, -0.05, 0.1, 0.1),
    (179.9999997, 45.1234567, 3e-7, 2e-7),
    (7.0, 47.0, 1e-12, 1e-12),
    (7.0, 47.0, 1.0, 1e-9),
]


def areas(shapes: Sequence[BaseGeometry]) -> list[Area]:
    return [Area(area_id=f"{number:04}", name="", geometry=shape) for number, shape in enumerate(shapes)]


def plain(shapes: Sequence[BaseGeometry], longitude: Floats, latitude: Floats) -> NDArray[Any]:
    """The first of the areas that has the point in it or on its border, by shapely alone."""
    holds = np.array([shapely.intersects_xy(shape, longitude, latitude) for shape in shapes])
    holds = np.concatenate([holds.reshape(len(shapes), len(longitude)), np.ones((1, len(longitude)), dtype=bool)])
    first = holds.argmax(axis=0)
    return np.where(first == len(shapes), -1, first)


def check(shapes: Sequence[BaseGeometry], longitude: Floats, latitude: Floats) -> None:
    found = AreaIndex(areas(shapes)).home(longitude, latitude)
    expected = plain(shapes, longitude, latitude)
    wrong = np.flatnonzero(found != expected)
    assert not wrong.size, [(longitude[i], latitude[i], found[i], expected[i]) for i in wrong[:5]]


def around(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """The points, and their neighbours one and two doubles away."""
    steps = [longitude, np.nextafter(longitude, np.inf), np.nextafter(longitude, -np.inf)]
    ups = [latitude, np.nextafter(latitude, np.inf), np.nextafter(latitude, -np.inf)]
    pairs = [(x, y) for x in steps for y in ups]
    return np.concatenate([x for x, _ in pairs]), np.concatenate([y for _, y in pairs])


def telling(shapes: Sequence[BaseGeometry]) -> tuple[Floats, Floats]:
    """Vertices, points along edges, points where edges cross the index's own cells, and the ends of the earth."""
    grid: Grid = AreaIndex(areas(shapes))._grid
    points = [shapely.get_coordinates(shapes)]
    for ring in shapely.get_rings(shapely.get_parts(shapes)):
        corners = shapely.get_coordinates(ring)
        begin, run = corners[:-1], np.diff(corners, axis=0)
        points += [begin + run * part for part in (0.5, 1 / 3)]
        for axis in (0, 1):  # cell borders that an edge crosses, the first few
            at = (begin[:, axis] - grid._origin[axis]) * grid.scale[axis]
            for step in (0, 1, 2):
                border = (np.floor(at) + step) / grid.scale[axis] + grid._origin[axis]
                with np.errstate(all="ignore"):
                    part = (border - begin[:, axis]) / run[:, axis]
                crossed = (part >= 0) & (part <= 1)
                points.append(begin[crossed] + run[crossed] * part[crossed, None])
    longitude, latitude = np.concatenate(points).T
    longitude, latitude = around(longitude, latitude)
    ends = np.array([(x, y) for x in ENDS for y in ENDS])
    return np.concatenate([longitude, ends[:, 0]]), np.concatenate([latitude, ends[:, 1]])


@st.composite
def layers(draw: st.DrawFn) -> list[BaseGeometry]:
    """Up to six areas whose corners often meet: polygons, some with holes, islands in them, several parts, overlaps."""
    west, south, width, height = draw(st.sampled_from(VIEWS))
    unit = st.one_of(st.integers(0, 8).map(lambda n: n / 8), st.floats(0, 1))
    shapes: list[BaseGeometry] = []
    for _ in range(draw(st.integers(0, 6))):
        corners = draw(st.lists(st.tuples(unit, unit), min_size=3, max_size=7))
        shape = shapely.make_valid(Polygon(corners))
        if draw(st.booleans()):
            x, y = draw(st.tuples(unit, unit))
            shape = shape.difference(box(x, y, x + 0.25, y + 0.25))
        if draw(st.booleans()):
            x, y = draw(st.tuples(unit, unit))
            shape = shape.union(box(x, y, min(x + 0.125, 1), min(y + 0.0625, 1)))
        shape = shapely.transform(shape, lambda at: at * [width, height] + [west, south])
        parts = [part for part in shapely.get_parts(shapely.make_valid(shape)) if part.geom_type == "Polygon"]
        if parts:
            shapes.append(MultiPolygon(parts) if len(parts) > 1 else parts[0])
    return [shape for shape in shapes if shape.is_valid]


@settings(max_examples=60, deadline=None)
@given(shapes=layers(), seed=st.integers(0, 2**32 - 1))
def test_every_point_is_answered_as_plain_shapely_answers_it(shapes: list[BaseGeometry], seed: int) -> None:
    luck = np.random.default_rng(seed)
    west, south, east, north = shapely.total_bounds(shapes) if shapes else (0, 0, 1, 1)
    longitude = luck.uniform(2 * west - east, 2 * east - west, 300)
    latitude = luck.uniform(2 * south - north, 2 * north - south, 300)
    found = telling(shapes) if shapes else around(np.array(ENDS), np.array(ENDS))
    check(shapes, np.concatenate([longitude, found[0]]), np.concatenate([latitude, found[1]]))


@pytest.mark.parametrize("view", VIEWS)
def test_holes_islands_and_shared_borders_are_told_apart_wherever_the_layer_lies(view: tuple[float, ...]) -> None:
    west, south, width, height = view
    ring = box(0, 0, 1, 1).difference(box(0.25, 0.25, 0.75, 0.75))
    shapes = [
        ring,
        box(0.25, 0.25, 0.75, 0.75).difference(box(0.5, 0.5, 0.625, 0.625)),
        MultiPolygon([box(0.5, 0.5, 0.5625, 0.5625), box(0.9, 0.9, 1, 1)]),  # an island in the hole, and an overlap
    ]
    placed = [shapely.transform(shape, lambda at: at * [width, height] + [west, south]) for shape in shapes]
    check(placed, *telling(placed))


def test_areas_are_numbered_by_their_ids_whatever_order_they_come_in() -> None:
    shapes = [box(0, 0, 1, 1), box(0, 0, 2, 2), box(0, 0, 3, 3)]
    given_areas = [Area(area_id=name, name="", geometry=shape) for name, shape in zip("cab", shapes, strict=True)]
    index = AreaIndex(given_areas)
    assert [area.area_id for area in index.areas] == ["a", "b", "c"]
    assert index.home(np.array([0.5, 2.5, 4.0]), np.array([0.5, 0.5, 0.5])).tolist() == [0, 1, -1]


def test_a_layer_without_areas_or_with_none_but_empty_ones_holds_no_point() -> None:
    everywhere = np.array(ENDS)
    for shapes in ([], [Polygon()], [Polygon(), MultiPolygon()]):
        assert set(AreaIndex(areas(shapes)).home(everywhere, everywhere).tolist()) == {-1}


def test_no_points_have_no_answers() -> None:
    assert AreaIndex(areas([box(0, 0, 1, 1)])).home(np.array([]), np.array([])).shape == (0,)


def test_points_that_are_not_laid_out_one_after_another_are_answered_alike() -> None:
    points = np.random.default_rng(1).uniform(-1, 2, (1000, 2))
    shapes = [box(0, 0, 1, 0.5), box(0, 0.5, 1, 1)]
    check(shapes, points[:, 0], points[:, 1])
    check(shapes, points[::-2, 0], points[::-2, 1])


def test_the_points_of_a_batch_larger_than_a_block_are_all_answered() -> None:
    luck = np.random.default_rng(2)
    star = Polygon(
        [(np.cos(a) * r, np.sin(a) * r) for a, r in zip(np.linspace(0, 6.2, 400), luck.uniform(1, 3, 400), strict=True)]
    )
    shapes = [shapely.make_valid(star), box(-2, -2, 0, 0)]
    points = luck.uniform(-3.5, 3.5, (2, 50_000))
    check(shapes, *points)


def test_a_thousand_areas_that_meet_in_one_point_are_asked_by_id() -> None:
    angles = np.linspace(0, 2 * np.pi, 1001)
    shapes = [Polygon([(0, 0), (np.cos(a), np.sin(a)), (np.cos(b), np.sin(b))]) for a, b in pairwise(angles)]
    luck = np.random.default_rng(3)
    points = np.concatenate([luck.normal(0, 1e-4, (2, 2000)), luck.normal(0, 0.5, (2, 2000)), np.zeros((2, 1))], axis=1)
    check(shapes, *points)


@settings(max_examples=60, deadline=None)
@given(shapes=layers(), seed=st.integers(0, 2**32 - 1))
def test_a_box_that_a_boundary_crosses_is_never_called_clear(shapes: list[BaseGeometry], seed: int) -> None:
    luck = np.random.default_rng(seed)
    west, south, east, north = shapely.total_bounds(shapes) if shapes else (0, 0, 1, 1)
    longitude, latitude = luck.uniform(west, east, 200), luck.uniform(south, north, 200)
    reach = luck.exponential((east - west) / 20, 200), luck.exponential((north - south) / 20, 200)
    near = AreaIndex(areas(shapes)).near_boundary(longitude, latitude, reach)
    boxes = shapely.box(longitude - reach[0], latitude - reach[1], longitude + reach[0], latitude + reach[1])
    for shape in shapes:
        assert near[shapely.intersects(boxes, shapely.boundary(shape))].all()


def test_a_box_far_from_all_boundaries_is_called_clear() -> None:
    index = AreaIndex(areas([box(0, 0, 1, 1)]))
    reach = np.full(3, 0.01), np.full(3, 0.01)
    assert index.near_boundary(np.array([0.5, 0.995, 5.0]), np.array([0.5, 0.5, 5.0]), reach).tolist() == [
        False,
        True,
        False,
    ]
    endless = np.array([np.inf, np.nan, 1e300])
    assert index.near_boundary(np.full(3, 0.5), np.full(3, 0.5), (endless, endless)).all()


@pytest.mark.realdata
def test_districts_of_a_city_are_answered_at_their_own_corners_and_between_as_plain_shapely_answers(
    real_data: Path,
) -> None:
    collection = json.loads((real_data / "nyc_community_districts.geojson").read_text(encoding="utf-8"))
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in collection["features"]]
    luck = np.random.default_rng(5)
    corners = shapely.get_coordinates(shapes)
    some = corners[luck.integers(0, len(corners) - 1, 300)]
    points = np.concatenate([some, (some + np.nextafter(some, 0)) / 2, some + luck.normal(0, 1e-4, some.shape)])
    check(shapes, *points.T)


@pytest.mark.realdata
def test_a_sample_of_reports_lies_in_the_boards_that_their_city_published(real_data: Path) -> None:
    boards = Source(path=real_data / "nyc_community_districts.geojson", key="BoroCD").frame()
    assert agreement(boards, real_data / "nyc_2019_sample.csv") == {
        "agreed": 892,
        "of": 895,
        "others": {
            "no board or no place was published": 5,
            "on the border: less than a metre from the published board": 3,
        },
    }
