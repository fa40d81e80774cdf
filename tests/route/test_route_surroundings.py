"""What lies around a place decides, and is told: lines, assets, hurry, and whom to ask beyond the limits."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from route_town import DISTRICTS, LIMITS, NOON, ROADS, classified, routing, routings, spot, things, town
from shapely import LineString

from services.city.model import Near, Outside, Referral, Rule
from services.parts import Asset, Boundary, LostRule, Place, PlaceMethod
from services.places.radius import RADIUS_M

WORKS = Rule(id="roads", department="works", families=("roads",))
STATE = Rule(id="on-state-roads", department="state", families=("roads",), layer="state-roads", within_m=15)
FIRE = Rule(id="hydrants", department="fire", families=("roads",), near=Near(asset="hydrant", within_m=10))
HURRY = Rule(id="hurry", department="county", families=("roads",), urgent=True)
ROAD_M = 0.02 / (1 / 111_195.08)
"""How far north of the middle the road runs."""
HYDRANTS = things("hydrant", ("H-1", 10.0, 50.0, 3.0), ("H-2", 10.001, 50.0, float("nan")))


def test_a_place_within_metres_of_a_line_is_the_states_and_the_line_is_named_with_its_version() -> None:
    got = routing(town(WORKS, STATE), spot(50, ROAD_M - 8))
    assert (got.department, got.rule) == ("state", "on-state-roads")
    assert got.reason == "rule on-state-roads takes family roads and state-roads within 15 m"
    (line,) = got.near
    assert line == Boundary(
        layer="state-roads", area_id="R1", name="Route 1", version="dddd00000000", distance_m=line.distance_m
    )
    assert line.distance_m == pytest.approx(8, abs=0.1)


def test_a_place_further_from_it_is_not_and_the_lost_rule_says_why() -> None:
    got = routing(town(WORKS, STATE), spot(50, ROAD_M - 16))
    assert got.department == "works"
    assert got.lost == (
        LostRule(rule="on-state-roads", why="needs a place within 15 m of state-roads, and this one is not"),
    )
    assert got.near == ()


def test_of_two_distances_the_shorter_one_is_more_specific() -> None:
    wider = Rule(id="wider", department="county", families=("roads",), layer="state-roads", within_m=50)
    got = routing(town(wider, STATE), spot(0, ROAD_M - 5))
    assert got.rule == "on-state-roads"
    why = "on-state-roads has the same conditions, and asks for a shorter distance"
    assert got.lost == (LostRule(rule="wider", why=why),)
    assert routing(town(wider, STATE), spot(0, ROAD_M - 30)).rule == "wider"


def test_an_asset_within_metres_makes_the_rule_hold_and_is_told() -> None:
    city = town(WORKS, FIRE, assets={"hydrant": HYDRANTS})
    got = routing(city, spot(3, 4))
    assert (got.department, got.rule) == ("fire", "hydrants")
    assert got.reason == "rule hydrants takes family roads and a hydrant within 10 m"
    assert got.asset == Asset(kind="hydrant", asset_id="H-1", distance_m=5.0, criticality=3.0)
    got = routing(city, spot(30, 0))
    assert (got.department, got.asset) == ("works", None)
    assert got.lost == (LostRule(rule="hydrants", why="needs a hydrant within 10 m, and there is none"),)


def test_the_nearest_asset_of_the_categorys_kind_is_told_without_any_rule() -> None:
    lights = things("light", ("L-1", 10.0, 50.0, 1.0), ("L-2", 10.001, 50.0, float("nan")), codes=["lamp"], within_m=40)
    city = town(WORKS, assets={"light": lights, "hydrant": HYDRANTS})
    events = [classified(spot(50), code="lamp"), classified(spot(50)), classified(spot(30), code="lamp")]
    events.append(classified(None, code="lamp"))
    got = [each.asset for each in routings(city, events)]
    assert got == [
        Asset(kind="light", asset_id="L-2", distance_m=21.5),
        None,
        Asset(kind="light", asset_id="L-1", distance_m=30.0, criticality=1.0),
        None,
    ]


def test_distances_hold_for_no_place_that_is_missing_or_outside_the_limits() -> None:
    city = town(WORKS, STATE, FIRE, assets={"hydrant": things("hydrant", ("H-9", 10.5, 50.02, 1.0))})
    got = routing(city, None)
    assert got.department == "works"
    assert [lost.why for lost in got.lost] == [
        "needs a hydrant within 10 m, and no place was given",
        "needs a place within 15 m of state-roads, and no place was given",
    ]
    got = routing(city, Place(latitude=50.02, longitude=10.5))
    assert (got.department, got.outside) == ("works", True)
    assert got.lost[0].why == "needs a hydrant within 10 m, and the place is outside the city's limits"


def test_words_of_hurry_may_decide() -> None:
    city = town(WORKS, HURRY)
    got = routing(city, spot(), urgency=("asap",))
    assert (got.department, got.reason) == ("county", "rule hurry takes words of hurry and family roads")
    got = routing(city, spot())
    assert got.lost == (LostRule(rule="hurry", why="only for reports that say they are urgent"),)


OUTSIDE = Outside(
    default=Referral(ask="Fen County", contact="311@fen.example"),
    layer="neighbours",
    areas={"harlow": Referral(ask="Harlow Town Hall")},
)


def test_beyond_the_limits_the_reason_says_whom_to_ask_instead() -> None:
    got = routing(town(WORKS, outside=OUTSIDE), Place(latitude=50.0, longitude=10.15))
    assert (got.outside, got.instead) == (True, "Harlow Town Hall")
    assert got.reason == (
        "rule roads takes family roads; the place is outside the city's limits, so the category alone decides; "
        "ask Harlow Town Hall instead"
    )
    got = routing(town(WORKS, outside=OUTSIDE), Place(latitude=51.0, longitude=10.15))
    assert got.instead == "Fen County (311@fen.example)"
    assert got.reason.endswith("; ask Fen County (311@fen.example) instead")
    assert routing(town(WORKS, outside=OUTSIDE), spot()).instead == ""
    assert routing(town(WORKS), Place(latitude=51.0, longitude=10.0)).instead == ""


@pytest.mark.parametrize("method", RADIUS_M)
def test_a_place_without_a_radius_is_as_uncertain_as_its_method(method: PlaceMethod) -> None:
    east = Rule(id="east", department="county", families=("roads",), layer="districts", areas=("east",))
    far = Place(latitude=50.0, longitude=9.9995, method=method)  # 35.7 m west of the boundary
    got = routing(town(WORKS, east, layers=(LIMITS, DISTRICTS)), far)
    assert got.boundary_ambiguous == (RADIUS_M[method] > 35.7)
    said = Place(latitude=50.0, longitude=9.9995, method=method, radius_m=1.0)
    assert not routing(town(WORKS, east, layers=(LIMITS, DISTRICTS)), said).boundary_ambiguous


def test_a_batch_of_everything_is_routed_as_each_alone() -> None:
    city = town(WORKS, STATE, FIRE, HURRY, assets={"hydrant": HYDRANTS}, outside=OUTSIDE)
    events = [
        classified(None if step % 11 == 0 else spot((step % 7) * 40 - 120, step * 30, (step % 3) * 20.0))
        for step in range(120)
    ]
    assert routings(city, events) == [routings(city, [event])[0] for event in events]


def test_a_line_counts_from_its_day_to_that_of_the_next_edition() -> None:
    moved = replace(
        ROADS,
        version="dddd00000001",
        effective="2026-03-02",
        lines=(replace(ROADS.lines[0], geometry=LineString([(9.9, 50.03), (10.1, 50.03)])),),
    )
    city = town(WORKS, STATE, layers=(LIMITS, DISTRICTS, ROADS, moved))
    old, new = spot(50, ROAD_M - 8), Place(latitude=50.03, longitude=10.0)
    # NOON is twelve on the city's clock: half a day before the second of March begins.
    events = [classified(place, at=at) for at in (NOON - timedelta(hours=12, minutes=1), NOON) for place in (old, new)]
    assert [each.department for each in routings(city, events)] == ["state", "works", "works", "state"]
    assert [[line.version for line in each.near] for each in routings(city, events)] == [
        ["dddd00000000"],
        [],
        [],
        ["dddd00000001"],
    ]
