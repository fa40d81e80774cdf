import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.cli.export import Export, ExportError, Problem, Survey, columns_of, opened

PLAIN = """id,created_at,text,lat,lon,address
17,2026-03-01T08:00:00,Pothole by the mill,39.2,-75.1,
18,2026-03-01T09:30:00,"Lamp out, flickers",39.21,-75.11,Kestrel Avenue 4
"""


def written(tmp_path: Path, content: str | bytes, name: str = "past.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def export(path: Path, named: dict[str, list[str]] | None = None, **more: Any) -> Export:
    with opened(path, more.get("encoding", "utf-8")) as table:
        columns = columns_of(path, table.header, named or {})
    return Export(path=path, columns=columns, **more)


def read(
    path: Path, named: dict[str, list[str]] | None = None, limit: int = 0, **more: Any
) -> tuple[list[dict[str, Any]], Survey]:
    found = export(path, named, **more)
    survey = found.survey(limit)
    return list(found.reports(survey)), survey


def test_columns_of_the_usual_names_become_a_report(tmp_path: Path) -> None:
    reports, survey = read(written(tmp_path, PLAIN))
    assert reports == [
        {
            "source_id": "17",
            "created_at": "2026-03-01T08:00:00",
            "lat": 39.2,
            "lon": -75.1,
            "text": "Pothole by the mill",
        },
        {
            "source_id": "18",
            "created_at": "2026-03-01T09:30:00",
            "lat": 39.21,
            "lon": -75.11,
            "address": "Kestrel Avenue 4",
            "text": "Lamp out, flickers",
        },
    ]
    assert (survey.rows, survey.lines, survey.problems) == (2, {"17": 2, "18": 3}, [])


def test_columns_of_other_names_are_found_and_those_of_any_name_can_be_named(tmp_path: Path) -> None:
    content = "Unique Key;Opened;Was;Kind;Latitude;Longitude\n5;01.03.2026 08:00;Lampe defekt;Licht;48,77;9,18\n"
    path = written(tmp_path, content)
    reports, _ = read(path, {"text": ["Kind", "Was"], "created_at": ["Opened"]})
    assert reports == [
        {
            "source_id": "5",
            "lat": 48.77,
            "lon": 9.18,
            "text": "Licht\nLampe defekt",
            "created_at": "2026-03-01T08:00:00",
        }
    ]


def test_columns_that_are_not_there_are_told_all_at_once_with_a_guess(tmp_path: Path) -> None:
    path = written(tmp_path, "Key,Was,Opened\n")
    with pytest.raises(ExportError) as raised:
        export(path, {"text": ["Wass"], "created_at": ["When"]})
    assert str(raised.value) == (
        f"{path} cannot be sent\n"
        "  --text Wass: no such column; did you mean 'Was'?\n"
        "  --created When: no such column\n"
        "  the columns are: Key, Was, Opened"
    )


def test_an_export_without_a_text_says_how_to_name_one(tmp_path: Path) -> None:
    path = written(tmp_path, "id,kind\n1,pothole\n")
    with pytest.raises(ExportError) as raised:
        export(path)
    assert str(raised.value) == (
        f"{path} cannot be sent\n"
        "  none of the columns is known to hold the text, as text, description, summary, details, message, comments, "
        "body, title would\n"
        "  name it: --text COLUMN, or several of them: --text COLUMN --text COLUMN\n"
        "  the columns are: id, kind"
    )
    assert read(path, {"service_code": ["kind"]})[0] == [{"source_id": "1", "service_code": "pothole"}]


def test_rows_that_cannot_be_sent_are_told_by_line_and_the_others_go_on(tmp_path: Path) -> None:
    rows = [
        b"id,text,lat,lon",
        b"1,fine,39.2,-75.1",
        b"2,,39.2,-75.1",
        b"3,too few cells",
        b"4,M\xfcll,39.2,-75.1",
        b"1,something else,39.2,-75.1",
        b"1,fine,39.2,-75.1",
        b'6,"two',
        b'lines",39.2,-75.1',
        b"7,NA,NA,NA",
        b"8,place unknown,n/a,",
    ]
    reports, survey = read(written(tmp_path, b"\n".join(rows)))
    assert [(each["source_id"], each["text"]) for each in reports] == [
        ("1", "fine"),
        ("6", "two\nlines"),
        ("8", "place unknown"),
    ]
    assert "lat" not in reports[2]
    assert survey.problems == [
        Problem(3, "empty", "no text"),
        Problem(4, "wrong_cells", "has 2 cells, and the header has 4: is a quote or a comma missing?"),
        Problem(5, "not_utf8", "is not UTF-8, at byte 4: save the file as UTF-8, or iconv -f cp1252 -t utf-8 FILE"),
        Problem(6, "repeated_id", "has the id of line 2, and says something else"),
        Problem(10, "empty", "no text"),
    ]
    assert survey.repeats == 1
    assert survey.lines == {"1": 2, "6": 8, "8": 11}


def test_what_is_no_number_is_left_to_the_door_to_refuse(tmp_path: Path) -> None:
    reports, _ = read(written(tmp_path, "id,text,lat,lon\n1,lamp,north,-75.1\n"))
    assert reports[0]["lat"] == "north"


def test_another_encoding_is_read_when_it_is_named(tmp_path: Path) -> None:
    for encoding in ("cp1252", "utf-16"):
        path = written(tmp_path, "id,text\n1,Müll überall\n".encode(encoding), f"{encoding}.csv")
        assert read(path, encoding=encoding)[0] == [{"source_id": "1", "text": "Müll überall"}]


def test_an_encoding_that_there_is_not_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    with pytest.raises(ExportError, match=r"^--encoding latin-99: there is none of that name; try cp1252 or utf-16$"):
        export(path, encoding="latin-99")


def test_a_compressed_export_is_read_and_one_that_was_cut_is_told(tmp_path: Path) -> None:
    whole = gzip.compress(PLAIN.encode() * 200)
    assert len(read(written(tmp_path, gzip.compress(PLAIN.encode()), "past.csv.gz"))[0]) == 2
    path = written(tmp_path, whole[: len(whole) // 2], "cut.csv.gz")
    with pytest.raises(ExportError, match=r"cut.csv.gz is no whole gzip file \(.*\); export it again"):
        read(path)


def test_a_file_that_is_not_there_is_told_with_a_guess(tmp_path: Path) -> None:
    written(tmp_path, PLAIN, "past.csv")
    with pytest.raises(ExportError) as raised:
        export(tmp_path / "pasts.csv")
    assert str(raised.value) == f"there is no file {tmp_path}/pasts.csv; did you mean 'past.csv'?"


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    with pytest.raises(ExportError) as raised:
        export(path)
    assert str(raised.value) == f"{path} cannot be read: it is empty; expected a header, and reports"


def test_reports_without_an_id_are_known_by_what_they_say(tmp_path: Path) -> None:
    path = written(tmp_path, "text,lat,lon\nlamp out,39.2,-75.1\nlamp out,39.3,-75.1\nlamp out,39.2,-75.1\n")
    first, survey = read(path)
    again, _ = read(written(tmp_path, "lat,text,lon\n39.2,lamp out,-75.1\n", "other.csv"))
    assert len(first) == 2
    assert survey.repeats == 1
    assert first[0]["source_id"] == again[0]["source_id"]
    assert first[0]["source_id"].startswith("row-")


def test_two_systems_ids_are_told_apart_by_their_source(tmp_path: Path) -> None:
    assert [each["source_id"] for each in read(written(tmp_path, PLAIN), source="old")[0]] == ["old:17", "old:18"]


def test_a_limit_takes_the_first_rows_that_can_be_sent(tmp_path: Path) -> None:
    reports, survey = read(written(tmp_path, "id,text\n1,\n2,lamp\n3,lamp\n"), limit=1)
    assert [each["source_id"] for each in reports] == ["2"]
    assert survey.rows == 2


@pytest.mark.parametrize(
    ("cells", "notation", "first"),
    [
        (["2026-03-01 08:00:00.0", "2026-03-02"], "", "2026-03-01 08:00:00.0"),
        (["2026-03-01T17:46:02+0000"], "", "2026-03-01T17:46:02+0000"),
        (["03/01/2026 08:05:00 PM"], "%m/%d/%Y %I:%M:%S %p", "2026-03-01T20:05:00"),
        (["03/01/2026", "04/02/2026"], "%m/%d/%Y", "2026-03-01T00:00:00"),
        (["03/01/2026", "31/01/2026"], "%d/%m/%Y", "2026-01-03T00:00:00"),
        (["01.03.2026 08:00", "soon"], "%d.%m.%Y %H:%M", "2026-03-01T08:00:00"),
        (["soon"], "", "soon"),
    ],
)
def test_times_are_read_by_the_notation_that_reads_the_most(
    tmp_path: Path, cells: list[str], notation: str, first: str
) -> None:
    rows = "".join(f"{number},lamp,{cell}\n" for number, cell in enumerate(cells))
    reports, survey = read(written(tmp_path, f"id,text,created_at\n{rows}"))
    assert survey.notation == notation
    assert reports[0]["created_at"] == first


def test_times_are_shifted_alike_so_that_the_newest_is_when_it_is_wanted(tmp_path: Path) -> None:
    rows = "1,lamp,2014-01-01T00:00:00\n2,lamp,2014-01-03T12:00:00\n3,lamp,soon\n4,lamp,\n"
    path = written(tmp_path, f"id,text,created_at\n{rows}")
    found = export(path, zone=ZoneInfo("America/New_York"))
    survey = found.survey(dated=True)
    assert survey.newest == datetime(2014, 1, 3, 17, tzinfo=UTC)
    wanted = datetime(2026, 3, 1, 8, tzinfo=UTC)
    shifted = [each.get("created_at") for each in found.reports(survey, wanted)]
    assert shifted == ["2026-02-26T20:00:00+00:00", "2026-03-01T08:00:00+00:00", "soon", None]
    assert shifted == [each.get("created_at") for each in found.reports(survey, wanted)]
