"""`stormdrain route-diff`: what moves between two editions of a town, counted and explained."""

import random
import re
from pathlib import Path

import pytest
from two_towns import (
    BETWEEN,
    BEYOND,
    CATEGORIES,
    DAY,
    DEPARTMENTS,
    EAST,
    NIGHT,
    NO_WARD,
    OTHER_WARD,
    WEST,
    areas,
    diffed,
    past,
    town,
    towns,
)

LABEL = ("--category", "category")
FOUR = (
    f"1,{DAY},{WEST},pothole,a",
    f"2,{DAY},{EAST},pothole,b",
    f"3,{DAY},{WEST},Pothole,c",
    f"4,{NIGHT},{WEST},pothole,d",
)
"""By day two in the west and one in the east; by night, when the rule for the wards is not open, one in the west."""


def test_a_town_that_has_not_changed_moves_nothing(tmp_path: Path) -> None:
    ran = diffed(towns(tmp_path), past(tmp_path / "past.csv", *FOUR), *LABEL, "--fail-above", "0")

    assert ran.status == 0
    assert ran.out.splitlines()[0] == "0 of 4 reports of past.csv go to another department (0.0%)"


def test_a_rule_for_another_ward_moves_what_lies_in_either_by_day(tmp_path: Path) -> None:
    both = towns(tmp_path, departments=OTHER_WARD)

    found = diffed(both, past(tmp_path / "past.csv", *FOUR), *LABEL, "--json").found

    assert {name: found[name] for name in ("history", "rows", "routed", "moved", "same", "share", "causes")} == {
        "history": "past.csv",
        "rows": 4,
        "routed": 4,
        "moved": 3,
        "same": 1,
        "share": 0.75,
        "causes": {"rule": 1, "boundary": 0, "rule_and_boundary": 0, "default": 2, "category": 0},
    }
    assert found["moves"] == [
        {
            "from": "streets",
            "to": "desk",
            "reports": 2,
            "causes": {"default": 2},
            "rules": [{"from": "streets-by-day", "to": "default", "reports": 2}],
            "lines": [2, 4],
        },
        {
            "from": "desk",
            "to": "streets",
            "reports": 1,
            "causes": {"rule": 1},
            "rules": [{"from": "default", "to": "streets-by-day", "reports": 1}],
            "lines": [3],
        },
    ]
    assert found["old"]["directory"] == str(both[0])
    assert found["old"]["version"] != found["new"]["version"]
    assert found["old"]["layers"].keys() == {"limits", "wards"}


def test_the_table_is_told_by_lines_of_the_history_and_never_by_texts(tmp_path: Path) -> None:
    history = past(tmp_path / "past.csv", *FOUR, f"5,{DAY},{WEST},pothole,my name is Iris Fenn")

    ran = diffed(towns(tmp_path, departments=OTHER_WARD), history, *LABEL)

    assert ran.out.splitlines()[3:] == [
        "  1 move because another rule takes them",
        "  3 move because no rule takes them any more",
        "",
        "reports  from     to       by rule                   why                          lines",
        "      3  streets  desk     streets-by-day > default  no rule takes them any more  2, 4, 6",
        "      1  desk     streets  default > streets-by-day  another rule takes them      3",
    ]
    assert "Iris" not in ran.out + ran.told


def test_a_line_moved_between_two_wards_moves_what_lies_between(tmp_path: Path) -> None:
    both = towns(tmp_path, wards=areas((-0.02, -0.007), (-0.007, 0.0)))
    history = past(tmp_path / "past.csv", *FOUR, f"5,{DAY},{BETWEEN},pothole,e", f"6,{NIGHT},{BETWEEN},pothole,f")

    found = diffed(both, history, *LABEL, "--json").found

    assert [(move["from"], move["to"], move["causes"], move["lines"]) for move in found["moves"]] == [
        ("desk", "streets", {"boundary": 1}, [6])
    ]
    assert found["same_in_another_area"] == 1  # by night the wards decide nothing


def test_rules_and_lines_that_change_together_are_told_apart(tmp_path: Path) -> None:
    third = DEPARTMENTS.replace("  desk:", "  parks: {name: Parks, system: works}\n  desk:")
    both = (
        town(tmp_path / "old", departments=third),
        town(
            tmp_path / "new",
            departments=third.replace("department: streets\n    families", "department: parks\n    families"),
            wards=areas((-0.02, -0.007), (-0.007, 0.0)),
        ),
    )
    history = past(tmp_path / "past.csv", *FOUR, f"5,{DAY},{BETWEEN},pothole,e")

    found = diffed(both, history, *LABEL, "--json").found

    assert [(move["from"], move["to"], move["causes"]) for move in found["moves"]] == [
        ("streets", "parks", {"rule": 2}),
        ("desk", "parks", {"rule_and_boundary": 1}),
    ]


def test_limits_that_shrink_put_reports_outside_for_rules_on_places(tmp_path: Path) -> None:
    found = diffed(
        towns(tmp_path, limits=areas((-0.014, 0.0))),
        past(tmp_path / "past.csv", *FOUR, f"5,{DAY},{BEYOND},pothole,e"),
        *LABEL,
        "--json",
    ).found

    assert found["outside"] == {"old": 1, "new": 4}
    assert [(move["from"], move["to"], move["causes"]) for move in found["moves"]] == [
        ("streets", "desk", {"boundary": 2})
    ]


def test_a_category_put_into_another_family_is_the_cause(tmp_path: Path) -> None:
    swapped = {"family: roads": "family: hazards", "family: hazards": "family: roads"}
    new = re.sub("|".join(swapped), lambda found: swapped[found[0]], CATEGORIES)  # a rule for no category is a fault

    found = diffed(towns(tmp_path, categories=new), past(tmp_path / "past.csv", *FOUR), *LABEL, "--json").found

    assert [(move["reports"], move["causes"]) for move in found["moves"]] == [(2, {"category": 2})]


def test_a_text_that_tells_of_danger_counts_where_a_rule_asks_for_it(tmp_path: Path) -> None:
    both = towns(tmp_path, departments=DEPARTMENTS.replace("safety: yes", "service_codes: [gas]"))
    history = past(
        tmp_path / "past.csv", f"1,{NIGHT},{EAST},pothole,a hole and a smell of gas", f"2,{NIGHT},{EAST},gas,odd"
    )

    found = diffed(both, history, *LABEL, "--json").found

    assert [(move["from"], move["to"], move["lines"]) for move in found["moves"]] == [
        ("desk", "streets", [3]),
        ("streets", "desk", [2]),
    ]


def test_reports_are_routed_as_of_their_own_time_in_the_old_towns_zone_or_all_as_of_one(tmp_path: Path) -> None:
    both = towns(tmp_path, departments=NO_WARD)
    history = past(tmp_path / "past.csv", f"1,2026-07-01T07:30:00Z,{WEST},pothole,a", f"2,07/01/2026,{WEST},pothole,b")
    american = past(tmp_path / "american.csv", f"1,07/01/2026 08:30:00 AM,{WEST},pothole,a")

    assert diffed(both, history, *LABEL, "--json").found["moves"][0]["lines"] == [2, 3]  # 08:30 in summer; noon
    assert diffed(both, american, *LABEL, "--json").found["moved"] == 1
    assert diffed(both, american, *LABEL, "--at", "2026-07-04T12:00", "--json").found["moved"] == 0  # a Saturday


def test_rows_that_cannot_be_routed_are_left_out_with_their_lines_and_stop_nobody(tmp_path: Path) -> None:
    rows = (
        f"1,{DAY},north,-0.015,pothole,a",
        f"2,{DAY},52.005,,pothole,b",
        f"3,{DAY},152.005,-0.015,pothole,c",
        f"4,{DAY},nan,nan,pothole,d",
        f"5,{DAY},0,0,pothole,e",
        f"6,{DAY},{WEST},pothole",
        f'7,{DAY},"52,005","-0,015",pothole,g',
        f"8,someday,{WEST},pothole,h",
        f"9,{DAY},-0.015,52.005,,i",
        f"10,{DAY},inf,-0.015,pothole,j",
    )
    ran = diffed(towns(tmp_path, departments=NO_WARD), past(tmp_path / "past.csv", *rows), *LABEL, "--json")

    assert ran.found["left_out"] == [
        {"reason": "wrong_type", "rows": 2, "lines": [2, 11]},
        {"reason": "half_a_place", "rows": 1, "lines": [3]},
        {"reason": "out_of_range", "rows": 1, "lines": [4]},
        {"reason": "wrong_cells", "rows": 1, "lines": [7]},
    ]
    assert (ran.found["rows"], ran.found["routed"]) == (10, 5)
    assert ran.found["moves"][0]["lines"] == [8, 9]
    assert ran.found["notes"] == [
        "1 without a time that can be read: routed as of noon of Wednesday 2025-01-15",
        "1 without coordinates",
        "1 of a category that neither city has: none (1); say which is meant: --categories MAP.csv",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("map.csv", "label,service_code\nBache en la calzada,pothole\nOlor a gas,gas\n"),
        ("map.csv", "Kategorie;Code\nBache en la calzada;pothole\n"),
        ("map.yaml", "BACHE en la Calzada: pothole\nOlor a gas: gas\n"),
    ],
)
def test_labels_of_the_history_are_mapped_to_the_towns_codes(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    history = past(tmp_path / "past.csv", f"1,{DAY},{WEST},Bache en la calzada,a")
    both = towns(tmp_path, departments=NO_WARD)

    assert diffed(both, history, *LABEL, "--json").found["moved"] == 0
    found = diffed(both, history, "--categories", str(tmp_path / name), "--json").found

    assert (found["moved"], found["notes"]) == (1, [])


def test_the_order_of_the_answer_does_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    both = towns(tmp_path, departments=OTHER_WARD)
    made = [f"{n},{DAY},{(WEST, EAST)[n % 2]},pothole,x" for n in range(40)]
    mixed = random.Random(3).sample(made, len(made))  # noqa: S311 - a seed

    one, two = (diffed(both, past(tmp_path / "past.csv.gz", *rows), *LABEL, "--json").found for rows in (made, mixed))

    for found in (one, two):
        for move in found["moves"]:
            del move["lines"]
    assert one == two
    assert [(move["from"], move["reports"]) for move in one["moves"]] == [("desk", 20), ("streets", 20)]


def test_only_so_many_rows_and_so_many_lines_of_the_table(tmp_path: Path) -> None:
    both = towns(tmp_path, departments=OTHER_WARD)
    history = past(tmp_path / "past.csv", *FOUR)

    assert diffed(both, history, *LABEL, "--limit", "1", "--json").found["rows"] == 1
    shown = diffed(both, history, *LABEL, "--top", "1").out
    assert "and 1 more; all: --top 0" in shown
    assert "and 1 more" not in diffed(both, history, *LABEL, "--top", "0").out


@pytest.mark.parametrize(("share", "status"), [("0.74", 1), ("0.75", 0), ("1", 0)])
def test_more_moves_than_are_allowed_end_with_1(tmp_path: Path, share: str, status: int) -> None:
    both = towns(tmp_path, departments=OTHER_WARD)

    ran = diffed(both, past(tmp_path / "past.csv", *FOUR), *LABEL, "--fail-above", share)

    assert ran.status == status
    assert ("more moves than --fail-above" in ran.told) == bool(status)


def test_categories_that_no_town_has_are_told_on_one_line_and_cut(tmp_path: Path) -> None:
    rows = (f'1,{DAY},{WEST},"odd \x1b[2J\nkind",a', f"2,{DAY},{WEST},{'long ' * 20},b", f"3,{DAY},{WEST},odd,c")

    found = diffed(towns(tmp_path), past(tmp_path / "past.csv", *rows), *LABEL, "--json").found

    (note,) = found["notes"]
    assert note == (
        "3 of a category that neither city has: "
        "long long long long long long long long… (1), odd (1), odd  [2J kind (1); "
        "say which is meant: --categories MAP.csv"
    )


def test_a_category_that_one_town_lacks_is_told_of_that_town(tmp_path: Path) -> None:
    both = towns(tmp_path, categories=CATEGORIES.replace("pothole:", "road-hole:").replace("Pothole", "Hole"))
    history = past(tmp_path / "past.csv", *FOUR)

    found = diffed(both, history, *LABEL, "--json").found

    assert found["notes"] == [
        "4 of a category that the new city lacks: pothole (3), Pothole (1); say which is meant: --categories MAP.csv"
    ]
    assert [move["causes"] for move in found["moves"]] == [{"category": 2}]
