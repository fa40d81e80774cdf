import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.match.core import (
    NEAR,
    SAID,
    SAME,
    SOON,
    UNSAID,
    Bands,
    Grid,
    Reach,
    Seen,
    compare,
    metres,
    shape_of,
    similarity,
)

HOUR = 3600.0
START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
REACH = Reach(50.0, 72 * HOUR)
BANDS = Bands()


def seen(
    request_id: str = "a",
    *,
    latitude: float = 50.0,
    longitude: float = 10.0,
    after: float = 0.0,
    radius: float = 0.0,
    text: str = "",
    code: str = "pothole",
    vague: bool = False,
) -> Seen:
    return Seen((START + after, request_id), code, latitude, longitude, radius, vague, shape_of(text))


def test_a_degree_along_a_meridian_is_111195_metres_and_across_the_antimeridian_it_is_no_more() -> None:
    assert metres(seen(latitude=0.0), seen(latitude=1.0)) == pytest.approx(111_195, abs=1)
    assert metres(seen(latitude=0.0, longitude=179.5), seen(latitude=0.0, longitude=-179.5)) == pytest.approx(
        111_195, abs=1
    )


def test_the_same_thing_said_again_at_once_on_the_same_spot_scores_one() -> None:
    likeness = compare(seen("b", text="A deep hole."), seen("a", text="a deep hole"), REACH, BANDS)
    assert likeness is not None
    assert (likeness.score, likeness.distance_m, likeness.elapsed_s, likeness.text) == (1.0, 0.0, 0.0, 1.0)


def test_the_score_is_the_weighted_sum_that_the_docstring_promises() -> None:
    later = seen("b", latitude=50.0 + 25 / 111_195, after=36 * HOUR, code="sinkhole")
    likeness = compare(later, seen("a"), REACH, BANDS)
    assert likeness is not None
    assert likeness.score == pytest.approx(NEAR * 0.75 + SOON * 0.5 + SAID * UNSAID, abs=0.001)
    assert round(NEAR + SOON + SAID + SAME, 9) == 1.0


def test_beyond_the_radius_or_the_window_nothing_is_alike() -> None:
    assert compare(seen("b", latitude=50.0 + 51 / 111_195), seen("a"), REACH, BANDS) is None
    assert compare(seen("b", after=72 * HOUR + 1), seen("a"), REACH, BANDS) is None
    assert compare(seen("b", after=72 * HOUR), seen("a"), REACH, BANDS) is not None


def test_a_radius_of_nought_links_nothing_not_even_on_the_same_spot() -> None:
    assert compare(seen("b"), seen("a"), Reach(0.0, 72 * HOUR), BANDS) is None


def test_what_places_may_be_off_widens_the_reach_and_at_most_doubles_it() -> None:
    def far(distance: float, radius: float) -> bool:
        later = seen("b", latitude=50.0 + distance / 111_195, radius=radius)
        return compare(later, seen("a", radius=radius), REACH, BANDS) is not None

    assert not far(80, 10)
    assert far(80, 20)
    assert far(99, 5000)
    assert not far(101, 5000)


@pytest.mark.parametrize("later", [seen("b", text="hole", vague=True), seen("b", text="hole", radius=51.0)])
def test_a_place_known_too_roughly_is_never_linked_without_a_person(later: Seen) -> None:
    for one, two in ((later, seen("a", text="hole")), (seen("c", text="hole"), later)):
        likeness = compare(one, two, REACH, BANDS)
        assert likeness is not None
        assert BANDS.suggestion <= likeness.score < BANDS.automatic


def test_similarity_knows_case_punctuation_and_a_typing_slip_from_another_matter() -> None:
    one = shape_of("Street light is out at the corner, since Monday!")
    assert similarity(one, shape_of("STREET LIGHT is out at the corner since monday")) == 1.0
    assert similarity(one, shape_of("street ligth is out at the corner since monday")) > 0.8
    assert similarity(one, shape_of("A dog barks all night behind our house")) < 0.3


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Schlagloch in der Straße", "SCHLAGLOCH IN DER STRASSE"),
        ("路灯坏了", "路灯坏了。"),
        ("глубокая яма", "Глубокая яма."),
    ],
)
def test_similarity_works_in_every_script(one: str, two: str) -> None:
    assert similarity(shape_of(one), shape_of(two)) == 1.0


def test_a_text_without_letters_speaks_neither_for_nor_against() -> None:
    assert shape_of("  !!! __ ") == 0
    assert similarity(0, shape_of("anything")) == UNSAID


def test_long_texts_that_share_nothing_are_not_alike_by_chance() -> None:
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    one = "".join(alphabet[(step * step + step // 7) % 13] for step in range(4000))
    two = "".join(alphabet[13 + (step * step * 3 + step // 5) % 13] for step in range(4000))
    assert similarity(shape_of(one), shape_of(two)) < 0.15


def test_the_shape_of_a_text_is_the_same_in_every_release() -> None:
    assert shape_of("ab") == (1 << 570) | (1 << 752)


@given(
    latitude=st.one_of(st.floats(-90, 90), st.sampled_from([90.0, -90.0, 89.99995, -89.9999, 0.0])),
    longitude=st.one_of(st.floats(-180, 180), st.sampled_from([180.0, -180.0, 179.99999, 0.0])),
    bearing=st.floats(0, 2 * math.pi),
    share=st.floats(0, 1),
    cell_m=st.sampled_from([1.0, 50.0, 250.0, 5000.0]),
)
@settings(max_examples=300)
def test_the_cells_around_a_place_hold_all_that_is_in_reach_of_it(
    latitude: float, longitude: float, bearing: float, share: float, cell_m: float
) -> None:
    grid, reach = Grid(cell_m), 2 * cell_m
    angle, north, east = share * reach / 6_371_008.8, math.radians(latitude), math.radians(longitude)
    lat = math.asin(
        max(-1, min(1, math.sin(north) * math.cos(angle) + math.cos(north) * math.sin(angle) * math.cos(bearing)))
    )
    lon = east + math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(north), math.cos(angle) - math.sin(north) * math.sin(lat)
    )
    there = (math.degrees(lat), (math.degrees(lon) + 180) % 360 - 180)
    cells = list(grid.around(latitude, longitude, reach))
    assert grid.cell(*there) in cells
    assert len(cells) == len(set(cells))


def test_a_place_in_a_town_looks_into_no_more_than_thirty_six_cells() -> None:
    assert len(list(Grid(50.0).around(52.5, 13.4, 100.0))) <= 36
