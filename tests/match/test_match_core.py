import math
from typing import Any

import numpy as np
import pytest
from all_pairs import pairs
from hypothesis import given, settings
from hypothesis import strategies as st
from match_reports import HOUR, REACH, SCORER, START, WEIGHTS
from msgspec.structs import replace

from services.incidents.extents import hull_of
from services.incidents.grid import Grid
from services.incidents.near import Compared, Near
from services.incidents.pairs import FEATURES, Pairs, likeness
from services.incidents.scorer import Scorer
from services.incidents.seen import AT_ONE_PLACE, RECORD, Reach, Seen, see
from services.incidents.words import address_of, normal, numbers_of, shape_of
from services.match.settings import MatchSettings
from services.match.worker import bands_of

MADE = START.timestamp()
METRE = 1 / 111_195


def seen(
    request_id: str = "a", *, latitude: float = 50.0, longitude: float = 10.0, after: float = 0.0, **more: Any
) -> Seen:
    return see(request_id, MADE + after, latitude, longitude, **more)


def pair(later: Seen, earlier: Seen, reach: Reach = REACH) -> Pairs:
    return pairs([later], [earlier], reach)


def held(later: Seen, earlier: Seen, **reaches: Reach) -> Compared:
    near = Near({"": REACH, **reaches}, SCORER)
    near.add(earlier)
    near.add(later)
    ((_, compared),) = near.compared([later.id])
    return compared


def in_reach(later: Seen, earlier: Seen) -> bool:
    return bool(held(later, earlier).others)


def value(name: str, later: Seen, earlier: Seen) -> float:
    return float(pair(later, earlier).values[0][FEATURES.index(name)])


def alike(one: str, two: str) -> float:
    return float(likeness(*(np.frombuffer(seen(text=text).record, RECORD) for text in (one, two)))[0])


def test_a_degree_along_a_meridian_is_111195_metres_and_across_the_antimeridian_it_is_no_more() -> None:
    assert pair(seen(latitude=0.0), seen(latitude=1.0)).metres[0] == pytest.approx(111_195, abs=1)
    across = pair(seen(latitude=0.0, longitude=179.5), seen(latitude=0.0, longitude=-179.5))
    assert across.metres[0] == pytest.approx(111_195, abs=1)


def test_beyond_the_radius_or_the_window_two_reports_are_no_pair() -> None:
    assert in_reach(seen("b", latitude=50.0 + 49 * METRE), seen("a"))
    assert not in_reach(seen("b", latitude=50.0 + 51 * METRE), seen("a"))
    assert in_reach(seen("b", after=72 * HOUR), seen("a"))
    assert not in_reach(seen("b", after=72 * HOUR + 1), seen("a"))


def test_what_places_may_be_off_together_widens_the_reach_by_150_metres_at_most() -> None:
    def far(distance: float, radius: float) -> bool:
        later = seen("b", latitude=50.0 + distance * METRE, off_m=radius)
        return in_reach(later, seen("a", off_m=radius))

    assert far(63, 10)
    assert not far(65, 10)
    assert far(199, 5000)
    assert not far(201, 5000)
    assert not far(201, 1e9)


def test_a_pair_is_held_by_the_largest_reach_of_the_families_that_hold_both() -> None:
    one, other = seen("b", families=("", "light", "*")), seen("a", families=("light", "", "*"))
    wide = Reach(60.0, HOUR)
    assert held(one, other, light=wide).reaches == [wide]
    later = seen("b", after=2 * HOUR, families=("", "light", "*"))
    assert held(later, other, light=wide).reaches == [REACH]
    assert held(seen("b", families=("x", "*")), other).reaches == [AT_ONE_PLACE]
    assert held(seen("b", families=("x",)), other).reaches == []


def test_the_score_is_the_logistic_of_the_weighted_sum() -> None:
    later, earlier = (
        seen("b", text="a deep hole", service_code="pothole"),
        seen("a", text="a deep hole", service_code="pothole"),
    )
    odds = -4.0 + 3.0 + 0.8 + 5.0 + 1.5
    got = SCORER.scores(pair(later, earlier).values, ["roads"])[0]
    assert got == pytest.approx(1 / (1 + math.exp(-odds)), abs=1e-4)


def test_the_score_of_a_pair_is_the_same_however_many_others_are_scored_with_it() -> None:
    reports = [seen(f"r{number}", latitude=50.0 + number * METRE, text=f"a hole {number}") for number in range(40)]
    values = pairs(reports[1:], reports[:-1], REACH).values
    alone = [SCORER.scores(values[[place]], ["roads"])[0] for place in range(len(values))]
    assert SCORER.scores(values, ["roads"] * 39).tolist() == alone


def test_a_family_has_a_bias_of_its_own() -> None:
    scorer = Scorer(replace(WEIGHTS, families={"light": 2.0}))
    values = pair(seen("b"), seen("a")).values
    scores = {family: float(scorer.scores(values, [family])[0]) for family in ("roads", "light")}
    odds = {family: math.log(score / (1 - score)) for family, score in scores.items()}
    assert odds["light"] - odds["roads"] == pytest.approx(2.0, abs=0.01)


def test_reasons_are_what_weighed_most_and_leave_out_what_says_nothing() -> None:
    values = pair(seen("b", text="a deep hole"), seen("a", text="tree down")).values[0]
    reasons = SCORER.reasons(values)
    assert [what for what, _ in reasons] == ["near", "same category", "said otherwise", "soon"]
    assert dict(reasons)["near"] == 3.0


def test_bands_come_from_the_weights_unless_the_operator_says_otherwise() -> None:
    assert bands_of(MatchSettings(), SCORER).automatic == 0.8
    said = bands_of(MatchSettings(automatic=0.2), SCORER)
    assert (said.suggestion, said.automatic) == (0.2, 0.2)


@pytest.mark.parametrize(
    ("name", "one", "two", "expected"),
    [
        ("same thing", {"asset": "lamp/1"}, {"asset": "lamp/1"}, 1.0),
        ("another thing", {"asset": "lamp/1"}, {"asset": "lamp/2"}, 1.0),
        ("another thing", {"asset": "lamp/1"}, {}, 0.0),
        ("same person", {"reporter": "p"}, {"reporter": "p"}, 1.0),
        ("same person", {}, {}, 0.0),
        ("same address", {"address": "12 Elm St"}, {"address": "12 ELM ST, Springfield"}, 1.0),
        ("same address", {"address": "Hauptstraße 5"}, {"address": "Hauptstr. 5"}, 0.0),
        ("another street", {"address": "12 Elm St"}, {"address": "12 Oak St"}, 1.0),
        ("same numbers", {"text": "pole 0417 is dark"}, {"text": "la farola 417"}, 1.0),
        ("other numbers", {"text": "pole 417"}, {"text": "pole 418"}, 1.0),
        ("other category", {"guesses": [("a", 0.6), ("b", 0.4)]}, {"guesses": [("b", 0.7), ("a", 0.3)]}, 0.3),
        ("other category", {"service_code": "a"}, {"service_code": "b"}, 1.0),
    ],
)
def test_what_is_known_of_both_speaks_for_or_against(
    name: str, one: dict[str, Any], two: dict[str, Any], expected: float
) -> None:
    assert value(name, seen("b", **one), seen("a", **two)) == pytest.approx(expected, abs=1e-6)


def test_likeness_knows_case_punctuation_and_a_typing_slip_from_another_matter() -> None:
    one = "Street light is out at the corner, since Monday!"
    assert alike(one, "STREET LIGHT is out at the corner since monday") == 1.0
    assert alike(one, "street ligth is out at the corner since monday") > 0.8
    assert alike(one, "A dog barks all night behind our house") < 0.3


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Schlagloch in der Straße", "SCHLAGLOCH IN DER STRASSE"),
        ("路灯坏了", "路灯坏了。"),
        ("глубокая яма", "Глубокая яма."),
        ("حفرة عميقة في الشارع", "حفرة عميقة في الشارع!"),
        ("\u202ehole\u202c here", "hole here"),
    ],
)
def test_likeness_works_in_every_script(one: str, two: str) -> None:
    assert alike(one, two) == 1.0


@pytest.mark.parametrize("text", ["", "  !!! __ ", "🕳️🚗💥", "\u200b\u200d\ufeff"])
def test_a_text_without_letters_speaks_neither_for_nor_against(text: str) -> None:
    assert shape_of(normal(text)) == b""
    assert math.isnan(alike(text, "anything"))
    for name in ("said alike", "said otherwise"):
        assert value(name, seen("b", text=text), seen("a", text="anything")) == 0.0


def test_long_texts_that_share_nothing_are_not_alike_by_chance() -> None:
    one = "".join(chr(97 + (step * step + step // 7) % 13) for step in range(4000))
    two = "".join(chr(110 + (step * step * 3 + step // 5) % 13) for step in range(4000))
    assert alike(one, two) < 0.15


def test_ten_thousand_of_one_letter_are_compared_like_any_text() -> None:
    assert alike("a" * 10_000, "a" * 10_000) == 1.0
    assert alike("a" * 10_000, "a deep hole") < 0.3


def test_the_shape_of_a_text_is_the_same_in_every_release() -> None:
    bits = np.unpackbits(np.frombuffer(shape_of("ab"), np.uint8))
    assert np.flatnonzero(bits).tolist() == [398, 498]


def test_numbers_are_known_with_noughts_before_them() -> None:
    assert numbers_of("007") == numbers_of("7")
    assert numbers_of("no number") == 0


def test_an_address_of_a_number_alone_names_no_street() -> None:
    assert address_of("17") == (0, 17)
    assert address_of("") == (0, -1)


def test_the_hull_of_an_incident_has_one_corner_two_or_as_many_as_it_needs() -> None:
    assert hull_of([(50.0, 10.0), (50.0, 10.0)]) == ((50.0, 10.0),)
    assert len(hull_of([(50.0, 10.0), (50.1, 10.1), (50.2, 10.2)])) == 2
    square = [(50.0, 10.0), (50.0, 10.1), (50.1, 10.1), (50.1, 10.0), (50.05, 10.05)]
    assert set(hull_of(square)) == set(square[:4])


@given(numbers=st.lists(st.one_of(st.floats(0, 1e9), st.just(1e9)), min_size=2, max_size=2))
def test_no_score_is_ever_not_a_number(numbers: list[float]) -> None:
    one, two = numbers
    for reach in (REACH, Reach(0.0, 0.0), Reach(1e7, 1e9)):
        found = pair(seen("b", off_m=one, latitude=90.0, text="x"), seen("a", off_m=two, latitude=-90.0), reach)
        assert np.isfinite(found.values).all()
        assert np.isfinite(SCORER.scores(found.values, ["roads"])).all()


def distant(latitude: float, longitude: float, bearing: float, metres: float) -> tuple[float, float]:
    """Give the place so far away in a direction."""
    angle, north, east = metres / 6_371_008.8, math.radians(latitude), math.radians(longitude)
    sine = math.sin(north) * math.cos(angle) + math.cos(north) * math.sin(angle) * math.cos(bearing)
    lat = math.asin(max(-1, min(1, sine)))
    lon = east + math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(north), math.cos(angle) - math.sin(north) * math.sin(lat)
    )
    return math.degrees(lat), (math.degrees(lon) + 180) % 360 - 180


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
    cells = grid.around(latitude, longitude, reach)
    assert grid.cell(*distant(latitude, longitude, bearing, share * reach)) in cells
    assert len(cells) == len(set(cells))


def test_a_place_in_a_town_looks_into_no_more_than_thirty_six_cells() -> None:
    assert len(Grid(50.0).around(52.5, 13.4, 100.0)) <= 36
