"""A report that has an address and no place gets the place of its address."""

from datetime import UTC, datetime

import msgspec
import pytest
import shapely
from test_route_core import DISTRICTS, EAST, LIMITS, ROADS, city, classified, spot

from services.city.model import Street
from services.events import RequestClassified, RequestRouted
from services.places.addresses.finder import Addresses
from services.route.adapters import DatedAtlas
from services.route.core import Router

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)


def street(name: str, *points: tuple[float, float]) -> Street:
    return Street(name=name, line=shapely.LineString(points))


TOWN = msgspec.structs.replace(
    city(ROADS, EAST, layers=(LIMITS, DISTRICTS)),
    streets=(
        street("Wharf Road", (10.04, 50.0), (10.05, 50.0)),
        street("Quay Lane", (10.045, 49.99), (10.045, 50.01)),
        street("Long Lane", (9.95, 50.02), (10.05, 50.02)),
    ),
)


def routed(address: str, place: object = None) -> RequestRouted:
    event = classified(place)  # type: ignore[arg-type]
    event = msgspec.structs.replace(event, report=msgspec.structs.replace(event.report, address=address))
    (outcome,) = Router(TOWN, DatedAtlas(TOWN), Addresses(TOWN)).handle([event])
    assert isinstance(outcome, RequestRouted)
    return outcome


def test_an_address_that_is_found_is_routed_by_its_place() -> None:
    got = routed("Wharf Rd & Quay Ln")
    assert got.report.place is not None
    assert got.report.place.method == "interpolated"
    assert (got.routing.rule, got.routing.department) == ("roads-east", "county")
    assert got.routing.address is not None
    assert (got.routing.address.outcome, got.routing.address.text) == ("found", "Wharf Road & Quay Lane")
    assert got.routing.cell


def test_an_address_that_is_not_found_is_routed_without_a_place_and_says_what_may_be_meant() -> None:
    got = routed("Wharf Street")
    assert got.report.place is None
    assert (got.routing.rule, got.routing.cell) == ("roads", "")
    assert got.routing.address is not None
    assert got.routing.address.reason == "no such street; did you mean Wharf Road?"


def test_a_street_through_two_districts_says_whose_the_report_may_be() -> None:
    got = routed("Long Lane")
    assert got.report.place is not None
    assert got.report.place.method == "street"
    assert {area.area_id for area in (*got.routing.boundaries, *got.routing.ambiguous)} >= {"west", "east"}


def test_streets_that_meet_twice_are_no_place_to_send_anybody_to_and_the_circle_is_told() -> None:
    loop = street("Loop Road", (10.041, 49.999), (10.041, 50.001), (10.049, 50.001), (10.049, 49.999))
    town = msgspec.structs.replace(TOWN, streets=(*TOWN.streets, loop))
    event = classified(None)
    event = msgspec.structs.replace(
        event, report=msgspec.structs.replace(event.report, address="Wharf Road & Loop Road")
    )
    (got,) = Router(town, DatedAtlas(town), Addresses(town)).handle([event])
    assert isinstance(got, RequestRouted)
    assert got.report.place is None
    assert got.routing.address is not None
    assert (got.routing.address.outcome, got.routing.address.reason) == (
        "unsure",
        "these two streets meet at 2 places",
    )
    assert got.routing.address.place is not None


def test_a_place_that_was_given_stays_as_it_is() -> None:
    got = routed("Wharf Rd & Quay Ln", spot(9.95))
    assert got.report.place == spot(9.95)
    assert (got.routing.rule, got.routing.address) == ("roads", None)


@pytest.mark.parametrize("address", ["", "\x00", "12", "x" * 512])
def test_an_address_that_says_nothing_is_no_trouble(address: str) -> None:
    assert routed(address).report.place is None


def test_a_swapped_place_is_named_in_the_reason() -> None:
    got = routed("", spot(50.0, 10.0))
    assert got.routing.outside
    assert got.routing.reason.endswith(
        "; the place is outside the city's limits, and it would not be with latitude and longitude swapped: "
        "the category alone decides"
    )


def test_a_batch_mixes_reports_with_and_without_places() -> None:
    events: list[RequestClassified] = []
    for address, place in (("Wharf Rd & Quay Ln", None), ("", spot(9.95)), ("", None), ("Nowhere", None)):
        event = classified(place)
        events.append(msgspec.structs.replace(event, report=msgspec.structs.replace(event.report, address=address)))
    outcomes = Router(TOWN, DatedAtlas(TOWN), Addresses(TOWN)).handle(list(events))
    rules = [outcome.routing.rule for outcome in outcomes if isinstance(outcome, RequestRouted)]
    assert rules == ["roads-east", "roads", "roads", "roads"]
