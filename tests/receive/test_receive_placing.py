"""What the door says of a report's place and address; no report is refused for either."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from receive_doubles import Client, House, entered, make_city, run
from receive_judging import accept, decide, faults

from services.city.model import City, Landmark, Street
from services.receive import open311
from services.receive.adapters import town_of
from services.receive.core import Accepted


def street(name: str, *points: tuple[float, float]) -> Street:
    return Street(name=name, line=shapely.LineString(points))


def city() -> City:
    return make_city(
        streets=(
            street("Wharf Road", (-72.91, 41.30), (-72.89, 41.30)),
            street("Quay Lane", (-72.90, 41.29), (-72.90, 41.31)),
        ),
        landmarks=(Landmark(name="Old Lighthouse", geometry=shapely.Point(-72.905, 41.301)),),
    )


TOWN = town_of(city())
REPORT = {"text": "Lamp out", "service_code": "light"}


def warned(**said: Any) -> list[tuple[str, str, str]]:
    found = accept(REPORT | said, town=TOWN)
    return [(fault.code, fault.field, fault.description) for fault in found.warnings]


def test_a_place_in_the_city_and_an_address_as_the_city_writes_it_are_nothing_to_speak_of() -> None:
    assert warned(lat=41.3, lon=-72.9) == []
    assert warned(address="Wharf Rd") == []
    assert warned(address="Wharf Rd & Quay Lane") == []
    assert warned(lat=41.3, lon=-72.9, address="nobody looks: there is a place") == []


def test_latitude_and_longitude_swapped_are_named() -> None:
    said = "lat -72.9 and lon 41.3 look swapped: the other way round they lie in the city"
    assert warned(lat=-72.9, lon=41.3) == [("swapped_place", "lat", said)]


@pytest.mark.parametrize(("lat", "lon", "far"), [(43.0, -72.5, "111"), (41.5, -71.0, "83"), (41.0, 108.0, "10,897")])
def test_a_place_far_outside_is_told_with_its_distance(lat: float, lon: float, far: str) -> None:
    said = f"lat {lat:g}, lon {lon:g} lies {far} km outside of the city"
    assert warned(lat=lat, lon=lon) == [("far_place", "lat", said)]


def test_a_place_just_beside_the_city_is_nothing_to_speak_of() -> None:
    assert warned(lat=41.3, lon=-73.005) == []


def test_zero_zero_stands_for_no_position() -> None:
    found = accept(REPORT | {"lat": 0, "lon": 0.0, "address": "Wharf Road"}, town=TOWN)
    assert found.report.place is None
    assert [(fault.code, fault.description) for fault in found.warnings] == [
        ("no_place", "lat and lon are 0, 0, which stands for no position: they are left out")
    ]


def test_zero_zero_alone_is_no_place_to_open311_and_said_so() -> None:
    raw = {"service_code": "light", "lat": "0", "lon": "0.0"}
    assert faults(raw, open311.DOOR) == [
        (
            "missing",
            "",
            "a place is missing: expected lat and long, address_string or address_id; 0, 0 stands for no position",
        )
    ]


def test_zero_zero_is_a_place_where_the_city_is_there() -> None:
    there = town_of(make_city(extent=(-1.0, -1.0, 1.0, 1.0)))
    found = accept(REPORT | {"lat": 0, "lon": 0}, town=there)
    assert found.report.place is not None
    assert found.warnings == ()


@pytest.mark.parametrize("nothing", ["nan", "NaN", "inf", "-inf", "1e999"])
def test_a_number_that_is_none_is_refused_with_its_reason(nothing: str) -> None:
    (found, *_) = faults({"service_code": "light", "lat": nothing, "lon": "-72.9"}, open311.DOOR)
    assert found == ("wrong_type", "lat", f"lat is '{nothing}': expected a number from -90 to 90")


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("Whraf Road", "address_taken", "address: the name was mistyped: taken as Wharf Road"),
        ("Wharf Street", "unknown_address", "address: no such street; did you mean Wharf Road?"),
        ("Nowhere Boulevard", "unknown_address", "address: no such street"),
        (
            "Wharf Rd & Nowhere",
            "unknown_address",
            "address: of the crossing, 'Nowhere' is not clear: no street is called so",
        ),
        ("5", "unknown_address", "address: there is a number, and no street"),
        (
            "улица Ленина",
            "unknown_address",
            "address: the address is written in Cyrillic letters, and the city's streets in Latin",
        ),
        ("7 Wharf Rd", "address_taken", "address: 7 is not in the list: no house numbers are known there"),
    ],
)  # fmt: skip
def test_an_address_that_the_city_does_not_know_is_accepted_and_answered(address: str, code: str, said: str) -> None:
    assert warned(address=address) == [(code, "address", said)]


def test_an_address_beside_a_place_far_away_is_looked_at_too() -> None:
    found = warned(lat=48.2, lon=16.37, address="Whraf Road")
    assert [code for code, _, _ in found] == ["far_place", "address_taken"]


@given(st.text(max_size=512), st.floats(allow_nan=True), st.floats(allow_nan=True))
def test_no_place_and_no_address_breaks_the_door(address: str, lat: float, lon: float) -> None:
    found = decide(REPORT | {"address": address, "lat": lat, "lon": lon}, town=TOWN)
    assert isinstance(found, Accepted) or found.faults


async def get(client: Client, status: int = 200, **query: str) -> Any:
    response = await client.get(f"/addresses.json?{urlencode(query)}")
    assert response.status == status, await response.text()
    return await response.json()


def test_the_advice_comes_with_the_acknowledgement_on_every_channel() -> None:
    async def steps() -> None:
        house = House(city=city())
        async with entered(house) as client:
            body = json.dumps(REPORT | {"address": "Wharf Street"}).encode()
            response = await client.post("/channels/web/reports", data=body)
            assert response.status == 202
            (result,) = await response.json()
            assert result["status"] == "accepted"
            assert result["warnings"] == [
                {
                    "code": "unknown_address",
                    "description": "address: no such street; did you mean Wharf Road?",
                    "field": "address",
                }
            ]
            form = {"service_code": "light", "address_string": "Wharf Street", "lat": "-72.9", "long": "41.3"}
            response = await client.post("/requests.json", data=form)
            assert response.status == 201
            (answer,) = await response.json()
            assert answer["service_notice"] == (
                "lat -72.9 and long 41.3 look swapped: the other way round they lie in the city; "
                "address_string: no such street; did you mean Wharf Road?"
            )
        assert len(house.sender.reports) == 2

    run(steps)


def test_addresses_can_be_asked_for_by_text_and_by_point() -> None:
    async def steps() -> None:
        async with entered(House(city=city())) as client:
            (found,) = await get(client, q="corner of wharf rd and quay ln")
            assert (found["outcome"], found["kind"], found["address"]) == (
                "found",
                "crossing",
                "Wharf Road & Quay Lane",
            )
            assert (found["lat"], found["long"]) == (pytest.approx(41.3, abs=1e-4), pytest.approx(-72.9, abs=1e-4))
            (near,) = await get(client, q="Wharf Street")
            assert (near["outcome"], near["candidates"]) == ("unknown", ["Wharf Road"])
            (begun,) = await get(client, q="qua")
            assert begun["candidates"] == ["Quay Lane"]
            (around,) = await get(client, lat="41.3001", long="-72.8990")
            assert (around["street"], around["cross_street"]) == ("Wharf Road", "Quay Lane")
            assert around["distance_m"] == pytest.approx(11.1, abs=0.2)
            response = await client.get("/addresses?q=Wharf+Street")
            assert "<candidates><candidate>Wharf Road</candidate></candidates>" in await response.text()

    run(steps)


def test_an_address_query_that_asks_nothing_or_too_much_is_told_so() -> None:
    async def steps() -> None:
        async with entered(House(city=city())) as client:
            for query in ({}, {"lat": "41"}, {"q": "x" * 513}, {"lat": "x", "long": "y"}):
                assert await get(client, 400, **query)
        async with entered(House()) as client:
            (found,) = await get(client, 404, q="Wharf Road")
            assert found["description"] == "this city has given no streets: see its city.yaml, places"

    run(steps)
