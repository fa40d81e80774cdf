"""`stormdrain try match` links the same reports whatever the order of their lines."""

import random
from collections import Counter
from typing import Any

import pytest
from trying_cli import rows, tried

HEADER = "id,created_at,category,text,lat,lon"
LAMPS = ("street light is out", "the whole block is dark", "no street lights")
TEXT = "deep pothole by the school"


def reports() -> list[str]:
    """Give rows of a hole and of an outage: several of the same, and two made at one time."""
    holes = [f"H-{n},2026-03-02T{8 + n:02d}:00:00,pothole,{TEXT},39.2105,{-75.0841 + n / 1e5:.5f}" for n in range(8)]
    lamps = [
        f"L-{n},2026-03-02T09:{n // 2:02d}:00,street-light,{LAMPS[n % 3]},{39.2206 + n / 4000:.5f},-75.0742"
        for n in range(12)
    ]
    return [*holes, *lamps, "N-1,2026-03-02T09:00:00,fallen-tree,a tree fell over,,"]


def links(lines: list[str]) -> dict[str, Any]:
    """Give what is said of each row, by the caller's id."""
    ran = tried("match", rows(HEADER, *lines))
    assert ran.status == 0, ran.told
    return {line["id"]: {name: value for name, value in line.items() if name != "event"} for line in ran.lines}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_rows_in_any_order_have_the_same_links(seed: int) -> None:
    lines = reports()
    expected = links(lines)
    random.Random(seed).shuffle(lines)  # noqa: S311 - no secret
    found = links(lines)
    assert [*found] == [line.split(",")[0] for line in lines]
    assert found == expected
    sizes = Counter(line["incident"] for line in expected.values())
    assert sizes.most_common(1)[0][1] > 5
