"""What `stormdrain try` makes of files as people have them: formats, names of columns, and damage of every kind."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trying_cli import rows, tried

from services.cli.trying.feed import PAUSE, Feed, Line
from services.cli.trying.items import items
from services.cli.trying.table import Table
from services.runtime.worker import Rejected

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"), max_size=8)


class Drops:
    """A stream that gives a few bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content = content
        self._size = size

    def read1(self, _size: int, /) -> bytes:
        drop, self._content = self._content[: self._size], self._content[self._size :]
        return drop


def elements(content: bytes, size: int = 1 << 16, longest: int = 1 << 20) -> list[Line]:
    return list(Feed(Drops(content, size), longest).elements())


def table(content: bytes, size: int = 1 << 16) -> list[Any]:
    found = Table(Feed(Drops(content, size)).lines())
    return [item.what for item in found.items() if item is not None]


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=5), st.integers(1, 40), st.sampled_from(",;\t|"))
def test_whatever_csv_can_write_is_read_as_it_was(cells: list[list[str]], size: int, delimiter: str) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([["id", "text"], *cells])

    assert table(file.getvalue().encode(), size) == [{"id": one, "text": two} for one, two in cells]


@given(
    st.lists(st.dictionaries(TEXTS, TEXTS | st.lists(st.integers())), max_size=5),
    st.integers(1, 40),
    st.sampled_from([None, 2]),
)
def test_a_json_array_is_parted_into_its_elements_however_it_is_written(
    objects: list[dict[str, Any]], size: int, indent: int | None
) -> None:
    content = json.dumps(objects, indent=indent, ensure_ascii=size % 2 == 0).encode()

    assert [json.loads(line.content or b"") for line in elements(content, size)] == objects


@given(st.lists(st.binary(max_size=6).filter(lambda line: b"\n" not in line and b"\r" not in line)), st.integers(1, 9))
def test_lines_are_the_same_in_whatever_pieces_they_come(parts: list[bytes], size: int) -> None:
    content = b"".join(part + b"\r\n" for part in parts)
    expected = content.removeprefix(b"\xef\xbb\xbf").split(b"\r\n")[:-1]

    assert [line.content for line in Feed(Drops(content, size)).lines()] == expected


def test_what_is_too_long_is_skipped_to_its_end() -> None:
    content = b"short\n" + b"x" * 100_000 + b"\nlast"

    assert list(Feed(Drops(content, 1000), longest=10).lines()) == [
        Line(1, b"short"),
        Line(2, None),
        Line(3, b"last"),
    ]
    assert elements(b'[1,"' + b"," * 50 + b'",2]', 7, longest=10) == [Line(1, b"1"), Line(2, None), Line(3, b"2")]


def test_lines_that_end_in_a_carriage_return_alone_are_lines() -> None:
    assert [line.content for line in Feed(Drops(b"a\rb\rc", 100)).lines()] == [b"a", b"b", b"c"]


def test_a_pause_of_the_input_is_passed_on() -> None:
    lines = iter([Line(1, b'{"id": 1}'), PAUSE, Line(2, b'{"id": 2}')])

    assert [item and item.what for item in items(lines)] == [{"id": 1}, None, {"id": 2}]


def test_a_quote_that_is_never_closed_costs_its_own_line_alone() -> None:
    found = table(b'id,text\n1,fine\n2,"never closed\n3,fine\n4,"closed\nhere"\n')

    # The quote of line 3 is closed by the one of line 5, and what follows that is no row.
    assert found[0] == {"id": "1", "text": "fine"}
    assert found[-1] == {"id": "4", "text": "closed\nhere"} or isinstance(found[-1], Rejected)
    endless = table(b'id,text\n1,fine\n2,"never closed\n3,fine\n')
    assert endless == [
        {"id": "1", "text": "fine"},
        Rejected("bad_csv", "line 3 opens a quote that is never closed"),
        {"id": "3", "text": "fine"},
    ]


def test_a_quote_within_a_cell_is_a_sign_as_any_other() -> None:
    assert table(b'id,text\n1,a 2" pipe\n2,the "big" one\n') == [
        {"id": "1", "text": 'a 2" pipe'},
        {"id": "2", "text": 'the "big" one'},
    ]


def test_a_row_of_another_width_is_rejected_with_its_id() -> None:
    ran = tried("route", rows("id,lat,lon", "a,39.2,-75.1", "b,39.2", "c,39.2,-75.1,,", "d,1,2,3"), "--flat")

    assert [line["id"] for line in ran.lines] == ["a", "b", "c", "d"]
    assert ran.lines[1]["rejected"] == {
        "reason": "wrong_cells",
        "detail": "line 3 has 2 cells, and the header has 3: is a quote or a comma missing?",
    }
    assert "rejected" not in ran.lines[2]
    assert ran.lines[3]["rejected"]["reason"] == "wrong_cells"


@pytest.mark.parametrize(
    "content",
    [
        "id,lat,lon\r\n7,39.2105,-75.0841\r\n",
        "\ufeffid;lat;lon\n7;39,2105;-75,0841\n",
        "ID\tLatitude\tLongitude\n7\t39.2105\t-75.0841\n",
        'id|lat|lon\n"7"|"39.2105"|"-75.0841"',
        '{"id": "7", "lat": 39.2105, "lon": -75.0841}\n',
        '\n\n{"id": "7", "lat": "39.2105", "lng": "-75.0841"}',
        '[{"id": "7", "lat": 39.2105, "lon": -75.0841}]',
        '  [\n  {\n"id": "7", "latitude": 39.2105,\n "long": -75.0841}\n]\n',
    ],
)
def test_the_same_place_in_many_formats_is_the_same_place(content: str) -> None:
    ran = tried("route", content, "--flat")

    assert ran.status == 0
    assert [(line["id"], line["areas"]["districts"]) for line in ran.lines] == [("7", "5")]


def test_columns_that_go_by_another_name_are_told() -> None:
    ran = tried("route", rows("Case ID,Latitude,long", "1,39.2,-75.1"))

    assert ran.told.splitlines()[0] == "try route: reads 'Case ID' as id, 'Latitude' as lat, 'long' as lon"


def test_columns_that_mean_nothing_here_come_out_in_row_and_so_does_the_category() -> None:
    ran = tried("route", rows("id,category,lat,lon,ward,ward,", "1,Pothole,39.2105,-75.0841,3,4,x"), "--flat")

    assert ran.lines[0]["row"] == {"category": "Pothole", "ward": "3", "ward_2": "4", "column_7": "x"}
    assert ran.lines[0]["department"] == "streets"


def test_hostile_lines_are_rejected_in_their_place_and_stop_nothing() -> None:
    long = json.dumps({"id": 2, "text": "x" * 5_000_000})
    lines = [
        b'{"id": 1, "lat": 39.2, "lon": -75.1}',
        long.encode(),
        b"not json",
        b'{"id": 4, "lat": 91, "lon": -75.1}',
        b'{"id": 5, "lat": 39.2, "lon": -75.1, "text": "nul \\u0000 and half a \\ud83d"}',
        b'{"id": "half \\ud83d", "lat": NaN, "lon": null}',
        b'{"id": 7, "text": "\xff"}',
        b"[" * 100_000,
        b'{"id": 9, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id": 10, "lat": ' + b"9" * 5000 + b"}",
        b'{"id": {}, "lat": 39.2, "lon": -75.1}',
        b'{"id": 12, "event": {"report": {"request_id": "x"}}}',
        b'{"id": 13, "lat": 39.2, "lon": -75.1, "other": 123456789012345678901234567890}',
        b"\x00\x00",
        b'{"id": 15, "lat": 39.2, "lon": -75.1} and more',
    ]

    ran = tried("route", b"\r\n".join(lines), "--flat")

    assert ran.status == 0
    assert [(line["id"], line.get("rejected", {}).get("reason", "")) for line in ran.lines] == [
        (1, ""),
        (None, "too_long"),
        (None, "bad_json"),
        (4, "out_of_range"),
        (5, ""),
        ("half \ufffd", ""),
        (None, "not_utf8"),
        (None, "bad_json"),
        (None, "bad_json"),
        (None, "bad_field"),
        (None, "bad_id"),
        (12, "bad_field"),
        (13, ""),
        (None, "bad_json"),
        (None, "bad_json"),
    ]
    assert ran.lines[6]["rejected"]["detail"] == (
        "line 7 is not UTF-8, at byte 20: save the file as UTF-8, or iconv -f cp1252 -t utf-8 FILE"
    )
    assert (
        ran.lines[11]["rejected"]["detail"] == "line 12: Object missing required field `channel` - at `$.event.report`"
    )


def test_a_csv_with_hostile_cells_gives_a_line_for_each_row() -> None:
    content = rows(
        "id,created_at,text,lat,lon",
        "1,2026-03-02T08:00:00,nul \0 inside,39.2,-75.1",
        "2,1823-05-01,long ago,39.2,-75.1",
        "3,2026-03-02T08:00:00,far north,91,-75.1",
        '4,2026-03-02T08:00:00,"two\r\nlines, and a comma",39.2,-75.1',
        "5,yesterday,when?,39.2,-75.1",
        "6,2026-03-02T08:00:00,,39.2,-75.1",
    )

    ran = tried("receive", content)

    assert [line["accepted"] for line in ran.lines] == [True, False, False, True, False, False]
    assert [line["text"] for line in ran.lines if line["accepted"]] == ["nul  inside", "two\nlines, and a comma"]
    assert [line["rejected"]["reason"] for line in ran.lines if not line["accepted"]] == [
        "out_of_range",
        "out_of_range",
        "not_a_time",
        "empty",
    ]
    assert "4 rejected: 2 out_of_range, 1 not_a_time, 1 empty" in ran.told


def test_json_lines_of_which_the_first_is_damaged_are_json_lines() -> None:
    ran = tried("route", rows('"id": 1, "lat": 39.2}', '{"id": 2, "lat": 39.2105, "lon": -75.0841}'), "--flat")

    assert [line["id"] for line in ran.lines] == [None, 2]
