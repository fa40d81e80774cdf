import xml.etree.ElementTree as ET

import pytest
from aiohttp import FormData
from open311_documents import ERRORS, POSTED, children, valid
from receive_doubles import House, entered, run

from services.events import RequestReceived

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
