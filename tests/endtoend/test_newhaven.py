"""The town of New Haven: made and taught by its past, and its first real reports carried."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from running_town import running_town
from typer.testing import CliRunner

from services.cli.main import app
from services.cli.passage import carry

FIRST = 300


def citizen_reports(path: Path) -> list[dict[str, Any]]:
    """The rows that have a citizen's text, as a channel sends them; New Haven is five hours behind UTC in winter."""
    with path.open(encoding="utf-8", newline="") as lines:
        return [
            {
                "source_id": row["id"],
                "text": row["text"],
                "created_at": row["created_at"] + "-05:00",
                "lat": float(row["lat"]),
                "lon": float(row["lon"]),
            }
            for row in csv.DictReader(lines)
            if row["text"].strip()
        ]


def history(real_data: Path) -> Path:
    return real_data / "newhaven_2014_jan_aug.csv"


@pytest.fixture(scope="module")
def city(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The town, with its model."""
    made_at = tmp_path_factory.mktemp("towns") / "newhaven"
    columns = {"text": "text", "label": "category", "lat": "lat", "lon": "lon", "created": "created_at"}
    options = [word for name, column in columns.items() for word in (f"--{name}", column)]
    boundaries = str(real_data / "newhaven_neighborhoods.geojson")
    made = CliRunner().invoke(
        app, ["city", "new", str(made_at), "--boundaries", boundaries, "--history", str(history(real_data)), *options]
    )
    assert made.exit_code == 0, made.output
    return made_at


@pytest.mark.slow
@pytest.mark.realdata
def test_its_reports_held_back_by_time_are_classified_as_well_as_measured(city: Path) -> None:
    card = json.loads((city / "model" / "card.json").read_text())
    assert card["judged_by"] == "learnt from the earlier 80%, judged by the later 20%"
    assert card["texts"] > 3400
    # A little under what was measured.
    assert card["top1"] >= 0.61
    assert card["top3"] >= 0.80
    assert card["released"] >= 0.20
    assert card["released_precision"] >= 0.88  # 0.95 is asked for; docs/adr/0018
    assert card["calibration_error"] <= 0.09


@pytest.mark.slow
@pytest.mark.realdata
def test_a_town_made_of_its_own_past_carries_its_first_real_reports(
    real_data: Path, city: Path, tmp_path: Path
) -> None:
    reports = citizen_reports(history(real_data))[:FIRST]

    with running_town(tmp_path / "state", city, city) as running:
        passage = carry(running.town, running.clients, running.city.departments, reports, count=FIRST)

    figures = passage.figures()
    assert len(reports) == figures["sent"] == figures["classified"] == FIRST
    assert passage.sent.refused == []
    assert (figures["lost"], figures["doubled"], figures["dead"]) == (0, 0, 0)
    assert figures["delivered"] + figures["held"] == FIRST
    assert figures["delivered"] > 0, "a town that holds everything has learnt nothing"
    assert 0 < figures["outside"] < FIRST / 10
