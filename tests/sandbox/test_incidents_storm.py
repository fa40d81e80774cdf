"""Incidents of known truth are as hard as they are said to be, and as fair; and they come from a seed alone."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from math import radians
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.city.earth import arc_m
from services.city.load import load
from services.city.model import City
from services.sandbox.incidents_matters import MATTERS, matters_of
from services.sandbox.incidents_storm import truth_storm, two_fronts
from services.sandbox.incidents_words import COUNTS, DEPTHS, SIZES, TONGUES, Kind, told
from services.sandbox.labelled import labelled
from services.sandbox.storm import StormReport, to_channel_json

ROOT = Path(__file__).parents[2]
START = datetime(2026, 10, 1, 6, tzinfo=UTC)
WEEK = 7 * 86400.0
PORT_ALDER = load(ROOT / "city")
BARE = replace(PORT_ALDER, streets=(), house_numbers=None, assets={}, layers=())


def reports(
    seed: int = 1, incidents: int = 1000, corners: int = 30, lookalikes: int = 60, city: City = PORT_ALDER
) -> list[StormReport]:
    made = truth_storm(
        city, seed=seed, incidents=incidents, start=START, spread_s=WEEK, corners=corners, lookalikes=lookalikes
    )
    return list(made)


@pytest.fixture(scope="module")
def storm() -> list[StormReport]:
    return reports()


def by_incident(storm: Sequence[StormReport]) -> dict[str, list[StormReport]]:
    found: dict[str, list[StormReport]] = defaultdict(list)
    for report in storm:
        found[report.incident_truth].append(report)
    return found


def by_group(storm: Sequence[StormReport], kind: str) -> dict[str, dict[str, StormReport]]:
    """One report of each incident of each group of a kind."""
    found: dict[str, dict[str, StormReport]] = defaultdict(dict)
    for report in storm:
        if report.group_truth.startswith(kind):
            found[report.group_truth][report.incident_truth] = report
    return found


def metres(one: tuple[float, float] | None, two: tuple[float, float] | None) -> float:
    assert one
    assert two
    return arc_m(radians(one[0]), radians(two[0]), radians(one[1] - two[1]))


def said(report: StormReport) -> tuple[float, float]:
    assert report.lat is not None
    assert report.lon is not None
    return report.lat, report.lon


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert msgspec.json.encode(reports(7, 200, 5, 10)) == msgspec.json.encode(reports(7, 200, 5, 10))
    assert [report.text for report in reports(7, 200, 5, 10)] != [report.text for report in reports(8, 200, 5, 10)]


def test_reports_come_in_order_of_time_under_ids_of_their_own_and_labelled_as_synthetic(
    storm: list[StormReport],
) -> None:
    times = [report.requested_at for report in storm]
    assert times == sorted(times)
    assert times[0] >= START
    assert len({report.source_id for report in storm}) == len(storm)
    assert len(by_incident(storm)) == 1000
    assert all(re.fullmatch(r"synthetic-1-\d{6}", report.incident_truth) for report in storm)
    assert all(report.incident_truth not in str(to_channel_json(report)) for report in storm)


def test_most_incidents_are_reported_once_and_a_few_by_many(storm: list[StormReport]) -> None:
    sizes = [sum(not report.resend_of_truth for report in crowd) for crowd in by_incident(storm).values()]
    assert 0.55 <= sizes.count(1) / len(sizes) <= 0.65
    assert 0.02 < sum(size >= 5 for size in sizes) / len(sizes) < 0.07
    assert 20 < max(sizes) <= 40


def test_reports_of_an_incident_are_of_one_category_within_its_window_and_mostly_early(
    storm: list[StormReport],
) -> None:
    parts = []
    for crowd in by_incident(storm).values():
        (code,) = {report.service_code_truth for report in crowd}
        family = PORT_ALDER.families[PORT_ALDER.categories[code].family]
        assert family.match_radius_m > 0
        window = timedelta(hours=family.match_window_hours)
        parts += [(report.requested_at - crowd[0].requested_at) / window for report in crowd[1:]]
    assert max(parts) < 1
    assert sum(part < 0.25 for part in parts) / len(parts) > 0.8


def test_places_are_off_by_5_to_150_metres_as_their_channel_is(storm: list[StormReport]) -> None:
    ranges = {"app": (5, 25), "open311": (5, 25), "web": (10, 40)}
    methods = {"app": "gps", "open311": "gps", "web": "given"}
    errors: dict[str, list[float]] = defaultdict(list)
    for report in storm:
        if report.lat is None or report.method == "zip":
            assert report.channel in ("phone", "sms", "email")
            continue
        low, high = ranges.get(report.channel, (30, 150))
        assert low <= report.radius_m <= high
        assert report.method == methods.get(report.channel, "interpolated")
        errors[report.channel].append(metres(report.place_truth, said(report)))
    everything = [error for of in errors.values() for error in of]
    assert min(everything) >= 5
    assert max(everything) <= 150
    assert max(everything) > 120
    assert sorted(errors["app"])[len(errors["app"]) // 2] < 15 < sorted(errors["phone"])[len(errors["phone"]) // 2]


def test_a_few_know_a_district_only_or_no_place_at_all(storm: list[StormReport]) -> None:
    placeless, vague = (
        sum(of) / len(storm) for of in zip(*((r.lat is None, r.method == "zip") for r in storm), strict=True)
    )
    assert 0.005 < placeless < 0.04
    assert 0.005 < vague < 0.04
    assert all(report.radius_m > 500 for report in storm if report.method == "zip")


def test_the_town_s_main_language_is_spoken_most_and_every_other_by_someone(storm: list[StormReport]) -> None:
    languages = Counter(report.language for report in storm)
    assert 0.6 < languages["en"] / len(storm) < 0.7
    assert set(languages) == set(PORT_ALDER.languages)


def test_texts_of_one_incident_are_mostly_others_and_some_say_nothing(storm: list[StormReport]) -> None:
    pairs = same = 0
    for crowd in by_incident(storm).values():
        for one, two in combinations([report for report in crowd if not report.resend_of_truth and report.text], 2):
            pairs += 1
            same += one.text == two.text
    assert same / pairs < 0.02
    assert 0.01 < sum(not report.text for report in storm) / len(storm) < 0.05
    assert all(report.service_code for report in storm if not report.text), "the door would refuse it"
    vague = {phrase for tongue in TONGUES.values() for phrase in tongue.vague}
    assert any(report.text in vague for report in storm)


def test_witnesses_tell_the_particulars_of_their_incident_in_their_own_language() -> None:
    lights = [report for report in reports() if report.asset_truth and report.service_code_truth == "street-light"]
    named = [report for report in lights if re.search(r"L-\d{4}", report.text)]
    assert len(named) > 5
    assert all(report.asset_truth in report.text for report in named)


def test_corners_hold_2_to_4_incidents_within_15_metres_of_three_mixtures(storm: list[StormReport]) -> None:
    corners = by_group(storm, "corner-")
    assert len(corners) == 30
    for name, members in corners.items():
        assert 2 <= len(members) <= 4
        assert all(metres(a.place_truth, b.place_truth) < 15 for a, b in combinations(members.values(), 2))
        codes = [report.service_code_truth for report in members.values()]
        families = {PORT_ALDER.categories[code].family for code in codes}
        mixture = int(name.removeprefix("corner-")) % 3
        assert len(families) == (len(members) if mixture == 0 else 1)
        assert len(set(codes)) == (1 if mixture == 2 else len(members))


def test_look_alikes_are_two_of_one_category_40_to_120_metres_apart_at_one_time(storm: list[StormReport]) -> None:
    pairs = by_group(storm, "lookalike-")
    begun = {truth: crowd[0].requested_at for truth, crowd in by_incident(storm).items()}
    assert len(pairs) == 60
    for members in pairs.values():
        one, two = members.values()
        assert one.service_code_truth == two.service_code_truth
        assert 40 < metres(one.place_truth, two.place_truth) < 120
        assert not one.asset_truth or one.asset_truth != two.asset_truth
        window = PORT_ALDER.families[PORT_ALDER.categories[one.service_code_truth].family].match_window_hours
        assert abs(begun[one.incident_truth] - begun[two.incident_truth]) < timedelta(hours=window)


def test_some_send_a_report_again_within_ten_minutes_from_the_same_place_and_person(storm: list[StormReport]) -> None:
    known = {report.source_id: report for report in storm}
    again = [report for report in storm if report.resend_of_truth]
    assert 0.02 < len(again) / len(storm) < 0.06
    for report in again:
        before = known[report.resend_of_truth]
        assert timedelta(0) < report.requested_at - before.requested_at < timedelta(minutes=10)
        assert (report.incident_truth, report.lat, report.lon) == (before.incident_truth, before.lat, before.lon)
        assert report.contact == before.contact
        assert report.contact is not None


def test_a_person_who_reports_twice_need_not_mean_the_same(storm: list[StormReport]) -> None:
    meant: dict[str, set[str]] = defaultdict(set)
    for report in storm:
        if report.contact:
            assert re.fullmatch(r"Resident \d+", report.contact.name)
            meant[report.contact.name].add(report.incident_truth)
    assert any(len(incidents) > 1 for incidents in meant.values())


@pytest.mark.parametrize("language", PORT_ALDER.languages)
def test_every_language_tells_every_particular_and_no_gap_is_left(language: str) -> None:
    tongue = TONGUES[language]
    english = TONGUES["en"]
    values: dict[Kind, Sequence[int | str]] = {
        "beside": range(len(english.beside)),
        "side": range(len(english.sides)),
        "colour": range(len(english.colours)),
        "since": range(len(english.days)),
        "stop": [4172],
        "house": ["214A"],
        "pole": ["L-0012"],
        "size": SIZES,
        "depth": DEPTHS,
        "count": COUNTS,
    }
    for kind, several in values.items():
        texts = [told(tongue, kind, value) for value in several]
        assert len(set(texts)) == len(several)
        assert not [text for text in texts if not text.strip() or "{" in text]
        if kind not in ("beside", "side", "colour", "since"):
            assert all(str(value) in text for value, text in zip(several, texts, strict=True))
    assert len(tongue.days) == 7


def test_every_matter_is_of_a_category_of_the_town_and_is_said_in_its_main_language() -> None:
    assert set(MATTERS) <= set(PORT_ALDER.categories)
    for code, declared in MATTERS.items():
        found = matters_of(PORT_ALDER.categories[code])
        assert [matter for matter, _ in found] == list(declared)
        for _, phrases in found:
            assert len(phrases["en"]) > 1
            assert all(phrase.strip() for several in phrases.values() for phrase in several)


def test_a_category_s_own_phrases_are_never_those_of_two_matters() -> None:
    for category in PORT_ALDER.categories.values():
        for language in category.examples:
            taken = Counter(phrase for _, phrases in matters_of(category) for phrase in phrases.get(language, ()))
            assert not [phrase for phrase, times in taken.items() if times > 1]


def test_what_fills_an_area_has_no_look_alike_next_door_and_stands_once_at_a_corner(storm: list[StormReport]) -> None:
    wide = {code for code, matters in MATTERS.items() if all(matter.wide for matter in matters)}
    assert wide >= {"gas-smell", "street-flooding"}
    pairs = by_group(storm, "lookalike-").values()
    assert wide.isdisjoint(report.service_code_truth for members in pairs for report in members.values())
    for name, members in by_group(storm, "corner-").items():
        if int(name.removeprefix("corner-")) % 3 == 2:
            assert wide.isdisjoint(report.service_code_truth for report in members.values())


def test_two_fronts_spread_from_their_centres_and_do_not_quite_touch() -> None:
    fronts = list(two_fronts(PORT_ALDER, seed=2, reports=500, start=START, gap_m=60, reach_m=600))
    sides = by_incident(fronts)
    assert set(sides) == {"synthetic-2-front-0", "synthetic-2-front-1"}
    assert all(len(side) >= 250 for side in sides.values())
    assert {report.service_code_truth for report in fronts} == {"street-light"}
    one, two = ([report.place_truth for report in side] for side in sides.values())
    assert 55 < min(metres(here, there) for here in one for there in two) < 250
    for side in sides.values():
        centre = side[0].place_truth
        early = [metres(centre, r.place_truth) for r in side if r.requested_at < START + timedelta(minutes=30)]
        late = [metres(centre, r.place_truth) for r in side if r.requested_at > START + timedelta(minutes=100)]
        assert max(early) < 400 < max(late)
    assert list(two_fronts(PORT_ALDER, seed=2, reports=500, start=START, gap_m=60, reach_m=600)) == fronts


def test_a_town_without_streets_house_numbers_things_and_districts_has_incidents_too() -> None:
    made = reports(3, 200, 6, 10, BARE)
    assert {report.address for report in made} == {""}
    assert {report.method for report in made} == {"gps", "given", "interpolated"}
    assert all(report.place_truth is not None for report in made)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(12, 60), st.floats(0, 1e6), st.integers(0, 2), st.integers(0, 2))
def test_any_storm_has_as_many_incidents_as_asked_for(
    seed: int, incidents: int, spread_s: float, corners: int, lookalikes: int
) -> None:
    made = list(
        truth_storm(
            PORT_ALDER,
            seed=seed,
            incidents=incidents,
            start=START,
            spread_s=spread_s,
            corners=corners,
            lookalikes=lookalikes,
        )
    )
    assert len(by_incident(made)) == incidents
    assert len(by_group(made, "corner-")) == corners


def test_what_cannot_be_made_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"^a storm cannot start at 2026-10-01T00:00:00: that has no offset$"):
        truth_storm(PORT_ALDER, seed=1, incidents=1, start=datetime(2026, 10, 1), spread_s=1)  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match=r"^2 corners and 3 look-alikes take up to 14 incidents: 13 are too few$"):
        reports(1, 13, 2, 3)
    with pytest.raises(
        ValueError,
        match=r"^Port Alder has no category outage with phrases in its languages: name one that it has$",
    ):
        two_fronts(PORT_ALDER, seed=1, reports=10, start=START, service_code="outage")
    with pytest.raises(
        ValueError,
        match=r"^Port Alder has no category with phrases in its languages, of a family with a match_radius_m$",
    ):
        reports(1, 5, 0, 0, replace(PORT_ALDER, categories={}))


def test_labelled_reports_have_a_category_a_place_and_their_incident() -> None:
    made = reports(5, 110, 4, 6)
    found = labelled(ROOT / "city", ROOT / "models", made)
    assert len(found) == len(made) > 180
    families = 0
    for said_, (event, truth) in zip(made, found, strict=True):
        report = event.report
        assert truth == said_.incident_truth
        assert (report.source_id, report.requested_at, report.text) == (said_.source_id, said_.requested_at, said_.text)
        if said_.lat is not None:
            assert report.place is not None
            assert report.place.method == said_.method
        assert bool(report.reporter) is (said_.contact is not None)
        families += event.classification.family == PORT_ALDER.categories[said_.service_code_truth].family
        assert "synthetic" not in msgspec.json.encode(event).decode()
    assert families / len(found) > 0.8
    people = {said_.source_id: event.report.reporter for said_, (event, _) in zip(made, found, strict=True)}
    again = [report for report in made if report.resend_of_truth]
    assert again
    same_day = [r for r in again if r.requested_at.hour not in (3, 4)]  # midnight in the town parts two days
    assert all(people[report.source_id] == people[report.resend_of_truth] for report in same_day)
