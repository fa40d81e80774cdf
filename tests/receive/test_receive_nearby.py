"""GET requests/nearby: what is known already about a place, before somebody reports it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from open311_documents import DATETIME, MAYBE, STRING, get_json, get_xml, valid
from receive_doubles import CATEGORIES, NOW, House, entered, make_city, run

from services.city.earth import METRES_PER_DEGREE
from services.city.model import Family
from services.events import RequestMatched
from services.parts import AddressMatch, Classification, Matching, Place, Report, Routing
from services.readmodel.faults import ReadModelAwayError, ReadModelError
from services.readmodel.queries import ReadModel
from services.readmodel.rows import NearbyRow
from services.readmodel.store import Store
from services.receive import nearby
from services.receive.adapters import PublicRequests
from services.receive.placing import Around

NUMBER = {"type": "number"}
INCIDENT = {
    "service_request_id": STRING,
    "status": {"const": "open"},
    "status_notes": STRING,
    "service_name": STRING,
    "service_code": STRING,
    "description": MAYBE,
    "descriptions": {"type": "array", "items": STRING, "maxItems": 3},
    "reports": {"type": "integer", "minimum": 1},
    "reported_first": DATETIME,
    "reported_last": DATETIME,
    "address": MAYBE,
    "lat": NUMBER,
    "long": NUMBER,
    "distance_m": NUMBER,
    "likely": {"type": "number", "minimum": 0, "maximum": 1},
}
INCIDENTS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": list(INCIDENT),
        "properties": INCIDENT,
        "additionalProperties": False,
    },
}
HERE = "lat=41.3&long=-72.9"


def make_near(incident_id: str, distance_m: float = 12.34, **changes: Any) -> NearbyRow:
    given: dict[str, Any] = {
        "incident_id": incident_id,
        "service_code": "light",
        "family": "light",
        "stage": "delivered",
        "first_requested_at": NOW - timedelta(hours=20),
        "last_requested_at": NOW - timedelta(hours=2),
        "reports": 3,
        "latitude": 41.3,
        "longitude": -72.9,
        "distance_m": distance_m,
        "texts": ("Lamp <7> is out & dark", "The lamp flickers"),
        "address": "7 Wharf Road",
    }
    return NearbyRow(**(given | changes))


def house(*near: NearbyRow, **settings: Any) -> House:
    families = {
        "road": Family(id="road", match_radius_m=40, match_window_hours=720),
        "light": Family(id="light", match_radius_m=60, match_window_hours=24),
        "people": Family(id="people"),
        "flood": Family(id="flood", match_radius_m=0),
    }
    made = House(city=settings.pop("city", None) or make_city(families=families), **settings)
    made.rows.near = list(near)
    return made


def test_an_incident_says_what_was_said_when_and_how_far_off() -> None:
    async def steps() -> None:
        async with entered(house(make_near("r1"))) as client:
            found = await get_json(client, f"/requests/nearby.json?{HERE}")
            valid(found, INCIDENTS)
            assert found == [
                {
                    "service_request_id": "r1",
                    "status": "open",
                    "status_notes": "It is in the department's system.",
                    "service_name": "Street light & lamp",
                    "service_code": "light",
                    "description": "Lamp <7> is out & dark",
                    "descriptions": ["Lamp <7> is out & dark", "The lamp flickers"],
                    "reports": 3,
                    "reported_first": "2026-11-20T07:30:00-05:00",
                    "reported_last": "2026-11-21T01:30:00-05:00",
                    "address": "7 Wharf Road",
                    "lat": 41.3,
                    "long": -72.9,
                    "distance_m": 12.3,
                    "likely": 0.84,
                }
            ]
            root = await get_xml(client, f"/requests/nearby.xml?{HERE}")
            assert root.tag == "incidents"
            assert [each.text for each in root.iterfind("incident/descriptions/description")] == [
                "Lamp <7> is out & dark",
                "The lamp flickers",
            ]
            assert (await get_xml(client, f"/requests/nearby?{HERE}")).findtext("incident/reports") == "3"
            missing = await get_json(client, "/requests/nearby2.json", 404)
            assert "service_request_id 'nearby2' was not found" in missing[0]["description"]

    run(steps)


def test_the_read_model_is_asked_for_public_categories_each_as_long_ago_as_its_family_allows() -> None:
    async def steps() -> None:
        door = house()
        async with entered(door) as client:
            for query in ("", "&service_code=light", "&service_code=pothole&radius=7.5", "&service_code=encampment"):
                assert await get_json(client, f"/requests/nearby.json?{HERE}{query}") == []
            everything, light, pothole, private = door.rows.asked_near
            assert everything.service_codes == ("pothole", "light")
            assert dict(everything.since) == {"road": NOW - timedelta(hours=720), "light": NOW - timedelta(hours=24)}
            assert (everything.latitude, everything.longitude, everything.radius_m) == (41.3, -72.9, 100)
            assert (light.service_codes, light.radius_m, list(dict(light.since))) == (("light",), 60, ["light"])
            assert (pothole.service_codes, pothole.radius_m) == (("pothole",), 7.5)
            assert (private.service_codes, private.since) == ((), ())

    run(steps)


@pytest.mark.parametrize(("radius", "expected"), [(0.0, 100), (5000.0, 1000)])
def test_a_family_s_own_radius_is_kept_within_what_can_be_asked(radius: float, expected: float) -> None:
    async def steps() -> None:
        door = house(city=make_city(families={"light": Family(id="light", match_radius_m=radius)}))
        async with entered(door) as client:
            await get_json(client, f"/requests/nearby.json?{HERE}&service_code=light")
            assert door.rows.asked_near[0].radius_m == expected

    run(steps)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["near", "words", "old", "far"]),
        ("&description=the lamp is flickering again", ["words", "near", "old", "far"]),
        ("&description=", ["near", "words", "old", "far"]),
        ("&limit=2", ["near", "words"]),
        ("&limit=1&radius=30", ["near"]),
        ("&radius=30", ["near", "words", "old"]),
    ],
)
def test_the_likeliest_comes_first_by_nearness_time_and_the_words_in_common(query: str, names: list[str]) -> None:
    async def steps() -> None:
        door = house(
            make_near("far", 80, texts=("Pole knocked over",)),
            make_near("old", 30, texts=("Pole knocked over",), last_requested_at=NOW - timedelta(hours=23.9)),
            make_near("near", 10, texts=("Pole knocked over",)),
            make_near("words", 20, texts=("", "lamp flickering")),
        )
        async with entered(door) as client:
            found = await get_json(client, f"/requests/nearby.json?{HERE}{query}")
            assert [each["service_request_id"] for each in found] == names
            ranks = [each["likely"] for each in found]
            assert ranks == sorted(ranks, reverse=True)

    run(steps)


def test_the_very_same_category_comes_before_another_of_its_family() -> None:
    city = make_city()
    found = [
        nearby.Incident(
            request_id=code,
            service_code=code,
            first_requested_at=NOW,
            last_requested_at=NOW,
            reports=1,
            latitude=0,
            longitude=0,
            distance_m=5,
        )
        for code in ("light", "pothole")
    ]
    asked = nearby.Asked(service_code="pothole")
    ranked = nearby.likeliest(found, asked, city, NOW)
    assert [each.request_id for _, each in ranked] == ["pothole", "light"]
    in_future = nearby.likeliest(found, asked, city, NOW - timedelta(days=1))
    assert all(0 <= likely <= 1 for likely, _ in in_future)


def test_five_are_given_and_twenty_at_most() -> None:
    async def steps() -> None:
        door = house(*(make_near(f"r{number:02}", number) for number in range(30)))
        async with entered(door) as client:
            found = await get_json(client, f"/requests/nearby.json?{HERE}")
            assert [each["service_request_id"] for each in found] == ["r00", "r01", "r02", "r03", "r04"]
            assert len(await get_json(client, f"/requests/nearby.json?{HERE}&limit=20")) == 20

    run(steps)


def test_where_no_texts_are_published_none_are_shown_and_none_told_by_the_ranking() -> None:
    async def steps() -> None:
        door = house(make_near("r1"), publish_text=False)
        async with entered(door) as client:
            (plain,) = await get_json(client, f"/requests/nearby.json?{HERE}")
            (asked,) = await get_json(client, f"/requests/nearby.json?{HERE}&description=Lamp 7 is out and dark")
            assert (plain["description"], plain["descriptions"]) == (None, [])
            assert plain == asked

    run(steps)


@pytest.mark.parametrize(
    ("query", "description"),
    [
        ("", "a place is missing: expected lat and long, or q"),
        ("lat=&long=%20", "a place is missing: expected lat and long, or q"),
        ("lat=41.3", "long is missing: expected it with lat"),
        ("long=-72.9", "lat is missing: expected it with long"),
        ("lat=139&long=-72.9", "lat is 139: expected a number from -90 to 90"),
        ("lat=nan&long=-72.9", "lat is 'nan': expected a number from -90 to 90"),
        ("lat=1e1&long=-72.9", "lat is '1e1': expected a number from -90 to 90"),
        ("lat=41.3&long=' OR 1=1", 'long is "\' OR 1=1": expected a number from -180 to 180'),
        ("lat=-72.9&long=41.3", "lat -72.9 and long 41.3 look swapped: the other way round they lie in the city"),
        ("lat=0&long=0", "lat and long are 0, 0, which stands for no position: expected a point in the city"),
        (f"{HERE}&radius=0", "radius is 0: expected a number from 1 to 1000"),
        (f"{HERE}&radius=1001", "radius is 1001: expected a number from 1 to 1000"),
        (f"{HERE}&radius=wide", "radius is 'wide': expected a number from 1 to 1000"),
        (f"{HERE}&limit=21", "limit is 21: expected a number from 1 to 20"),
        (f"{HERE}&limit=-1", "limit is -1: expected a number from 1 to 20"),
        (f"{HERE}&service_code=dragon", "service_code 'dragon' is not a service of this city: see /services"),
        (f"{HERE}&service_code={'x' * 65}", "service_code has 65 characters: expected at most 64"),
        (f"q={'x' * 513}", "q has 513 characters: expected at most 512"),
        ("q=7 Wharf Road", "q cannot be looked up, this city has given no streets: expected lat and long"),
    ],
)
def test_an_argument_that_cannot_be_followed_is_named(query: str, description: str) -> None:
    async def steps() -> None:
        door = house(make_near("r1"))
        async with entered(door) as client:
            found = await get_json(client, f"/requests/nearby.json?{quote(query, safe='=&%')}", 400)
            assert found == [{"code": 400, "description": description}]
            assert door.rows.asked_near == []

    run(steps)


def test_all_faults_are_told_at_once_and_a_stranger_s_city_is_not_here() -> None:
    async def steps() -> None:
        async with entered(house()) as client:
            found = await get_json(client, "/requests/nearby.json?lat=x&radius=0&limit=99", 400)
            assert [each["description"].partition(" ")[0] for each in found] == ["lat", "radius", "limit"]
            await get_json(client, f"/requests/nearby.json?{HERE}&jurisdiction_id=elsewhere", 404)

    run(steps)


@pytest.mark.parametrize("words", ["\0\x1b[2J", "'; DROP TABLE requests; --", "%", "\ud83d", "ж" * 900, "<b>&amp;"])
def test_whatever_somebody_is_about_to_say_is_compared_and_never_answered(words: str) -> None:
    async def steps() -> None:
        async with entered(house(make_near("r1"))) as client:
            said = quote(words.encode("utf-8", "surrogatepass"))
            found = await get_json(client, f"/requests/nearby.json?{HERE}&description={said}")
            valid(found, INCIDENTS)

    run(steps)


@pytest.mark.parametrize("trouble", [ReadModelAwayError("away"), ReadModelError("of another version")])
def test_a_read_model_that_is_away_is_worth_another_try(trouble: Exception) -> None:
    async def steps() -> None:
        door = house(retry_after_s=7)
        door.rows.trouble = trouble
        async with entered(door) as client:
            response = await client.get(f"/requests/nearby.json?{HERE}")
            assert (response.status, response.headers["Retry-After"]) == (503, "7")
            assert await response.json() == [
                {"code": 503, "description": "requests cannot be read just now: ask again"}
            ]

    run(steps)


class Book:
    """A city's addresses, of which one is known for certain and one as a street."""

    def find(self, text: str, /) -> AddressMatch:
        if text == "7 Wharf Road":
            return AddressMatch(outcome="found", place=Place(latitude=41.31, longitude=-72.91, radius_m=5))
        if text == "Quay Lane":
            place = Place(latitude=41.32, longitude=-72.92, radius_m=250)
            return AddressMatch(outcome="unsure", place=place, reason="no house number")
        return AddressMatch(outcome="unknown", reason="no such street; did you mean Wharf Road?")

    def suggest(self, text: str, /) -> list[str]:
        return [text]

    def around(self, _latitude: float, _longitude: float, /) -> Around:
        return Around()


def test_a_written_address_stands_for_its_place_with_the_circle_that_is_known_of_it() -> None:
    async def steps() -> None:
        door = house()
        town = msgspec.structs.replace(door.keeper.town, addresses=Book())
        door.keeper = replace(door.keeper, town=town)
        async with entered(door) as client:
            for q in ("7 Wharf Road", "Quay Lane"):
                assert await get_json(client, f"/requests/nearby.json?q={quote(q)}") == []
            assert await get_json(client, f"/requests/nearby.json?q=Quay%20Lane&{HERE}") == []
            house_number, street, point = door.rows.asked_near
            assert (house_number.latitude, house_number.radius_m) == (41.31, 100)
            assert (street.latitude, street.radius_m) == (41.32, 250)
            assert (point.latitude, point.radius_m) == (41.3, 100)
            found = await get_json(client, "/requests/nearby.json?q=Nowhere", 400)
            assert found[0]["description"] == (
                "q: no such street; did you mean Wharf Road?; expected an address that is found, or lat and long"
            )

    run(steps)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[tuple[Store, ReadModel]]:
    url = f"sqlite:///{tmp_path / 'readmodel.db'}"
    store, model = Store(url), ReadModel(url)
    yield store, model
    store.close()
    model.close()


def matched(
    request_id: str, incident_id: str, north_m: float, text: str, service_code: str = "light"
) -> RequestMatched:
    at = datetime(2026, 11, 21, 8, tzinfo=UTC)
    latitude = 41.3 + north_m / METRES_PER_DEGREE
    place = Place(latitude=latitude, longitude=-72.9)
    report = Report(request_id=request_id, channel="web", received_at=at, requested_at=at, text=text, place=place)
    family = next(each.family for each in CATEGORIES if each.service_code == service_code)
    return RequestMatched(
        report=report,
        classification=Classification(service_code=service_code, family=family, confidence=0.9),
        routing=Routing(department="streets", rule="default"),
        matching=Matching(incident_id=incident_id),
    )


def test_somebody_finds_what_others_have_reported_and_adds_themselves(town: tuple[Store, ReadModel]) -> None:
    async def steps() -> None:
        store, model = town
        store.apply(
            [
                (matched("r1", "r1", 30, "Lamp is out"), NOW),
                (matched("r2", "r1", 20, "The lamp is dark"), NOW),
                (matched("r3", "r3", 5, "Somebody sleeps here", "encampment"), NOW),
                (matched("r4", "r4", 5, "Deep hole", "pothole"), NOW),
            ]
        )
        door = house()
        door.keeper = replace(door.keeper, requests=PublicRequests(model, door.keeper.city, publish_text=True))
        async with entered(door) as client:
            found = await get_json(client, f"/requests/nearby.json?{HERE}&service_code=light&description=lamp out")
            valid(found, INCIDENTS)
            assert [(each["service_request_id"], each["reports"]) for each in found] == [("r1", 2)]
            assert found[0]["distance_m"] == 20
            both = await get_json(client, f"/requests/nearby.json?{HERE}")
            assert [each["service_request_id"] for each in both] == ["r4", "r1"]
            response = await client.post("/requests.json", data={"same_as": "r1"})
            assert response.status == 201
            assert (await response.json())[0]["service_notice"] is None
            (report,) = door.sender.reports
            assert (report.same_as, report.service_code, report.text) == ("r1", "light", "")
            assert report.place is not None
            assert report.place.latitude == pytest.approx(41.3 + 30 / METRES_PER_DEGREE)

    run(steps)
