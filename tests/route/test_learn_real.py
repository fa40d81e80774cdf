"""How good proposals and ranking are on what a real town's bodies had; the floors lie under what was measured."""

import json
from pathlib import Path

import pytest

from services.city.history import Columns
from services.city.load import load
from services.city.new import Wishes, make
from services.cli.learning.past import Asked, read_past
from services.cli.learning.ranking import train
from services.cli.learning.rules import Finder


def districts(country: Path, out: Path) -> Path:
    """Leave the towns out, which overlap their own districts."""
    read = json.loads(country.read_text(encoding="utf-8"))
    inner = [each for each in read["features"] if str(each["properties"]["ADMIN_LEVE"]) == "9"]
    out.write_text(json.dumps(read | {"features": inner}), encoding="utf-8")
    return out


@pytest.mark.realdata
@pytest.mark.slow
def test_budapest_later_requests_are_ranked_better_than_by_category_and_district(
    real_data: Path, tmp_path: Path
) -> None:
    export = real_data / "budapest_to_2025_03.csv.gz"
    columns = Columns(text="text", label="category", lat="lat", lon="lon", created="created_at")
    boundaries = districts(real_data / "hungary_districts.geojson", tmp_path / "districts.geojson")
    make(tmp_path / "town", boundaries=boundaries, export=export, columns=columns, wishes=Wishes(name="Budapest"))
    town = load(tmp_path / "town")
    asked = Asked(
        responsible="institution", text=("title", "text"), category="category", latitude="lat", longitude="lon",
        address="address", created="created_at",
    )  # fmt: skip
    past = read_past(export, asked, town)
    found = Finder(town).find(*past.parted())
    assert len(found.proposals) >= 10
    assert found.taken >= 300
    assert found.right / found.taken >= 0.8
    past.assignments = past.assignments[-5_000:]
    card = train(past, town, source=export.name, out=tmp_path / "model", target=0.9)
    assert card.judged == 1_000
    assert card.top1 >= 0.55
    assert card.top3 >= 0.77
    assert card.calibration_error <= 0.08


@pytest.mark.realdata
def test_atlanta_titles_tell_the_department_better_than_the_commonest(real_data: Path, tmp_path: Path) -> None:
    export = real_data / "atlanta_2018_routing.csv"
    town = load(Path(__file__).parents[2] / "city")
    asked = Asked(responsible="department", text=("summary",), latitude="lat", longitude="lng", created="created_at")
    past = read_past(export, asked, town)
    _, later = past.parted()
    names = [each.department for each in later]
    commonest = max(names.count(name) for name in set(names)) / len(names)
    card = train(past, town, source=export.name, out=tmp_path / "model", target=0.9)
    assert card.top1 >= commonest
    assert card.top3 >= 0.93
