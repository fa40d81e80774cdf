"""What a draft looks like to a person."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import h3
import pytest
import shapely
from msgspec.structs import replace
from review_doubles import CITY, NOON, draft

from services.city.model import Area, Layer
from services.parts import LinkEvidence, Matching
from services.readmodel.rows import DraftRow, SurgeRow
from services.review.desk import Lying
from services.review.showing import Card, Choice, card, choices, departments, surge_lines
from services.review.words import When, when

UTC_ZONE = ZoneInfo("UTC")


def shown(**more: object) -> Card:
    held = replace(draft(), **more)
    row = DraftRow(request_id="r-1", revision=1, state="waiting", held_at=NOON, draft=held)
    return card(Lying(draft=row), city=CITY, reviewer="desk-3", now=NOON)


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(0), "now"),
        (timedelta(seconds=-59), "now"),
        (timedelta(minutes=1), "in 1 min"),
        (timedelta(minutes=-119), "119 min ago"),
        (timedelta(hours=2), "in 2 h"),
        (timedelta(hours=-47), "47 h ago"),
        (timedelta(days=3), "in 3 d"),
    ],
)
def test_a_time_is_told_from_now(distance: timedelta, words: str) -> None:
    assert when(NOON + distance, NOON, UTC_ZONE).from_now == words


def test_a_time_is_told_on_the_towns_clock() -> None:
    assert when(NOON, NOON, ZoneInfo("America/Halifax")) == When(
        "2031-05-04T12:00:00+00:00", "Sun 4 May 2031, 09:00", "now"
    )


def test_a_link_whose_other_report_is_not_known_yet_is_shown_all_the_same() -> None:
    evidence = LinkEvidence(distance_m=0.4, elapsed_s=30, text_similarity=1.0)
    link = Matching(incident_id="r-0", duplicate_of="r-0", band="automatic", score=0.93, evidence=evidence)
    other = shown(matching=link).links.other
    assert other is not None
    assert (other.request_id, other.text, other.linked, other.likeness) == ("r-0", "", True, 93)
    assert other.evidence == ("0 m away", "30 s earlier", "words 100 % alike")


def test_a_report_without_a_place_has_no_position() -> None:
    assert shown(report=replace(draft().report, place=None)).position == ""
    exact = replace(draft().report, place=replace(draft().report.place, radius_m=0.0))  # type: ignore[type-var]
    assert shown(report=exact).position == "44.50000, -63.50000"


def test_categories_are_chosen_by_family() -> None:
    assert choices(CITY) == [
        ("Roads", [Choice("pothole", "Pothole"), Choice("other", "Something else")]),
        ("Walls", [Choice("graffiti", "Graffiti")]),
    ]


def test_departments_are_told_with_what_waits_even_in_one_that_is_no_more() -> None:
    assert departments(CITY, {"streets": 2, "castle": 1}) == [
        (Choice("castle", "castle"), 1),
        (Choice("parks", "Parks"), 0),
        (Choice("streets", "Streets"), 2),
    ]


def test_a_surge_is_told_by_the_area_it_is_in_or_else_by_degrees() -> None:
    cell = h3.latlng_to_cell(44.5, -63.5, 6)
    surge = SurgeRow(
        service_code="graffiti",
        area=cell,
        window_start=NOON,
        window_s=600,
        count=9,
        baseline=3.0,
        ratio=3.0,
        active=True,
    )
    latitude, longitude = h3.cell_to_latlng(cell)
    words = f"Graffiti: 9 reports in 10 min around {latitude:.3f}, {longitude:.3f}, 3 times as many as usual"
    assert surge_lines((surge,), CITY) == [words]
    district = Area(area_id="d1", name="Old Port", geometry=shapely.box(-64, 44, -63, 45))
    whole = Layer(id="limits", version="1", areas=(replace(district, name="All"),), limits=True)
    known = replace(CITY, layers=(whole, Layer(id="districts", version="1", areas=(district,))))
    assert surge_lines((surge,), known) == ["Graffiti: 9 reports in 10 min around Old Port, 3 times as many as usual"]
