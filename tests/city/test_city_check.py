import json
from pathlib import Path

from small_town import CATEGORIES, CITY, DEPARTMENTS, POLICY, faults, warnings, write_town
from typer.testing import CliRunner, Result

from services.cli.city import app


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_town_without_faults_is_summed_up(tmp_path: Path) -> None:
    result = run("check", write_town(tmp_path))
    assert result.exit_code == 0
    version = result.output.split("version ")[1][:12]
    assert result.output.splitlines() == [
        f"Fennmouth, an invented town, can be used (version {version})",
        "  2 categories in 2 families",
        "  4 phrases in 2 languages: en, no",
        "  2 departments, 2 rules",
        "  boundaries: limits (1 area), wards (2 areas); 1 street",
        "  policy: supervised, and automatic for 1",
        "  to desk, since no rule takes them: gas",
    ]


def test_all_faults_and_warnings_are_told_and_the_exit_status_is_1(tmp_path: Path) -> None:
    write_town(
        tmp_path,
        city=CITY.replace("name: Fennmouth", "nmae: Fennmouth").replace("    limits: true\n", ""),
        policy=POLICY.replace("0.9", "9"),
    )
    result = run("check", tmp_path)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"the city in {tmp_path} cannot be used: 3 faults",
        "  city.yaml:1: name: is missing; expected text",
        "  city.yaml:1: nmae: unknown key; did you mean 'name'?",
        "  policy.yaml:4: target_precision: saw '9'; expected a number from 0 to 1",
        "1 warning:",
        "  city.yaml:7: layers: no layer says limits: true; nobody can tell which reports lie outside the city",
    ]


def test_json_holds_the_same(tmp_path: Path) -> None:
    write_town(tmp_path, policy=POLICY.replace("0.9", "9"), categories=CATEGORIES.replace("hole, crater", "hole, hole"))
    result = run("check", tmp_path, "--json")
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "directory": str(tmp_path),
        "usable": False,
        "faults": [
            {
                "file": "policy.yaml",
                "line": 4,
                "field": "target_precision",
                "seen": "saw '9'",
                "expected": "a number from 0 to 1",
                "remedy": "",
            }
        ],
        "warnings": [
            {
                "file": "categories.yaml",
                "line": 12,
                "field": "categories.pothole.keywords",
                "seen": "'hole' stands there twice",
                "expected": "",
                "remedy": "",
            }
        ],
        "city": None,
        "boundaries": [
            {"layer": "limits", "effective": "", "overlaps": [], "gaps": []},
            {"layer": "wards", "effective": "", "overlaps": [], "gaps": []},
        ],
    }
    fine = json.loads(run("check", write_town(tmp_path), "--json").output)
    assert fine["usable"]
    assert fine["city"]["layers"] == {"limits": 1, "wards": 2}


def test_the_directory_may_come_from_the_environment(tmp_path: Path) -> None:
    write_town(tmp_path)
    result = CliRunner().invoke(app, ["check"], env={"STORMDRAIN_CITY_DIR": str(tmp_path)})
    assert result.output.startswith("Fennmouth")


def test_two_rules_that_may_hold_together_and_are_as_specific_are_a_fault(tmp_path: Path) -> None:
    other = (
        "  more:\n    department: desk\n    families: [roads]\n    layer: wards\n    areas: [1, 2]\n    hours: 24/7\n"
    )
    write_town(tmp_path, departments=DEPARTMENTS + other)
    assert faults(tmp_path) == [
        (
            "departments.yaml:24: rules.more: may hold together with 'streets-by-day', is as specific and leads to "
            "another department; expected one department; give one of them another condition"
        )
    ]
    write_town(tmp_path, departments=DEPARTMENTS + other.replace("[1, 2]", "[2]"))
    assert faults(tmp_path) == warnings(tmp_path) == []


def test_a_phrase_that_teaches_two_categories_is_a_warning(tmp_path: Path) -> None:
    write_town(tmp_path, categories=CATEGORIES.replace("there is a smell of gas", "Big hole in the road"))
    assert warnings(tmp_path) == [
        "categories.yaml:7: categories: 'Big hole in the road' is an example of both 'pothole' and 'gas'"
    ]


def test_an_extent_far_from_the_boundaries_is_a_warning(tmp_path: Path) -> None:
    write_town(tmp_path, city=CITY.replace("holidays:", "extent: [51, -1, 53, 1]\nholidays:"))
    assert warnings(tmp_path) == [
        f"city.yaml:6: extent: layer '{layer}' lies outside of it altogether; "
        "are longitude and latitude the wrong way round?"
        for layer in ("limits", "wards")
    ]
