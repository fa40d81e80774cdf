from pathlib import Path

import pytest
from small_town import CATEGORIES, CITY, DEPARTMENTS, POLICY, WARDS, faults, warnings, write_town

from services.city.findings import CityError
from services.city.load import load


def test_a_town_without_faults_is_read_whole(tmp_path: Path) -> None:
    city = load(write_town(tmp_path))
    assert (city.name, city.jurisdiction_id, city.time_zone) == ("Fennmouth", "fennmouth.example", "Europe/London")
    assert city.invented
    assert city.languages == ("en", "no")
    assert city.extent == (-0.02, 52.0, 0.0, 52.02)
    assert city.holidays == ("2026-12-25",)
    assert city.categories["pothole"].examples["no"] == ("stort hull i veien",)
    assert city.categories["pothole"].questions[0].values == ("small", "large")
    assert city.categories["gas"].safety
    assert city.families["roads"].match_radius_m == 40
    assert city.families["hazards"].match_radius_m == 50
    assert [(rule.id, rule.department, rule.safety) for rule in city.rules] == [
        ("streets-by-day", "streets", None),
        ("danger", "streets", True),
    ]
    assert city.rules[0].areas == ("1",)
    assert city.default_department == "desk"
    assert city.systems["works"].max_per_second == 5
    assert city.policy.categories == {"pothole": "automatic"}
    assert city.policy.approvers == {"*": ("duty-officer",), "streets": ("foreman",)}
    assert [area.name for area in city.layers[1].areas] == ["Fen", "Mere"]
    assert city.layers[0].limits
    assert city.streets[0].name == "Eel Lane"
    assert warnings(tmp_path) == []


def test_versions_are_hashes_of_what_the_files_hold(tmp_path: Path) -> None:
    first = load(write_town(tmp_path / "first"))
    again = load(write_town(tmp_path / "again"))
    moved = load(write_town(tmp_path / "moved", wards=WARDS.replace("Mere", "Marsh")))
    assert first.version == again.version
    assert first.version != moved.version
    assert first.layers[0].version == moved.layers[0].version
    assert first.layers[1].version != moved.layers[1].version
    assert len(first.version) == len(first.layers[0].version) == 12


def test_a_readme_and_a_model_do_not_change_the_version(tmp_path: Path) -> None:
    before = load(write_town(tmp_path)).version
    (tmp_path / "README.md").write_text("Invented.")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.onnx").write_bytes(b"x")
    assert load(tmp_path).version == before


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write_town(
        tmp_path,
        city=CITY.replace("Europe/London", "Europe/Londno"),
        categories=CATEGORIES.replace("family: roads", "family: raods"),
        departments=DEPARTMENTS.replace("areas: [1]", "areas: [1, 3]").replace("families: [roads]", "familys: [roads]"),
        policy=POLICY.replace("pothole: automatic", "potholes: automatic"),
    )
    with pytest.raises(CityError) as caught:
        load(tmp_path)
    assert str(caught.value).splitlines() == [
        f"the city in {tmp_path} cannot be used: 5 faults",
        (
            "  city.yaml:4: time_zone: saw 'Europe/Londno'; expected a name such as Europe/Madrid or America/New_York; "
            "did you mean 'Europe/London'?"
        ),
        (
            "  categories.yaml:10: categories.pothole.family: saw 'raods'; expected one of roads, hazards; "
            "did you mean 'roads'?"
        ),
        "  departments.yaml:17: rules.streets-by-day.familys: unknown key; did you mean 'families'?",
        "  departments.yaml:19: rules.streets-by-day.areas: saw '3'; expected one of 1, 2",
        "  policy.yaml:3: categories.potholes: saw 'potholes'; expected one of pothole, gas; did you mean 'pothole'?",
    ]


def test_a_directory_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CityError) as caught:
        load(tmp_path / "nowhere")
    assert str(caught.value) == (
        f"the city in {tmp_path / 'nowhere'} cannot be used: 1 fault\n"
        f"  {tmp_path / 'nowhere'}: there is no such directory; expected a city; "
        "make one with `stormdrain city new`, or set STORMDRAIN_CITY_DIR"
    )


def test_missing_files_are_named_and_a_misspelt_one_is_recognised(tmp_path: Path) -> None:
    write_town(tmp_path, policy=None, categories=None)
    (tmp_path / "policy.yml").write_text(POLICY)
    assert faults(tmp_path) == [
        "categories.yaml: there is no such file; compare the city that Stormdrain ships",
        "policy.yaml: there is no such file; rename policy.yml",
    ]


def test_what_is_odd_but_usable_is_a_warning(tmp_path: Path) -> None:
    write_town(
        tmp_path,
        city=CITY.replace("    limits: true\n", ""),
        categories=CATEGORIES.replace("      en: there is a smell of gas", "      de: es riecht nach Gas")
        .replace("    safety_words:\n      en: [smell of gas, gas leak]\n", "")
        .replace("  hazards:\n", "  hazards:\n  parks:\n")
        .replace("keywords: [hole, crater]", "keywords: [hole, hole]"),
        departments=DEPARTMENTS.replace("default_department: desk", "default_department: streets"),
    )
    assert faults(tmp_path) == []
    assert warnings(tmp_path) == [
        "city.yaml:7: layers: no layer says limits: true; nobody can tell which reports lie outside the city",
        "categories.yaml:1: families: no category is of family 'parks'",
        "categories.yaml:13: categories.pothole.keywords: 'hole' stands there twice",
        "categories.yaml:28: categories.gas.safety: no safety_words, so that only the category says danger",
        "categories.yaml:29: categories.gas.examples: 'de' is not among the languages of city.yaml",
        "departments.yaml:5: departments: no rule leads to 'desk'",
    ]
