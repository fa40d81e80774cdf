"""Distances to areas and lines of a layer, in metres on the ground."""

import msgspec
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, box
from shapely.geometry import Polygon

from services.city.earth import METRES_PER_DEGREE
from services.city.model import Area, Layer
from services.places.divided import Divider
from services.places.reach import Reach

EAST_M = METRES_PER_DEGREE * np.cos(np.radians(50.0))
ROAD = LineString([(9.9, 50.0), (10.0, 50.0), (10.0, 50.1)])
YARD = Polygon(box(10.02, 50.02, 10.04, 50.04).exterior, [box(10.025, 50.025, 10.035, 50.035).exterior])
LAYER = Layer(
    id="roads",
    version="v1",
    areas=(Area(area_id="yard", name="Yard", geometry=YARD),),
    lines=(Area(area_id="R1", name="Route 1", geometry=ROAD),),
)


def within(longitude: float, latitude: float, metres: float) -> dict[str, float]:
    reach = Reach(LAYER)
    _, areas, far = reach.within(np.array([longitude]), np.array([latitude]), metres)
    return {reach.areas[area].area_id: metres for area, metres in zip(areas.tolist(), far.tolist(), strict=True)}


def test_a_place_beside_a_line_is_so_many_metres_from_it() -> None:
    assert within(9.95, 50.0 + 15 / METRES_PER_DEGREE, 20) == {"R1": pytest.approx(15, abs=0.01)}
    assert within(9.95, 50.0 + 15 / METRES_PER_DEGREE, 14.9) == {}
    # On the stretch to the north, 25 m to the west of it.
    assert within(10.0 - 25 / EAST_M, 50.002, 30) == {"R1": pytest.approx(25, abs=0.05)}


def test_a_place_in_a_polygon_is_0_m_from_it_and_one_in_its_hole_is_not() -> None:
    assert within(10.021, 50.03, 5) == {"yard": 0.0}
    assert within(10.03, 50.03, 5) == {}
    assert within(10.025 + 4 / EAST_M, 50.03, 5) == {"yard": pytest.approx(4, abs=0.05)}


@given(st.floats(9.89, 10.05), st.floats(49.99, 50.11), st.floats(1, 500))
@settings(max_examples=200, deadline=None)
def test_it_agrees_with_a_plane_laid_at_the_place_itself(longitude: float, latitude: float, metres: float) -> None:
    scale = np.array([np.cos(np.radians(latitude)), 1.0]) * METRES_PER_DEGREE
    here = shapely.Point(np.array([longitude, latitude]) * scale)
    plain = {
        area.area_id: here.distance(shapely.transform(area.geometry, lambda degrees: degrees * scale))
        for area in (*LAYER.areas, *LAYER.lines)
    }
    found = within(longitude, latitude, metres)
    for area, far in plain.items():
        if far < metres * 0.999 - 0.01:
            assert found[area] == pytest.approx(far, rel=1e-3, abs=0.01)
        elif far > metres * 1.001 + 0.01:
            assert area not in found


WARDS = Layer(
    id="wards",
    version="w1",
    areas=(
        Area(area_id="west", name="West", geometry=box(9.9, 49.9, 10.0, 50.1)),
        Area(area_id="east", name="East", geometry=box(10.0, 49.9, 10.1, 50.1)),
    ),
)
STRIP = Layer(id="strip", version="s1", areas=(Area(area_id="road", name="Road", geometry=box(9.9, 50.0, 10.1, 50.2)),))


def test_a_circle_at_a_crossing_of_boundaries_is_cut_in_four() -> None:
    parts = Divider([WARDS, STRIP]).divide(10.0, 50.0, 40.0, {("wards", "w1"), ("strip", "s1")})
    assert {part.areas: round(part.share, 3) for part in parts} == {
        (("strip", "road"), ("wards", "east")): 0.25,
        (("strip", "road"), ("wards", "west")): 0.25,
        (("wards", "east"),): 0.25,
        (("wards", "west"),): 0.25,
    }


@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(1, 200))
@settings(max_examples=50, deadline=None)
def test_parts_of_a_circle_make_the_whole(east: float, north: float, radius: float) -> None:
    place = (10.0 + east / EAST_M, 50.0 + north / METRES_PER_DEGREE)
    parts = Divider([WARDS, STRIP]).divide(*place, radius, {("wards", "w1"), ("strip", "s1")})
    assert sum(part.share for part in parts) == pytest.approx(1.0, abs=1e-4)
    assert len({part.areas for part in parts}) == len(parts)


@given(st.floats(-120, 120), st.floats(-120, 120), st.floats(1, 200))
@settings(max_examples=100, deadline=None)
def test_parts_are_as_large_as_what_plain_shapely_cuts_of_the_circle(east: float, north: float, radius: float) -> None:
    scale = np.array([np.cos(np.radians(50.0 + north / METRES_PER_DEGREE)), 1.0]) * METRES_PER_DEGREE
    longitude, latitude = 10.0 + east / EAST_M, 50.0 + north / METRES_PER_DEGREE
    circle = shapely.buffer(shapely.Point(np.array([longitude, latitude]) * scale), radius, quad_segs=16)
    (road,), wards = STRIP.areas, {area.area_id: area for area in WARDS.areas}
    flat = {
        area.area_id: shapely.transform(area.geometry, lambda degrees: degrees * scale)
        for area in (road, *wards.values())
    }
    parts = Divider([WARDS, STRIP]).divide(longitude, latitude, radius, {("wards", "w1"), ("strip", "s1")})
    found = {part.areas: part.share for part in parts}
    for ward in wards:
        inside = circle & flat[ward]
        for areas, shape in (
            ((("strip", "road"), ("wards", ward)), inside & flat["road"]),
            ((("wards", ward),), inside - flat["road"]),
        ):
            assert found.get(areas, 0.0) == pytest.approx(shape.area / circle.area, abs=2e-6)


def test_of_areas_that_lie_over_each_other_a_part_is_the_first_ones() -> None:
    twice = msgspec.structs.replace(WARDS, areas=(*WARDS.areas, *STRIP.areas))
    parts = Divider([twice]).divide(9.95, 50.05, 40.0, {("wards", "w1")})
    assert {part.areas: round(part.share, 3) for part in parts} == {(("wards", "road"),): 1.0}


def test_a_layer_of_another_version_does_not_cut() -> None:
    assert [part.areas for part in Divider([WARDS]).divide(10.0, 50.0, 40.0, {("wards", "older")})] == [()]
