"""What `stormdrain route-diff` says when it cannot compare, word for word; it then ends with 2."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from two_towns import DAY, DEPARTMENTS, NO_WARD, WEST, diffed, past, ran, towns

LABEL = ("--category", "category")
ROW = f"1,{DAY},{WEST},pothole,a"


def test_faults_of_the_new_town_are_named_as_by_city_check(tmp_path: Path) -> None:
    both = towns(tmp_path, departments=DEPARTMENTS.replace("layer: wards", "layer: words"))
    history = past(tmp_path / "past.csv", ROW)

    told, plain = diffed(both, history, *LABEL), diffed(both, history, *LABEL, "--json")

    assert (told.status, plain.status) == (2, 2)
    first, fault = told.told.splitlines()[:2]
    assert first.startswith(f"the city in {both[1]} cannot be used: ")
    assert fault.startswith("  departments.yaml:11: rules.streets-by-day.layer: saw 'words'")
    said = json.loads(plain.out)
    assert [city["directory"] for city in said["cities"]] == [str(both[1])]
    assert said["cities"][0]["faults"][0]["line"] == 11


def test_one_town_alone_and_three_are_no_comparison(tmp_path: Path) -> None:
    old, new = towns(tmp_path)
    history = str(past(tmp_path / "past.csv", ROW))

    one = ran("--city", str(old), "--history", history)
    three = ran("--city", str(old), "--city", str(new), "--city", str(new), "--history", history)

    assert (one.status, three.status) == (2, 2)
    assert one.told == "stormdrain route-diff compares two cities, and 1 is given: --city OLD --city NEW\n"
    assert three.told == "stormdrain route-diff compares two cities, and 3 are given: --city OLD --city NEW\n"


def test_a_history_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    both = towns(tmp_path)
    (tmp_path / "cut.csv.gz").write_bytes(b"\x1f\x8b\x08\x00")
    past(tmp_path / "past.csv", ROW)

    nowhere = diffed(both, tmp_path / "pest.csv", *LABEL)
    cut = diffed(both, tmp_path / "cut.csv.gz", *LABEL)
    empty = diffed(both, past(tmp_path / "empty.csv", header=""), *LABEL)
    bare = diffed(both, past(tmp_path / "bare.csv"), *LABEL)
    bad = diffed(both, past(tmp_path / "bad.csv", f"1,{DAY},north,west,pothole,a"), *LABEL)

    assert {each.status for each in (nowhere, cut, empty, bare, bad)} == {2}
    assert nowhere.told == f"there is no file {tmp_path}/pest.csv; did you mean 'past.csv'?\n"
    assert cut.told.startswith(f"{tmp_path}/cut.csv.gz is no whole gzip file (")
    assert empty.told == f"{tmp_path}/empty.csv cannot be read: it is empty; expected a header, and reports\n"
    assert bare.told.splitlines()[-1] == f"{tmp_path}/bare.csv has a header and no rows: there is nothing to route"
    assert bad.told.splitlines()[-2:] == [
        f"none of the 1 rows of {tmp_path}/bad.csv can be routed",
        "  1 left out, wrong_type: line 2",
    ]


def test_a_column_that_is_not_there_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    history = past(tmp_path / "past.csv", f"{WEST},x", header="lat,long,kind")

    ran = diffed(towns(tmp_path), history, "--category", "kinds", "--created", "when")

    assert ran.status == 2
    assert ran.told == (
        f"{history} cannot be read\n"
        "  --category kinds: no such column; did you mean 'kind'?\n"
        "  --created when: no such column\n"
        "  the columns are: lat, long, kind\n"
    )


def test_half_a_place_and_a_past_that_tells_no_category_are_told(tmp_path: Path) -> None:
    both = towns(tmp_path)

    half = diffed(both, past(tmp_path / "half.csv", "52,pothole", header="lat,category"), *LABEL)
    nameless = diffed(both, past(tmp_path / "none.csv", WEST, header="lat,lon"))

    assert (half.status, nameless.status) == (2, 2)
    assert half.told.splitlines()[1] == "  no column is called lon or lng, long, longitude; name it: --lon COLUMN"
    assert nameless.told == (
        f"{tmp_path}/none.csv cannot be routed: no column is known to hold the category; name it: --category COLUMN, "
        "or --text COLUMN, from which a model tells it\n"
    )


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("map.csv", "label,service_code\nHole,potole\n", "map.csv:2: 'potole' is a category of neither city"),
        ("map.csv", "label,service_code\nHole,pothole\nhole,gas\n", "map.csv:3: 'hole' is pothole before"),
        ("map.csv", "a,b,c\n1,2,3\n", "expected columns label and service_code; saw a, b, c"),
        ("map.csv", 'label,service_code\n"Hole,pothole\n', "opens a quote that is never closed"),
        ("map.yaml", "Hole: [pothole]\n", "map.yaml:1: Hole: has no service code"),
        ("map.yaml", "- Hole\n", "map.yaml:1: saw a list"),
        ("map.yaml", "Hole: pothole\nHole: gas\n", "map.yaml:2"),
        ("none.yaml", None, "none.yaml cannot be read: No such file or directory"),
        ("none.csv", None, "there is no file"),
    ],
)
def test_a_map_of_categories_that_cannot_be_used_is_told(
    tmp_path: Path, name: str, content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")

    ran = diffed(towns(tmp_path), past(tmp_path / "past.csv", ROW), *LABEL, "--categories", str(tmp_path / name))

    assert ran.status == 2
    assert told in ran.told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--map", "moves.jpg"), "--map moves.jpg: expected a name that ends in .png, .svg, .pdf\n"),
        (("--map", "no/moves.png"), "--map no/moves.png: there is no directory no\n"),
        (("--html", "no/moves.html"), "--html no/moves.html: there is no directory no\n"),
        (("--at", "noon"), "--at noon: expected a time as 2026-11-21T08:30:00, of the years 1901 to 2998\n"),
        (("--at", "0001-01-01"), "--at 0001-01-01: expected a time as 2026-11-21T08:30:00"),
        (("--layer", "wrds"), "has no such layer; did you mean 'wards'?\n"),
        (("--model", "models"), "--model tells categories from texts, and here a column names them"),
    ],
)
def test_an_option_that_is_wrong_is_told_before_the_work(tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    ran = diffed(towns(tmp_path), past(tmp_path / "past.csv", ROW), *LABEL, *options)

    assert ran.status == 2
    assert told in ran.told


def test_without_matplotlib_a_map_is_refused_with_the_remedy_and_the_table_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec

    def without(name: str, *more: Any) -> Any:
        return None if name == "matplotlib" else real(name, *more)

    monkeypatch.setattr("services.cli.route_diff.find_spec", without)
    both, history = towns(tmp_path, departments=NO_WARD), past(tmp_path / "past.csv", ROW)

    refused = diffed(both, history, *LABEL, "--map", str(tmp_path / "moves.png"))

    assert refused.status == 2
    assert refused.told == (
        "stormdrain route-diff draws its map with matplotlib, which is not installed: pip install "
        "'stormdrain[train]', or leave out --map and --html\n"
    )
    assert diffed(both, history, *LABEL).status == 0


def test_the_help_says_how_it_ends() -> None:
    shown = " ".join(ran("--help").out.replace("│", " ").split())

    assert "Exits with 0, however much moves; with 1 if more moves than --fail-above allows; with 2 if it" in shown
