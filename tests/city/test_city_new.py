import csv
import gzip
import json
import sys
from pathlib import Path

import geopandas
import pytest
import shapely
from small_town import collection, feature, square
from typer.testing import CliRunner, Result

from services.city.history import slug
from services.city.load import load
from services.cli.city import app

HEADER = ["id", "opened", "kind", "words", "lat", "lon"]
LABELS = ["Pot hole", "Street Light", "Árbol caído"]


def rows(count: int = 10) -> list[list[str]]:
    return [
        [str(n), "2024-01-01", label, f"{label} number {n} is bad again", "52.005", "-0.015"]
        for label in LABELS
        for n in range(count)
    ]


def write_export(path: Path, content: list[list[str]], header: list[str] = HEADER, delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *content])
    return path


def write_areas(path: Path) -> Path:
    two = [feature(square(-0.02, 52.0), code=7, name="Fen"), feature(square(-0.01, 52.0), code=8, name="Mere")]
    path.write_text(collection(*two))
    return path


def new(directory: Path, export: Path, areas: Path, *words: str) -> Result:
    given = ["--boundaries", str(areas), "--history", str(export), "--text", "words", "--label", "kind", "--no-train"]
    return CliRunner().invoke(app, ["new", str(directory), *given, *words])


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_export(tmp_path / "past.csv", rows())


@pytest.fixture
def areas(tmp_path: Path) -> Path:
    return write_areas(tmp_path / "wards.geojson")


def test_a_town_made_of_its_past_passes_the_check(tmp_path: Path, export: Path, areas: Path) -> None:
    directory = tmp_path / "port-mere"
    result = new(directory, export, areas, "--lat", "lat", "--lon", "lon", "--time-zone", "Europe/London")
    assert result.exit_code == 0, result.output
    city = load(directory)
    assert result.output.splitlines() == [
        "2 areas, told apart by name, named by name",
        f"Port Mere, can be used (version {city.version})",
        "  3 categories in 3 families",
        "  30 phrases in 1 language: en",
        "  1 department, 0 rules",
        "  boundaries: limits (1 area), areas (2 areas); 0 streets",
        "  policy: supervised, and the same for all",
        "  to city, since no rule takes them: pot-hole, street-light, arbol-caido",
    ]
    assert city.categories["arbol-caido"].name == "Árbol caído"
    assert len(city.categories["pot-hole"].examples["en"]) == 10
    assert city.time_zone == "Europe/London"
    assert [area.area_id for area in city.layers[1].areas] == ["Fen", "Mere"]
    assert city.layers[0].areas[0].geometry.equals_exact(shapely.box(-0.02, 52.0, 0.0, 52.01).normalize(), 1e-9) or (
        city.layers[0].areas[0].geometry.symmetric_difference(shapely.box(-0.02, 52.0, 0.0, 52.01)).area < 1e-9
    )
    assert "keep them out of public places" in (directory / "README.md").read_text()


def test_a_model_is_trained_into_the_town(tmp_path: Path, export: Path, areas: Path) -> None:
    directory = tmp_path / "mere"
    words = ["--boundaries", areas, "--history", export, "--text", "words", "--label", "kind", "--created", "opened"]
    result = CliRunner().invoke(app, ["new", str(directory), *map(str, words)])
    assert result.exit_code == 0, result.output
    assert (directory / "model").is_dir()
    assert result.output.splitlines()[-3].startswith(f"model in {directory / 'model'}, of 30 texts; learnt from the")
    assert load(directory).categories


def test_a_history_that_cannot_be_learnt_from_leaves_a_town_without_a_model(tmp_path: Path, areas: Path) -> None:
    same = [[str(n), "", label, f"{label} again", "", ""] for label in LABELS for n in range(6)]
    directory = tmp_path / "mere"
    words = ["--boundaries", areas, "--history", write_export(tmp_path / "past.csv", same), "--text", "words"]
    result = CliRunner().invoke(app, ["new", str(directory), *map(str, words), "--label", "kind"])
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        f"{directory} is made and has no model: `stormdrain train` makes one, or delete it and try again"
    )
    assert load(directory).categories


def test_without_the_train_extra_the_town_is_made_and_says_what_to_install(
    tmp_path: Path, export: Path, areas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "services.classify.training.train", None)
    words = ["--boundaries", areas, "--history", export, "--text", "words", "--label", "kind"]
    result = CliRunner().invoke(app, ["new", str(tmp_path / "mere"), *map(str, words)])
    assert result.exit_code == 1
    assert "install `stormdrain[train]`" in result.stderr
    assert load(tmp_path / "mere").categories


def test_the_same_files_make_the_same_town(tmp_path: Path, export: Path, areas: Path) -> None:
    new(tmp_path / "one" / "mere", export, areas)
    new(tmp_path / "two" / "mere", export, areas)
    assert load(tmp_path / "one" / "mere").version == load(tmp_path / "two" / "mere").version


def test_exports_come_zipped_and_parted_by_semicolons(tmp_path: Path, areas: Path) -> None:
    plain = write_export(tmp_path / "past.csv", rows(), delimiter=";")
    zipped = tmp_path / "past.csv.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    assert new(tmp_path / "mere", zipped, areas).exit_code == 0


def test_boundaries_of_another_coordinate_system_are_converted(tmp_path: Path, export: Path, areas: Path) -> None:
    path = tmp_path / "wards.gpkg"
    geopandas.read_file(areas).to_crs(27700).to_file(path)
    assert new(tmp_path / "mere", export, path, "--id-property", "code").exit_code == 0
    city = load(tmp_path / "mere")
    assert [area.area_id for area in city.layers[1].areas] == ["7", "8"]
    assert city.extent == pytest.approx((-0.02, 52.0, 0.0, 52.01), abs=1e-4)


def test_areas_are_known_by_what_people_know_them_by(tmp_path: Path, export: Path) -> None:
    areas = tmp_path / "wards.geojson"
    west = feature(square(-0.02, 52.0), OBJECTID=1, kind="ward", District=41)
    east = feature(square(-0.01, 52.0), OBJECTID=2, kind="ward", District=42)
    areas.write_text(collection(west, east))
    result = new(tmp_path / "mere", export, areas)
    assert result.output.splitlines()[0] == "2 areas, told apart by District, named by District"
    assert [area.area_id for area in load(tmp_path / "mere").layers[1].areas] == ["41", "42"]


def test_slits_between_areas_belong_to_the_town(tmp_path: Path, export: Path) -> None:
    areas = tmp_path / "wards.geojson"
    areas.write_text(
        collection(feature(square(-0.02, 52.0, 0.00999), name="a"), feature(square(-0.01, 52.0), name="b"))
    )
    new(tmp_path / "mere", export, areas)
    limits = load(tmp_path / "mere").layers[0].areas[0].geometry
    assert limits.contains(shapely.Point(-0.010005, 52.005))


def test_texts_that_look_personal_are_no_examples(tmp_path: Path, areas: Path) -> None:
    said = [
        "write to me at someone@example.org please",
        "call 202-555-0101 about the hole",
        "see https://example.org/x",
    ]
    personal = [[str(n), "", "Pot hole", text, "", ""] for n, text in enumerate(said * 2)]
    export = write_export(tmp_path / "past.csv", [*personal, *rows()[10:]])
    assert new(tmp_path / "mere", export, areas).exit_code == 0
    assert load(tmp_path / "mere").categories["pot-hole"].examples == {"en": ("Pot hole",)}


def test_families_may_be_given(tmp_path: Path, export: Path, areas: Path) -> None:
    families = tmp_path / "families.yaml"
    families.write_text("street: [pot hole, Street Light]\n")
    assert new(tmp_path / "mere", export, areas, "--families", str(families)).exit_code == 0
    city = load(tmp_path / "mere")
    assert {code: category.family for code, category in city.categories.items()} == {
        "arbol-caido": "arbol-caido",
        "pot-hole": "street",
        "street-light": "street",
    }


def test_what_is_left_out_is_said(tmp_path: Path, areas: Path) -> None:
    odd = [
        ["1", "", "", "no label", "", ""],
        ["2", "", "Pot hole", "", "", ""],
        ["3", "", "Rare", "seldom", "", ""],
        ["4", "", "POT HOLE", "the same in capitals", "", ""],
        ["5", "short"],
    ]
    export = write_export(tmp_path / "past.csv", [*rows(), *odd])
    result = new(tmp_path / "mere", export, areas)
    assert result.output.splitlines()[:4] == [
        "1 of 35 rows are left out: another number of cells than the header",
        "1 of 35 rows are left out: no label",
        "1 of 35 rows are left out: no text",
        "categories with fewer than 5 texts are left out: Rare (1)",
    ]
    assert set(load(tmp_path / "mere").categories) == {"pot-hole", "street-light", "arbol-caido"}


def test_names_that_differ_by_signs_alone_stay_apart(tmp_path: Path, areas: Path) -> None:
    more = [[str(n), "", "Pot-hole.", f"words number {n}", "", ""] for n in range(6)]
    export = write_export(tmp_path / "past.csv", [*rows(), *more])
    new(tmp_path / "mere", export, areas)
    names = {code: category.name for code, category in load(tmp_path / "mere").categories.items()}
    assert names["pot-hole"] == "Pot hole"
    assert names["pot-hole-2"] == "Pot-hole."


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_written(tmp_path: Path, export: Path) -> None:
    directory = tmp_path / "mere"
    words = ["--label", "kinds", "--lat", "latitude", "--time-zone", "Mars/Olympus", "--language", "English"]
    result = new(directory, export, tmp_path / "nowhere.geojson", *words)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"stormdrain city new cannot make {directory}: 5 faults",
        "  --language English: expected a language code, as in en, es or zh-Hant",
        "  --time-zone Mars/Olympus: expected a name such as Europe/Madrid or America/New_York",
        (
            "  --label kinds: past.csv has no column of that name; columns are id, opened, kind, words, lat, lon; "
            "did you mean 'kind'?"
        ),
        "  --lat latitude: past.csv has no column of that name; columns are id, opened, kind, words, lat, lon",
        "  --boundaries: there is no file nowhere.geojson; files there: past.csv",
    ]
    assert not directory.exists()


def test_a_directory_in_use_is_left_alone(tmp_path: Path, export: Path, areas: Path) -> None:
    result = new(tmp_path, export, areas)
    assert result.stderr == (
        f"stormdrain city new cannot make {tmp_path}: 1 fault\n"
        f"  {tmp_path} is there already and not empty; choose another directory\n"
    )


def test_latitude_and_longitude_the_wrong_way_round_are_recognised(tmp_path: Path, export: Path, areas: Path) -> None:
    result = new(tmp_path / "mere", export, areas, "--lat", "lon", "--lon", "lat")
    assert result.stderr.splitlines()[1] == (
        "  0 of 30 requests with coordinates lie inside the boundaries; "
        "30 would if --lat and --lon were the other way round"
    )


def test_the_boundaries_of_another_town_are_recognised(tmp_path: Path, export: Path) -> None:
    areas = tmp_path / "far.geojson"
    areas.write_text(collection(feature(square(10, 10), name="far")))
    result = new(tmp_path / "mere", export, areas, "--lat", "lat", "--lon", "lon")
    assert result.stderr.splitlines()[1] == (
        "  0 of 30 requests with coordinates lie inside the boundaries; "
        "is it the boundary file of this town, and are --lat and --lon in WGS 84 degrees?"
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "past.csv is empty; expected a header and past requests"),
        (
            "id,words,kind\n1,Fußgänger,x\n".encode("latin-1"),
            "past.csv:2: not text in utf-8; say --encoding cp1252 or whatever it was written in",
        ),
        (
            b"words,kind,kind\n",
            "--label kind: past.csv has more than one column of that name; columns are words, kind, kind",
        ),
        (
            b"words,kind\na,b\n",
            (
                "past.csv: 0 of 1 categories can be learnt from 1 labelled texts; expected at least 2 with 5 texts each"
                "; categories with fewer than 5 texts are left out: b (1)"
            ),
        ),
    ],
)
def test_an_export_that_cannot_be_used_says_why(tmp_path: Path, areas: Path, content: bytes, expected: str) -> None:
    export = tmp_path / "past.csv"
    export.write_bytes(content)
    assert new(tmp_path / "mere", export, areas).stderr.splitlines()[1] == f"  {expected}"


def test_a_broken_gzip_file_is_named(tmp_path: Path, areas: Path) -> None:
    export = tmp_path / "past.csv.gz"
    export.write_bytes(gzip.compress(b"words,kind\n" * 1000)[:-20])
    assert "past.csv.gz is no whole gzip file" in new(tmp_path / "mere", export, areas).stderr


def test_another_encoding_is_read_when_named(tmp_path: Path, areas: Path) -> None:
    export = write_export(tmp_path / "past.csv", rows())
    export.write_bytes(export.read_text().encode("cp1252"))
    assert new(tmp_path / "mere", export, areas, "--encoding", "cp1252").exit_code == 0
    assert "such encoding" in new(tmp_path / "two", export, areas, "--encoding", "klingon").stderr


def test_boundaries_without_a_polygon_are_named(tmp_path: Path, export: Path) -> None:
    areas = tmp_path / "points.geojson"
    areas.write_text(collection(feature({"type": "Point", "coordinates": [0, 52]}, name="a")))
    assert new(tmp_path / "mere", export, areas).stderr.splitlines()[1] == (
        "  --boundaries: points.geojson has no polygon among its 1 features; "
        "expected areas, as districts or wards; it has Point"
    )


def test_a_property_that_is_not_there_is_named(tmp_path: Path, export: Path, areas: Path) -> None:
    assert new(tmp_path / "mere", export, areas, "--id-property", "ward").stderr.splitlines()[1] == (
        "  --boundaries: --id-property ward: wards.geojson has no such property; properties are code, name"
    )


def test_a_family_of_an_unknown_category_is_named(tmp_path: Path, export: Path, areas: Path) -> None:
    families = tmp_path / "families.yaml"
    families.write_text("street:\n- Pot hole\n- Bridge\n")
    assert new(tmp_path / "mere", export, areas, "--families", str(families)).stderr.splitlines()[1] == (
        "  --families: families.yaml:3: family 'street' has a category that is not in the history; "
        "categories are Pot hole, Street Light, Árbol caído"
    )


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("Pot hole", "pot-hole"),
        ("Árbol caído / rama", "arbol-caido-rama"),
        ("Straße & Weg", "strasse-weg"),
        ("違規停車", "違規停車"),
        ("  --  ", ""),
        ("x" * 99, "x" * 60),
    ],
)
def test_service_codes_are_plain_words(label: str, code: str) -> None:
    assert slug(label) == code


def test_written_boundaries_have_six_decimals(tmp_path: Path, export: Path, areas: Path) -> None:
    new(tmp_path / "mere", export, areas)
    written = json.loads((tmp_path / "mere" / "boundaries" / "areas.geojson").read_text())
    points = [number for point in written["features"][0]["geometry"]["coordinates"][0] for number in point]
    assert points == [round(number, 6) for number in points]
