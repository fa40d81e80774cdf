"""What part of a circle lies where: reckoned from few lines, and told as GEOS cuts whole circles with whole areas."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from services.city.earth import METRES_PER_DEGREE
from services.city.model import Area
from services.places.circles import LEAST_SHARE, Circles
from services.places.index import AreaIndex

Floats = NDArray[np.float64]
WEST, SOUTH = 10.0, 50.0


def circles(shapes: list[BaseGeometry]) -> Circles:
    return Circles(
        AreaIndex([Area(area_id=f"{number:03}", name="", geometry=shape) for number, shape in enumerate(shapes)])
    )


def plain(shapes: list[BaseGeometry], longitude: Floats, latitude: Floats, radius: Floats) -> list[dict[int, float]]:
    """Every circle cut with every area, whole; empty for a circle that no boundary is within reach of."""
    bounds = shapely.total_bounds(shapes)
    scale = np.array([np.cos(np.radians((bounds[1] + bounds[3]) / 2)), 1.0]) * METRES_PER_DEGREE
    flat = [shapely.transform(shape, lambda degrees: degrees * scale) for shape in shapes]
    lines = shapely.union_all([shape.boundary for shape in flat])
    found: list[dict[int, float]] = []
    for x, y, metres in zip(longitude, latitude, radius, strict=True):
        centre = shapely.Point(np.array([x, y]) * scale)
        circle = centre.buffer(metres, quad_segs=16)
        if metres == 0 or not shapely.dwithin(lines, centre, metres):
            found.append({})
            continue
        parts = {number: circle.intersection(shape).area / circle.area for number, shape in enumerate(flat)}
        found.append({number: part for number, part in parts.items() if part >= LEAST_SHARE / 2})
    return found


@st.composite
def towns(draw: st.DrawFn) -> list[BaseGeometry]:
    """Up to five areas within a kilometre or ten, some with holes, some of several parts, some over each other."""
    size = draw(st.sampled_from([0.01, 0.1]))
    unit = st.one_of(st.integers(0, 8).map(lambda n: n / 8), st.floats(0, 1))
    shapes: list[BaseGeometry] = []
    for _ in range(draw(st.integers(1, 5))):
        corners = draw(st.lists(st.tuples(unit, unit), min_size=3, max_size=7))
        x, y = draw(st.tuples(unit, unit))
        shape = shapely.make_valid(Polygon(corners)).difference(box(x, y, x + 0.25, y + 0.25))
        shape = shapely.make_valid(shapely.transform(shape, lambda at: at * size + [WEST, SOUTH]))
        parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and not part.is_empty]
        if parts:
            shapes.append(MultiPolygon(parts) if len(parts) > 1 else parts[0])
    return shapes or [box(WEST, SOUTH, WEST + size, SOUTH + size)]


def test_areas_without_ground_are_in_no_circle() -> None:
    assert circles([Polygon(), Polygon()]).shares(np.array([WEST]), np.array([SOUTH]), np.array([50.0])) == {}


@settings(max_examples=60, deadline=None)
@given(shapes=towns(), seed=st.integers(0, 2**32 - 1))
def test_shares_are_those_of_whole_circles_cut_with_whole_areas(shapes: list[BaseGeometry], seed: int) -> None:
    luck = np.random.default_rng(seed)
    west, south, east, north = shapely.total_bounds(shapes)
    longitude, latitude = luck.uniform(west, east, 40), luck.uniform(south, north, 40)
    radius = luck.choice([0.0, 5.0, 30.0, 63.9, 64.0, 200.0, 3000.0], 40)
    found = circles(shapes).shares(longitude, latitude, radius)
    for row, expected in enumerate(plain(shapes, longitude, latitude, radius)):
        given_parts = found.get(row, {})
        for area in given_parts.keys() | expected.keys():
            assert given_parts.get(area, 0.0) == pytest.approx(min(expected.get(area, 0.0), 1.0), abs=0.0011)


def test_a_circle_that_crosses_nothing_is_not_told_of_at_all() -> None:
    town = circles([box(WEST, SOUTH, WEST + 0.1, SOUTH + 0.1)])
    middle = np.array([WEST + 0.05]), np.array([SOUTH + 0.05])
    assert town.shares(*middle, np.array([20.0])) == {}


def test_a_place_without_a_radius_is_not_told_of_even_on_a_boundary() -> None:
    town = circles([box(WEST, SOUTH, WEST + 0.1, SOUTH + 0.1)])
    assert town.shares(np.array([WEST]), np.array([SOUTH]), np.array([0.0])) == {}


METRE = 1 / METRES_PER_DEGREE


@pytest.mark.parametrize("radius", [1.0, 20.0, 333.3])
@pytest.mark.parametrize("away", [-1.0, -0.9999, -0.99885, -0.5, -1e-9, 0.0, 1e-9, 0.5, 0.9985, 0.9995, 1.0])
def test_a_straight_border_that_grazes_or_halves_a_circle_gives_the_part_that_geos_gives(
    radius: float, away: float
) -> None:
    shapes: list[BaseGeometry] = [box(WEST, SOUTH, WEST + 0.1, SOUTH + 0.1), box(WEST, SOUTH + 0.1, WEST + 0.1, 51)]
    at = np.array([WEST + 0.05]), np.array([SOUTH + 0.1 + away * radius * METRE]), np.array([radius])
    (expected,) = plain(shapes, *at)
    assert circles(shapes).shares(*at).get(0, {}) == pytest.approx(expected, abs=0.0011)


def test_an_area_within_the_circle_one_that_holds_it_and_a_hole_in_it_each_have_their_part() -> None:
    small = box(WEST + 0.05 - 10 * METRE, SOUTH + 0.05, WEST + 0.05, SOUTH + 0.05 + 10 * METRE)
    wide = box(WEST, SOUTH, WEST + 0.1, SOUTH + 0.1)
    shapes: list[BaseGeometry] = [wide, small, wide.difference(small)]
    at = np.array([WEST + 0.05]), np.array([SOUTH + 0.05]), np.array([50.0])
    found = circles(shapes).shares(*at)[0]
    assert found == pytest.approx(plain(shapes, *at)[0], abs=0.0011)
    assert found[0] == 1.0
    assert found[1] + found[2] == pytest.approx(1.0, abs=0.0011)


def test_many_circles_and_large_ones_are_reckoned_in_blocks_with_the_same_result() -> None:
    luck = np.random.default_rng(4)
    ring = [
        (np.cos(a) * r, np.sin(a) * r) for a, r in zip(np.linspace(0, 6.28, 900), luck.uniform(1, 3, 900), strict=True)
    ]
    star = shapely.transform(Polygon(ring), lambda at: at * 0.01 + [WEST, SOUTH])
    shapes: list[BaseGeometry] = [star, box(WEST, SOUTH, WEST + 0.03, SOUTH + 0.03)]
    longitude, latitude = luck.uniform(WEST - 0.03, WEST + 0.03, 600), luck.uniform(SOUTH - 0.03, SOUTH + 0.03, 600)
    radius = luck.choice([50.0, 3000.0], 600)
    town = circles(shapes)
    found = town.shares(longitude, latitude, radius)
    alone = [town.shares(*(each[row : row + 1] for each in (longitude, latitude, radius))) for row in range(600)]
    assert [found.get(row, {}) for row in range(600)] == [each.get(0, {}) for each in alone]
    some = slice(0, 40)
    for row, expected in enumerate(plain(shapes, longitude[some], latitude[some], radius[some])):
        assert found.get(row, {}) == pytest.approx(expected, abs=0.0011)


@pytest.mark.parametrize("radius", [1e7, 1e12, 1e300, 1.7e308])
def test_a_circle_larger_than_the_earth_has_next_to_nothing_of_itself_in_any_area(radius: float) -> None:
    town = circles([box(WEST, SOUTH, WEST + 0.1, SOUTH + 0.1)])
    assert town.shares(np.array([WEST]), np.array([SOUTH]), np.array([radius])) == {0: {}}


def test_places_that_are_nowhere_have_no_shares() -> None:
    town = circles([box(WEST, SOUTH, WEST + 0.1, SOUTH + 0.1)])
    nowhere = np.array([np.nan, np.inf, -np.inf, 1e300])
    assert town.shares(nowhere, np.full(4, SOUTH), np.full(4, 50.0)) == {}
    assert town.shares(np.full(4, WEST), nowhere, np.full(4, 50.0)) == {}


def test_a_layer_without_areas_has_no_shares() -> None:
    for town in (circles([]), circles([Polygon()])):
        assert town.shares(np.array([WEST]), np.array([SOUTH]), np.array([50.0])) == {}


def test_near_a_pole_circles_are_still_cut() -> None:
    town = circles([box(0, 89.9, 90, 90)])
    found = town.shares(np.array([45.0, 0.0]), np.array([90.0, 89.95]), np.array([50.0, 50.0]))
    assert found.keys() == {0, 1}
