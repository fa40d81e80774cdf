import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from open311_documents import ERRORS, REQUESTS, get_json, get_xml, valid
from receive_doubles import NOW, House, entered, make_row, run

from services.receive.rendering import render

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


def test_what_a_department_has_closed_is_closed_and_says_so() -> None:
    async def steps() -> None:
        async with entered(House(replace(ROWS[0], status="closed", closed_at=ROWS[0].updated_at))) as client:
            (found,) = await get_json(client, f"/requests/{ROWS[0].request_id}.json")
            assert (found["status"], found["status_notes"]) == ("closed", "The department says that the work is done.")
            assert found["description"]

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
