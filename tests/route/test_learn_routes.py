"""`stormdrain learn-routes` finds rules that were followed, says honestly how good they are, and makes none active."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from routes_past import HEAD, make_town, past, write
from typer.testing import CliRunner, Result

from services.city.load import examine
from services.cli.learn_routes import learn_routes

COLUMNS = ("--responsible", "office", "--category", "kind", "--text", "words", "--created", "opened")
PLACE = ("--lat", "lat", "--lon", "lon", "--address", "where")
app = typer.Typer()
app.command()(learn_routes)


def run(town: Path, history: Path, *words: str | Path) -> Result:
    fixed = ["--city", town, "--history", history, "--out", town.parent / "proposed.yaml"]
    return CliRunner().invoke(app, [str(word) for word in [*fixed, *words]])


def found(town: Path, history: Path, *words: str) -> dict[str, Any]:
    ran = run(town, history, *COLUMNS, *words, "--json")
    assert ran.exit_code == 0, ran.output
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


@pytest.fixture
def town(tmp_path: Path) -> Path:
    return make_town(tmp_path / "town")


def test_a_category_that_one_office_always_had_becomes_a_rule_and_words_that_decide_are_told(
    town: Path, tmp_path: Path
) -> None:
    said = found(town, write(tmp_path / "past.csv", past()), *PLACE)
    lamps = said["rules"]["lamp-to-electric-board"]
    assert lamps["service_codes"] == ["lamp"]
    assert lamps["department"] == "electric-board"
    assert lamps["support"] > 100
    assert lamps["precision"] == 1.0
    assert 0.8 < lamps["precision_at_least"] < 1.0
    assert not any(rule["service_codes"] == ["litter"] for rule in said["rules"].values())
    words = {(hint["word"], hint["service_code"], hint["department"]) for hint in said["words"]}
    assert ("school", "litter", "school-office") in words


def test_where_the_category_alone_does_not_decide_the_district_does(town: Path, tmp_path: Path) -> None:
    rows = [row for row in past(900) if row[-1] != "Harbour Office"]
    rules = found(town, write(tmp_path / "past.csv", rows), *PLACE)["rules"]
    by_district = {rule["areas"][0]: rule for rule in rules.values() if rule.get("layer") == "districts"}
    assert {area: rule["department"] for area, rule in by_district.items()} == {
        "west": "west-district",
        "east": "east-district",
    }
    assert all(rule["service_codes"] == ["pothole"] and rule["precision"] == 1.0 for rule in by_district.values())
    assert rules.keys() == {
        "lamp-to-electric-board", "pothole-in-west-to-west-district", "pothole-in-east-to-east-district",
    }  # fmt: skip


def test_precision_is_that_of_later_requests_and_not_of_those_that_the_rule_was_found_in(
    town: Path, tmp_path: Path
) -> None:
    rows = past()
    late = [(*row[:-1], "New Board") if row[1] == "lamp" and row[0] >= "2024-08-28" else row for row in rows]
    rule = found(town, write(tmp_path / "past.csv", late), *PLACE)["rules"]["lamp-to-electric-board"]
    assert rule["precision_where_found"] > 0.9
    assert rule["precision"] == 0.0
    assert rule["precision_at_least"] == 0.0


def test_the_file_is_in_the_notation_of_departments_yaml_and_the_town_checks_sound_with_it(
    town: Path, tmp_path: Path
) -> None:
    before = examine(town)
    ran = run(town, write(tmp_path / "past.csv", past(900)), *COLUMNS, *PLACE, "--fewest", "10", "--precision", "0.6")
    assert ran.exit_code == 0, ran.output
    after = examine(town)
    assert before.city
    assert after.city
    assert after.city.version == before.city.version, "nothing becomes active by itself"
    text = (tmp_path / "proposed.yaml").read_text(encoding="utf-8")
    assert "# Nothing reads this file." in text
    assert "#   electric-board: {name: 'Electric Board', system: ...}" in text
    proposed = yaml.safe_load(text)
    offices = yaml.safe_load((town / "departments.yaml").read_text(encoding="utf-8"))
    for rule in proposed["rules"].values():
        offices["departments"][rule["department"]] = {"name": rule["department"], "system": "desk"}
    (town / "departments.yaml").write_text(yaml.safe_dump(offices | proposed, sort_keys=False), encoding="utf-8")
    assert examine(town).faults == ()


def test_a_gzipped_export_without_dates_or_places_is_judged_by_a_fifth_at_random(town: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "past.csv", past())
    packed = tmp_path / "past.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    ran = run(town, packed, "--responsible", "office", "--category", "kind")
    assert ran.exit_code == 0, ran.output
    assert "lamp -> electric-board: later: " in ran.stdout
    assert "judged by a fifth at random, for want of dates: expect less of the future" in ran.stdout
    assert "nothing is active: copy what is to hold into departments.yaml" in ran.stdout


def test_departments_that_the_town_has_are_known_by_id_or_name_in_any_case(town: Path, tmp_path: Path) -> None:
    rows = [(*row[:-1], "FRONT desk") if row[-1] == "Electric Board" else row for row in past()]
    rules = found(town, write(tmp_path / "past.csv", rows))["rules"]
    assert rules["lamp-to-front-desk"]["department"] == "front-desk"


@pytest.mark.parametrize(
    ("rows", "head", "words", "said"),
    [
        (past(20), HEAD, ("--responsible", "ofice"), "did you mean 'office'?"),
        (past(20), HEAD, (*COLUMNS, "--lat", "lat"), "has half a place; give --latitude and --longitude"),
        ([], HEAD, COLUMNS, "past.csv has no past requests below its header"),
        ([], (), COLUMNS, "past.csv is empty; expected a header and past requests"),
        ([(*row[:-1], "One") for row in past(20)], HEAD, COLUMNS, "name 1 responsible; expected at least 2"),
        ([(*row[:-1], "") for row in past(20)], HEAD, COLUMNS, "20 of 20 rows are left out: nobody is named"),
        ([("2024-01-01", "gas", *row[2:]) for row in past(20)], HEAD, COLUMNS, "are not the city's: gas"),
        ([("soon", *row[1:]) for row in past(20)], HEAD, COLUMNS, "times such as 'soon' are in no known notation"),
        (past(60), HEAD, (*COLUMNS, "--model", "m"), "60 past requests are too few to learn a ranking from"),
    ],
    ids=["column", "half-place", "empty", "no-header", "one-class", "no-office", "category", "time", "too-few"],
)
def test_an_export_that_cannot_be_used_is_refused_with_what_to_do(
    town: Path, tmp_path: Path, *, rows: list[Any], head: tuple[str, ...], words: tuple[str, ...], said: str
) -> None:
    ran = run(town, write(tmp_path / "past.csv", rows, head), *words)
    assert ran.exit_code == 1
    assert said in " ".join(ran.output.split())
    assert "Traceback" not in ran.output
    assert not (tmp_path / "proposed.yaml").exists()


def test_an_export_in_another_encoding_is_named_with_its_line(town: Path, tmp_path: Path) -> None:
    path = tmp_path / "past.csv"
    path.write_bytes("opened,kind,words,office\n2024-01-01,lamp,Straßenlampe,Büro\n".encode("cp1252"))
    ran = run(town, path, *COLUMNS)
    assert ran.exit_code == 1
    assert "past.csv:2: not text in utf-8; say --encoding cp1252" in ran.output


def test_odd_cells_are_counted_and_stop_nothing(town: Path, tmp_path: Path) -> None:
    rows = past()
    rows[3] = (*rows[3][:4], "NaN", "inf", rows[3][6])
    rows[4] = (*rows[4][:4], "0", "0", rows[4][6])
    rows[5] = (*rows[5][:4], "10.0", "500", rows[5][6])
    rows[6] = (*rows[6][:2], "\x00" + "x" * 100_000, "", "", "", rows[6][6])
    path = write(tmp_path / "past.csv", rows)
    path.write_text(path.read_text(encoding="utf-8") + "2024-01-01,lamp\n", encoding="utf-8")
    said = found(town, path, *PLACE)
    assert "4 rows have no place that could be read" in said["notes"]
    assert "1 of 601 rows are left out: another number of cells than the header" in said["notes"]
    assert "lamp-to-electric-board" in said["rules"]


def test_the_same_export_gives_the_same_file_whatever_the_order_of_its_rows(town: Path, tmp_path: Path) -> None:
    texts = []
    for rows in (past(), past()[::-1]):
        assert run(town, write(tmp_path / "past.csv", rows), *COLUMNS, *PLACE).exit_code == 0
        texts.append((tmp_path / "proposed.yaml").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]


def test_without_the_train_extra_it_says_what_to_install(town: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "past.csv", past(20))
    code = (
        "import sys; sys.modules['scipy.stats'] = None; from services.cli.main import app; "
        f"app(['learn-routes', '--city', {str(town)!r}, '--history', {str(path)!r}, '--responsible', 'office'])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert ran.stderr == (
        "stormdrain learn-routes needs libraries that are not installed (scipy.stats): "
        "pip install 'stormdrain[train]'\n"
    )
