"""`stormdrain try` on a public file of reports."""

from pathlib import Path

import pytest
from trying_cli import Ran, tried, written

ROWS = 200


@pytest.mark.realdata
def test_a_city_export_goes_through_four_stages_line_by_line(real_data: Path) -> None:
    with (real_data / "newhaven_2014_jan_aug.csv").open(encoding="utf-8") as file:
        given = "".join(next(file) for _ in range(ROWS + 1))

    ran: list[Ran] = []
    for worker in ("receive", "classify", "route", "match"):
        ran.append(tried(worker, written(ran[-1]) if ran else given))

    assert {len({line["id"] for line in each.lines}) for each in ran} == {ROWS}
    accepted = [line for line in ran[0].lines if line["accepted"]]
    matched = [line for line in ran[-1].lines if "rejected" not in line]
    assert 0 < len(accepted) == len(matched)
    assert all(line["event"]["routing"]["outside"] for line in matched)  # it is another town's
    assert all(line["row"]["category"] for line in matched)
