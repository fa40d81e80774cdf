import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from aiohttp import FormData
from hypothesis import given
from hypothesis import strategies as st
from receive_doubles import NOW, Client, House, entered, make_city, make_row, run

from services.events import RequestReceived
from services.receive.rendering import render

OPTIONAL = (
    "status_notes",
    "service_name",
    "description",
    "agency_responsible",
    "service_notice",
    "address",
    "address_id",
    "zipcode",
    "media_url",
)
STRING = {"type": "string"}
MAYBE = {"type": ["string", "null"]}
DATETIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


def _array(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


ERRORS = _array(_object({"code": {"type": "integer"}, "description": STRING}), 1)
DISCOVERY = _object(
    {
        "changeset": DATETIME,
        "contact": STRING,
        "key_service": STRING,
        "endpoints": _array(
            _object(
                {
                    "specification": {"const": "http://wiki.open311.org/GeoReport_v2"},
                    "url": STRING,
                    "changeset": DATETIME,
                    "type": {"enum": ["production", "test"]},
                    "formats": {"const": ["text/xml", "application/json"]},
                }
            ),
            1,
        ),
    }
)
SERVICES = _array(
    _object(
        {
            "service_code": STRING,
            "service_name": STRING,
            "description": STRING,
            "metadata": {"type": "boolean"},
            "type": {"const": "realtime"},
            "keywords": STRING,
            "group": STRING,
        }
    )
)
DEFINITION = _object(
    {
        "service_code": STRING,
        "attributes": _array(
            _object(
                {
                    "variable": {"type": "boolean"},
                    "code": STRING,
                    "datatype": {"enum": ["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"]},
                    "required": {"type": "boolean"},
                    "datatype_description": MAYBE,
                    "order": {"type": "integer", "minimum": 1},
                    "description": STRING,
                    "values": _array(_object({"key": STRING, "name": STRING})),
                }
            )
        ),
    }
)
POSTED = _array(_object({"service_request_id": STRING, "service_notice": MAYBE, "account_id": MAYBE}), 1)
REQUESTS = _array(
    _object(
        {
            "service_request_id": {"type": "string", "pattern": r"^[\w-]+$"},
            "status": {"enum": ["open", "closed"]},
            "service_code": STRING,
            "requested_datetime": DATETIME,
            "updated_datetime": DATETIME,
            "lat": {"type": ["number", "null"]},
            "long": {"type": ["number", "null"]},
        },
        {
            "expected_datetime": {"anyOf": [DATETIME, {"type": "null"}]},
            **dict.fromkeys(OPTIONAL, MAYBE),
        },
    )
)


def valid(document: Any, schema: dict[str, Any]) -> None:
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)


async def get_json(client: Client, path: str, status: int = 200) -> Any:
    response = await client.get(path)
    assert response.status == status
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    return await response.json()


async def get_xml(client: Client, path: str, status: int = 200) -> ET.Element:
    response = await client.get(path)
    assert response.status == status
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    text = await response.text()
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    return ET.fromstring(text)  # noqa: S314 - our own answer


def children(element: ET.Element) -> list[str]:
    return [child.tag for child in element]


def test_discovery_says_where_everything_is_in_both_formats() -> None:
    async def steps() -> None:
        async with entered(House(contact="ask@brackwater.example", test_url="https://test.example")) as client:
            found = await get_json(client, "/discovery.json")
            valid(found, DISCOVERY)
            assert found["contact"] == "ask@brackwater.example"
            assert found["key_service"] == "the city of Brackwater"
            assert [each["url"] for each in found["endpoints"]] == [
                str(client.make_url("/")).rstrip("/"),
                "https://test.example",
            ]
            root = await get_xml(client, "/discovery.xml")
            assert children(root) == ["changeset", "contact", "key_service", "endpoints"]
            assert [each.text for each in root.iterfind("endpoints/endpoint/formats/format")] == [
                "text/xml",
                "application/json",
            ] * 2

    run(steps)


def test_a_public_address_stands_in_for_the_one_that_was_asked() -> None:
    async def steps() -> None:
        async with entered(House(public_url="https://311.brackwater.example")) as client:
            found = await get_json(client, "/discovery.json")
            assert found["endpoints"][0]["url"] == "https://311.brackwater.example"

    run(steps)


def test_services_are_listed_in_both_formats() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            found = await get_json(client, "/services.json?jurisdiction_id=brackwater.example")
            valid(found, SERVICES)
            assert found[0] == {
                "service_code": "pothole",
                "service_name": "Pothole",
                "description": "A hole in a street or lane",
                "metadata": True,
                "type": "realtime",
                "keywords": "hole,street",
                "group": "Road",
            }
            root = await get_xml(client, "/services.xml")
            assert (root.tag, {each.tag for each in root}) == ("services", {"service"})
            assert root.findtext("service[2]/service_name") == "Street light & lamp"
            assert root.findtext("service[2]/description") == "A lamp <out> of order"

    run(steps)


def test_a_city_with_one_service_still_answers_with_an_array() -> None:
    async def steps() -> None:
        city = make_city()
        one = make_city(categories={"light": city.categories["light"]})
        async with entered(House(city=one)) as client:
            found = await get_json(client, "/services.json")
            assert isinstance(found, list)
            assert len(found) == 1

    run(steps)


def test_a_service_definition_lists_its_questions_in_both_formats() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            found = await get_json(client, "/services/pothole.json")
            valid(found, DEFINITION)
            assert [each["order"] for each in found["attributes"]] == [1, 2, 3, 4]
            assert found["attributes"][0]["values"] == [{"key": "BIKE", "name": "BIKE"}, {"key": "CAR", "name": "CAR"}]
            root = await get_xml(client, "/services/pothole.xml")
            assert root.tag == "service_definition"
            assert [each.text for each in root.iterfind("attributes/attribute[1]/values/value/key")] == ["BIKE", "CAR"]

    run(steps)


def test_what_is_not_found_is_named_with_404_in_the_asked_for_format() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            for path, description in {
                "/services/dragon": "service_code 'dragon' was not found: see /services",
                "/requests/dragon": "service_request_id 'dragon' was not found; a new one shows once it has a category",
                "/tokens/dragon": "/tokens/dragon.json is not here: see /discovery",
            }.items():
                found = await get_json(client, f"{path}.json", 404)
                valid(found, ERRORS)
                assert found == [{"code": 404, "description": description}]
                root = await get_xml(client, f"{path}.xml", 404)
                assert (root.tag, children(root), children(root[0])) == ("errors", ["error"], ["code", "description"])
            found = await get_json(client, "/services.json?jurisdiction_id=elsewhere.example", 404)
            assert found == [
                {
                    "code": 404,
                    "description": "jurisdiction_id 'elsewhere.example' was not found: this is 'brackwater.example'",
                }
            ]

    run(steps)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("text/xml", "text/xml"),
        ("application/xml", "text/xml"),
        ("*/*", "text/xml"),
        (None, "text/xml"),
        ("text/html,application/xml;q=0.9,application/json;q=0.8", "text/xml"),
        ("application/xml;q=0.1, application/json", "application/json"),
        ("application/json;q=abc", "text/xml"),
    ],
)
def test_without_a_suffix_the_accept_header_decides(accept: str | None, kind: str) -> None:
    async def steps() -> None:
        async with entered(House(make_row("r1"))) as client:
            headers = {"Accept": accept} if accept else {}
            for path in ("/services", "/services/light", "/discovery", "/requests", "/requests/r1", "/nowhere"):
                response = await client.get(path, headers=headers, skip_auto_headers=["Accept"])
                assert response.content_type == kind, path

    run(steps)


LIGHT = {"service_code": "light", "lat": "41.3", "long": "-72.9", "description": "The lamp is out"}


def test_a_posted_report_is_stored_before_its_id_is_given() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            response = await client.post("/requests.json", data=LIGHT)
            assert response.status == 201
            found = await response.json()
            valid(found, POSTED)
            (report,) = house.sender.reports
            assert report.request_id == found[0]["service_request_id"]
            assert (report.channel, report.text, report.service_code) == ("open311", "The lamp is out", "light")
            assert house.sender.contacts == []
            response = await client.post("/requests.xml", data=LIGHT)
            root = ET.fromstring(await response.text())  # noqa: S314 - our own answer
            assert (response.status, root.tag, children(root)) == (201, "service_requests", ["request"])
            assert root.findtext("request/service_request_id") == house.sender.reports[1].request_id

    run(steps)


def test_who_reports_travels_apart_from_the_report() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            who = {
                "email": "ada@mail.example",
                "phone": "203-555-0123",
                "first_name": "Ada",
                "last_name": "Test",
                "device_id": "d-1",
                "account_id": "a-1",
            }
            response = await client.post("/requests.json", data=LIGHT | who)
            assert response.status == 201
            (contact,) = house.sender.contacts
            assert (contact.name, contact.email, contact.device_id) == ("Ada Test", "ada@mail.example", "d-1")
            event = RequestReceived(report=house.sender.reports[0])
            assert contact.request_id == event.report.request_id
            for secret in ("ada@", "555", "Ada", "d-1", "a-1"):
                assert secret not in str(event)

    run(steps)


def test_answers_may_be_given_in_all_the_ways_that_clients_have() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            pairs = [
                *(LIGHT | {"service_code": "pothole"}).items(),
                ("attribute[LANE]", "BIKE"),
                ("attribute[SEEN][]", "ME"),
                ("attribute[SEEN][]", "US"),
                ("attribute[OTHER]", "a"),
                ("attribute[OTHER]", "b"),
                ("media_url", "https://img.example/1.jpg"),
                ("media_url", "https://img.example/2.jpg"),
                ("address_id", "77"),
                ("unheard_of", "x"),
            ]
            response = await client.post("/requests.json", data=FormData(pairs))
            assert response.status == 201, await response.text()
            (report,) = house.sender.reports
            assert report.attributes == {
                "LANE": ["BIKE"],
                "SEEN": ["ME", "US"],
                "OTHER": ["a", "b"],
                "address_id": ["77"],
            }
            assert report.media_urls == ("https://img.example/1.jpg", "https://img.example/2.jpg")

    run(steps)


def test_a_multipart_form_is_taken_and_its_files_are_not_kept() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            form = FormData(quote_fields=False)
            for name, value in (LIGHT | {"description": "Lámpa \u2013 kék"}).items():
                form.add_field(name, value, content_type="text/plain; charset=utf-8")
            form.add_field("media", b"\xff\xd8\xff" * 100, filename="a.jpg", content_type="image/jpeg")
            response = await client.post("/requests.json", data=form)
            assert response.status == 201, await response.text()
            assert (await response.json())[0]["service_notice"] == (
                "Files are not kept: send the address of a picture as media_url."
            )
            assert house.sender.reports[0].text == "Lámpa \u2013 kék"

    run(steps)


@pytest.mark.parametrize(
    ("changes", "status", "descriptions"),
    [
        ({"service_code": ""}, 400, ["service_code is missing: expected a code of /services"]),
        ({"service_code": "dragon"}, 404, ["service_code 'dragon' is not a service of this city: see /services"]),
        ({"lat": "91"}, 400, ["lat is 91: expected a number from -90 to 90"]),
        ({"lat": "41,3"}, 400, ["lat is '41,3': expected a number from -90 to 90"]),
        ({"lat": "nan"}, 400, ["lat is 'nan': expected a number from -90 to 90"]),
        ({"lat": "1e400"}, 400, ["lat is '1e400': expected a number from -90 to 90"]),
        ({"long": ""}, 400, ["long is missing: expected it with lat"]),
        (
            {"lat": "", "long": ""},
            400,
            ["a place is missing: expected lat and long, address_string or address_id"],
        ),
        (
            {"lat": "x", "long": "200"},
            400,
            [
                "lat is 'x': expected a number from -90 to 90",
                "long is 200: expected a number from -180 to 180",
            ],
        ),
        ({"description": "a" * 10_001}, 400, ["description has 10001 characters: expected at most 10000"]),
        ({"email": "a" * 300}, 400, ["email has 300 characters: expected at most 256"]),
        (
            {"requested_datetime": "1823-01-01T00:00:00Z"},
            400,
            ["requested_datetime is 1823-01-01T00:00:00Z: expected a time from 2000-01-01 to a day ahead of now"],
        ),
        (
            {"jurisdiction_id": "elsewhere.example"},
            404,
            ["jurisdiction_id 'elsewhere.example' was not found: this is 'brackwater.example'"],
        ),
    ],
)
def test_a_bad_post_is_refused_with_everything_that_is_wrong(
    changes: dict[str, str], status: int, descriptions: list[str]
) -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            response = await client.post("/requests.json", data=LIGHT | changes)
            found = await response.json()
            valid(found, ERRORS)
            assert response.status == status
            assert found == [{"code": status, "description": each} for each in descriptions]
            response = await client.post("/requests.xml", data=LIGHT | changes)
            root = ET.fromstring(await response.text())  # noqa: S314 - our own answer
            assert [each.text for each in root.iterfind("error/description")] == descriptions
            assert house.sender.stored == []

    run(steps)


def test_a_field_that_stands_twice_with_two_values_is_refused_and_with_one_value_it_is_not() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            response = await client.post("/requests.json", data=FormData([*LIGHT.items(), ("lat", "41.4")]))
            assert (await response.json()) == [
                {"code": 400, "description": "lat stands twice, with two values: expected one"}
            ]
            response = await client.post("/requests.json", data=FormData([*LIGHT.items(), ("lat", "41.3")]))
            assert response.status == 201

    run(steps)


@pytest.mark.parametrize(
    ("body", "kind", "description"),
    [
        (
            b'{"service_code": "light"}',
            "application/json",
            "the content type is application/json: expected application/x-www-form-urlencoded or multipart/form-data",
        ),
        (
            b"<report/>",
            "text/xml",
            "the content type is text/xml: expected application/x-www-form-urlencoded or multipart/form-data",
        ),
        (b"description=%ff%fe", "application/x-www-form-urlencoded", "the form is not UTF-8"),
        (b"description=\xff", "application/x-www-form-urlencoded", "the form is not UTF-8"),
        (b"&".join([b"a=1"] * 301), "application/x-www-form-urlencoded", "the form has more than 300 fields"),
        (b"\r\n--b\r\n" * 301, "multipart/form-data; boundary=b", "the form has more than 300 fields"),
        (b"nothing of the kind", "multipart/form-data", "the body is no multipart form"),
        (
            b'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\n\xff\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            "the form is not UTF-8",
        ),
    ],
)
def test_a_body_of_another_kind_is_refused_by_what_it_is(body: bytes, kind: str, description: str) -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            response = await client.post("/requests.json", data=body, headers={"Content-Type": kind})
            assert response.status == 400
            assert await response.json() == [{"code": 400, "description": description}]

    run(steps)


def test_when_kafka_does_not_acknowledge_nothing_is_promised() -> None:
    async def steps() -> None:
        house = House(retry_after_s=7)
        house.sender.acknowledges = lambda _event: False
        async with entered(house) as client:
            for suffix in ("json", "xml"):
                response = await client.post(f"/requests.{suffix}", data=LIGHT)
                assert response.status == 503
                assert response.headers["Retry-After"] == "7"
                text = await response.text()
                assert "the report could not be stored just now: nothing was promised, send it again" in text
                assert "service_request_id" not in text

    run(steps)


def test_a_report_whose_contact_is_not_stored_is_not_accepted() -> None:
    async def steps() -> None:
        house = House()
        house.sender.acknowledges = lambda event: isinstance(event, RequestReceived)
        async with entered(house) as client:
            response = await client.post("/requests.json", data=LIGHT | {"email": "ada@mail.example"})
            assert response.status == 503

    run(steps)


def test_the_same_idempotency_key_gives_the_same_request() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            headers = {"Idempotency-Key": '"5d0a6f0e-3b6e-4a36-8b16-0b7f2a1f5c11"'}
            ids = []
            for _ in range(3):
                response = await client.post("/requests.json", data=LIGHT, headers=headers)
                assert response.status == 201
                ids.append((await response.json())[0]["service_request_id"])
            assert len(set(ids)) == 1
            assert len(house.sender.reports) == 1
            response = await client.post("/requests.json", data=LIGHT | {"lat": "41.4"}, headers=headers)
            assert response.status == 422
            assert await response.json() == [
                {
                    "code": 422,
                    "description": "another report came under the same Idempotency-Key or source_id: send the same, "
                    "or a new key",
                }
            ]
        # Another process knows nothing of the first, and gives the same id all the same.
        async with entered(House()) as client:
            response = await client.post("/requests.json", data=LIGHT, headers=headers)
            assert (await response.json())[0]["service_request_id"] == ids[0]

    run(steps)


def test_without_a_key_two_reports_are_two_requests() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            for _ in range(2):
                await client.post("/requests.json", data=LIGHT)
            assert len({report.request_id for report in house.sender.reports}) == 2

    run(steps)


@pytest.mark.parametrize("key", ["a" * 256, "two words", "ä"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            response = await client.post("/requests.json", data=LIGHT, headers={"Idempotency-Key": key})
            assert response.status == 400
            assert await response.json() == [
                {
                    "code": 400,
                    "description": "Idempotency-Key is no key: expected 1 to 255 visible ASCII characters, "
                    "such as a UUID",
                }
            ]

    run(steps)


ROWS = (
    make_row("r1", requested_at=datetime(2026, 11, 20, 12, tzinfo=UTC)),
    make_row("r2", requested_at=datetime(2026, 11, 19, 12, tzinfo=UTC), status="closed", stage="rejected"),
    make_row("r3", requested_at=datetime(2026, 11, 18, 12, tzinfo=UTC), service_code="pothole", stage="delivered"),
    make_row("r4", requested_at=datetime(2026, 11, 17, 12, tzinfo=UTC), service_code="encampment"),
    make_row("r5", requested_at=datetime(2026, 11, 16, 12, tzinfo=UTC), service_code="", stage="received"),
    make_row("r6", requested_at=datetime(2026, 8, 1, 12, tzinfo=UTC)),
    make_row("r7", requested_at=datetime(2026, 11, 15, 12, tzinfo=UTC), service_code="of-an-older-list"),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["r1", "r2", "r3"]),
        ("status=", ["r1", "r2", "r3"]),
        ("status=open", ["r1", "r3"]),
        ("status=open,closed", ["r1", "r2", "r3"]),
        ("status=closed", ["r2"]),
        ("service_code=pothole", ["r3"]),
        ("service_code=pothole,light", ["r1", "r2", "r3"]),
        ("service_code=encampment", []),
        ("service_code=dragon", []),
        ("start_date=2026-11-18T18:00:00Z", ["r1", "r2"]),
        ("end_date=2026-11-18T18:00:00Z", ["r3"]),
        ("start_date=2026-08-01T00:00:00Z&end_date=2026-08-02T00:00:00Z", ["r6"]),
        ("start_date=2026-07-15T00:00:00Z", ["r6"]),
        ("service_request_id=r6,r1,r4&status=closed&start_date=2026-11-21", ["r1", "r6"]),
        ("page_size=2", ["r1", "r2"]),
        ("page_size=2&page=2", ["r3"]),
        ("page_size=2&page=0", ["r1", "r2"]),
        ("page_size=5000", ["r1", "r2", "r3"]),
        ("updated_after=2026-11-20T00:00:00Z", ["r1", "r2", "r3", "r6"]),
        ("updated_before=2026-11-20T00:00:00Z", []),
        ("unheard_of=1&lat=&long=", ["r1", "r2", "r3"]),
    ],
)
def test_requests_are_listed_newest_first_by_the_filters_of_the_specification(query: str, found: list[str]) -> None:
    async def steps() -> None:
        async with entered(House(*ROWS)) as client:
            listed = await get_json(client, f"/requests.json?{query}")
            valid(listed, REQUESTS)
            assert [each["service_request_id"] for each in listed] == found
            root = await get_xml(client, f"/requests.xml?{query}")
            assert root.tag == "service_requests"
            assert [each.findtext("service_request_id") for each in root.iterfind("request")] == found

    run(steps)


@pytest.mark.parametrize(
    ("query", "description"),
    [
        ("status=foo", "status is 'foo': expected open, closed, or both with a comma"),
        ("start_date=soon", "start_date is 'soon': expected a time as 2026-11-21T08:30:00+01:00"),
        (
            "start_date=2026-01-01&end_date=2026-06-01",
            "end_date is not within 90 days after start_date: ask for shorter spans",
        ),
        (
            "start_date=2026-06-01&end_date=2026-01-01",
            "end_date is not within 90 days after start_date: ask for shorter spans",
        ),
        ("page_size=0", "page_size is 0: expected a number from 1 to 1000000"),
        ("page=x", "page is 'x': expected a number from 0 to 1000000"),
        ("service_code=" + "a," * 201, "service_code has 201 entries: expected at most 200"),
    ],
)
def test_a_filter_that_cannot_be_followed_is_named(query: str, description: str) -> None:
    async def steps() -> None:
        async with entered(House(*ROWS)) as client:
            found = await get_json(client, f"/requests.json?{query}", 400)
            assert found == [{"code": 400, "description": description}]

    run(steps)


def test_one_request_comes_as_a_list_of_one_with_times_in_the_citys_own_offset() -> None:
    async def steps() -> None:
        row = make_row("r1", due_at=datetime(2026, 7, 1, 12, tzinfo=UTC), media_urls=("https://img.example/1.jpg",))
        async with entered(House(row)) as client:
            found = await get_json(client, "/requests/r1.json")
            valid(found, REQUESTS)
            assert found == [
                {
                    "service_request_id": "r1",
                    "status": "open",
                    "status_notes": "It is with the department.",
                    "service_name": "Street light & lamp",
                    "service_code": "light",
                    "description": "Lamp <7> is out & dark",
                    "agency_responsible": "Department of Streets",
                    "service_notice": None,
                    "requested_datetime": "2026-11-20T07:00:00-05:00",
                    "updated_datetime": "2026-11-20T08:00:00-05:00",
                    "expected_datetime": "2026-07-01T08:00:00-04:00",
                    "address": "7 Wharf Road",
                    "address_id": None,
                    "zipcode": None,
                    "lat": 41.3,
                    "long": -72.9,
                    "media_url": "https://img.example/1.jpg",
                }
            ]
            root = await get_xml(client, "/requests/r1.xml")
            assert root.findtext("request/description") == "Lamp <7> is out & dark"

    run(steps)


def test_requests_that_are_not_for_the_public_are_not_found() -> None:
    async def steps() -> None:
        async with entered(House(*ROWS)) as client:
            for request_id in ("r4", "r5", "r7"):
                await get_json(client, f"/requests/{request_id}.json", 404)

    run(steps)


def test_what_a_rejected_report_says_is_not_shown_and_a_city_may_show_no_text_at_all() -> None:
    async def steps() -> None:
        async with entered(House(*ROWS)) as client:
            found = await get_json(client, "/requests/r2.json")
            assert found[0]["description"] is None
            assert found[0]["status_notes"] == "A person has looked at it and closed it."
        async with entered(House(*ROWS, publish_text=False)) as client:
            assert {each["description"] for each in await get_json(client, "/requests.json")} == {None}

    run(steps)


def test_a_request_of_the_last_ninety_days_is_asked_of_the_read_model_by_default() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            await get_json(client, "/requests.json")
            (asked,) = house.rows.asked
            assert (asked.start, asked.end) == (NOW - timedelta(days=90), NOW)
            assert asked.service_codes == ("pothole", "light")
            assert (asked.page, asked.page_size) == (1, 1000)

    run(steps)


@given(st.text(st.characters(), max_size=80), st.sampled_from(["xml", "json"]))
def test_whatever_a_string_holds_the_document_is_well_formed(text: str, how: Any) -> None:
    document = render("errors", [{"code": 400, "description": text}], how)

    if how == "xml":
        found = ET.fromstring(document)  # noqa: S314 - our own answer
        assert found.findtext("error/code") == "400"
    else:
        jsonschema.validate(json.loads(document), ERRORS)
