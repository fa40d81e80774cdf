"""Whatever a past holds, each of its rows is counted once: moved, the same, or left out."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from two_towns import DAY, HEADER, NIGHT, OTHER_WARD, areas, diffed, towns

TIMES = st.sampled_from([DAY, NIGHT, "", "someday", "0001-01-01", "9999-12-31T23:59:59-23:59"])
LATITUDES = st.one_of(
    st.floats(51.999, 52.011).map(str), st.sampled_from(["", "nan", "inf", "1e400", "91", "-0.01", "52,005", "0"])
)
LONGITUDES = st.one_of(
    st.floats(-0.021, 0.001).map(str), st.sampled_from(["", "nan", "-inf", "181", "52", "-0,015", "0", "x"])
)
LABELS = st.sampled_from(["pothole", "Smell of gas", "", "Ünknown", "'; drop table"])
TEXTS = st.sampled_from(["", "smell of gas", 'a "quoted", text', "two\nlines", "\x00\u202e"])
ROWS = st.lists(st.tuples(TIMES, LATITUDES, LONGITUDES, LABELS, TEXTS), min_size=1, max_size=30)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_every_row_is_counted_once(rows: list[tuple[str, ...]], tmp_path: Path) -> None:
    both = (tmp_path / "old", tmp_path / "new")
    if not both[0].is_dir():
        towns(tmp_path, departments=OTHER_WARD, wards=areas((-0.02, -0.008), (-0.008, 0.0)))
    written = io.StringIO()
    csv.writer(written).writerows([HEADER.split(","), *((str(n), *row) for n, row in enumerate(rows))])
    history = tmp_path / "past.csv"
    history.write_text(written.getvalue(), encoding="utf-8")

    ran = diffed(both, history, "--category", "category", "--json", "--top", "0")

    if ran.status == 2:
        assert ran.told.splitlines()[-2:][0].startswith("none of the ") or "left out" in ran.told
        return
    found = ran.found
    assert found["rows"] == len(rows) == found["routed"] + sum(each["rows"] for each in found["left_out"])
    assert found["routed"] == found["moved"] + found["same"]
    assert found["moved"] == sum(move["reports"] for move in found["moves"]) == sum(found["causes"].values())
    for move in found["moves"]:
        assert move["from"] != move["to"]
        assert move["reports"] == sum(move["causes"].values()) == sum(rule["reports"] for rule in move["rules"])
    assert found["moves"] == sorted(found["moves"], key=lambda move: (-move["reports"], move["from"], move["to"]))


@pytest.mark.parametrize("reversed_", [False, True])
def test_there_and_back_moves_the_same_reports(tmp_path: Path, *, reversed_: bool) -> None:
    both = towns(tmp_path, departments=OTHER_WARD)
    rows = [f"{n},{DAY},52.005,{-0.0199 + n * 0.0005:.4f},pothole,x" for n in range(40)]
    history = tmp_path / "past.csv"
    history.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")

    old, new = reversed(both) if reversed_ else both
    found = diffed((old, new), history, "--category", "category", "--json").found

    assert found["moved"] == 40
    assert {(move["from"], move["to"], move["reports"]) for move in found["moves"]} == {
        ("streets", "desk", 20),
        ("desk", "streets", 20),
    }
