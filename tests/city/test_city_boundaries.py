import json
from pathlib import Path

import geopandas
import pytest
import shapely
from small_town import CITY, DEPARTMENTS, collection, faults, feature, square, warnings, write_town

from services.city.load import examine, load

BOW_TIE = {"type": "Polygon", "coordinates": [[[-0.02, 52], [-0.01, 52.01], [-0.01, 52], [-0.02, 52.01], [-0.02, 52]]]}
LINE = {"type": "LineString", "coordinates": [[0, 52], [1, 52]]}
FLAT = {"type": "Polygon", "coordinates": [[[0, 52], [1, 52], [0.5, 52], [0, 52]]]}


def test_a_polygon_that_crosses_itself_is_repaired_and_named(tmp_path: Path) -> None:
    write_town(tmp_path, wards=collection(feature(BOW_TIE, ward="1", title="Fen")))
    city = examine(tmp_path).city
    assert city
    area = city.layers[1].areas[0].geometry
    assert area.is_valid
    assert area.area == pytest.approx(0.5e-4)
    assert warnings(tmp_path) == [
        (
            "boundaries/wards.geojson:3: features[0]: is not valid (Self-intersection[-0.015 52.005]) and was "
            "repaired: its area is 380,570 m2, 380,570 m2 more than its lines went around before"
        )
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ["boundaries/wards.geojson:1: not JSON (Expecting value); expected GeoJSON; export the file again"]),
        (b"\xff", ["boundaries/wards.geojson:1: byte 0xff; expected UTF-8 text; save the file as UTF-8"]),
        (
            "[" * 100_000,
            [
                (
                    "boundaries/wards.geojson:1: lists inside each other without end; "
                    "expected GeoJSON; export the file again"
                )
            ],
        ),
        ("[]", ["boundaries/wards.geojson:1: JSON, but not GeoJSON; expected a FeatureCollection with features"]),
        (
            '{"type": "Feature"}',
            ["boundaries/wards.geojson:1: GeoJSON of type 'Feature'; expected a FeatureCollection with features"],
        ),
        (
            collection(),
            ["city.yaml:12: layers.wards.file: boundaries/wards.geojson has no features; expected at least one"],
        ),
        (
            collection(feature(LINE, ward=1, title="x"), feature(square(0, 52), ward=2, title="y")),
            [
                (
                    "boundaries/wards.geojson:3: features[0]: saw a LineString; expected a Polygon or MultiPolygon; "
                    "say lines: true in city.yaml if they are to be there"
                )
            ],
        ),
        (
            collection(feature(FLAT, ward=1, title="x"), feature(square(0, 52), ward=2, title="y")),
            [
                (
                    "boundaries/wards.geojson:3: features[0]: is no area (Self-intersection[0.5 52]); "
                    "expected a polygon that has area"
                )
            ],
        ),
        (
            collection(feature(square(850_000, 990_000), ward=1, title="x"), feature(square(0, 52), ward=2, title="y")),
            [
                (
                    "boundaries/wards.geojson:3: features[0]: coordinates such as 850000, 990000; "
                    "expected WGS 84 degrees; convert it from the coordinate system it is in, or "
                    "install `stormdrain[geo]`, or convert the file to WGS 84 GeoJSON"
                )
            ],
        ),
        (
            collection(feature(square(0, 52), ward=None, title="x"), feature(square(0, 52), ward=2, title="y")),
            ["boundaries/wards.geojson:3: features[0].ward: is empty; expected a name or number"],
        ),
    ],
)
def test_broken_boundaries_are_named_by_feature(tmp_path: Path, content: str | bytes, expected: list[str]) -> None:
    rules = DEPARTMENTS.replace("    layer: wards\n    areas: [1]\n", "")
    write_town(tmp_path, wards=content, departments=rules)
    assert faults(tmp_path) == expected


def test_a_geometry_of_nonsense_is_a_fault_and_not_a_crash(tmp_path: Path) -> None:
    odd = [
        {"type": "Polygon", "coordinates": [[["a", 1]]]},
        {"type": "Polygon", "coordinates": 7},
        {"type": "Pentagon", "coordinates": []},
        {"type": "Polygon"},
        "nowhere",
        {"type": "Polygon", "coordinates": [[[0, 1]]]},
    ]
    features = [feature(geometry, ward=number, title="x") for number, geometry in enumerate(odd)]
    write_town(tmp_path, wards=collection(*features, feature(square(0, 52), ward="1", title="y")))
    found = faults(tmp_path)
    assert len(found) == len(odd)
    for number, fault in enumerate(found):
        assert fault.startswith(
            f"boundaries/wards.geojson:{number + 3}: features[{number}]: has a geometry that is none"
        )


def test_areas_without_geometry_are_left_out_with_a_warning(tmp_path: Path) -> None:
    wards = collection(feature(None, ward=3, title="Later"), feature(square(0, 52), ward=1, title="Fen"))
    write_town(tmp_path, wards=wards)
    assert warnings(tmp_path) == ["boundaries/wards.geojson:3: features[0]: has no geometry and is left out"]


def test_polygons_of_one_id_are_one_area(tmp_path: Path) -> None:
    wards = collection(feature(square(0, 52), ward=1, title="Fen"), feature(square(1, 52), ward=1, title="Fen"))
    city = load(write_town(tmp_path, wards=wards))
    assert [area.area_id for area in city.layers[1].areas] == ["1"]
    assert city.layers[1].areas[0].geometry.area == pytest.approx(2e-4)
    assert warnings(tmp_path) == [
        (
            "boundaries/wards.geojson:4: features[1]: '1' stands there more than once; "
            "its polygons are taken together as one area"
        )
    ]


@pytest.mark.parametrize("name", ["wards.gpkg", "wards.shp"])
def test_other_formats_and_coordinate_systems_are_read(tmp_path: Path, name: str) -> None:
    write_town(tmp_path, city=CITY.replace("boundaries/wards.geojson", f"boundaries/{name}"))
    frame = geopandas.GeoDataFrame(
        {"ward": [1.0], "title": ["Fen"]}, geometry=[shapely.box(-0.02, 52, -0.01, 52.01)], crs=4326
    )
    frame.to_crs(27700).to_file(tmp_path / "boundaries" / name)
    area = load(tmp_path).layers[1].areas[0]
    assert (area.area_id, area.name) == ("1", "Fen")
    assert area.geometry.bounds == pytest.approx((-0.02, 52, -0.01, 52.01), abs=1e-4)


def test_geojson_in_another_coordinate_system_is_converted(tmp_path: Path) -> None:
    metres = geopandas.GeoSeries([shapely.box(-0.02, 52, -0.01, 52.01)], crs=4326).to_crs(27700).iloc[0]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::27700"}}
    wards = collection(feature(json.loads(shapely.to_geojson(metres)), ward=1, title="Fen"), crs=crs)
    area = load(write_town(tmp_path, wards=wards)).layers[1].areas[0]
    assert area.geometry.bounds == pytest.approx((-0.02, 52, -0.01, 52.01), abs=1e-4)


@pytest.mark.parametrize("crs", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326"])
def test_degrees_by_any_of_their_names_need_neither_pyogrio_nor_pyproj(
    tmp_path: Path, crs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyogrio", None)
    monkeypatch.setitem(__import__("sys").modules, "pyproj", None)
    named = {"type": "name", "properties": {"name": crs}}
    load(write_town(tmp_path, wards=collection(feature(square(0, 52), ward=1, title="Fen"), crs=named)))


def test_without_pyogrio_another_format_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyogrio", None)
    write_town(tmp_path, city=CITY.replace("wards.geojson", "wards.gpkg"))
    (tmp_path / "boundaries" / "wards.gpkg").write_bytes(b"x")
    assert faults(tmp_path) == [
        (
            "city.yaml:12: layers.wards.file: wards.gpkg is not WGS 84 GeoJSON, and pyogrio is not installed; "
            "install `stormdrain[geo]`, or convert the file to WGS 84 GeoJSON"
        )
    ]
