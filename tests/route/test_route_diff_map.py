"""The map and the page of `stormdrain route-diff`: files that open, that are the same each time, and tell no text."""

import struct
from pathlib import Path

import pytest
from two_towns import CITY, DAY, DEPARTMENTS, EAST, FILES, NO_WARD, WEST, areas, diffed, past, town, towns

from services.city.load import load

LABEL = ("--category", "category")
SIZE = (1320, 960)
ROWS = (f"1,{DAY},{WEST},pothole,call Iris Fenn", f"2,{DAY},{EAST},pothole,b", f"3,{DAY},,,pothole,c")


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    wide, high = struct.unpack(">II", png[16:24])
    return wide, high


def test_a_map_is_a_picture_and_the_same_each_time(tmp_path: Path) -> None:
    both, history = towns(tmp_path, departments=NO_WARD), past(tmp_path / "past.csv", *ROWS)
    first, second = tmp_path / "one.png", tmp_path / "two.png"

    for each in (first, second):
        assert diffed(both, history, *LABEL, "--map", str(each)).status == 0

    assert size_of(first.read_bytes()) == SIZE
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(("name", "begins"), [("moves.svg", b"<?xml"), ("moves.pdf", b"%PDF"), ("MOVES.PNG", b"\x89P")])
def test_a_map_is_written_as_its_name_says(tmp_path: Path, name: str, begins: bytes) -> None:
    both, history = towns(tmp_path, departments=NO_WARD), past(tmp_path / "past.csv", *ROWS)

    assert diffed(both, history, *LABEL, "--map", str(tmp_path / name)).status == 0
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_where_nothing_moves_and_where_there_are_no_lines_there_is_a_map_too(tmp_path: Path) -> None:
    start, end = CITY.index("layers:"), len(CITY)
    bare = CITY[:start] + "extent: [-0.02, 52.0, 0.0, 52.01]\n" + CITY[end:]
    history = past(tmp_path / "past.csv", *ROWS)
    still, flat = tmp_path / "still.png", tmp_path / "flat.png"

    assert diffed(towns(tmp_path / "a"), history, *LABEL, "--map", str(still)).status == 0
    both = (town(tmp_path / "old"), town(tmp_path / "new", city=bare, departments=NO_WARD))
    assert diffed(both, history, *LABEL, "--map", str(flat)).status == 0

    assert size_of(still.read_bytes()) == size_of(flat.read_bytes()) == SIZE


def test_many_departments_with_long_names_and_odd_signs_fit(tmp_path: Path) -> None:
    spans = [(-0.02 + n * 0.002, -0.018 + n * 0.002) for n in range(10)]
    name = "of $Repairs$ & <Upkeep> of Roads, Bridges and Footpaths"
    named = "".join(f"  works-{n}: {{name: 'Division {n} {name}', system: works}}\n" for n in range(10))
    rules = "".join(f"  rule-{n}: {{department: works-{n}, layer: wards, areas: ['{n + 1}']}}\n" for n in range(10))
    text = DEPARTMENTS.replace("  desk:", f"{named}  desk:") + rules
    both = (town(tmp_path / "old"), town(tmp_path / "new", departments=text, wards=areas(*spans)))
    rows = [f"{n},{DAY},52.00{n % 9},{-0.019 + n % 10 * 0.002},gas,x" for n in range(300)]
    out, page = tmp_path / "moves.png", tmp_path / "moves.html"

    ran = diffed(both, past(tmp_path / "past.csv", *rows), *LABEL, "--map", str(out), "--html", str(page), "--json")

    assert len(ran.found["moves"]) == 10
    assert size_of(out.read_bytes()) == SIZE
    assert "Division 1 of $Repairs$ &amp; &lt;Upkeep&gt; of Roads" in page.read_text("utf-8")


def test_the_page_holds_table_and_map_and_no_text_and_asks_no_network(tmp_path: Path) -> None:
    page = tmp_path / "moves.html"
    history = past(tmp_path / "past.csv", *ROWS)

    ran = diffed(towns(tmp_path, departments=NO_WARD), history, *LABEL, "--html", str(page))

    written = page.read_text("utf-8")
    assert ran.status == 0
    assert "<h1>1 of 3 reports go to another department (33.3%)</h1>" in written
    assert "data:image/png;base64," in written
    assert "no rule takes them any more" in written
    assert "1 without coordinates" in written
    assert "Iris" not in written
    assert "http" not in written
    assert "<script" not in written


def test_the_layer_that_most_rules_name_is_drawn_unless_another_is_wanted(tmp_path: Path) -> None:
    from services.cli.diffing.picture import layer_of  # noqa: PLC0415 - needs the train extra

    city = load(town(tmp_path))

    assert FILES["city.yaml"] == CITY
    assert layer_of(city) == "wards"
    assert layer_of(city, "limits") == "limits"
