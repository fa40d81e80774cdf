"""A circle that lies with two departments: what the routing says, and who gets it by the city's policy."""

import pytest
from route_town import routing, spot, town

from services.city.model import Rule
from services.parts import Claim

WORKS = Rule(id="roads", department="works", families=("roads",))
EAST = Rule(id="east", department="county", families=("roads",), layer="districts", areas=("east",))
HIGHWAY = Rule(id="highway", department="state", families=("roads",), layer="highway")


def shares(*claims: Claim) -> dict[str, float]:
    return {claim.department: claim.share for claim in claims}


def test_departments_and_their_shares_are_told_and_the_place_itself_decides() -> None:
    got = routing(town(WORKS, EAST), spot(-5, radius=20))
    assert (got.department, got.boundary_ambiguous) == ("works", True)
    # A circular segment: the centre lies 5 m west of the boundary of a 20 m circle.
    assert shares(*got.candidates) == pytest.approx({"works": 0.658, "county": 0.342}, abs=0.004)
    assert [claim.department for claim in got.candidates] == ["works", "county"]


def test_a_circle_within_one_department_is_not_ambiguous_though_it_crosses_a_boundary() -> None:
    got = routing(town(WORKS), spot(-5, radius=20))
    assert (got.boundary_ambiguous, got.candidates) == (False, ())
    assert [area.area_id for area in got.ambiguous] == ["east"]


def test_what_of_a_circle_lies_in_no_area_of_a_layer_counts_too() -> None:
    place = spot(-3565, -3000, radius=60)  # in the middle of a highway 20 m wide
    got = routing(town(WORKS, HIGHWAY), place)
    assert got.department == "state"
    (beside,) = got.ambiguous
    assert (beside.layer, beside.area_id, beside.name, beside.department) == (
        "highway",
        "",
        "outside the highway",
        "works",
    )
    assert shares(*got.candidates)["works"] > 0.7


def test_the_larger_share_decides_where_the_policy_says_so_and_the_reason_has_the_shares() -> None:
    place = spot(-3565, -3000, radius=60)
    got = routing(town(WORKS, HIGHWAY, boundary="larger"), place)
    assert (got.department, got.rule, got.boundary_ambiguous) == ("works", "roads", True)
    share = got.candidates[0].share
    assert got.reason == (
        f"rule roads takes family roads; its circle lies with {share:.0%} works, {1 - share:.0%} state, "
        "and the larger share decides"
    )
    assert [lost.rule for lost in got.lost] == ["highway"]


def test_the_larger_share_may_be_that_of_the_place_itself() -> None:
    got = routing(town(WORKS, EAST, boundary="larger"), spot(-5, radius=20))
    assert got.department == "works"
    assert got.reason.endswith("; its circle lies with 66% works, 34% county, and the larger share decides")


def test_of_equal_shares_the_place_itself_decides() -> None:
    for east, department in ((0.0, "county"), (-1e-6, "works")):
        got = routing(town(WORKS, EAST, boundary="larger"), spot(east, radius=20))
        assert (got.department, got.candidates[0].share) == (department, 0.5)


def test_a_circle_across_the_limits_is_shared_with_who_would_have_it_outside() -> None:
    inside = Rule(id="inside", department="county", families=("roads",), layer="limits")
    got = routing(town(WORKS, inside), spot(7146, radius=50))  # about the limits in the east
    assert got.boundary_ambiguous
    assert shares(*got.candidates).keys() == {"county", "works"}
    assert sum(shares(*got.candidates).values()) == pytest.approx(1.0, abs=0.002)
