"""`stormdrain train-match` learns from a town's past, says honestly how good links are, and refuses what it cannot."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
from match_past import HEAD, past, write
from typer.testing import CliRunner, Result

from services.city.load import load
from services.cli.export import ExportError
from services.cli.matching.past import read_marked
from services.cli.train_match import train_match
from services.incidents.shelf import read

REPOSITORY = Path(__file__).parents[2]
COLUMNS = ("--created", "opened", "--category", "kind", "--text", "words", "--lat", "lat", "--lon", "lon")
NAMED = {"id": ["id"], "created_at": ["opened"], "label": ["kind"], "text": ["words"], "lat": ["lat"], "lon": ["lon"]}
TOWN = load(REPOSITORY / "city")
app = typer.Typer()
app.command()(train_match)


def run(tmp_path: Path, *words: str | Path) -> Result:
    fixed = ["--city", REPOSITORY / "city", "--models", REPOSITORY / "models", "--out", tmp_path / "match.json"]
    return CliRunner().invoke(app, [str(word) for word in [*fixed, *words]])


def refused(tmp_path: Path, *words: str | Path) -> str:
    ran = run(tmp_path, *words)
    assert ran.exit_code == 1
    assert not (tmp_path / "match.json").exists()
    return " ".join(ran.stderr.split())


@pytest.mark.parametrize("named", [("--incident", "parent", "--id", "id"), ("--mark", "duplicate")])
def test_a_past_teaches_weights_that_say_how_good_they_are(tmp_path: Path, named: tuple[str, ...]) -> None:
    history = write(tmp_path / "past.csv", past())
    ran = run(tmp_path, "--history", history, *COLUMNS, *named)
    assert ran.exit_code == 0, ran.output
    found = read(tmp_path / "match.json")
    measured = found.measured
    assert measured is not None
    assert (found.source, found.synthetic, measured.by) == ("past.csv", False, "the newest quarter")
    assert measured.recall is not None
    assert measured.recall > 0.8
    assert measured.automatic_precision is None or measured.automatic_precision > 0.9
    assert found.weights["near"] > 0
    assert f"written to {tmp_path / 'match.json'}" in ran.stdout
    assert "match_radius_m: 10" in ran.stdout
    text = (tmp_path / "match.json").read_text()
    assert not any(words in text for words in ("bakery", "lamp", "-75.0", "c1-0"))


def test_the_same_past_teaches_the_same_and_json_is_what_is_written(tmp_path: Path) -> None:
    history = write(tmp_path / "past.csv", past())
    said: list[Any] = []
    for _ in range(2):
        ran = run(tmp_path, "--history", history, *COLUMNS, "--mark", "duplicate", "--json")
        said += [json.loads(ran.stdout), json.loads((tmp_path / "match.json").read_text())]
    assert said == [said[0]] * 4


def test_storms_teach_too_and_the_file_says_that_they_never_were(tmp_path: Path) -> None:
    ran = run(tmp_path, "--storm", "1,2,3", "--incidents", "60")
    assert ran.exit_code == 0, ran.output
    found = read(tmp_path / "match.json")
    assert (found.synthetic, found.source) == (True, "synthetic storms 1, 2 of 60 incidents each")
    assert found.measured is not None
    assert found.measured.by == "synthetic storm 3"


def test_it_learns_from_one_thing_and_asks_what_a_duplicate_is(tmp_path: Path) -> None:
    history = write(tmp_path / "past.csv", past(20))
    one = "stormdrain train-match learns from one thing: give --history FILE, or --storm SEEDS"
    assert one in refused(tmp_path)
    assert one in refused(tmp_path, "--history", history, "--storm", "1,2,3")
    two = "stormdrain train-match needs to know what is a duplicate: give --mark COLUMN, or --incident COLUMN"
    assert two in refused(tmp_path, "--history", history)
    assert two in refused(tmp_path, "--history", history, "--mark", "duplicate", "--incident", "parent")


def test_a_storm_needs_three_seeds(tmp_path: Path) -> None:
    assert "--storm 1,2: expected three seeds or more, as in 1,2,3" in refused(tmp_path, "--storm", "1,2")
    said = refused(tmp_path, "--storm", "1,2,x,3")
    assert "--storm 1,2,x,3: 'x' is no seed; expected three seeds or more, as in 1,2,3" in said
    assert "'a' is no seed" in refused(tmp_path, "--storm", "a,b,c")
    assert "'' is no seed" in refused(tmp_path, "--storm", "1,2,,3")


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file", encoding="utf-8")
    told = refused(tmp_path, "--storm", "1,2,3", "--out", taken / "match.json")
    assert told == f"--out {taken}/match.json: the directory {taken} cannot be made: File exists; name another: --out"
    told = refused(tmp_path, "--storm", "1,2,3", "--incidents", "60", "--out", tmp_path)
    assert told == f"stormdrain train-match cannot write {tmp_path}: Is a directory; name another file: --out FILE"


def test_what_the_history_lacks_is_named_with_the_option(tmp_path: Path) -> None:
    history = write(tmp_path / "past.csv", past(20))
    said = refused(tmp_path, "--history", history, *COLUMNS, "--mark", "duplicated")
    assert "--mark duplicated: no such column" in said
    said = refused(tmp_path, "--history", history, "--mark", "duplicate", "--category", "kind")
    assert f"{history} has no column of when a report was made; name it: --created COLUMN" in said
    assert "there is no file" in refused(tmp_path, "--history", tmp_path / "none.csv", "--mark", "x")


def test_marks_that_say_neither_yes_nor_no_are_shown(tmp_path: Path) -> None:
    history = write(tmp_path / "past.csv", [(*row[:6], "maybe", "") for row in past(20)])
    said = refused(tmp_path, "--history", history, *COLUMNS, "--mark", "duplicate")
    assert "marks are 'maybe'; expected one of 0, 1, dup," in said


def test_a_past_without_a_duplicate_teaches_nothing(tmp_path: Path) -> None:
    history = write(tmp_path / "past.csv", [(*row[:6], "no", "") for row in past(40)])
    said = refused(tmp_path, "--history", history, *COLUMNS, "--mark", "duplicate")
    assert "stormdrain train-match: no duplicate among them" in said


def test_marks_are_read_as_towns_write_them(tmp_path: Path) -> None:
    marks = ("Yes", "NO", "1", "", "TRUE", "n", "Duplicate", "None")
    rows = [(*row[:6], mark, "") for row, mark in zip(past(20), marks, strict=False)]
    found, notes = read_marked(
        write(tmp_path / "past.csv", rows), TOWN, ZoneInfo("UTC"), {**NAMED, "mark": ["duplicate"]}
    )
    assert [each.marked for each in found] == [True, False, True, False, True, False, True, False]
    assert {each.incident for each in found} == {None}
    assert {each.seen.families[0] for each in found} == {"roads", "lighting"}
    assert notes == []


def test_reports_that_name_each_other_or_share_a_name_are_one_incident(tmp_path: Path) -> None:
    at = past(20)[0][1:6]
    parents = {"a": "", "b": "a", "c": "b", "d": "storm 7", "e": "storm 7", "f": "e", "g": "", "h": "h", "i": "h"}
    rows = [(own, *at, "", parent) for own, parent in parents.items()]
    path = write(tmp_path / "past.csv", rows)
    for backwards in (False, True):
        found, _ = read_marked(
            write(path, rows[::-1] if backwards else rows), TOWN, ZoneInfo("UTC"), {**NAMED, "incident": ["parent"]}
        )
        names = [*parents][::-1] if backwards else [*parents]
        groups: dict[str | None, set[str]] = {}
        for name, each in zip(names, found, strict=True):
            groups.setdefault(each.incident, set()).add(name)
        assert sorted(map(sorted, groups.values())) == [["a", "b", "c"], ["d", "e", "f"], ["g"], ["h", "i"]]


def test_what_has_no_place_or_another_category_is_told_of(tmp_path: Path) -> None:
    first, second, *_ = past(20)
    rows = [first, (*second[:4], "", "", *second[6:]), (*second[:2], "Moon dust", *second[3:])]
    found, notes = read_marked(write(tmp_path / "p.csv", rows), TOWN, ZoneInfo("UTC"), {**NAMED, "mark": ["duplicate"]})
    assert [each.seen.families[0] for each in found] == [found[0].seen.families[0], "moon-dust"]
    assert notes == [
        "1 row without a place, so that nothing can be linked there",
        "categories that are not the city's, each a family of its own: 1: Moon dust",
    ]


def test_a_past_that_cannot_be_read_names_all_columns_that_are_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "past.csv", past(5))
    wrong = {**NAMED, "id": ["ident"], "incident": ["parents"]}
    with pytest.raises(ExportError) as caught:
        read_marked(path, TOWN, ZoneInfo("UTC"), wrong)
    assert "--id ident: no such column" in str(caught.value)
    assert "--incident parents: no such column; did you mean 'parent'?" in str(caught.value)
    assert f"the columns are: {', '.join(HEAD)}" in str(caught.value)
