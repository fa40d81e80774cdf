from pathlib import Path

import pytest
from small_town import CITY, DEPARTMENTS, collection, faults, feature, square, warnings, write_town

from services.city.load import load

OLD = "    file: boundaries/wards.geojson\n"
NEW = collection(feature(square(-0.02, 52.0), ward=1, title="Fen"), feature(square(-0.01, 52.0), ward=3, title="Marsh"))
EDITIONS = """\
    editions:
      - {file: boundaries/wards.geojson}
      - {file: boundaries/wards-2027.geojson, effective: 2027-01-01}
"""


def edited(directory: Path, editions: str = EDITIONS, **changed: str) -> Path:
    write_town(directory, city=CITY.replace(OLD, editions), **changed)
    (directory / "boundaries" / "wards-2027.geojson").write_text(NEW)
    return directory


def test_a_layer_may_have_editions_each_with_its_own_version(tmp_path: Path) -> None:
    city = load(edited(tmp_path))
    assert [(layer.id, layer.effective) for layer in city.layers] == [
        ("limits", ""),
        ("wards", ""),
        ("wards", "2027-01-01"),
    ]
    assert city.changes() == ("2027-01-01",)
    before, after = city.layers_on("2026-12-31"), city.layers_on("2027-01-01")
    assert [area.name for area in before[1].areas] == ["Fen", "Mere"]
    assert [area.name for area in after[1].areas] == ["Fen", "Marsh"]
    assert before[0] is after[0]
    assert before[1].version != after[1].version
    assert warnings(tmp_path) == []


def test_editions_may_stand_in_any_order_and_have_properties_of_their_own(tmp_path: Path) -> None:
    turned = """\
    editions:
      - {file: boundaries/wards-2027.geojson, effective: 2027-01-01, name_property: ward}
      - {file: boundaries/wards.geojson, id_property: title}
"""
    city = load(edited(tmp_path, turned, departments=DEPARTMENTS.replace("[1]", "[Fen, 1]")))
    assert [area.name for area in city.layers_on("2027-06-01")[1].areas] == ["1", "3"]
    assert [area.area_id for area in city.layers_on("2020-01-01")[1].areas] == ["Fen", "Mere"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            ", effective: 2027-01-01",
            "",
            (
                "city.yaml:14: layers.wards.editions[1].effective: boundaries/wards-2027.geojson takes effect from the "
                "beginning, since it says no `effective`, and so does boundaries/wards.geojson; "
                "expected a day of its own"
            ),
        ),
        (
            "wards.geojson}",
            "wards.geojson, effective: 2027-01-01}",
            (
                "city.yaml:14: layers.wards.editions[1].effective: boundaries/wards-2027.geojson takes effect "
                "2027-01-01, and so does boundaries/wards.geojson; expected a day of its own"
            ),
        ),
        (
            "2027-01-01",
            "1.1.2027",
            "city.yaml:14: layers.wards.editions[1].effective: saw '1.1.2027'; expected a date such as 2027-01-01",
        ),
        (
            "2027-01-01",
            "2027-02-30",
            "city.yaml:14: layers.wards.editions[1].effective: saw '2027-02-30'; expected a date such as 2027-01-01",
        ),
        (
            "effective:",
            "efective:",
            "city.yaml:14: layers.wards.editions[1].efective: unknown key; did you mean 'effective'?",
        ),
        (
            "wards-2027.geojson",
            "wards-2028.geojson",
            (
                "city.yaml:14: layers.wards.editions[1].file: there is no file wards-2028.geojson; "
                "did you mean 'wards-2027.geojson'?"
            ),
        ),
        (
            "    editions:",
            "    file: boundaries/wards.geojson\n    editions:",
            (
                "city.yaml:13: layers.wards.editions: stands beside `file`; expected one of the two; "
                "write that file as the first edition"
            ),
        ),
        (
            "- {file: boundaries/wards.geojson}",
            "- boundaries/wards.geojson",
            "city.yaml:13: layers.wards.editions[0]: saw ",
        ),
    ],
)
def test_what_is_wrong_with_editions_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = faults(edited(tmp_path, EDITIONS.replace(old, new)))
    assert any(fault.startswith(expected) for fault in found), found


def test_a_layer_without_any_edition_is_a_fault(tmp_path: Path) -> None:
    found = faults(edited(tmp_path, "    editions: []\n"))
    assert found[0].startswith("city.yaml:12: layers.wards.editions: is empty; expected at least one")


def test_an_area_that_an_edition_does_not_have_is_a_warning_and_one_that_none_has_is_a_fault(tmp_path: Path) -> None:
    edited(tmp_path, departments=DEPARTMENTS.replace("[1]", "[1, 2, 3]"))
    assert warnings(tmp_path) == [
        (
            "departments.yaml:19: rules.streets-by-day.areas: the edition of wards that is valid from the beginning "
            "has no 3"
        ),
        ("departments.yaml:19: rules.streets-by-day.areas: the edition of wards that takes effect 2027-01-01 has no 2"),
    ]
    edited(tmp_path, departments=DEPARTMENTS.replace("[1]", "[4]"))
    assert "departments.yaml:19: rules.streets-by-day.areas: saw '4'" in faults(tmp_path)[0]


def test_a_layer_that_begins_on_a_day_is_a_warning(tmp_path: Path) -> None:
    edited(tmp_path, EDITIONS.replace("      - {file: boundaries/wards.geojson}\n", ""))
    assert warnings(tmp_path) == [
        (
            "city.yaml:13: layers.wards.editions[0].effective: no lines are valid before 2027-01-01, so that earlier "
            "reports are in no area of this layer"
        )
    ]
