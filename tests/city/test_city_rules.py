"""What is wrong with rules is said with file and line: what they refer to, what can never be, what never fires."""

from pathlib import Path

import pytest
from small_town import CATEGORIES, CITY, DEPARTMENTS, POLICY, collection, faults, feature, warnings, write_town

from services.city.load import load
from services.city.model import Near, Outside, Referral

HYDRANTS = collection(
    *(
        feature(
            {"type": "Point", "coordinates": [-0.02 + step / 1000, 52.005]}, id=f"H-{step}", kind="hydrant", rank=step
        )
        for step in range(5)
    ),
    feature({"type": "Point", "coordinates": [-0.01, 52.005]}, id="L-1", kind="light"),
)
ASSETS = """\
  assets:
    hydrant:
      file: places/assets.geojson
      kind_property: kind
      criticality_property: rank
    light:
      file: places/assets.geojson
      kind_property: kind
      for: [pothole]
      within_m: 40
"""
STATE_ROADS = """\
layers:
  state-roads:
    file: places/streets.geojson
    id_property: name
    lines: true
"""


def write(directory: Path, rules: str, *, before: str = "") -> Path:
    """Write the town with one more rule, and assets and a layer of lines to refer to."""
    write_town(
        directory,
        city=CITY.replace("layers:\n", STATE_ROADS) + ASSETS,
        departments=DEPARTMENTS.replace("rules:\n", f"{before}rules:\n") + rules,
    )
    (directory / "places" / "assets.geojson").write_text(HYDRANTS)
    return directory


def rule(text: str, name: str = "more", department: str = "desk") -> str:
    """Give a rule whose first condition stands in line 26 of departments.yaml."""
    lines = "".join(f"    {line}\n" for line in text.split("\n"))
    return f"  {name}:\n    department: {department}\n{lines}"


def test_every_kind_of_condition_is_read(tmp_path: Path) -> None:
    conditions = (
        "service_codes: [pothole]\nlayer: state-roads\nareas: [Eel Lane]\nwithin_m: 15\n"
        "near: {asset: hydrant, within_m: 7.5}\nhours: PH 10:00-12:00\nsafety: no\nurgent: yes"
    )
    found = load(write(tmp_path, rule(conditions))).rules[-1]
    assert (found.layer, found.areas, found.within_m) == ("state-roads", ("Eel Lane",), 15.0)
    assert (found.near, found.hours, found.safety, found.urgent) == (
        Near(asset="hydrant", within_m=7.5),
        "PH 10:00-12:00",
        False,
        True,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "near: {asset: hydrent, within_m: 30}",
            "26: rules.more.near.asset: saw 'hydrent'; expected one of hydrant, light; did you mean 'hydrant'?",
        ),
        (
            "near: {asset: hydrant}",
            "26: rules.more.near.within_m: is missing; expected metres, more than 0 and at most 5000",
        ),
        (
            "near: {asset: hydrant, within_m: 0}",
            "26: rules.more.near.within_m: is no distance; expected metres, more than 0 and at most 5000",
        ),
        (
            "near: {asset: hydrant, within: 30, within_m: 30}",
            "26: rules.more.near.within: unknown key; did you mean 'within_m'?",
        ),
        ("near: hydrant", "26: rules.more.near: saw 'hydrant'; expected keys and values"),
        (
            "families: [roads]\nwithin_m: 30",
            "27: rules.more.within_m: stands there without a layer; expected the layer that has these areas",
        ),
        (
            "layer: wards\nwithin_m: far",
            "27: rules.more.within_m: saw 'far'; expected a number from 0 to 5000",
        ),
        (
            "layer: state-roads",
            "26: rules.more.layer: state-roads only has lines, and nothing lies in a line; say how near with within_m",
        ),
        (
            "layer: wards\nareas: [3]",
            "27: rules.more.areas: saw '3'; expected one of 1, 2",
        ),
        (
            "families: [roads]\nhours: off",
            "27: rules.more.hours: 'off' never opens, so that the rule can never fire; expected some open hours",
        ),
        (
            "families: [roads]\nservice_codes: [gas]",
            (
                "27: rules.more.service_codes: gas of none of the rule's families; expected categories of roads; "
                "so that the rule can never fire"
            ),
        ),
        (
            "families: [roads]\nservice_codes: [gas, pothole]",
            (
                "27: rules.more.service_codes: gas of none of the rule's families; expected categories of roads; "
                "delete it, or add its family"
            ),
        ),
        ("urgent: perhaps", "26: rules.more.urgent: saw 'perhaps'; expected true or false"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    found = [fault for fault in faults(write(tmp_path, rule(text))) if "more" in fault]
    assert expected.split(": ", 1)[1] in [fault.split(": ", 1)[1] for fault in found]
    assert [fault for fault in found if fault.startswith(f"departments.yaml:{expected.split(':', maxsplit=1)[0]}")]


def test_hours_of_holidays_that_the_town_does_not_have_never_open(tmp_path: Path) -> None:
    write(tmp_path, rule("families: [roads]\nhours: PH 10:00-12:00"))
    assert faults(tmp_path) == []
    city = (tmp_path / "city.yaml").read_text()
    (tmp_path / "city.yaml").write_text(city.replace("holidays: [2026-12-25]\n", ""))
    assert faults(tmp_path) == [
        (
            "departments.yaml:27: rules.more.hours: 'PH 10:00-12:00' never opens and city.yaml has no holidays, "
            "so that the rule can never fire; expected some open hours"
        )
    ]


def test_a_family_without_categories_can_never_fire(tmp_path: Path) -> None:
    categories = CATEGORIES.replace("  hazards:\n", "  hazards:\n  winter:\n")
    write_town(tmp_path, categories=categories, departments=DEPARTMENTS + rule("families: [winter]"))
    assert faults(tmp_path) == [
        "departments.yaml:26: rules.more.families: no category is of winter, so that the rule can never fire"
    ]


def test_a_rule_that_another_always_takes_from_is_a_fault_that_names_the_other(tmp_path: Path) -> None:
    write(tmp_path, rule("families: [roads, hazards]\nsafety: yes", "all-danger") + rule("safety: yes"))
    assert faults(tmp_path) == [
        (
            "departments.yaml:21: rules.danger: can never fire: wherever it holds, 'all-danger' holds too "
            "and goes before; delete it, or give it another condition"
        ),
        (
            "departments.yaml:28: rules.more: can never fire: wherever it holds, 'all-danger' holds too "
            "and goes before; delete it, or give it another condition"
        ),
    ]


def test_a_rule_that_several_others_take_all_from_is_a_fault_that_names_them(tmp_path: Path) -> None:
    more = rule("layer: wards\nareas: [1]", "one") + rule("layer: wards\nareas: [2]", "two") + rule("layer: wards")
    write(tmp_path, more)
    assert faults(tmp_path) == [
        (
            "departments.yaml:32: rules.more: can never fire: wherever it holds, 'one' or 'two' holds too "
            "and goes before; delete it, or give it another condition"
        )
    ]


def test_rules_of_two_layers_whose_areas_never_meet_do_not_tie(tmp_path: Path) -> None:
    wards = rule("families: [roads]\nlayer: wards\nareas: [2]", "ward", "streets")
    apart = rule("families: [roads]\nlayer: east\nareas: [{}]")
    layer = "layers:\n  east:\n    file: boundaries/east.geojson\n"
    box = [[-0.019, 52.001], [-0.011, 52.001], [-0.011, 52.009], [-0.019, 52.009], [-0.019, 52.001]]
    east = collection(
        feature({"type": "Polygon", "coordinates": [box]}, id="in-1"),
        feature({"type": "Polygon", "coordinates": [[[x + 0.005, y] for x, y in box]]}, id="in-both"),
    )
    for area, number in (("in-1", 0), ("in-both", 1)):
        write_town(
            tmp_path, city=CITY.replace("layers:\n", layer), departments=DEPARTMENTS + wards + apart.format(area)
        )
        (tmp_path / "boundaries" / "east.geojson").write_text(east)
        assert len(faults(tmp_path)) == number, faults(tmp_path)


def test_distances_to_two_far_areas_do_not_tie_and_to_near_ones_do(tmp_path: Path) -> None:
    one = rule("layer: wards\nareas: [1]\nwithin_m: 20", "one", "streets")
    line = rule("layer: state-roads\nareas: [Eel Lane]\nwithin_m: {}")
    write(tmp_path, one + line.format(20))
    assert [fault for fault in faults(tmp_path) if "as specific" in fault]
    # Ward 2 only touches ward 1: 10 m from both there are places.
    write(tmp_path, one + rule("layer: wards\nareas: [2]\nwithin_m: 20"))
    assert [fault for fault in faults(tmp_path) if "as specific" in fault]


def test_assets_are_read_by_kind_with_ids_and_criticality(tmp_path: Path) -> None:
    city = load(write(tmp_path, ""))
    hydrants, light = city.assets["hydrant"], city.assets["light"]
    assert hydrants.ids == ("H-0", "H-1", "H-2", "H-3", "H-4")
    assert hydrants.criticality.tolist() == [0, 1, 2, 3, 4]
    assert hydrants.longitude[1] == pytest.approx(-0.019)
    assert (light.service_codes, light.within_m, str(light.criticality[0])) == (("pothole",), 40.0, "nan")


def test_assets_may_be_a_table(tmp_path: Path) -> None:
    write(tmp_path, "")
    city = (tmp_path / "city.yaml").read_text().replace("assets.geojson\n      kind_property: kind", "assets.csv")
    (tmp_path / "city.yaml").write_text(city)
    table = tmp_path / "places" / "assets.csv"
    table.write_text("id,Lon,Lat,rank\nH-1,-0.01,52.005,2\nH-2,-0.011,52.005,\n")
    assert load(tmp_path).assets["hydrant"].ids == ("H-1", "H-2")
    for content, expected in (
        ("", "places/assets.csv:1: columns none is there; expected longitude and latitude in columns of these names"),
        (
            "id,lon,lat\nH-1,,52\n",
            "places/assets.csv:2: 'H-1' has the coordinates nan, 52; expected a point in WGS 84 degrees",
        ),
        (
            "id,lon,lat\nH-1,512.1,52\n",
            "places/assets.csv:2: 'H-1' has the coordinates 512.1, 52; expected a point in WGS 84 degrees",
        ),
        (b"id,lon,lat\nH-\xff,0,52\n", "places/assets.csv:1: byte 0xff; expected UTF-8 text; save the file as UTF-8"),
        (
            "id,lon,lat\n" + "H-1,0,52\n" * 2,
            "places/assets.csv:3: id: 'H-1' stands also in line 2; expected what the city calls it, each once",
        ),
        (
            "id,lon,lat\nH-1,0\n",
            "places/assets.csv:2: 'H-1' has the coordinates 0, nan; expected a point in WGS 84 degrees",
        ),
        ("name,lon,lat\nH-1,0,52\n", "places/assets.csv:2: has no property 'id'; properties are name, lon, lat"),
        ("id,lon,lat,rank\nH-1,0,52,high\n", "places/assets.csv:2: rank: saw 'high'; expected a number, 0 or more"),
    ):
        table.write_bytes(content if isinstance(content, bytes) else content.encode())
        assert expected in faults(tmp_path), content


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("for: [pothole]", "for: [potholes]", "saw 'potholes'; expected one of pothole, gas; did you mean 'pothole'?"),
        (
            "kind_property: kind\n      for",
            "kind_property: knd\n      for",
            "places/assets.geojson has nothing whose knd is 'light'",
        ),
        ("criticality_property: rank", "id_property: ident", "has no property 'ident'; properties are id, kind, rank"),
        (
            "    hydrant:\n      file: places/assets",
            "    hydrant:\n      file: ../assets",
            "saw '../assets.geojson'; expected a file inside",
        ),
        (
            "    light:\n      file: places/assets",
            "    light:\n      file: places/asset",
            "there is no file asset.geojson; did you mean 'assets.geojson'?",
        ),
        ("within_m: 40", "within_m: -4", "saw '-4'; expected a number from 0.1 to 1000"),
        ("    light:", "    traffic light:", "saw 'traffic light'; expected letters, digits"),
    ],
)
def test_faults_of_assets_are_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    write(tmp_path, "")
    city = (tmp_path / "city.yaml").read_text()
    assert old in city
    (tmp_path / "city.yaml").write_text(city.replace(old, new))
    assert expected in "\n".join(faults(tmp_path))


def test_a_kind_whose_file_cannot_be_read_may_still_be_named_by_rules(tmp_path: Path) -> None:
    write(tmp_path, rule("near: {asset: hydrant, within_m: 9}"))
    (tmp_path / "places" / "assets.geojson").write_text("{")
    assert {fault.split(":")[0] for fault in faults(tmp_path)} == {"places/assets.geojson"}


OUTSIDE = """\
outside:
  default: {ask: County, contact: 311@county.example}
  layer: wards
  areas:
    2: {ask: Mere Parish}
"""


def test_whom_to_ask_beyond_the_limits_is_read(tmp_path: Path) -> None:
    found = load(write(tmp_path, "", before=OUTSIDE)).outside
    assert found == Outside(
        default=Referral(ask="County", contact="311@county.example"),
        layer="wards",
        areas={"2": Referral(ask="Mere Parish")},
    )
    assert warnings(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("layer: wards", "layer: ward", "outside.layer: saw 'ward'; expected one of state-roads, limits, wards"),
        ("    2:", "    5:", "outside.areas: saw '5'; expected one of 1, 2"),
        ("ask: County, ", "", "outside.default.ask: is missing; expected text"),
        (
            "  layer: wards\n",
            "",
            "outside.areas.2: stands there without a layer; expected the layer that has these areas",
        ),
        ("{ask: Mere Parish}", "{asks: Mere Parish}", "outside.areas.2.asks: unknown key; did you mean 'ask'?"),
        (OUTSIDE[9:], "  layer: wards\n", "outside: names nobody to ask; expected default, or a layer and areas"),
    ],
)
def test_faults_of_whom_to_ask_are_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in OUTSIDE
    found = faults(write(tmp_path, "", before=OUTSIDE.replace(old, new)))
    assert expected in "\n".join(found)


def test_the_policy_for_two_departments_is_one_of_three(tmp_path: Path) -> None:
    write_town(tmp_path)
    assert load(tmp_path).policy.boundary == "hold"
    write_town(tmp_path, policy=POLICY + "boundary: larger\n")
    assert load(tmp_path).policy.boundary == "larger"
    write_town(tmp_path, policy=POLICY + "boundary: bigger\n")
    assert faults(tmp_path) == ["policy.yaml:8: boundary: saw 'bigger'; expected one of hold, larger, ask"]
