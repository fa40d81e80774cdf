"""What `stormdrain try` says when it cannot do what was asked, word for word."""

import gzip
from pathlib import Path

import pytest
from trying_cli import rows, tried
from typer.testing import CliRunner

from services.cli.main import app

REVIEW = (
    "there is nothing to try in review: it is where people decide, on a page in the browser; what would wait for them "
    "there says: stormdrain try decide"
)
WATCH = (
    "there is nothing to try in watch: it counts reports by the hour against the days before, so it needs a stream: "
    "stormdrain demo runs it"
)
INDEX = (
    "there is nothing to try in index: it decides nothing, and writes what the others said into a database: "
    "stormdrain demo runs it"
)
NONE = "stormdrain try knows no worker 'xyz'; there are receive, classify, route, match, prioritize, decide, deliver"
NEARLY = "stormdrain try knows no worker 'clasify'; did you mean 'classify'?"


@pytest.mark.parametrize(
    ("worker", "told"), [("clasify", NEARLY), ("xyz", NONE), ("review", REVIEW), ("watch", WATCH), ("index", INDEX)]
)
def test_a_worker_that_cannot_be_tried_is_told_with_what_to_do_instead(worker: str, told: str) -> None:
    ran = tried(worker, "")

    assert (ran.status, ran.told) == (2, f"{told}\n")


def test_a_city_that_is_not_there_is_told(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"

    ran = tried("route", rows("id,lat,lon", "1,39,-75"), "--city", str(nowhere))

    assert ran.status == 2
    assert ran.told == (
        f"stormdrain try route cannot start: the city in {nowhere} cannot be used: 1 fault\n"
        f"  {nowhere}: there is no such directory; expected a city; make one with `stormdrain city new`, or set "
        "STORMDRAIN_CITY_DIR\n"
    )


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"

    ran = tried("classify", rows("id,text", "1,pothole"), "--model", str(nowhere))

    assert ran.status == 2
    assert ran.told == (
        f"stormdrain try classify cannot serve the model in {nowhere}: there is no card.json; train one: stormdrain "
        f"train --city city --out {nowhere}\n"
    )


def test_a_model_for_a_worker_that_has_none_is_told() -> None:
    ran = tried("route", "", "--model", "somewhere")

    assert (ran.status, ran.told) == (2, "stormdrain try route has no model: --model is for classify\n")


def test_a_file_that_is_not_there_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text("id\n")

    ran = tried("route", "", "--in", str(tmp_path / "report.csv"))

    assert ran.status == 2
    assert ran.told == (
        f"stormdrain try route cannot read {tmp_path}/report.csv: there is no such file; did you mean 'reports.csv'?\n"
    )


def test_a_setting_that_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATCH_AUTOMATIC", "2")

    ran = tried("match", rows("id,created_at,lat,lon", "1,2026-03-02,39,-75"))

    assert ran.status == 2
    assert ran.told == (
        "stormdrain try match cannot start: 1 setting is wrong\n  MATCH_AUTOMATIC='2': expected a number from 0 to 1\n"
    )


def test_an_empty_input_is_told() -> None:
    ran = tried("classify", " \n\n")

    assert ran.status == 1
    assert ran.told == (
        "stormdrain try classify has nothing to do: standard input is empty; give it reports: "
        "stormdrain try classify < reports.csv\n"
    )


def test_a_header_alone_is_told() -> None:
    ran = tried("route", "id,lat,lon\n")

    assert (ran.status, ran.told) == (
        1,
        "stormdrain try route has nothing to do: standard input has a header and no rows\n",
    )


def test_a_table_without_header_is_told() -> None:
    ran = tried("route", rows("17,2026-03-02T08:00:00,39.21,-75.08", "18,2026-03-02T08:00:00,39.21,-75.08"))

    assert ran.status == 1
    assert ran.told == (
        "stormdrain try route cannot read standard input: 2 columns it needs are missing\n"
        "  lat: there is no column of that name, nor latitude\n"
        "  lon: there is no column of that name, nor lng, long, longitude\n"
        "  the columns are: '17', '2026-03-02T08:00:00', '39.21', '-75.08'\n"
        "  the first line looks like data, not like names: put a header before it, as id,created_at,text,lat,lon\n"
    )


def test_a_table_that_lacks_a_column_is_told_with_a_guess_at_what_was_meant() -> None:
    ran = tried("match", rows("id,created,latt,long,text", "1,2026-03-02,39.2,-75.1,x"))

    assert ran.status == 1
    assert ran.told == (
        "stormdrain try match cannot read standard input: a column it needs is missing\n"
        "  lat: there is no column of that name, nor latitude; did you mean 'latt'?\n"
        "  the columns are: 'id', 'created', 'latt', 'long', 'text'\n"
        "  rename the columns, as id,created_at,text,lat,lon\n"
    )


def test_coordinates_of_a_grid_and_a_category_that_is_no_text_are_guessed() -> None:
    grid = tried("route", rows("id,srx,sry", "1,875854.877,998434.947"))
    category = tried("classify", rows("id,category", "1,pothole"))

    assert "  coordinates of a grid have to be turned into degrees (WGS 84) first\n" in grid.told
    assert "  a category that the citizen picked is read from a column service_code\n" in category.told


def test_one_column_alone_and_a_web_page_are_told() -> None:
    one, page = tried("classify", "hello there\n"), tried("decide", "<!DOCTYPE html>\n<p>\n")

    assert one.told.splitlines()[-1] == (
        "  there is one column alone, parted by none of , ; | tab: expected a header as id,created_at,text,lat,lon"
    )
    assert page.told == (
        "stormdrain try decide cannot read standard input: no column has a name that it knows\n"
        "  the columns are: '<!DOCTYPE html>'\n"
        "  it looks like a web page or XML: give JSON lines, or CSV with a header\n"
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (gzip.compress(b"id,text\n", mtime=0), "it is compressed with gzip: zcat FILE | stormdrain try classify"),
        ("id,text\n".encode("utf-16"), "it is in UTF-16: iconv -f utf-16 -t utf-8 FILE | stormdrain try classify"),
        (b"PK\x03\x04rest", "it is a zip or Excel file: export it as CSV"),
        (b"PAR1rest", "it is a Parquet file: export it as CSV"),
        (
            b"id,te\xe9xt\n",
            "of its header, line 1 is not UTF-8, at byte 6: save the file as UTF-8, or iconv -f cp1252 -t utf-8 FILE",
        ),
    ],
)
def test_files_that_are_no_text_are_told_with_what_to_do(given: bytes, told: str) -> None:
    ran = tried("classify", given)

    assert (ran.status, ran.told) == (1, f"stormdrain try classify cannot read standard input: {told}\n")


def test_where_nothing_can_be_read_the_first_fault_is_told_and_the_status_is_1() -> None:
    ran = tried("route", '{\n  "id": 1\n}\n', "--quiet")

    assert ran.status == 1
    assert [line["rejected"]["reason"] for line in ran.lines] == ["bad_json"] * 3
    assert ran.told == (
        "stormdrain try route could read none of the 3 lines of standard input\n"
        "  line 1 is not a whole JSON object: expected one a line; jq -c . FILE makes it so\n"
    )


def test_help_teaches_with_examples() -> None:
    shown = CliRunner().invoke(app, ["try", "--help"], env={"COLUMNS": "120"}).stdout

    for part in ("stormdrain try classify --flat < reports.csv", "stormdrain try receive < reports.csv |"):
        assert part in shown
