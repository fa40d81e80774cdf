"""`stormdrain evaluate-match` judges links by a past or a storm, draws them, and refuses what it cannot read."""

import json
import shutil
from pathlib import Path

import pytest
import typer
from match_past import HEAD, past, write
from PIL import Image
from typer.testing import CliRunner, Result

from services.cli.evaluate_match import evaluate_match
from services.incidents.shelf import SHIPPED

REPOSITORY = Path(__file__).parents[2]
COLUMNS = ("--created", "opened", "--category", "kind", "--text", "words", "--lat", "lat", "--lon", "lon")
app = typer.Typer()
app.command()(evaluate_match)


def run(*words: str | Path) -> Result:
    fixed = ["--city", REPOSITORY / "city", "--models", REPOSITORY / "models"]
    return CliRunner().invoke(app, [str(word) for word in [*fixed, *words]])


def refused(*words: str | Path) -> str:
    ran = run(*words)
    assert (ran.exit_code, type(ran.exception)) == (1, SystemExit)
    return " ".join(ran.stderr.split())


@pytest.mark.parametrize("named", [("--incident", "parent", "--id", "id"), ("--mark", "duplicate")])
def test_links_are_judged_by_a_past_and_told_in_lines(tmp_path: Path, named: tuple[str, ...]) -> None:
    history = write(tmp_path / "past.csv", past(60))
    ran = run("--history", history, *COLUMNS, *named)
    assert ran.exit_code == 0, ran.output
    lines = ran.stdout.splitlines()
    duplicates = sum(row[6] == "yes" for row in past(60))
    assert lines[0].startswith(
        f"{len(past(60))} reports, {duplicates} of them duplicates of an earlier one, judged by "
    )
    assert any(line.startswith("linked from 0.") for line in lines)
    assert sum(" m, " in line and " h: " in line for line in lines) == 3
    assert "pictures" not in ran.stdout


def test_a_storm_is_drawn_and_its_figures_are_one_json_object(tmp_path: Path) -> None:
    out = tmp_path / "new" / "pictures"
    ran = run("--storm", "1", "--incidents", "60", "--out", out, "--json")
    assert ran.exit_code == 0, ran.output
    for name in ("curve.png", "links.png"):
        with Image.open(out / name) as picture:
            assert min(picture.size) > 400
            assert picture.convert("L").getextrema() != (255, 255)
    found = json.loads(ran.stdout)
    assert found["reports"] > found["duplicates"] > 30
    assert found["automatic"] >= found["automatic_right"] > 0
    assert found["automatic_precision"] == found["automatic_right"] / found["automatic"]
    assert 0 < found["automatic_recall"] <= found["recall_with_suggestions"] <= 1
    assert [(each["metres"], each["hours"]) for each in found["rules"]] == [(50, 24), (150, 24), (50, 72)]
    recalls = [each["recall"] for each in found["curve"]]
    assert recalls == sorted(recalls)
    assert found["notes"][0].startswith("synthetic storm 1: 60 incidents")


def test_the_rule_of_others_is_by_the_metres_and_hours_that_are_asked_for(tmp_path: Path) -> None:
    history = write(tmp_path / "past.csv", past(40))
    ran = run("--history", history, *COLUMNS, "--mark", "duplicate", "--metres", "30", "--hours", "5", "--json")
    assert [(each["metres"], each["hours"]) for each in json.loads(ran.stdout)["rules"]] == [(30, 5), (90, 5), (30, 15)]


def test_it_judges_by_one_thing_and_asks_what_a_duplicate_is(tmp_path: Path) -> None:
    history = write(tmp_path / "past.csv", past(5))
    one = "stormdrain evaluate-match judges by one thing: give --history FILE, or --storm SEED"
    assert refused() == one
    assert refused("--history", history, "--storm", "1") == one
    two = "stormdrain evaluate-match needs to know what is a duplicate: give --mark COLUMN, or --incident COLUMN"
    assert refused("--history", history) == two
    assert refused("--history", history, "--mark", "duplicate", "--incident", "parent") == two


def test_wrong_columns_are_named_by_their_options(tmp_path: Path) -> None:
    history = write(tmp_path / "past.csv", past(5))
    told = refused("--history", history, *COLUMNS, "--mark", "duplicates", "--radius", "off")
    assert told == (
        f"stormdrain evaluate-match: {history} cannot be read --radius off: no such column "
        f"--mark duplicates: no such column; did you mean 'duplicate'? the columns are: {', '.join(HEAD)}"
    )
    assert "there is no file" in refused("--history", tmp_path / "none.csv", "--mark", "x")


def test_a_directory_for_pictures_that_cannot_be_made_is_told_before_the_work(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file", encoding="utf-8")
    for out, why in ((taken, "File exists"), (taken / "below", "Not a directory")):
        told = refused("--storm", "1", "--incidents", "60", "--out", out)
        assert told == f"--out {out}: the directory {out} cannot be made: {why}; name another: --out"


def test_a_past_with_nothing_to_judge_and_weights_that_are_not_there_are_told(tmp_path: Path) -> None:
    empty = write(tmp_path / "past.csv", [(*row[:4], "", "", *row[6:]) for row in past(5)])
    told = refused("--history", empty, *COLUMNS, "--mark", "duplicate")
    assert told == "stormdrain evaluate-match: there is no report with a place and a time"
    told = refused("--storm", "1", "--weights", tmp_path / "none.json")
    assert f"match cannot serve the weights in {tmp_path / 'none.json'}: No such file or directory" in told


def test_a_town_s_own_weights_are_judged_where_it_has_some_and_else_what_is_shipped(tmp_path: Path) -> None:
    history = write(tmp_path / "past.csv", past(40))
    town = Path(shutil.copytree(REPOSITORY / "city", tmp_path / "city"))
    asked = ("--city", town, "--history", history, *COLUMNS, "--mark", "duplicate")
    assert run(*asked).stdout.splitlines()[0].endswith(f"judged by {SHIPPED}")
    own = Path(shutil.copy(SHIPPED, town / "match.json"))
    assert run(*asked).stdout.splitlines()[0].endswith(f"judged by {own}")
    assert run(*asked, "--weights", SHIPPED).stdout.splitlines()[0].endswith(f"judged by {SHIPPED}")


def test_a_lone_row_without_a_place_is_told_of_as_one(tmp_path: Path) -> None:
    first, *others = past(40)
    history = write(tmp_path / "past.csv", [(*first[:4], "", "", *first[6:]), *others])
    ran = run("--history", history, *COLUMNS, "--mark", "duplicate")
    assert ran.exit_code == 0, ran.output
    assert "  1 row without a place, so that nothing can be linked there\n" in ran.stdout
