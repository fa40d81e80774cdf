"""Clients that others wrote, from PyPI, against the door: `civicbot` reads and posts, `georeport` reads."""

import hashlib
from typing import Any

import pytest
from civicbot import Endpoint, HttpError, HttpTransport, Open311Client  # type: ignore[import-untyped]
from civicbot.http import RateLimiter  # type: ignore[import-untyped]
from georeport import GeoReport  # type: ignore[import-untyped]
from receive_doubles import House, make_row, served

KEY = "letmein-1"
ROWS = (make_row("r1"), make_row("r2", service_code="pothole", status="closed"))


def bot(address: str) -> Open311Client:
    endpoint = Endpoint(id="brackwater", name="Brackwater", base_url=address, write=True)
    transport = HttpTransport(timeout=5, rate_limiter=RateLimiter(min_interval=0))
    return Open311Client(endpoint, transport, jurisdiction_id="brackwater.example")


def test_civicbot_reads_services_definitions_and_requests() -> None:
    with served(House(*ROWS)) as address:
        client = bot(address)

        assert [each["service_code"] for each in client.list_services()] == ["pothole", "light", "encampment"]
        assert client.get_service_definition("pothole")["attributes"][0]["code"] == "LANE"
        assert [each["service_request_id"] for each in client.list_requests(status="closed")] == ["r2"]
        assert [each["service_request_id"] for each in client.list_requests(service_request_ids=["r1", "r2"])] == [
            "r2",
            "r1",
        ]
        found = client.get_request("r1")
        assert found is not None
        assert found["status"] == "open"
        with pytest.raises(HttpError) as refused:
            client.get_request("dragon")
        assert refused.value.status == 404


def test_civicbot_posts_a_report_that_it_has_checked_against_the_service_definition() -> None:
    house = House(api_keys=(hashlib.sha256(KEY.encode()).hexdigest(),))
    with served(house) as address:
        options: dict[str, Any] = {
            "lat": 41.3,
            "lng": -72.9,
            "description": "A deep hole",
            "attributes": {"LANE": "BIKE", "SEEN": ["ME", "US"]},
            "email": "ada@mail.example",
            "validate_remote": True,
            "dry_run": False,
            "confirm": "SEND",
        }
        prepared = bot(address).create_request("pothole", api_key=KEY, **options)
        (report,) = house.sender.reports

        assert prepared.response == [
            {"service_request_id": report.request_id, "service_notice": None, "account_id": None}
        ]
        assert report.attributes == {"LANE": ["BIKE"], "SEEN": ["ME", "US"]}
        assert house.sender.contacts[0].email == "ada@mail.example"
        with pytest.raises(HttpError) as refused:
            bot(address).create_request("pothole", api_key="guess", **options)
        assert refused.value.status == 403


@pytest.mark.parametrize("how", ["json", "xml"])
def test_georeport_reads_services_definitions_and_requests_in_both_formats(how: str) -> None:
    with served(House(*ROWS)) as address:
        client = GeoReport(address, jurisdiction="brackwater.example", output_format=how)

        assert [each["service_code"] for each in client.get_service_list()] == ["pothole", "light", "encampment"]
        assert client.get_service_definition("pothole")["service_code"] == "pothole"
        found = client.get_service_requests(start_date="2026-11-01T00:00:00Z", status="open,closed")
        assert [each["service_request_id"] for each in found] == ["r2", "r1"]
        assert client.get_service_request("r1")["description"] == "Lamp <7> is out & dark"
