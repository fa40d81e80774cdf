"""How good links are is told from reports of known truth, and bands and reaches are chosen by it."""

from pathlib import Path

import pytest
from match_reports import BANDS, HOUR, REACH, SCORER, START

from services.city.load import load
from services.cli.matching.bands import FEWEST, NEVER, at_precision, choose
from services.cli.matching.labelled import (
    Judged,
    Labelled,
    Point,
    Rule,
    by_rule,
    curve,
    duplicates_of,
    examples_of,
    judge,
    links_of,
    points_of,
)
from services.cli.matching.reach import proposed, wider
from services.incidents.seen import HERE, Reach, see

REACHES = {"roads": REACH}
MADE = START.timestamp()


def told(
    request_id: str,
    hours: float = 0.0,
    metres: float = 0.0,
    *,
    incident: str | None = None,
    marked: bool = False,
    text: str = "a deep hole",
    code: str = "pothole",
    family: str = "roads",
) -> Labelled:
    place = 50.0 + metres / 111_195, 10.0
    seen = see(request_id, MADE + hours * HOUR, *place, families=(family, HERE), service_code=code, text=text)
    return Labelled(seen, incident, marked)


STREET = [
    told("a", incident="one"),
    told("b", 1, 10, incident="one"),
    told("c", 2, 30, incident="two", text="tree down"),
    told("d", 3, 10, incident="one", text="a deep hole here"),
    told("e", 4, 5000, incident="one"),
]


def test_a_duplicate_is_whatever_is_not_the_first_of_its_incident_or_is_marked() -> None:
    assert duplicates_of(STREET[::-1]) == {"b", "d", "e"}
    assert duplicates_of([told("a"), told("b", marked=True)]) == {"b"}


def test_links_are_judged_by_the_incident_of_the_report_that_they_name() -> None:
    links = links_of(STREET, REACHES, SCORER, BANDS)
    got = judge(STREET, links)
    assert (got.reports, got.duplicates, got.automatic, got.automatic_right) == (5, 3, 2, 2)
    assert (got.precision, got.recall) == (1.0, 2 / 3)
    assert judge(STREET, links, lost=3).recall == 2 / 6


def test_where_reports_are_only_marked_a_link_is_right_if_its_report_is() -> None:
    marked = [told("a"), told("b", 1, marked=True), told("c", 2)]
    got = judge(marked, links_of(marked, REACHES, SCORER, BANDS))
    assert (got.duplicates, got.automatic, got.automatic_right) == (1, 2, 1)


def test_of_nothing_no_share_is_told() -> None:
    got = Judged(0, 0, 0, 0, 0, 0)
    assert (got.precision, got.recall, got.recall_suggested) == (None, None, None)
    assert judge([], links_of([], REACHES, SCORER, BANDS)) == got
    assert curve([], REACHES, SCORER) == ([], [])
    assert points_of([(0.5, False)], 0) == [Point(0.5, 0.0, 0.0)]


def test_a_curve_falls_from_the_surest_link_and_equal_scores_stand_together() -> None:
    assert points_of([(0.5, False), (0.9, True), (0.9, True), (0.7, True)], 4) == [
        Point(0.9, 0.5, 1.0),
        Point(0.7, 0.75, 1.0),
        Point(0.5, 0.75, 0.75),
    ]
    points, scored = curve(STREET, REACHES, SCORER, lost=1)
    assert [right for _, right in sorted(scored, reverse=True)] == [True, True, False]
    assert points[1].recall == 2 / 4


def test_what_is_learned_from_says_which_pairs_are_one_incident() -> None:
    found = {len(each.values): each for each in examples_of(STREET, REACHES, SCORER)}
    assert found[3].family == "roads"
    assert found[3].same is not None
    assert sorted(found[3].same.tolist()) == [False, True, True]
    assert all(each.same is None for each in examples_of([told("a"), told("b", marked=True)], REACHES, SCORER))


def test_a_rule_links_to_the_nearest_of_the_category_and_no_further_or_later() -> None:
    assert by_rule(STREET, Rule(50, 24)) == Point(50, 2 / 3, 2 / 3)
    assert by_rule(STREET, Rule(9, 24)).recall == 1 / 3
    assert by_rule(STREET, Rule(50, 0.5)) == Point(50, 0.0, 0.0)
    assert by_rule([told("a", incident="x"), told("b", 1, incident="x", code="lamp")], Rule(50, 24)).recall == 0.0
    assert by_rule([], Rule(50, 24)) == Point(50, 0.0, 0.0)


def test_bands_are_the_lowest_scores_that_are_as_good_as_wanted() -> None:
    scored = [(0.9, True)] * 60 + [(0.7, True)] * 38 + [(0.7, False)] * 2 + [(0.5, True), (0.5, False)] * 10
    scored += [(0.1, False)] * 200
    chosen = choose(scored, 0.98)
    assert chosen == (0.7, 0.5, 0.98)
    assert choose(scored, 0.99) == (0.9, 0.5, 1.0)


def test_too_few_links_are_no_ground_to_link_without_a_person() -> None:
    chosen = choose([(0.9, True)] * (FEWEST - 1), 0.98)
    assert (chosen.automatic, chosen.precision) == (NEVER, None)
    assert chosen.suggestion == 0.9
    assert choose([], 0.98) == (NEVER, NEVER, None)


def test_of_points_as_precise_as_wanted_the_one_that_finds_most_is_given() -> None:
    points = [Point(0.9, 0.2, 1.0), Point(0.8, 0.5, 0.97), Point(0.7, 0.6, 0.8)]
    assert at_precision(points, 0.95) == points[1]
    assert at_precision(points, 1.1) is None


def test_a_wider_look_covers_families_that_the_town_has_not() -> None:
    found = wider(REACHES, [told("a", family="moon")], 1.5)
    assert found["roads"] == Reach(75.0, 108 * HOUR)
    assert found["moon"].radius_m == 75.0


@pytest.mark.parametrize("marked", [False, True])
def test_a_reach_is_proposed_that_holds_most_duplicates(marked: bool) -> None:  # noqa: FBT001 - of a table
    town = load(Path(__file__).parents[2] / "city")
    reports = []
    for number in range(20):
        far = number * 10_000.0
        one, two = (None, None) if marked else (f"i{number}",) * 2
        reports += [told(f"a{number}", 0, far, incident=one)]
        reports += [told(f"b{number}", 3 + number / 10, far + 20 + number / 2, incident=two, marked=marked)]
    (line,) = proposed(town, reports, {"roads": REACH}, SCORER)
    assert line.startswith("  roads: match_radius_m: 30, match_window_hours: 5 hold 95% of its 20 duplicates; ")
    assert list(proposed(town, reports[:-2], {"roads": REACH}, SCORER)) == []
    strangers = [told(each.seen.id, 0, 0, family="moon") for each in reports]
    assert list(proposed(town, strangers, {}, SCORER)) == []
