"""`stormdrain try route` over points: each layer's answer, the rules that lost, and what is wrong with a place."""

import h3
import pytest
from trying_cli import CITY, rows, shown, tried

from services.city.load import load

INSIDE = "39.2105,-75.0841"
HEADER = "id,lat,lon,category"


def test_each_layer_answers_with_its_version_and_each_rule_that_lost_says_why() -> None:
    line = tried("route", rows(HEADER, f"1,{INSIDE},Pothole"), "--flat").lines[0]

    assert line["areas"] == {"limits": "port-alder", "districts": "5"}
    assert line["versions"].keys() == {"limits", "districts"}
    assert all(len(version) == 12 for version in line["versions"].values())
    assert line["lost"] == [
        {"rule": "potholes-on-state-roads", "why": "the place is in no area of state-roads"},
    ]


@pytest.mark.parametrize(
    ("place", "reason", "detail"),
    [
        ("0,0", "zero", "latitude and longitude are 0, as systems write what they could not place"),
        ("0.0,-0.0", "zero", "latitude and longitude are 0, as systems write what they could not place"),
        (
            "-75.0841,39.2105",
            "swapped",
            "the other way round it lies in the city: are latitude and longitude swapped?",
        ),
    ],
)
def test_a_place_that_is_hardly_the_one_meant_is_answered_and_doubted(place: str, reason: str, detail: str) -> None:
    line = tried("route", rows(HEADER, f"1,{place},pothole"), "--flat").lines[0]

    assert line["outside"] is (reason != "zero")  # the door leaves out a place that stands for none
    assert line["department"] == "streets"
    assert line["doubt"] == {"reason": reason, "detail": detail}


@pytest.mark.parametrize("place", [(48.1, 11.5), (-89.0, 179.0), (39.2, -60.0)])
def test_a_place_far_away_is_doubted_and_told_how_far_it_is(place: tuple[float, float]) -> None:
    west, south, east, north = load(CITY).extent
    nearest = (min(max(place[0], south), north), min(max(place[1], west), east))
    away = h3.great_circle_distance(place, nearest, unit="km")

    line = tried("route", rows(HEADER, f"1,{place[0]},{place[1]},pothole"), "--flat").lines[0]

    assert line["doubt"] == {"reason": "far", "detail": f"the place is {away:,.0f} km from the city"}


def test_a_place_in_the_city_or_beside_it_is_not_doubted() -> None:
    lines = tried("route", rows(HEADER, f"1,{INSIDE},pothole", "2,39.2105,-75.2,pothole", "3,,,pothole")).lines

    assert [line["outside"] for line in lines] == [False, True, False]
    assert not any("doubt" in line for line in lines)


@pytest.mark.parametrize(
    ("place", "reason", "detail"),
    [
        ("north,-75.08", "wrong_type", "lat is 'north': expected a number from -90 to 90"),
        ("nan,-75.08", "wrong_type", "lat is 'nan': expected a number from -90 to 90"),
        ("39.2,1e999", "wrong_type", "lon is '1e999': expected a number from -180 to 180"),
        ("39.2,", "missing", "lon is missing: expected it with lat"),
        ("-139.2,-75.08", "out_of_range", "lat is -139.2: expected a number from -90 to 90"),
    ],
)
def test_a_row_that_is_no_place_says_why_and_stops_nobody(place: str, reason: str, detail: str) -> None:
    bad, good = tried("route", rows(HEADER, f"1,{place},pothole", f"2,{INSIDE},pothole"), "--flat").lines

    assert bad["rejected"] == {"reason": reason, "detail": detail}
    assert good["department"] == "streets"


def test_a_latitude_that_is_none_may_be_the_longitude(tmp_path_factory: pytest.TempPathFactory) -> None:
    west = tmp_path_factory.mktemp("west")
    for name in ("categories.yaml", "departments.yaml", "policy.yaml"):
        text = (CITY / name).read_text("utf-8")
        if name == "departments.yaml":
            text = text[: text.index("\nrules:")]
        (west / name).write_text(text, "utf-8")
    (west / "city.yaml").write_text(
        "name: Westmouth\njurisdiction_id: west.example\ntime_zone: UTC\n"
        "languages: [en, es, fr, de, pt, zh, vi, ar, ru, ht, tl, ko]\nextent: [-118.7, 33.7, -118.1, 34.4]\n",
        "utf-8",
    )

    line = tried("route", rows(HEADER, "1,-118.2,34.0,pothole"), "--city", str(west)).lines[0]

    assert line["rejected"]["detail"] == (
        "lat is -118.2: expected a number from -90 to 90; the other way round it lies in the city: are latitude and "
        "longitude swapped?"
    )


def test_columns_are_named_where_they_are_called_otherwise() -> None:
    given = rows("nr,y,x,what", f"7,{INSIDE},Street light")

    ran = tried("route", given, "--flat", "--latitude", "y", "--longitude", "x", "--category", "what")

    assert (ran.lines[0]["areas"]["districts"], ran.lines[0]["department"]) == ("5", "traffic")
    assert "try route: reads 'y' as lat, 'x' as lon, 'what' as category\n" in ran.told
    assert tried("route", '{"y": 39.2105, "x": -75.0841}', "--lat", "y", "--lon", "x").lines[0]["areas"]["districts"]


def test_x_and_y_are_not_taken_for_degrees_unless_they_are_named() -> None:
    told = tried("route", rows("id,x,y", "1,-75.0841,39.2105")).told

    assert "  if they are degrees, name them: --lat COLUMN --lon COLUMN\n" in told


def test_a_named_column_that_is_not_there_is_told() -> None:
    ran = tried("route", rows("id,ypsilon,x", f"1,{INSIDE}"), "--lat", "ypsilo", "--lon", "x")

    assert (ran.status, ran.told) == (
        1,
        (
            "stormdrain try route cannot read standard input: --lat ypsilo: no such column; did you mean 'ypsilon'?\n"
            "  the columns are: 'id', 'ypsilon', 'x'\n"
        ),
    )


def test_what_the_citizen_picked_stands_in_for_a_category() -> None:
    line = tried("route", rows("id,lat,lon,service_code", f"1,{INSIDE},street-light")).lines[0]

    assert line["department"] == "traffic"


def test_a_point_without_a_category_gets_its_layers_and_the_default_department() -> None:
    line = tried("route", rows("id,lat,lon", f"1,{INSIDE}")).lines[0]

    assert (line["areas"]["districts"], line["department"], line["rule"]) == ("5", "front-desk", "default")


def test_the_sum_at_the_end_counts_departments_layers_and_doubts() -> None:
    given = rows(
        HEADER,
        f"1,{INSIDE},pothole",
        f"2,{INSIDE},pothole",
        f"3,{INSIDE},street-light",
        "4,0,0,pothole",
        "5,x,0,pothole",
        "6,,,pothole",
    )

    told = tried("route", given).told.splitlines()

    assert told[0].startswith("try route: 6 lines in ")
    assert told[0].endswith("; 1 rejected: 1 wrong_type")
    assert told[1:] == [
        "  departments: streets 4, traffic 1",
        "  limits: 0 of 3 in no area",
        "  districts: 0 of 3 in no area",
        "  state-roads: 3 of 3 in no area",
        "  without a place: 2",
        "  places in doubt: 1 zero",
    ]
    assert tried("route", given, "--quiet").told == ""


def test_the_table_is_for_people() -> None:
    given = rows(
        f"{HEADER},radius_m", f"a,{INSIDE},pothole,900", "b,0,0,pothole,", "c,x,0,pothole,", "d\x1b[2J,,,noise,"
    )

    lines = shown("route", given, "--table").splitlines()

    assert lines[0].startswith("Port Alder, version ")
    assert [line.split() for line in lines[2:3]] == [["id", "limits", "districts", "state-roads", "department", "why"]]
    text = "\n".join(line.rstrip() for line in lines)
    assert "a         port-alder City of Port Ald…  5 Old Mills        -  " in text
    assert "% of its circle: districts 5 Old Mills, streets" in text
    assert "    not potholes-on-state-roads: the place is in no area of state-roads" in text
    assert "    zero: latitude and longitude are 0, as systems write what they could not place" in text
    assert "rejected: lat is 'x': expected a number from -90 to 90" in text
    assert "\x1b" not in text


def test_the_table_is_for_route_alone() -> None:
    ran = tried("classify", "", "--table")

    assert (ran.status, ran.told) == (2, "stormdrain try classify has no table: --table is for route\n")
