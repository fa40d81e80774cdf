from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from shapely import box

from services.city.model import Area, Category, City, Department, Family, Layer, Near, Policy, Rule, System
from services.city.precedence import KINDS, specificity
from services.events import RequestClassified, RequestRouted
from services.parts import Boundary, Channel, Classification, LostRule, Place, Report, Routing, Safety
from services.route.adapters import DatedAtlas
from services.route.core import Router

# An invented town around (10.0 E, 50.0 N): two districts side by side, meeting at 10.0 E.
MONDAY_NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
MONDAY_NIGHT = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
LIMITS = Layer(
    id="limits",
    version="aaaa00000000",
    limits=True,
    areas=(Area(area_id="town", name="Town", geometry=box(9.9, 49.9, 10.1, 50.1)),),
)
DISTRICTS = Layer(
    id="districts",
    version="bbbb00000000",
    areas=(
        Area(area_id="west", name="West End", geometry=box(9.9, 49.9, 10.0, 50.1)),
        Area(area_id="east", name="East End", geometry=box(10.0, 49.9, 10.1, 50.1)),
    ),
)
ROADS = Rule(id="roads", department="works", families=("roads",))
EAST = Rule(id="roads-east", department="county", families=("roads",), layer="districts", areas=("east",))


def city(*rules: Rule, layers: tuple[Layer, ...] = (LIMITS, DISTRICTS)) -> City:
    departments = ("desk", "works", "county", "rescue", "night")
    return City(
        name="Nowhere",
        jurisdiction_id="nowhere.example",
        time_zone="Europe/Berlin",
        languages=("en",),
        extent=(9.9, 49.9, 10.1, 50.1),
        categories={"pothole": Category(service_code="pothole", name="Pothole", family="roads")},
        families={"roads": Family(id="roads")},
        departments={name: Department(id=name, name=name.title(), system="sandbox") for name in departments},
        systems={"sandbox": System(id="sandbox")},
        rules=rules,
        default_department="desk",
        layers=layers,
        policy=Policy(),
        version="cccc00000000",
        holidays=("2026-05-01",),
        invented=True,
    )


def classified(
    place: Place | None,
    *,
    code: str = "pothole",
    family: str = "roads",
    at: datetime = MONDAY_NOON,
    flagged: bool = False,
    channel: Channel = "web",
) -> RequestClassified:
    return RequestClassified(
        report=Report(request_id="r-1", channel=channel, received_at=at, requested_at=at, text="A hole.", place=place),
        classification=Classification(
            service_code=code, family=family, confidence=0.9, safety=Safety(flagged=flagged, evidence=())
        ),
    )


def spot(longitude: float, latitude: float = 50.0, radius: float = 0.0) -> Place:
    return Place(latitude=latitude, longitude=longitude, radius_m=radius)


def routings(town: City, events: Sequence[RequestClassified]) -> list[Routing]:
    outcomes = Router(town, DatedAtlas(town)).handle(events)
    assert all(isinstance(outcome, RequestRouted) for outcome in outcomes)
    return [outcome.routing for outcome in outcomes if isinstance(outcome, RequestRouted)]


def routing(town: City, event: RequestClassified) -> Routing:
    return routings(town, [event])[0]


def test_the_rule_with_more_conditions_wins_and_the_other_is_named_with_the_reason() -> None:
    got = routing(city(ROADS, EAST), classified(spot(10.05)))
    assert (got.department, got.rule) == ("county", "roads-east")
    assert got.reason == "rule roads-east takes family roads and districts East End"
    assert got.lost == (LostRule(rule="roads", why="roads-east has more conditions: 2, against 1"),)
    assert got.version == "cccc00000000"


def test_a_rule_that_fails_on_the_place_says_where_the_place_is() -> None:
    got = routing(city(ROADS, EAST), classified(spot(9.95)))
    assert got.department == "works"
    assert got.lost == (LostRule(rule="roads-east", why="only for districts east; the place is in west"),)


def test_of_two_rules_equally_specific_the_first_in_the_file_wins() -> None:
    twin = Rule(id="twin", department="county", families=("roads",))
    assert routing(city(ROADS, twin), classified(spot(9.95))).rule == "roads"
    got = routing(city(twin, ROADS), classified(spot(9.95)))
    assert got.rule == "twin"
    assert got.lost == (LostRule(rule="roads", why="as specific as twin, which stands before it"),)


def test_with_equally_many_conditions_the_kind_decides() -> None:
    by_code = Rule(id="code", department="county", service_codes=("pothole",))
    got = routing(city(ROADS, by_code), classified(spot(9.95)))
    assert got.rule == "code"
    assert got.lost == (
        LostRule(rule="roads", why="code has as many conditions, and one on service_codes, which goes before"),
    )


def test_the_kinds_of_condition_are_ranked_as_documented() -> None:
    alone = {
        "safety": Rule(id="1", department="d", safety=True),
        "service_codes": Rule(id="2", department="d", service_codes=("x",)),
        "near": Rule(id="7", department="d", near=Near(asset="hydrant", within_m=9)),
        "areas": Rule(id="3", department="d", layer="l", areas=("a",)),
        "families": Rule(id="4", department="d", families=("f",)),
        "layer": Rule(id="5", department="d", layer="l"),
        "urgent": Rule(id="8", department="d", urgent=True),
        "hours": Rule(id="6", department="d", hours="24/7"),
    }
    assert tuple(sorted(alone, key=lambda kind: specificity(alone[kind]), reverse=True)) == KINDS


def test_a_rule_with_hours_takes_only_reports_of_those_hours_on_the_citys_clock() -> None:
    town = city(ROADS, Rule(id="night", department="night", families=("roads",), hours="Mo-Fr 22:00-06:00"))
    assert routing(town, classified(spot(9.95), at=MONDAY_NIGHT)).rule == "night"
    got = routing(town, classified(spot(9.95), at=MONDAY_NOON))
    assert got.rule == "roads"
    assert got.lost == (LostRule(rule="night", why="only at Mo-Fr 22:00-06:00"),)


def test_hours_begin_and_end_to_the_second_whatever_came_in_the_minute_before() -> None:
    town = city(ROADS, Rule(id="night", department="night", families=("roads",), hours="Mo-Fr 23:00-06:00"))
    seconds = [timedelta(seconds=each) for each in (-60, -1, 0, 1, 59, 60)]
    got = routings(town, [classified(spot(9.95), at=MONDAY_NIGHT + each) for each in seconds])
    assert [each.rule for each in got] == ["roads", "roads", "night", "night", "night", "night"]


def test_hours_follow_a_clock_that_was_seconds_apart_from_others() -> None:
    # Until 1972 Liberia's clocks were 44 minutes and 30 seconds behind UTC: 09:00 there was 09:44:30.
    town = msgspec.structs.replace(
        city(ROADS, Rule(id="day", department="county", families=("roads",), hours="09:00-17:00")),
        time_zone="Africa/Monrovia",
    )
    opens = datetime(1971, 1, 13, 9, 44, 30, tzinfo=UTC)
    got = routings(town, [classified(spot(9.95), at=opens + timedelta(seconds=each)) for each in (-1, 0)])
    assert [each.rule for each in got] == ["roads", "day"]


def test_a_safety_rule_takes_only_flagged_reports() -> None:
    town = city(ROADS, Rule(id="danger", department="rescue", families=("roads",), safety=True))
    assert routing(town, classified(spot(9.95), flagged=True)).department == "rescue"
    got = routing(town, classified(spot(9.95)))
    assert got.department == "works"
    assert got.lost == (LostRule(rule="danger", why="only for reports of danger to life"),)


def test_a_rule_may_ask_that_life_is_not_in_danger() -> None:
    town = city(Rule(id="calm", department="works", safety=False))
    got = routing(town, classified(spot(9.95), flagged=True))
    assert got.department == "desk"
    assert got.lost == (LostRule(rule="calm", why="not for reports of danger to life"),)


def test_what_no_rule_takes_goes_to_the_default_department_and_says_so() -> None:
    got = routing(city(ROADS), classified(spot(9.95), code="noise", family="nuisance"))
    assert (got.department, got.rule) == ("desk", "default")
    assert got.reason == "no rule takes category noise here, and desk takes what is left"
    assert got.lost == ()


def test_rules_of_other_categories_are_not_listed_as_lost() -> None:
    other = Rule(id="trees", department="county", families=("trees",))
    assert routing(city(ROADS, other), classified(spot(9.95))).lost == ()


def test_a_report_without_a_place_is_routed_by_category_and_the_reason_says_so() -> None:
    got = routing(city(ROADS, EAST), classified(None))
    assert got.department == "works"
    assert got.reason == "rule roads takes family roads; no place was given, so the category alone decides"
    assert got.lost == (LostRule(rule="roads-east", why="needs a place in districts, and no place was given"),)
    assert (got.boundaries, got.cell, got.outside) == ((), "", False)


def test_a_place_beyond_the_limits_is_outside_and_still_has_a_department() -> None:
    got = routing(city(ROADS, EAST), classified(spot(10.5)))
    assert got.outside
    assert got.department == "works"
    assert got.reason == (
        "rule roads takes family roads; the place is outside the city's limits, so the category alone decides"
    )
    assert got.lost == (
        LostRule(rule="roads-east", why="needs a place in districts, and the place is outside the city's limits"),
    )


def test_a_city_without_a_layer_of_limits_calls_no_place_outside() -> None:
    got = routing(city(ROADS, EAST, layers=(DISTRICTS,)), classified(spot(11.0)))
    assert not got.outside
    assert got.lost == (LostRule(rule="roads-east", why="the place is in no area of districts"),)


def test_a_place_on_a_boundary_belongs_to_the_first_area_by_id() -> None:
    got = routing(city(ROADS, EAST), classified(spot(10.0)))
    assert [area.area_id for area in got.boundaries] == ["town", "east"]


def test_a_circle_across_a_boundary_lists_the_other_area_its_share_and_its_department() -> None:
    got = routing(city(ROADS, EAST), classified(spot(9.9999, radius=20.0)))
    held = {area.layer: area for area in got.boundaries}
    assert held["limits"].share == 1.0
    (other,) = got.ambiguous
    assert (other.area_id, other.name, other.department) == ("east", "East End", "county")
    # The centre lies 7.15 m west of the boundary: a circular segment of a 20 m circle.
    assert other.share == pytest.approx(0.2763, abs=0.005)
    assert held["districts"].share + other.share == pytest.approx(1.0, abs=0.002)


def test_an_ambiguous_area_of_the_same_department_names_no_other() -> None:
    got = routing(city(ROADS), classified(spot(9.9999, radius=20.0)))
    assert [(area.area_id, area.department) for area in got.ambiguous] == [("east", "")]


def test_a_circle_that_stays_inside_its_area_is_not_ambiguous() -> None:
    got = routing(city(ROADS, EAST), classified(spot(9.9995, radius=20.0)))
    assert got.ambiguous == ()
    assert {area.share for area in got.boundaries} == {1.0}


def test_a_circle_across_the_limits_says_how_much_of_it_lies_beyond() -> None:
    got = routing(city(ROADS, EAST), classified(spot(10.1, 50.05, radius=50.0)))
    beyond = [area for area in got.ambiguous if area.layer == "limits"]
    assert beyond == [
        Boundary(
            layer="limits",
            area_id="",
            name="outside the limits",
            version="aaaa00000000",
            share=beyond[0].share,
            department="works",
        )
    ]
    assert beyond[0].share == pytest.approx(0.5, abs=0.01)
    assert got.department == "county"


def test_a_place_just_outside_whose_circle_reaches_in_names_who_would_take_it_inside() -> None:
    got = routing(city(ROADS, EAST), classified(spot(10.1002, radius=50.0)))
    assert got.outside
    assert got.department == "works"
    assert ("districts", "east", "county") in [(area.layer, area.area_id, area.department) for area in got.ambiguous]


@pytest.mark.parametrize(
    ("longitude", "latitude"), [(0.0, 0.0), (180.0, 0.0), (-180.0, 12.0), (10.0, 90.0), (10.0, -90.0), (0.0, 89.9999)]
)
def test_the_ends_of_the_earth_are_outside_and_have_a_cell(longitude: float, latitude: float) -> None:
    got = routing(city(ROADS, EAST), classified(spot(longitude, latitude, radius=1000.0)))
    assert got.outside
    assert len(got.cell) == 15
    assert got.ambiguous == ()


def test_every_report_is_routed_the_same_alone_and_in_a_batch() -> None:
    town = city(ROADS, EAST)
    events = [
        classified(None if step % 7 == 0 else spot(9.85 + step * 0.003, radius=float(step % 5) * 40))
        for step in range(100)
    ]
    assert routings(town, events) == [routing(town, event) for event in events]


def test_an_empty_batch_and_a_city_without_layers_are_no_trouble() -> None:
    assert routings(city(ROADS), []) == []
    assert routing(city(ROADS, layers=()), classified(spot(9.95))).boundaries == ()


def test_at_most_eight_losing_rules_are_named() -> None:
    crowd = [Rule(id=f"rule-{number}", department="works") for number in range(20)]
    assert len(routing(city(*crowd), classified(spot(9.95))).lost) == 8
