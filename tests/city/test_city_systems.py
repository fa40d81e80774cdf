import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_files import HOME, PLACES, off_m, town, wards, wards_of, write
from small_town import collection, faults, feature, square
from small_town import warnings as told

from services.city.layers.features import Contents, Feature, UnreadableError
from services.city.layers.placing import Reference
from services.city.layers.settling import place
from services.city.layers.systems import WGS84, UnknownSystemError, system

UTM = "EPSG:25830 (ETRS89 / UTM zone 30N)"
MADRID = PLACES["EPSG:3857"]


@pytest.mark.parametrize("code", sorted(PLACES))
@pytest.mark.parametrize("kind", ["shp", "gpkg"])
def test_a_file_that_says_its_system_is_moved_to_degrees(tmp_path: Path, code: str, kind: str) -> None:
    corner = PLACES[code]
    town(tmp_path, f"wards.{kind}", corner=corner, extent=False)
    write(wards(corner, code), tmp_path / "boundaries" / f"wards.{kind}")
    assert off_m(wards_of(tmp_path), corner) < 0.1
    assert told(tmp_path) == []


@pytest.mark.parametrize("code", sorted(set(PLACES) - {"EPSG:4269"}))
def test_a_shapefile_without_prj_is_found_by_the_extent_and_named(tmp_path: Path, code: str) -> None:
    corner = PLACES[code]
    town(tmp_path, "wards.shp", corner=corner)
    write(wards(corner, code), tmp_path / "boundaries" / "wards.shp").with_suffix(".prj").unlink()
    assert off_m(wards_of(tmp_path), corner) < 0.1
    (warning,) = told(tmp_path)
    assert warning.startswith(
        f"city.yaml:13: layers.wards.file: wards.shp does not say its coordinate system; what fits is {code} ("
    )
    assert warning.endswith(f", and it is read so; write `crs: {code}` if that is right")


@pytest.mark.parametrize("extent", [True, False])
def test_degrees_without_a_system_are_taken_for_wgs_84_and_said(tmp_path: Path, extent: bool) -> None:  # noqa: FBT001
    town(tmp_path, "wards.shp", extent=extent)
    write(wards(), tmp_path / "boundaries" / "wards.shp").with_suffix(".prj").unlink()
    assert off_m(wards_of(tmp_path), HOME) < 0.01
    (warning,) = told(tmp_path)
    assert "wards.shp does not say its coordinate system; what fits is EPSG:4326 (WGS 84), and it is read so" in warning


def test_with_limits_alone_a_file_without_a_system_is_found_as_well(tmp_path: Path) -> None:
    town(tmp_path, "wards.shp", extent=False)
    write(wards(crs=27700), tmp_path / "boundaries" / "wards.shp").with_suffix(".prj").unlink()
    assert off_m(wards_of(tmp_path), HOME) < 0.1


@pytest.mark.parametrize("lie", ["EPSG:4326", "EPSG:25831", "EPSG:32632", "EPSG:27700", "EPSG:2263"])
def test_a_wrong_prj_is_named_with_what_fits(tmp_path: Path, lie: str) -> None:
    town(tmp_path, "wards.shp", corner=MADRID)
    path = tmp_path / "boundaries" / "wards.shp"
    prj = write(wards(MADRID, 3857), path).with_suffix(".prj")
    write(wards(MADRID, 3857).set_crs(lie, allow_override=True), path)
    assert prj.is_file()
    assert off_m(wards_of(tmp_path), MADRID) < 0.01
    (warning,) = told(tmp_path)
    assert f"wards.shp says {lie} (" in warning
    assert "; what fits is EPSG:3857 (WGS 84 / Pseudo-Mercator), and it is read so; write `crs: EPSG:3857`" in warning


def test_latitude_before_longitude_is_found_and_named(tmp_path: Path) -> None:
    town(tmp_path, "wards.geojson")
    turned = [shapely.transform(shape, lambda points: points[:, ::-1]) for shape in wards().geometry]
    rows = [
        feature(json.loads(shapely.to_geojson(shape)), ward=number, title="Fen")
        for number, shape in enumerate(turned, 1)
    ]
    (tmp_path / "boundaries" / "wards.geojson").write_text(collection(*rows))
    assert off_m(wards_of(tmp_path), HOME) < 0.01
    assert told(tmp_path) == [
        (
            "city.yaml:13: layers.wards.file: wards.geojson has latitude before longitude: the other way round it lies "
            "in the city, and is read so; write longitude first"
        )
    ]


def test_a_projected_file_with_northing_first_is_found_and_named(tmp_path: Path) -> None:
    town(tmp_path, "wards.shp")
    frame = wards(crs=27700)
    frame.geometry = [shapely.transform(shape, lambda points: points[:, ::-1]) for shape in frame.geometry]
    write(frame, tmp_path / "boundaries" / "wards.shp").with_suffix(".prj").unlink()
    assert off_m(wards_of(tmp_path), HOME) < 0.1
    assert "EPSG:27700 (OSGB36 / British National Grid) with the axes swapped" in told(tmp_path)[0]


def test_what_is_declared_goes_before_what_the_file_says_and_the_distance_is_told(tmp_path: Path) -> None:
    town(tmp_path, "wards.shp", "crs: EPSG:23030", corner=MADRID)
    write(wards(MADRID, 25830), tmp_path / "boundaries" / "wards.shp")
    assert 200 < off_m(wards_of(tmp_path), MADRID) < 300
    (warning,) = told(tmp_path)
    assert f"wards.shp says {UTM}, which puts it " in warning
    assert " m from where EPSG:23030 (ED50 / UTM zone 30N) does; the latter is declared, and taken" in warning


def test_a_declared_system_that_agrees_with_the_file_is_not_worth_a_word(tmp_path: Path) -> None:
    corner = PLACES["EPSG:2263"]
    town(tmp_path, "wards.shp", "crs: ESRI:102718", corner=corner)
    write(wards(corner, 2263), tmp_path / "boundaries" / "wards.shp")
    assert off_m(wards_of(tmp_path), corner) < 0.1
    assert told(tmp_path) == []


def test_a_declared_system_that_puts_the_file_elsewhere_is_a_fault_that_names_what_fits(tmp_path: Path) -> None:
    town(tmp_path, "wards.shp", "crs: EPSG:27700", corner=MADRID)
    write(wards(MADRID, 3857), tmp_path / "boundaries" / "wards.shp").with_suffix(".prj").unlink()
    (fault,) = faults(tmp_path)
    assert "in EPSG:27700 (OSGB36 / British National Grid), which is declared, wards.shp lies " in fault
    assert fault.endswith("what fits is EPSG:3857 (WGS 84 / Pseudo-Mercator)")


@pytest.mark.parametrize("crs", ["EPSG:999999", "north", "ESRI:104903"])
def test_a_declared_system_that_is_none_is_a_fault(tmp_path: Path, crs: str) -> None:
    town(tmp_path, "wards.shp", f"crs: {crs}")
    write(wards(), tmp_path / "boundaries" / "wards.shp")
    assert f"city.yaml:14: layers.wards.crs: saw '{crs}'; expected a coordinate system, as in EPSG:2263" in str(
        faults(tmp_path)[0]
    )


def rough(corner: tuple[float, float]) -> Reference:
    west, south = corner
    return Reference((west - 0.5, south - 0.5, west + 0.5, south + 0.5))


def contents(code: str, corner: tuple[float, float], claim: str = "") -> Contents:
    return Contents([Feature({}, shape) for shape in wards(corner, code).geometry], claim)


def test_where_the_extent_cannot_tell_two_systems_apart_somebody_has_to_say() -> None:
    with pytest.raises(UnreadableError) as caught:
        place(contents("EPSG:25830", MADRID), "wards.shp", None, rough(MADRID))
    assert str(caught.value) == (
        "wards.shp does not say its coordinate system; 2 systems fit: EPSG:25830 (ETRS89 / UTM zone 30N); "
        "EPSG:23030 (ED50 / UTM zone 30N), 235 m from it; expected one; "
        "write `crs:` with the one that is right, as in crs: EPSG:25830"
    )


def test_the_datum_that_a_wrong_file_names_decides_between_two() -> None:
    placed = place(contents("EPSG:25830", MADRID, "EPSG:25831"), "wards.shp", None, rough(MADRID))
    assert placed.system.code == "EPSG:25830"
    placed = place(contents("EPSG:23030", MADRID, "EPSG:23031"), "wards.shp", None, rough(MADRID))
    assert placed.system.code == "EPSG:23030"


def test_the_system_of_the_towns_other_files_decides_between_two() -> None:
    at = rough(MADRID)
    reference = Reference(at.extent, (), (system("EPSG:23030"),))
    assert place(contents("EPSG:23030", MADRID), "wards.shp", None, reference).system.code == "EPSG:23030"


def test_a_file_that_fits_nowhere_is_a_fault_that_says_where_the_city_is() -> None:
    with pytest.raises(UnreadableError) as caught:
        place(contents("EPSG:25830", MADRID, "EPSG:25830"), "wards.gpkg", None, rough(PLACES["EPSG:2263"]))
    assert "wards.gpkg says EPSG:25830 (ETRS89 / UTM zone 30N), and lies 5," in str(caught.value)
    assert "no system in use there puts it into the city's extent [-74.450, 40.200, -73.450, 41.200]" in str(
        caught.value
    )


def test_without_a_reference_a_file_that_is_nowhere_on_earth_is_a_fault() -> None:
    with pytest.raises(UnreadableError, match=r"nowhere on Earth.*or `extent:` of the city, by which it can be found"):
        place(Contents(contents("EPSG:25830", MADRID).features, "OGC:CRS84", by_format=True), "wards.json", None, None)


def test_a_geopackage_that_says_undefined_says_nothing(tmp_path: Path) -> None:
    town(tmp_path, "wards.gpkg")
    write(wards(crs=27700).set_crs(None, allow_override=True), tmp_path / "boundaries" / "wards.gpkg")
    assert "wards.gpkg does not say its coordinate system; what fits is EPSG:27700" in told(tmp_path)[0]
    assert off_m(wards_of(tmp_path), HOME) < 0.1


@pytest.mark.parametrize("text", ["EPSG:2263", "2263", "ESRI:102718"])
def test_a_code_may_be_written_in_several_ways(text: str) -> None:
    place_there = system(text).to_degrees(np.array([[1_000_000.0, 200_000.0]]))
    assert place_there == pytest.approx(np.array([[-73.9431, 40.7156]]), abs=2e-4)


@pytest.mark.parametrize("text", ["", "north", "EPSG:", "EPSG:0", "PROJCS[", "ESRI:104903", "99999999999999999999"])
def test_what_is_no_system_of_places_on_earth_is_refused(text: str) -> None:
    with pytest.raises(UnknownSystemError):
        system(text)


@pytest.mark.parametrize(
    ("ring", "seen"),
    [
        ([[0, 0], [-0.01, 52], [-0.01, 52.01], [-0.02, 52.01], [0, 0]], "has coordinates 0, 0, at vertex 1 and 1 more"),
        (
            [[-0.02, 52], [float("nan"), 52], [-0.01, 52.01], [-0.02, 52]],
            "has coordinates that are nowhere (nan, 52)",
        ),
        ([[-0.02, 52], [1e400, 52], [-0.01, 52.01], [-0.02, 52]], "has coordinates that are nowhere (inf, 52)"),
        ([[0, 0], [0, 0], [0, 0], [0, 0]], "has nothing but coordinates 0, 0"),
    ],
)
def test_coordinates_that_are_no_place_are_named_by_line_and_feature(
    tmp_path: Path, ring: list[list[float]], seen: str
) -> None:
    town(tmp_path, "wards.geojson")
    bad = feature({"type": "Polygon", "coordinates": [ring]}, ward=3, title="Lost")
    good = [feature(square(-0.02 + 0.01 * number, 52.0), ward=number + 1, title="Fen") for number in range(2)]
    (tmp_path / "boundaries" / "wards.geojson").write_text(collection(good[0], bad, good[1]))
    (fault,) = faults(tmp_path)
    assert fault.startswith(f"boundaries/wards.geojson:4: features[1]: {seen}")


def test_zero_is_a_place_for_a_town_that_lies_there(tmp_path: Path) -> None:
    town(tmp_path, "wards.geojson", corner=(0.0, 0.0))
    (tmp_path / "boundaries" / "wards.geojson").write_text(wards((0.0, 0.0)).to_json(drop_id=True))
    assert len(wards_of(tmp_path).areas) == 2


@settings(max_examples=25, deadline=None)
@given(
    longitude=st.floats(-179, 178),
    latitude=st.floats(-79, 79),
    margin=st.floats(0, 0.005),
)
def test_wherever_a_town_lies_its_utm_files_are_found_in_degrees_or_not_at_all(
    longitude: float, latitude: float, margin: float
) -> None:
    corner = (longitude, latitude)
    frame = wards(corner)
    code = frame.estimate_utm_crs().to_string()
    west, south, east, north = frame.total_bounds
    reference = Reference((west - margin, south - margin, east + margin, north + margin))
    given_features = [Feature({}, shape) for shape in frame.to_crs(code).geometry]
    try:
        placed = place(Contents(given_features), "wards.shp", None, reference)
    except UnreadableError:
        return
    for feature_, shape in zip(placed.features, frame.geometry, strict=True):
        assert feature_.geometry is not None
        assert feature_.geometry.hausdorff_distance(shape) * 111_195 < 5 + 0.5 * margin * 111_195


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(), st.floats()), min_size=4, max_size=8),
    claim=st.sampled_from(["", "EPSG:25830", "OGC:CRS84"]),
)
def test_no_coordinates_make_placing_crash(points: list[tuple[float, float]], claim: str) -> None:
    shape = shapely.multipoints(np.array(points)) if np.isfinite(points).all() else shapely.points(np.array(points))[0]
    try:
        placed = place(Contents([Feature({}, shape)], claim), "wards.shp", None, rough(MADRID))
    except UnreadableError:
        return
    assert placed.system == WGS84 or placed.system.code
