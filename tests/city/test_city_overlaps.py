import json
import math
from pathlib import Path

import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_files import town
from shapely.geometry.base import BaseGeometry
from small_town import collection, feature, square, write_town
from typer.testing import CliRunner

from services.city.layers.overlaps import measure
from services.city.load import examine
from services.city.model import Area, Layer
from services.cli.city import app

DEGREE_M = 6_371_008.8 * math.pi / 180


def layer(**areas: BaseGeometry) -> Layer:
    known = tuple(Area(area_id=name, name=name, geometry=geometry) for name, geometry in areas.items())
    return Layer(id="wards", version="0" * 12, areas=known)


def test_an_overlap_is_measured_in_square_metres_as_on_the_ellipsoid() -> None:
    common = shapely.box(10.01, 50.0, 10.02, 50.02)
    measured = measure(layer(a=shapely.box(10.0, 50.0, 10.02, 50.02), b=shapely.box(10.01, 50.0, 10.03, 50.02)))
    (overlap,) = measured.overlaps
    on_ellipsoid = abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(common)[0])
    assert overlap.areas == ("a", "b")
    assert overlap.square_metres == pytest.approx(on_ellipsoid, rel=0.01)


@settings(max_examples=50, deadline=None)
@given(latitude=st.floats(-70, 70), width=st.floats(0.0001, 0.01))
def test_areas_are_true_to_one_percent_wherever_a_town_lies(latitude: float, width: float) -> None:
    hole = shapely.box(10.0, latitude, 10.0 + width, latitude + width)
    around = shapely.box(9.98, latitude - 0.02, 10.02, latitude + 0.03).difference(hole)
    (gap,) = measure(layer(ring=around)).gaps
    true = abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(hole)[0])
    assert gap.square_metres == pytest.approx(true, rel=0.011)
    assert hole.contains(shapely.Point(gap.longitude, gap.latitude).buffer(1e-7))


def test_neighbours_that_share_a_line_neither_overlap_nor_leave_a_gap() -> None:
    measured = measure(layer(a=shapely.box(0, 50, 0.1, 50.1), b=shapely.box(0.1, 50, 0.2, 50.1)))
    assert (measured.overlaps, measured.gaps) == ((), ())


@pytest.mark.parametrize(("metres", "said"), [(0.5, 0), (0.9, 0), (1.2, 1), (5.0, 1)])
def test_a_sliver_narrower_than_a_metre_is_left_out(metres: float, said: int) -> None:
    over = metres / (DEGREE_M * math.cos(math.radians(50.05)))
    apart = layer(a=shapely.box(0, 50, 0.1 + over, 50.1), b=shapely.box(0.1, 50, 0.2, 50.1))
    assert len(measure(apart).overlaps) == said
    frame = [shapely.box(-0.1, 49.9, 0.3, 50.0), shapely.box(-0.1, 50.1, 0.3, 50.2)]
    sides = [shapely.box(-0.1, 50, 0.1, 50.1), shapely.box(0.1 + over, 50, 0.3, 50.1)]
    ring = dict(zip("abcd", [*frame, *sides], strict=True))
    assert len(measure(layer(**ring)).gaps) == said


def test_the_largest_come_first() -> None:
    wide = {
        "a": shapely.box(0, 50, 0.1, 50.1),
        "b": shapely.box(0.09, 50, 0.2, 50.1),
        "c": shapely.box(0.15, 50, 0.3, 50.1),
    }
    assert [overlap.areas for overlap in measure(layer(**wide)).overlaps] == [("b", "c"), ("a", "b")]


def overlapping(tmp_path: Path, section: str = "") -> Path:
    town(tmp_path, "wards.geojson", section, extent=False)
    content = collection(
        feature(square(-0.02, 52.0, 0.0101), ward=1, title="Fen"), feature(square(-0.01, 52.0), ward=2, title="Mere")
    )
    (tmp_path / "boundaries" / "wards.geojson").write_text(content)
    return tmp_path


def test_check_warns_of_overlaps_and_json_has_them_all(tmp_path: Path) -> None:
    directory = overlapping(tmp_path)
    told = CliRunner().invoke(app, ["check", str(directory)])
    assert told.exit_code == 0
    assert (
        "city.yaml:12: layers.wards.file: 1 pair of areas overlaps: 1 and 2 by 7,611 m2; "
        "mend the lines, or write `overlaps: allowed`"
    ) in told.output
    found = json.loads(CliRunner().invoke(app, ["check", str(directory), "--json"]).output)
    assert found["boundaries"][1] == {
        "layer": "wards",
        "effective": "",
        "overlaps": [{"areas": ["1", "2"], "square_metres": pytest.approx(7612, abs=1)}],
        "gaps": [],
    }
    assert examine(directory).measured == ()


def test_a_layer_may_overlap_by_design_and_still_be_measured(tmp_path: Path) -> None:
    examined = examine(overlapping(tmp_path, "overlaps: allowed"), measure=True)
    assert examined.warnings == ()
    assert len(examined.measured[1].overlaps) == 1
    (fault,) = examine(overlapping(tmp_path, "overlaps: yes")).faults
    assert str(fault) == "city.yaml:13: layers.wards.overlaps: saw 'yes'; expected one of allowed"


def test_check_warns_of_gaps_and_says_where(tmp_path: Path) -> None:
    hole = [[-0.016, 52.004], [-0.015, 52.004], [-0.015, 52.005], [-0.016, 52.005], [-0.016, 52.004]]
    fen = square(-0.02, 52.0)
    fen["coordinates"].append(hole)
    directory = write_town(tmp_path, wards=collection(feature(fen, ward=1, title="Fen")))
    (warning,) = examine(directory, measure=True).warnings
    assert str(warning) == (
        "city.yaml:12: layers.wards.file: 1 gap between areas, where a report is in none: 7,612 m2 around "
        "52.0045, -0.0155; mend the lines, or write `gaps: allowed`"
    )
    (tmp_path / "city.yaml").write_text(
        (tmp_path / "city.yaml").read_text().replace("title\n", "title\n    gaps: allowed\n")
    )
    assert examine(directory, measure=True).warnings == ()
