"""Categories that are renamed under way are noticed, and told from seasons and from rare ones."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.classify.training.examples import Example, clean, read_times
from services.classify.training.taxonomy import Change, changes

FIRST = datetime(2025, 1, 1, tzinfo=UTC)


def used(label: str, since: int, until: int, a_day: float = 1.0) -> list[Example]:
    """Use a category from one day until another."""
    times = [FIRST + timedelta(days=since + n / a_day) for n in range(int((until - since) * a_day))]
    return [Example(text=f"{label} number {n}", label=label, created=at) for n, at in enumerate(times)]


def found_in(examples: list[Example]) -> list[Change]:
    return changes((each.label, each.created) for each in examples)


def test_a_category_that_is_renamed_is_named_with_its_day_and_its_heir() -> None:
    (found,) = found_in([*used("old", 0, 100), *used("new", 100, 200), *used("kept", 0, 200)])
    assert (found.ended, found.begun, found.at.date().isoformat()) == (("old",), ("new",), "2025-04-10")
    assert str(found) == (
        "categories changed on 2025-04-10: old ended, new began; texts of those that ended are left out"
    )


def test_what_ends_on_one_day_is_one_change() -> None:
    days = [*used("a", 0, 100), *used("b", 0, 101), *used("c", 100, 200), *used("d", 101, 200)]
    (found,) = found_in([*days, *used("kept", 0, 200)])
    assert (found.ended, found.begun) == (("a", "b"), ("c", "d"))


def test_a_season_a_new_category_and_a_rare_one_are_no_change() -> None:
    kept = used("kept", 0, 200)
    assert found_in([*kept, *used("snow", 0, 60)]) == []
    assert found_in([*kept, *used("scooters", 120, 200)]) == []
    assert found_in([*kept, *used("rare", 0, 100, 0.05), *used("seldom", 100, 200, 0.05)]) == []
    assert found_in([*kept, *used("snow", 0, 60), *used("grass", 90, 200)]) == []


def test_the_last_days_of_a_history_end_nothing() -> None:
    assert found_in([*used("a", 0, 195), *used("b", 195, 200), *used("kept", 0, 200)]) == []


def test_texts_without_a_time_say_nothing() -> None:
    assert found_in([]) == []
    assert found_in([Example(text="x", label="a"), Example(text="y", label="b")]) == []


def test_what_is_learnt_is_what_came_after() -> None:
    cleaned = clean([*used("old", 0, 100), *used("new", 100, 200), *used("kept", 0, 200)])
    assert cleaned.labels == ("kept", "new")
    assert [each.label for each in cleaned.examples].count("kept") == 200
    assert cleaned.notes == (
        "categories changed on 2025-04-10: old ended, new began; texts of those that ended are left out",
    )


@pytest.mark.realdata
def test_hackneys_new_list_of_december_2025_is_noticed(real_data: Path) -> None:
    import csv  # noqa: PLC0415 - only here
    import gzip  # noqa: PLC0415 - likewise

    with gzip.open(real_data / "london_to_2026_03.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["borough"] == "Hackney" and row["category"]]
    times = read_times([row["created_at"] for row in rows])
    examples = [
        Example(text=row["text"], label=row["category"], created=at) for row, at in zip(rows, times, strict=True)
    ]
    (found,) = found_in(examples)
    assert "2025-12-07" <= found.at.date().isoformat() <= "2025-12-11"
    assert {"Fly Tipping", "Littering"} <= set(found.ended)
    assert {"Fly Tipping on Street", "Excessive Litter"} <= set(found.begun)
    assert not {"Graffiti", "Overflowing bin", "Grass Cutting"} & {*found.ended, *found.begun}
