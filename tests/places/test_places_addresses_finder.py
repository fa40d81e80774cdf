import time

import numpy as np
import pytest
import shapely
from addresses_town import HOUSES, LIMITS, NEW_FENN, STREETS, addresses, at, line, metres_from, numbers, town
from hypothesis import given
from hypothesis import strategies as st

from services.city.model import Area, Layer, Street
from services.places.addresses.finder import Addresses

FENN = Addresses(NEW_FENN)


@pytest.mark.parametrize(
    "written",
    [
        "12 Main Street",
        "12 main st",
        "12, Main St.",
        "Main Street 12",
        "No. 12 Main St",
        "12 Main St, New Fenn",
        "12 Main St New Fenn 06511",
        "12 Main St Apt 4B",
        "12 Main St, Unit 7, New Fenn, CT 06511",
        "12  MAIN\tSTREET\n",
    ],
)
def test_a_house_number_is_found_on_its_roof_however_it_is_written(written: str) -> None:
    found = FENN.find(written)
    assert (found.outcome, found.kind, found.text) == ("found", "house_number", "12 Main Street")
    assert found.place is not None
    assert (found.place.method, found.place.radius_m, found.reason) == ("rooftop", 5.0, "")
    assert metres_from(found.place, 120, -8) < 0.5


@pytest.mark.parametrize("written", ["12A Main St", "12-A Main St", "12/a Main Street", "12 A Main St", "Main St 12 a"])
def test_a_suffix_tells_the_house_next_door(written: str) -> None:
    found = FENN.find(written)
    assert found.text == "12/A Main Street"
    assert metres_from(found.place, 128, -8) < 0.5


def test_a_number_that_is_missing_is_put_between_its_neighbours_of_the_same_side_and_said_so() -> None:
    found = FENN.find("6 Main Street")
    assert (found.outcome, found.kind) == ("found", "interpolated")
    assert found.reason == "there is no 6 in the list: it is put between 2 and 12, 100 m apart"
    assert found.place is not None
    assert (found.place.method, found.place.radius_m) == ("interpolated", 50.0)
    assert metres_from(found.place, 60, -8) < 1


def test_a_number_is_interpolated_around_the_bend_of_its_street() -> None:
    found = FENN.find("5 Bend Road")
    assert found.kind == "interpolated"
    assert metres_from(found.place, 500, 1000) < 15  # half way along the street, not across the corner


def test_a_suffix_that_is_missing_is_put_at_the_house_and_said_so() -> None:
    found = FENN.find("11 B Main Street")
    assert (found.kind, found.reason) == ("interpolated", "there is no 11/B in the list, but 11")
    assert metres_from(found.place, 120, 8) < 1


def test_a_number_beyond_the_known_ones_is_refused_and_the_street_named() -> None:
    found = FENN.find("999 Main Street")
    assert (found.outcome, found.kind, found.text) == ("unsure", "street", "Main Street")
    assert found.reason == "999 is not in the list: its house numbers go from 1 to 21"
    assert found.place is not None
    assert (found.place.method, found.place.radius_m) == ("street", 1000.0)


def test_a_number_on_a_street_without_numbers_gives_the_street_and_says_so() -> None:
    found = FENN.find("7 Elm Street")
    assert (found.outcome, found.kind) == ("found", "street")
    assert found.reason == "7 is not in the list: no house numbers are known there"


def test_one_number_at_two_places_is_said_so_and_its_circle_covers_both() -> None:
    found = addresses(house_numbers=numbers(("Oak Lane", 4, "", 0, 0), ("Oak Lane", 4, "", 300, 0))).find("4 Oak Lane")
    assert found.reason == "this number stands in the list 2 times, up to 300 m apart"
    assert found.place is not None
    assert found.place.radius_m >= 150


@pytest.mark.parametrize(
    ("written", "text", "east", "north"),
    [
        ("Main St & Elm St", "Main Street & Elm Street", 1000, 0),
        ("Main and Elm", "Main Street & Elm Street", 1000, 0),
        ("corner of Elm St and Main St", "Elm Street & Main Street", 1000, 0),
        ("Main / Oak", "Main Street & Oak Avenue", 500, 0),
        ("Main St @ 3rd Ave", "Main Street & 3rd Avenue", 1500, 0),
        ("Main St at Elm", "Main Street & Elm Street", 1000, 0),
        ("Mian St & Elm St", "Main Street & Elm Street", 1000, 0),
        ("St. John St and Oak, New Fenn", "Saint John Street & Oak Avenue", 500, 300),
    ],
)
def test_a_crossing_is_where_the_streets_meet(written: str, text: str, east: float, north: float) -> None:
    found = FENN.find(written)
    assert (found.outcome, found.kind, found.text) == ("found", "crossing", text)
    assert metres_from(found.place, east, north) < 1


def test_streets_that_do_not_meet_have_no_crossing() -> None:
    found = FENN.find("Oak Ave & Elm St")
    assert (found.outcome, found.place, found.reason) == ("unknown", None, "these two streets do not meet")


def test_streets_that_meet_twice_are_unsure_and_the_circle_holds_both_crossings() -> None:
    loop = line("Loop Road", (200, -100), (200, 100), (800, 100), (800, -100))
    found = addresses(streets=(STREETS[0], loop)).find("Main St & Loop Rd")
    assert (found.outcome, found.reason) == ("unsure", "these two streets meet at 2 places")
    assert found.place is not None
    assert metres_from(found.place, 500, 0) < 1
    assert found.place.radius_m >= 300


def test_lines_drawn_a_little_short_still_meet() -> None:
    short = line("Short Lane", (700, 15), (700, 400))
    found = addresses(streets=(STREETS[0], short)).find("Main St & Short Ln")
    assert found.outcome == "found"
    assert metres_from(found.place, 700, 7.5) < 1


@pytest.mark.parametrize(
    ("written", "text", "radius"),
    [
        ("City Hall", "City Hall", 20.0),
        ("in front of City Hall", "City Hall", 70.0),
        ("across from the city hal", "City Hall", 70.0),
        ("Fenn Park", "Fenn Park", 141.4),
    ],
)
def test_a_landmark_is_found_by_name(written: str, text: str, radius: float) -> None:
    found = FENN.find(written)
    assert (found.outcome, found.kind, found.text) == ("found", "landmark", text)
    assert found.place is not None
    assert found.place.radius_m == pytest.approx(radius, abs=2)


def test_no_such_street_names_what_may_have_been_meant() -> None:
    found = FENN.find("12 Maine Road")
    assert (found.outcome, found.place) == ("unknown", None)
    assert found.reason == "no such street; did you mean Main Street?"
    assert found.candidates == ("Main Street",)


def test_a_mistyped_street_is_taken_and_said_so() -> None:
    found = FENN.find("12 Mani Street")
    assert (found.outcome, found.kind, found.text) == ("found", "house_number", "12 Main Street")
    assert found.reason == "the name was mistyped: taken as Main Street"


def two_of_a_name() -> Addresses:
    districts = Layer(
        id="districts",
        version="d",
        areas=(
            Area(area_id="1", name="Harbor", geometry=shapely.box(*at(-500, -500), *at(3000, 3000))),
            Area(area_id="2", name="Hill", geometry=shapely.box(*at(3000, -500), *at(9000, 3000))),
        ),
    )
    here, there = line("Mill Street", (0, 0), (100, 0)), line("Mill Street", (6000, 0), (6100, 0))
    both = Street(name="Mill Street", line=shapely.union_all([here.line, there.line]))
    return addresses(streets=(both,), layers=(districts,))


def test_two_streets_of_one_name_are_unsure_until_a_quarter_or_a_point_tells() -> None:
    book = two_of_a_name()
    found = book.find("Mill Street")
    assert (found.outcome, found.place) == ("unsure", None)
    assert found.reason == "there are 2 streets of this name, and nothing says which"
    assert set(found.candidates) == {"Mill Street (Harbor)", "Mill Street (Hill)"}
    assert metres_from(book.find("Mill Street, Hill").place, 6050, 0) < 1
    assert metres_from(book.find("Mill St, harbor").place, 50, 0) < 1
    longitude, latitude = at(6000, 500)
    assert metres_from(book.find("Mill St", (latitude, longitude)).place, 6050, 0) < 1


def test_a_number_that_only_one_of_two_quarters_has_tells_which() -> None:
    rows = numbers(("Via Roma", 1, "", 0, 0), ("Via Roma", 9, "", 5000, 0), quarters=("Centro", "Porto"))
    book = addresses(house_numbers=rows, languages=("it",))
    assert metres_from(book.find("Via Roma 9").place, 5000, 0) < 1
    assert book.find("Via Roma").outcome == "unsure"
    assert metres_from(book.find("via roma 1, Centro").place, 0, 0) < 1


def test_a_street_of_the_next_town_is_left_out_by_the_limits() -> None:
    inside, beyond = line("Mill Street", (0, 0), (100, 0)), line("Mill Street", (0, 20_000), (100, 20_000))
    both = Street(name="Mill Street", line=shapely.union_all([inside.line, beyond.line]))
    assert addresses(streets=(both,)).find("Mill Street").outcome == "unsure"
    assert addresses(streets=(both,), layers=(LIMITS,)).find("Mill Street").outcome == "found"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "no street is named"),
        (" \x00\x1f\u200b ,;", "no street is named"),
        ("😀🚧", "no street is named"),
        ("12", "there is a number, and no street"),
        ("улица Ленина 5", "the address is written in Cyrillic letters, and the city's streets in Latin"),
        ("Οδός Ερμού 5", "the address is written in Greek letters, and the city's streets in Latin"),
        ("شارع الملك", "the address is written in Arabic letters, and the city's streets in Latin"),
        ("東京都千代田区", "the address is written in Cjk letters, and the city's streets in Latin"),
    ],
)
def test_what_is_no_address_gets_a_reason(written: str, reason: str) -> None:
    found = FENN.find(written)
    assert (found.outcome, found.place, found.reason) == ("unknown", None, reason)


def test_a_town_whose_streets_are_in_another_alphabet_reads_its_own() -> None:
    book = addresses(streets=(line("улица Ленина", (0, 0), (100, 0)),), languages=("bg",))
    assert book.find("Улица Ленина").outcome == "found"
    assert book.find("Main Street").reason == (
        "the address is written in Latin letters, and the city's streets in Cyrillic"
    )


def test_a_town_without_streets_says_so() -> None:
    book = addresses()
    assert not book.known
    assert book.find("12 Main Street").reason == "the city has given no streets"


def test_streets_known_by_name_alone_are_found_without_a_place() -> None:
    found = addresses(streets=(Street(name="Ash Lane", line=shapely.LineString()),)).find("ash ln")
    assert (found.outcome, found.place, found.reason) == ("found", None, "the street is known, its place is not")


def test_names_without_a_letter_do_not_break_the_index() -> None:
    book = addresses(streets=(line("---", (0, 0), (1, 1)), *STREETS), house_numbers=HOUSES)
    assert book.find("12 Main St").outcome == "found"


@given(st.text(max_size=700))
def test_any_text_at_all_gets_an_answer(text: str) -> None:
    found = FENN.find(text)
    assert found.outcome in ("found", "unsure", "unknown")
    assert found.outcome == "found" or found.reason


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "1 " * 50_000, "/" * 100_000, "&" * 100_000, "and " * 25_000, "(" * 100_000, "12-" * 30_000,
     "main st " * 12_000, "Main St & " * 10_000, "1a" * 50_000, ", " * 50_000, "(via)" * 20_000],
)  # fmt: skip
def test_a_text_made_to_stall_is_answered_in_no_time(text: str) -> None:
    began = time.process_time()
    FENN.find(text)
    assert time.process_time() - began < 0.5


def test_the_nearest_street_and_cross_street_of_points_are_given_in_metres() -> None:
    points = np.array([at(900, 10), at(505, 290), at(1500, -480), (np.nan, 50.0)])
    near = FENN.nearest(points[:, 0], points[:, 1])
    known = [
        (FENN.names.names[street], FENN.names.names[cross])
        for street, cross in zip(near.street[:3], near.cross[:3], strict=True)
    ]
    assert known == [("Main Street", "Elm Street"), ("Oak Avenue", "Saint John Street"), ("3rd Avenue", "Main Street")]
    assert near.distance_m[:3] == pytest.approx([10, 5, 0], abs=0.5)
    assert near.cross_distance_m[:3] == pytest.approx([100.5, 11.2, 480], abs=1)
    assert (near.street[3], near.cross[3]) == (-1, -1)


def test_streets_known_by_their_houses_alone_are_near_and_meet_too() -> None:
    rows = numbers(("Ash Lane", 1, "", 0, 0), ("Ash Lane", 3, "", 50, 0), ("Bay Road", 2, "", 60, 20))
    book = addresses(house_numbers=rows)
    longitude, latitude = at(2, 2)
    near = book.nearest(np.array([longitude]), np.array([latitude]))
    assert (book.names.names[near.street[0]], book.names.names[near.cross[0]]) == ("Ash Lane", "Bay Road")
    assert metres_from(book.find("Ash Ln & Bay Rd").place, 55, 10) < 1


def test_no_point_and_no_street_are_no_trouble() -> None:
    nothing = np.zeros(0)
    assert len(FENN.nearest(nothing, nothing).street) == 0
    assert Addresses(town()).nearest(np.array([10.0]), np.array([50.0])).street.tolist() == [-1]


def test_what_is_typed_so_far_gives_streets_that_begin_so() -> None:
    assert FENN.suggest("mai")[0] == "Main Street"
    assert FENN.suggest("") == []
