import json
import shutil
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layer_files import HOME, KINDS, PLACES, off_m, pack, topology, town, wards, wards_of, write
from small_town import faults
from small_town import warnings as told

from services.city.boundaries import UnreadableError, read_features
from services.city.layers import archives

ONLY_DEGREES = {"kml", "kmz", "geojson", "topojson"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_read_and_nothing_is_left_beside_it(tmp_path: Path, kind: str) -> None:
    corner = PLACES["EPSG:2263"]
    town(tmp_path, f"wards.{kind}", corner=corner)
    write(wards(corner, 4326 if kind in ONLY_DEGREES else 2263), tmp_path / "boundaries" / f"wards.{kind}")
    before = sorted(path.name for path in (tmp_path / "boundaries").iterdir())
    layer = wards_of(tmp_path)
    assert sorted(path.name for path in (tmp_path / "boundaries").iterdir()) == before
    assert {area.area_id: area.name for area in layer.areas} == {"1": "Fén", "2": "Mere"}
    assert off_m(layer, corner) < 0.02
    assert told(tmp_path) == []


def test_a_file_with_several_layers_asks_which(tmp_path: Path) -> None:
    path = tmp_path / "boundaries" / "all.gpkg"
    write(wards(), path)
    path.unlink()
    wards().to_file(path, layer="wards")
    wards().iloc[:1].to_file(path, layer="older")
    town(tmp_path, "all.gpkg")
    assert faults(tmp_path) == [
        (
            "city.yaml:13: layers.wards.file: all.gpkg has 2 layers: wards, older; "
            "write `layer_name:` with the one to read"
        )
    ]
    town(tmp_path, "all.gpkg", "layer_name: ward")
    assert faults(tmp_path) == ["city.yaml:13: layers.wards.file: all.gpkg has no layer 'ward'; did you mean 'wards'?"]
    town(tmp_path, "all.gpkg", "layer_name: wards")
    assert len(wards_of(tmp_path).areas) == 2


def test_a_zip_with_two_shapefiles_asks_which(tmp_path: Path) -> None:
    folder = tmp_path / "boundaries"
    for name in ("wards", "older"):
        write(wards(crs=27700), folder / f"{name}.shp")
    pack(folder / "all.zip", *sorted(folder.glob("*.*")))
    town(tmp_path, "all.zip")
    assert faults(tmp_path) == [
        (
            "city.yaml:13: layers.wards.file: all.zip has 2 boundary files inside: older, wards; "
            "write `layer_name:` with the one to read"
        )
    ]
    town(tmp_path, "all.zip", "layer_name: wards")
    assert off_m(wards_of(tmp_path), HOME) < 0.02
    town(tmp_path, "all.zip", "layer_name: word")
    assert faults(tmp_path) == [
        "city.yaml:13: layers.wards.file: all.zip has no file 'word' inside; did you mean 'wards'?"
    ]


def test_what_macos_adds_to_a_zip_is_passed_over(tmp_path: Path) -> None:
    town(tmp_path, "wards.zip")
    path = write(wards(), tmp_path / "boundaries" / "wards.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/._wards.shp", b"x")
        archive.writestr("._wards.shp", b"x")
    assert len(wards_of(tmp_path).areas) == 2


@pytest.mark.parametrize(
    "name", ["../wards.shp", "/etc/wards.shp", "a/../../wards.shp", "C:/wards.shp", "..\\wards.shp"]
)
def test_a_zip_whose_names_point_outside_is_refused(tmp_path: Path, name: str) -> None:
    town(tmp_path, "wards.zip")
    (tmp_path / "boundaries").mkdir(exist_ok=True)
    with zipfile.ZipFile(tmp_path / "boundaries" / "wards.zip", "w") as archive:
        archive.writestr(name, b"x")
    assert faults(tmp_path) == [
        (
            f"city.yaml:13: layers.wards.file: wards.zip holds {name!r}, which points outside of it; "
            "do not trust this file; get it again from its publisher"
        )
    ]
    assert not (tmp_path.parent / "wards.shp").exists()


def test_a_zip_that_unpacks_to_more_than_anybody_needs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "UNPACKED", 1_000_000)
    town(tmp_path, "wards.zip")
    with zipfile.ZipFile(tmp_path / "boundaries" / "wards.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("wards.shp", b"\0" * 1_000_001)
    assert faults(tmp_path) == [
        (
            "city.yaml:13: layers.wards.file: wards.zip holds 1 files of 1,000,001 bytes; "
            "expected at most 1,000 files of 1,000,000 bytes"
        )
    ]


def test_a_zip_without_a_boundary_file_or_with_a_damaged_one_is_a_fault(tmp_path: Path) -> None:
    town(tmp_path, "wards.zip")
    path = tmp_path / "boundaries" / "wards.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("read me.txt", b"x")
    assert "has no boundary file inside" in faults(tmp_path)[0]
    whole = write(wards(), path).read_bytes()
    at = whole.index(b"wards.shp") + 30
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    assert "expected a zip file that is whole" in faults(tmp_path)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.97])
def test_a_file_that_is_cut_short_is_a_fault_and_never_half_a_layer(tmp_path: Path, kind: str, share: float) -> None:
    town(tmp_path, f"wards.{kind}")
    path = write(wards(), tmp_path / "boundaries" / f"wards.{kind}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    found = faults(tmp_path)
    assert len(found) == 1, found
    assert "wards" in found[0]


@pytest.mark.parametrize(
    ("missing", "seen"),
    [(".shx", "there is no wards.shx beside wards.shp"), (".dbf", "there is no wards.dbf beside wards.shp")],
)
def test_a_shapefile_without_its_sisters_says_which(tmp_path: Path, missing: str, seen: str) -> None:
    town(tmp_path, "wards.shp")
    write(wards(), tmp_path / "boundaries" / "wards.shp").with_suffix(missing).unlink()
    assert faults(tmp_path) == [
        f"city.yaml:13: layers.wards.file: {seen}; put all files of the Shapefile there: .shp, .shx, .dbf, .prj, .cpg"
    ]


@pytest.mark.parametrize(
    ("encoding", "cpg", "section"),
    [
        ("UTF-8", "UTF-8", ""),
        ("UTF-8", None, ""),
        ("ISO-8859-1", None, ""),
        ("ISO-8859-1", "ISO-8859-1", ""),
        ("cp1250", None, "encoding: cp1250"),
    ],
)
def test_the_texts_of_a_shapefile_are_read_in_their_encoding(
    tmp_path: Path, encoding: str, cpg: str | None, section: str
) -> None:
    town(tmp_path, "wards.shp", section)
    path = tmp_path / "boundaries" / "wards.shp"
    wards().to_file(path, encoding=encoding)
    path.with_suffix(".cpg").unlink(missing_ok=True)
    table = bytearray(path.with_suffix(".dbf").read_bytes())
    table[29] = 0  # no language driver: the table itself says nothing
    path.with_suffix(".dbf").write_bytes(table)
    if cpg:
        path.with_suffix(".cpg").write_text(cpg)
    assert wards_of(tmp_path).areas[0].name == "Fén"


def test_an_encoding_that_is_none_is_a_fault(tmp_path: Path) -> None:
    town(tmp_path, "wards.shp", "encoding: latin-99")
    write(wards(), tmp_path / "boundaries" / "wards.shp")
    assert faults(tmp_path) == [
        (
            "city.yaml:14: layers.wards.encoding: saw 'latin-99'; "
            "expected how texts are written, as in utf-8, cp1252 or iso-8859-2"
        )
    ]


@pytest.mark.parametrize(
    ("kind", "content", "seen"),
    [
        ("gpkg", b"x" * 200, "wards.gpkg is no GeoPackage; expected a .gpkg file that is whole"),
        ("fgb", b"", "wards.fgb is empty; expected a .fgb file that is whole"),
        ("kml", b"<kml><a>", "not XML (no element found)"),
        ("gml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "declares a document type"),
        ("gml", b"<OGRVRTDataSource><OGRVRTLayer/></OGRVRTDataSource>", "is a OGRVRTDataSource, which points"),
        ("kml", b"<OGRWFSDataSource><URL>http://127.0.0.1:9</URL></OGRWFSDataSource>", "is a OGRWFSDataSource, which"),
        ("topojson", b'{"type": "Topology", "objects": {}, "arcs": []}', "wards.topojson"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_a_fault(tmp_path: Path, kind: str, content: bytes, seen: str) -> None:
    town(tmp_path, f"wards.{kind}")
    (tmp_path / "boundaries" / f"wards.{kind}").write_bytes(content)
    (found,) = faults(tmp_path)
    assert seen in found


def test_topojson_is_known_by_what_is_inside_and_not_by_its_name(tmp_path: Path) -> None:
    town(tmp_path, "wards.json")
    (tmp_path / "boundaries" / "wards.json").write_text(json.dumps(topology(wards())))
    assert off_m(wards_of(tmp_path), HOME) < 0.02


def test_arcs_that_two_areas_share_are_put_together_from_either_end(tmp_path: Path) -> None:
    shared = [
        [[100, 0], [0, 100]],
        [[100, 100], [-100, 0], [0, -100], [100, 0]],
        [[100, 0], [100, 0], [0, 100], [-100, 0]],
    ]
    content = topology(wards())
    content |= {"transform": {"scale": [1e-4, 1e-4], "translate": list(HOME)}, "arcs": shared}
    rows = content["objects"]["wards"]["geometries"]
    rows[0] |= {"type": "Polygon", "arcs": [[0, 1]]}
    rows[1] |= {"type": "Polygon", "arcs": [[2, -1]]}
    town(tmp_path, "wards.topojson")
    (tmp_path / "boundaries" / "wards.topojson").write_text(json.dumps(content))
    assert off_m(wards_of(tmp_path), HOME) < 0.02


def test_a_feature_set_of_an_arcgis_server_is_read_by_its_wkid(tmp_path: Path) -> None:
    corner = PLACES["EPSG:2263"]
    rows = [
        {
            "attributes": {"ward": row.ward, "title": row.title},
            "geometry": {"rings": [shapely.get_coordinates(row.geometry).tolist()]},
        }
        for row in wards(corner, 2263).itertuples()
    ]
    fields = [{"name": "ward", "type": "esriFieldTypeInteger"}, {"name": "title", "type": "esriFieldTypeString"}]
    content = {
        "geometryType": "esriGeometryPolygon",
        "spatialReference": {"wkid": 102718},
        "fields": fields,
        "features": rows,
    }
    town(tmp_path, "wards.json", corner=corner)
    (tmp_path / "boundaries" / "wards.json").write_text(json.dumps(content))
    assert off_m(wards_of(tmp_path), corner) < 0.02


def test_where_keeps_the_features_of_one_level(tmp_path: Path) -> None:
    town(tmp_path, "wards.gpkg", "where: {level: [9, 10]}")
    frame = wards()
    frame["level"] = [9, 8]
    write(frame, tmp_path / "boundaries" / "wards.gpkg")
    assert [area.area_id for area in wards_of(tmp_path).areas] == ["1"]
    town(tmp_path, "wards.gpkg", "where: {level: 7}")
    assert faults(tmp_path) == [
        "city.yaml:14: layers.wards.where: no feature of boundaries/wards.gpkg is so; expected at least one"
    ]


@pytest.mark.parametrize("kind", ["shp", "gpkg", "fgb", "geojson"])
def test_an_empty_layer_is_a_fault(tmp_path: Path, kind: str) -> None:
    town(tmp_path, f"wards.{kind}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(wards().iloc[:0], tmp_path / "boundaries" / f"wards.{kind}")
    assert faults(tmp_path) == [
        f"city.yaml:13: layers.wards.file: boundaries/wards.{kind} has no features; expected at least one"
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["shp", "dbf", "gpkg", "fgb", "kml", "gml", "zip", "topojson", "geojson"]), data=st.data())
def test_whatever_is_done_to_a_file_it_is_read_or_refused_and_never_crashes(
    tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    stem = "shp" if kind == "dbf" else kind
    kept = tmp_path / "kept" / f"wards.{stem}"
    if not kept.is_file():
        write(wards(), kept)
    broken = tmp_path / "broken"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(kept.parent, broken)
    target = broken / f"wards.{kind}"
    content = bytearray(target.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    target.write_bytes(content)
    try:
        features = read_features(broken / f"wards.{stem}")
    except UnreadableError:
        return
    else:
        assert all(
            feature.geometry is None or shapely.get_coordinates(feature.geometry) is not None for feature in features
        )


def test_numbers_of_a_shapefile_header_may_lie(tmp_path: Path) -> None:
    town(tmp_path, "wards.shp")
    path = write(wards(), tmp_path / "boundaries" / "wards.shp")
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack(">i", 2**31 - 1)
    path.write_bytes(content)
    (found,) = faults(tmp_path)
    assert "wards.shp is cut short: " in found
