"""House numbers, landmarks and lists of streets as a town's files have them, and all that may be wrong with them."""

from pathlib import Path

import pytest
import shapely
from small_town import CITY, collection, faults, feature, warnings, write_town

from services.city.check import as_object, told
from services.city.load import examine
from services.city.places import split_number

NUMBERS = (
    "street,number,suffix,lon,lat\nEel Lane,1,,-0.015,52.005\nEel Lane,3,a,-0.014,52.005\nEel Lane,5,,-0.013,52.005\n"
)
DECLARED = """\
  addresses:
    file: places/numbers.csv
    suffix: suffix
"""


def town(directory: Path, declared: str = DECLARED, numbers: str | bytes = NUMBERS, file: str = "numbers.csv") -> Path:
    write_town(directory, city=CITY + declared)
    content = numbers if isinstance(numbers, bytes) else numbers.encode()
    (directory / "places" / file).write_bytes(content)
    return directory


def test_house_numbers_are_read_and_counted(tmp_path: Path) -> None:
    examined = examine(town(tmp_path))
    assert examined.city is not None
    table = examined.city.house_numbers
    assert table is not None
    assert [street.name for street in table.streets] == ["Eel Lane"]
    assert table.number.tolist() == [1, 3, 5]
    assert [table.suffixes[code] for code in table.suffix] == ["", "A", ""]
    assert table.longitude.tolist() == [-0.015, -0.014, -0.013]
    assert "  places: 3 house numbers, 0 landmarks" in told(examined, tmp_path)
    assert as_object(examined, tmp_path)["city"]["house_numbers"] == 3


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_any_usual_separator_encoding_and_decimal_comma_is_read(tmp_path: Path, separator: str) -> None:
    rows = separator.join(("Straße", "Nr", "X", "Y")) + "\r\n" + separator.join(("Fährweg", "12 b", "-0,015", "52,005"))
    declared = (
        "  addresses:\n    file: places/numbers.csv\n    street: [Straße]\n    number: Nr\n    x: X\n    y: Y\n"
        "    encoding: latin-1\n"
    )
    city = examine(town(tmp_path, declared, rows.encode("latin-1"))).city
    assert city is not None
    assert city.house_numbers is not None
    assert city.house_numbers.streets[0].name == "Fährweg"
    assert (city.house_numbers.number[0], city.house_numbers.suffixes[city.house_numbers.suffix[0]]) == (12, "B")
    assert city.house_numbers.longitude[0] == -0.015


def test_a_declared_coordinate_system_is_reprojected(tmp_path: Path) -> None:
    pytest.importorskip("pyproj")
    numbers = "street,number,lon,lat\nEel Lane,1,-1669.79,6800125.45\n"
    declared = "  addresses:\n    file: places/numbers.csv\n    crs: EPSG:3857\n"
    city = examine(town(tmp_path, declared, numbers)).city
    assert city is not None
    assert city.house_numbers is not None
    assert city.house_numbers.longitude[0] == pytest.approx(-0.015, abs=1e-6)
    assert city.house_numbers.latitude[0] == pytest.approx(52.0, abs=0.2)


def test_features_in_another_system_are_reprojected_once(tmp_path: Path) -> None:
    pytest.importorskip("pyproj")
    point = {"type": "Point", "coordinates": [-1669.79, 6800125.45]}
    declared = (
        "  addresses:\n    file: places/numbers.geojson\n    crs: EPSG:3857\n"
        "  landmarks:\n    file: places/marks.csv\n    crs: EPSG:3857\n"
    )
    write_town(tmp_path, city=CITY + declared)
    (tmp_path / "places" / "numbers.geojson").write_text(collection(feature(point, street="Eel Lane", number=7)))
    (tmp_path / "places" / "marks.csv").write_text("name,lon,lat\nThe Green,-1669.79,6800125.45\n")
    city = examine(tmp_path).city
    assert city is not None
    assert city.house_numbers is not None
    assert city.house_numbers.longitude[0] == pytest.approx(-0.015, abs=1e-6)
    assert city.landmarks[0].geometry.x == pytest.approx(-0.015, abs=1e-6)


@pytest.mark.parametrize(
    ("declared", "numbers", "expected"),
    [
        (
            "  addresses:\n    file: places/gone.csv\n",
            NUMBERS,
            "city.yaml:19: places.addresses.file: there is no file gone.csv",
        ),
        (
            "  addresses:\n    file: ../numbers.csv\n",
            NUMBERS,
            "places.addresses.file: saw '../numbers.csv'; expected a file inside the city's own directory",
        ),
        (
            "  addresses:\n    file: places/numbers.csv\n    street: via\n",
            NUMBERS,
            "places/numbers.csv:1: has no column 'via'; columns are street, number, suffix, lon, lat",
        ),
        (
            "  addresses:\n    file: places/numbers.csv\n    number: numbr\n",
            NUMBERS,
            "places/numbers.csv:1: has no column 'numbr'; did you mean 'number'?",
        ),
        (
            DECLARED,
            b"street,number,suffix,lon,lat\nM\xfchlweg,1,,-0.015,52.005\n",
            "places/numbers.csv:2: byte 0xfc is not utf-8-sig; save it as UTF-8, or say its encoding",
        ),
        (
            DECLARED,
            "street,number,suffix,lon,lat\n",
            "city.yaml:19: places.addresses.file: places/numbers.csv has no house numbers; expected at least one",
        ),
        (DECLARED, "", "places/numbers.csv:1: has no column 'street'; columns are none is there"),
        (
            DECLARED,
            "street,number,suffix,lon,lat\nEel Lane,1,,1472210.8,4978439.9\n",
            "city.yaml:19: places.addresses.crs: no house number lies on the globe; expected WGS 84 degrees",
        ),
        (DECLARED + "    crs: EPSG:nonsense\n", NUMBERS, "city.yaml:21: places.addresses.crs: saw 'EPSG:nonsense'"),
        (
            DECLARED + "    encoding: klingon\n",
            NUMBERS,
            "city.yaml:19: places.addresses.file: unknown encoding: klingon",
        ),
        (DECLARED + "    colour: red\n", NUMBERS, "city.yaml:21: places.addresses.colour: unknown key"),
        (
            DECLARED,
            'street,number,suffix,lon,lat\n"Eel' + "x" * 200_000,
            "city.yaml:19: places.addresses.file: ",
        ),
    ],
)
def test_a_fault_is_named_with_its_file_line_and_remedy(
    tmp_path: Path, declared: str, numbers: str | bytes, expected: str
) -> None:
    found = faults(town(tmp_path, declared, numbers))
    assert any(expected in fault for fault in found), found


def test_rows_that_say_nothing_are_left_out_and_counted(tmp_path: Path) -> None:
    bad = "".join(f"Eel Lane,x{row},,-0.015,52.005\n" for row in range(8))
    rows = NUMBERS + ",7,,-0.01,52\nEel Lane,9,,nan,52\nEel Lane,11,,,\nEel Lane,13,,190,52\n" + bad
    examined = examine(town(tmp_path, numbers=rows))
    assert examined.city is not None
    assert examined.city.house_numbers is not None
    assert len(examined.city.house_numbers.number) == 3
    assert [str(each) for each in examined.warnings if "numbers.csv" in each.file] == [
        "places/numbers.csv: no house number: 3 rows more are left out",
        "places/numbers.csv:5: no street; it is left out",
        "places/numbers.csv:6: no place; it is left out",
        "places/numbers.csv:7: no place; it is left out",
        "places/numbers.csv:8: not in WGS 84 degrees: saw 190, 52; it is left out",
        *(f"places/numbers.csv:{9 + row}: no house number: saw 'x{row}'; it is left out" for row in range(5)),
    ]


def test_house_numbers_and_landmarks_may_be_features(tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [-0.015, 52.005]}
    area = {"type": "Polygon", "coordinates": [[[-0.01, 52], [-0.009, 52], [-0.009, 52.001], [-0.01, 52]]]}
    declared = "  addresses:\n    file: places/numbers.geojson\n  landmarks:\n    file: places/marks.geojson\n"
    write_town(tmp_path, city=CITY + declared)
    numbers = collection(feature(point, street="Eel Lane", number="7/b"), feature(None, street="Eel Lane", number=9))
    (tmp_path / "places" / "numbers.geojson").write_text(numbers)
    marks = collection(feature(area, name="The Green"), feature(point, name=""), feature(None, name="Gone"))
    (tmp_path / "places" / "marks.geojson").write_text(marks)
    examined = examine(tmp_path)
    assert examined.city is not None
    assert examined.city.house_numbers is not None
    assert examined.city.house_numbers.number.tolist() == [7]
    assert [landmark.name for landmark in examined.city.landmarks] == ["The Green"]
    assert {str(each).partition(": ")[2] for each in examined.warnings} >= {
        "no place; it is left out",
        "a landmark without a name; it is left out",
        "'Gone' has no place in WGS 84 degrees; it is left out",
    }


def test_house_numbers_the_wrong_way_round_or_elsewhere_are_named(tmp_path: Path) -> None:
    swapped = "  addresses:\n    file: places/numbers.csv\n    x: lat\n    y: lon\n"
    said = "city.yaml:15: places: 3 of 3 house numbers lie outside of the extent; "
    assert f"{said}x and y are the wrong way round" in warnings(town(tmp_path / "swapped", swapped))
    elsewhere = NUMBERS.replace("52.005", "12.5")
    assert f"{said}is crs that of the file?" in warnings(town(tmp_path / "elsewhere", numbers=elsewhere))


def test_streets_may_be_a_list_of_names(tmp_path: Path) -> None:
    streets = "  streets:\n    file: places/streets.csv\n    name_property: [kind, name]\n  languages: [it]\n"
    head = CITY[: CITY.index("  streets:")]
    write_town(tmp_path, city=head + streets)
    (tmp_path / "places" / "streets.csv").write_text("kind;name\nVia;Roma\nVia;Roma\nCorso;Acqui\n;\n")
    city = examine(tmp_path).city
    assert city is not None
    assert [street.name for street in city.streets] == ["Corso Acqui", "Via Roma"]
    assert city.address_languages == ("it",)
    assert faults(write_town(tmp_path, city=head + streets.replace("[it]", "[Italian]")))
    assert warnings(tmp_path) == []


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12", (12, "")), ("12a", (12, "A")), ("12/A", (12, "A")), (" 12 - 14 ", (12, "14")), ("12 bis", (12, "BIS")),
        ("109-01", (109, "01")), ("7.0", (7, "")), ("", None), ("snc", None), ("12345678", None), ("-3", None),
    ],
)  # fmt: skip
def test_a_house_number_is_split_from_its_suffix(written: str, number: tuple[int, str] | None) -> None:
    assert split_number(written) == number


def test_the_invented_town_ships_house_numbers_along_its_streets() -> None:
    city = examine(Path(__file__).parents[2] / "city").city
    assert city is not None
    table = city.house_numbers
    assert table is not None
    assert 500 <= len(table.number) <= 2000
    assert len(city.landmarks) == 12
    lines = {street.name: street.line for street in city.streets}
    assert {street.name for street in table.streets} <= set(lines)
    limits = next(layer for layer in city.layers if layer.limits).areas[0].geometry.buffer(1e-3)
    points = shapely.points(table.longitude, table.latitude)
    far = [
        lines[table.streets[street].name].distance(point) for street, point in zip(table.street, points, strict=True)
    ]
    assert max(far) < 3e-4  # degrees: some 25 m
    assert all(limits.covers(points))
