from pathlib import Path

import pytest
from small_town import CATEGORIES, CITY, DEPARTMENTS, POLICY, faults, write_town


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: Fennmouth", "", ["city.yaml:2: name: is missing; expected text"]),
        ("name: Fennmouth", "name:", ["city.yaml:1: name: is empty; expected text"]),
        ("name: Fennmouth", "name: [a]", ["city.yaml:1: name: saw a list; expected text"]),
        (
            "languages: [en, no]",
            "languages: [english]",
            ["city.yaml:5: languages: saw 'english'; expected a language code, as in en, es or zh-Hant"],
        ),
        (
            "languages: [en, no]",
            "",
            [
                (
                    "city.yaml:1: languages: is missing; expected language codes, the town's main one first; "
                    "as in languages: [en, es]"
                )
            ],
        ),
        ("invented: true", "invented: maybe", ["city.yaml:3: invented: saw 'maybe'; expected true or false"]),
        (
            "[2026-12-25]",
            "[25.12.2026]",
            ["city.yaml:6: holidays: saw '25.12.2026'; expected a date such as 2026-12-25"],
        ),
        (
            "holidays:",
            "extent: [1, 2, 3]\nholidays:",
            ["city.yaml:6: extent: saw [1, 2, 3]; expected [west, south, east, north] in degrees"],
        ),
        (
            "holidays:",
            "extent: [0, 52, -1, 53]\nholidays:",
            ["city.yaml:6: extent: saw [0, 52, -1, 53]; expected [west, south, east, north] in degrees"],
        ),
        (
            "file: boundaries/wards.geojson",
            "file: boundaries/wrads.geojson",
            [
                "city.yaml:12: layers.wards.file: there is no file wrads.geojson; did you mean 'wards.geojson'?",
            ],
        ),
        (
            "file: boundaries/wards.geojson",
            "file: ../wards.geojson",
            [
                (
                    "city.yaml:12: layers.wards.file: saw '../wards.geojson'; "
                    "expected a file inside the city's own directory"
                )
            ],
        ),
        (
            "file: boundaries/wards.geojson",
            "file: boundaries/wards.geojson\n    limits: yes",
            ["city.yaml:7: layers: limits and wards say limits: true; expected one layer that is the city itself"],
        ),
        (
            "id_property: ward",
            "id_property: wards",
            [
                "boundaries/wards.geojson:3: features[0]: has no property 'wards'; did you mean 'ward'?",
                "boundaries/wards.geojson:4: features[1]: has no property 'wards'; did you mean 'ward'?",
                "city.yaml:12: layers.wards.file: no area in boundaries/wards.geojson; expected at least one polygon",
            ],
        ),
        (
            "languages: [en, no]",
            "languages: [en, no]\nlanguages: [en]",
            ["city.yaml:6: key 'languages' stands also in line 5; expected each key once; delete one of them"],
        ),
    ],
)
def test_faults_of_city_yaml_are_named(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    write_town(tmp_path, city=CITY.replace(old, new, 1))
    assert sorted(faults(tmp_path)) == sorted(expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "    examples:\n      en: there is a smell of gas\n",
            "",
            (
                "categories.yaml:24: categories.gas.examples: has none; expected at least one phrase in one language; "
                "write some phrases as citizens would: examples: {en: [...]}"
            ),
        ),
        (
            "en: there is a smell of gas",
            "English: there is a smell of gas",
            (
                "categories.yaml:31: categories.gas.examples.English: saw 'English'; "
                "expected a language code, as in en, es or zh-Hant"
            ),
        ),
        (
            "base_points: 25",
            "base_points: 250",
            "categories.yaml:13: categories.pothole.base_points: saw '250'; expected a number from 0 to 100",
        ),
        (
            "base_points: 25",
            "base_points: much",
            "categories.yaml:13: categories.pothole.base_points: saw 'much'; expected a number from 0 to 100",
        ),
        (
            "base_points: 25",
            "base_point: 25",
            "categories.yaml:13: categories.pothole.base_point: unknown key; did you mean 'base_points'?",
        ),
        (
            "datatype: singlevaluelist",
            "datatype: list",
            (
                "categories.yaml:21: categories.pothole.questions.size.datatype: saw 'list'; expected one of "
                "string, number, datetime, text, singlevaluelist, multivaluelist"
            ),
        ),
        (
            "        values: [small, large]\n",
            "",
            (
                "categories.yaml:19: categories.pothole.questions.size.values: is missing; "
                "expected the answers that a singlevaluelist offers"
            ),
        ),
        (
            "safety: true",
            "safety: false",
            (
                "categories.yaml:28: categories.gas.safety_words: stand beside safety: false; expected safety: true; "
                "set it, or delete the words"
            ),
        ),
        (
            "smell of gas, gas leak",
            "gas + |leak",
            (
                "categories.yaml:28: categories.gas.safety_words: saw 'gas + |leak'; "
                "expected words on both sides of each `+` and `|`; write such as: gas + smell|leak"
            ),
        ),
        (
            "  gas:",
            "  gas leak:",
            (
                "categories.yaml:24: categories.gas leak: saw 'gas leak'; "
                "expected letters, digits, `_`, `.` and `-`, at most 64"
            ),
        ),
        (
            "keywords: [hole, crater]",
            "keywords: [hole, ~]",
            "categories.yaml:12: categories.pothole.keywords: saw nothing; expected text",
        ),
    ],
)
def test_faults_of_categories_yaml_are_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    write_town(tmp_path, categories=CATEGORIES.replace(old, new, 1))
    assert faults(tmp_path) == [expected]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "  desk:\n    name",
            "  Front_Desk:\n    name",
            (
                "departments.yaml:9: departments.Front_Desk: saw 'Front_Desk'; "
                "expected lower case letters, digits and `-`, at most 48: it names the topic cases.<id>.v1"
            ),
        ),
        (
            "    max_per_second: 5",
            "    api_token: abc",
            (
                "departments.yaml:4: systems.works.api_token: unknown key; "
                "addresses and secrets come from the environment, never from a city's files"
            ),
        ),
        (
            "  desk:\n    name: Front desk\n    system: works",
            "  desk:\n    name: Front desk\n    system: work",
            "departments.yaml:11: departments.desk.system: saw 'work'; expected one of works; did you mean 'works'?",
        ),
        (
            "default_department: desk\n",
            "",
            "departments.yaml:1: default_department: is missing; expected text",
        ),
        (
            "    layer: wards\n    areas: [1]",
            "    layer: ward\n    areas: [1]",
            (
                "departments.yaml:18: rules.streets-by-day.layer: saw 'ward'; expected one of limits, wards; "
                "did you mean 'wards'?"
            ),
        ),
        (
            "    layer: wards\n",
            "",
            (
                "departments.yaml:18: rules.streets-by-day.areas: stands there without a layer; "
                "expected the layer that has these areas"
            ),
        ),
        (
            "hours: Mo-Fr 08:00-17:00; PH off",
            "hours: 8-5",
            (
                "departments.yaml:20: rules.streets-by-day.hours: cannot read the times '8-5' in '8-5'; "
                "expected 00:00-24:00, as in 08:00-17:00"
            ),
        ),
        (
            "    safety: yes",
            "",
            (
                "departments.yaml:21: rules.danger: has no condition; expected at least one; "
                "the department for all else is default_department"
            ),
        ),
        (
            "    safety: yes",
            "    safety: yes\n  other:\n    department: desk\n    safety: yes",
            (
                "departments.yaml:24: rules.other: has the conditions of 'danger' and another department; "
                "expected one department; give one of them another condition"
            ),
        ),
        (
            "    department: streets\n    safety",
            "    department: street\n    safety",
            (
                "departments.yaml:22: rules.danger.department: saw 'street'; expected one of streets, desk; "
                "did you mean 'streets'?"
            ),
        ),
    ],
)
def test_faults_of_departments_yaml_are_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    changed = DEPARTMENTS.replace(old, new, 1)
    assert changed != DEPARTMENTS
    if "Front_Desk" in new:
        changed = changed.replace("default_department: desk", "default_department: Front_Desk")
    write_town(tmp_path, departments=changed)
    assert faults(tmp_path) == [expected]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "mode: supervised",
            "mode: autopilot",
            (
                "policy.yaml:1: mode: saw 'autopilot'; expected one of copilot, supervised, automatic; "
                "did you mean 'copilot'?"
            ),
        ),
        (
            "target_precision: 0.9",
            "target_precision: 90",
            "policy.yaml:4: target_precision: saw '90'; expected a number from 0 to 1",
        ),
        (
            "streets: [foreman]",
            "street: [foreman]",
            "policy.yaml:7: approvers.street: saw 'street'; expected one of streets, desk, *; did you mean 'streets'?",
        ),
    ],
)
def test_faults_of_policy_yaml_are_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    write_town(tmp_path, policy=POLICY.replace(old, new, 1))
    assert faults(tmp_path) == [expected]
