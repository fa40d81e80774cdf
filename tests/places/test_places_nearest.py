"""The nearest point of many is the one that measuring every single one would find, anywhere on Earth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.places.nearest import Grid, metres

NOWHERE = st.sampled_from([(0.0, 0.0), (180.0, 0.0), (-180.0, 51.0), (10.0, 89.9999), (-75.1, 39.2), (33.0, -90.0)])
OFFSETS = st.lists(st.tuples(st.floats(-80, 80), st.floats(-80, 80)), min_size=1, max_size=12)


def around(middle: tuple[float, float], offsets: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Give points so many metres to the east and north, kept on the globe."""
    longitude, latitude = middle
    scale = max(np.cos(np.radians(latitude)), 1e-6) * 111_195
    east = [(longitude + x / scale + 180) % 360 - 180 for x, _ in offsets]
    north = [min(90.0, max(-90.0, latitude + y / 111_195)) for _, y in offsets]
    return np.array(east), np.array(north)


@given(NOWHERE, OFFSETS, OFFSETS, st.sampled_from([5.0, 40.0, 120.0]), st.sampled_from([1, 3]))
@settings(max_examples=200, deadline=None)
def test_the_nearest_is_that_of_measuring_all(
    middle: tuple[float, float],
    points: list[tuple[float, float]],
    places: list[tuple[float, float]],
    within: float,
    wider: int,
) -> None:
    to, of = around(middle, points), around(middle, places)
    index, found = Grid(*to, within * wider).nearest(*of, within)
    for place in range(len(of[0])):
        all_of = metres(np.repeat(of[0][place], len(points)), np.repeat(of[1][place], len(points)), *to)
        if all_of.min() <= within:
            assert found[place] == all_of.min() == all_of[index[place]]
            assert index[place] == np.flatnonzero(all_of == all_of.min())[0]
        else:
            assert (index[place], found[place]) == (-1, np.inf)


def test_distances_are_great_circles() -> None:
    # A degree of a great circle of the mean Earth is 111,195 m.
    zero = np.zeros(1)
    assert metres(zero, zero, zero, zero + 1)[0] == pytest.approx(111_195, abs=1)
    assert metres(zero - 180, zero, zero + 179, zero)[0] == pytest.approx(111_195, abs=1)


def test_no_places_and_no_points_are_no_trouble() -> None:
    none = np.array([])
    assert Grid(none, none, 30.0).nearest(np.array([1.0]), np.array([2.0]), 30.0)[0].tolist() == [-1]
    assert Grid(np.array([1.0]), np.array([2.0]), 30.0).nearest(none, none, 30.0)[0].tolist() == []
