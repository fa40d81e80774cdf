from pathlib import Path

import shapely

from services.city.load import examine

PORT_ALDER = Path(__file__).parents[2] / "city"


def test_the_shipped_town_has_no_fault_and_no_warning_and_says_that_it_is_invented() -> None:
    examined = examine(PORT_ALDER)
    assert [str(finding) for finding in (*examined.faults, *examined.warnings)] == []
    assert examined.city
    assert examined.city.invented
    assert "invented" in (PORT_ALDER / "README.md").read_text()


def test_every_category_has_phrases_in_every_language_of_the_town() -> None:
    city = examine(PORT_ALDER).city
    assert city
    for category in city.categories.values():
        assert set(category.examples) == set(city.languages), category.service_code
        assert len(category.examples["en"]) >= 12, category.service_code
        assert min(len(phrases) for phrases in category.examples.values()) >= 3, category.service_code
        assert category.description, category.service_code


def test_every_danger_has_its_words_in_every_language() -> None:
    city = examine(PORT_ALDER).city
    assert city
    dangers = [category for category in city.categories.values() if category.safety]
    assert {"gas-smell", "wires-down", "sinkhole"} <= {category.service_code for category in dangers}
    for category in dangers:
        assert set(category.safety_words) == set(city.languages), category.service_code


def test_the_districts_share_out_the_town_without_gap_or_overlap() -> None:
    city = examine(PORT_ALDER).city
    assert city
    limits, districts, roads = (shapely.unary_union([a.geometry for a in layer.areas]) for layer in city.layers)
    areas = [area.geometry for area in city.layers[1].areas]
    assert len(areas) == 9
    assert districts.symmetric_difference(limits).area < limits.area * 1e-6
    assert sum(area.area for area in areas) - districts.area < limits.area * 1e-6
    assert limits.buffer(1e-5).contains(roads)
    assert all(limits.contains(street.line) for street in city.streets if not street.name.startswith("State"))


def test_the_policy_shows_every_mode() -> None:
    city = examine(PORT_ALDER).city
    assert city
    assert {city.policy.mode, *city.policy.categories.values()} == {"copilot", "supervised", "automatic"}


def test_the_towns_things_stand_beside_its_streets_inside_its_limits() -> None:
    city = examine(PORT_ALDER).city
    assert city
    limits = shapely.unary_union([area.geometry for layer in city.layers if layer.limits for area in layer.areas])
    streets = shapely.unary_union([street.line for street in city.streets])
    assert {kind: each.service_codes for kind, each in city.assets.items()} == {
        "light": ("street-light",),
        "signal": ("traffic-signal",),
        "hydrant": ("water-leak",),
    }
    for each in city.assets.values():
        points = shapely.points(each.longitude, each.latitude)
        assert shapely.contains(limits, points).all()
        assert (shapely.distance(streets, points) < 20 / 86_000).all()
        assert ((each.criticality >= 1) & (each.criticality <= 5)).all()
