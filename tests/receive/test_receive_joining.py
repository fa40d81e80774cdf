"""A report that says which request it is the same as: what it may leave out, and what becomes of the id."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from receive_doubles import House, entered, make_row, make_town, run

from services.parts import Place
from services.readmodel.faults import ReadModelAwayError
from services.readmodel.rows import RequestFilter, RequestRow
from services.receive import channels, door, open311
from services.receive.core import Accepted, Refused, judge, report_from_row
from services.receive.joining import Original

ROWS = (
    make_row("r1", radius_m=15.0),
    make_row("r2", service_code="encampment"),
    make_row("r3", latitude=None, longitude=None, address="Quay Lane"),
    make_row("r4", status="closed", stage="rejected", service_code="pothole"),
)
PLACE = Place(latitude=41.3, longitude=-72.9, radius_m=15.0)
AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


async def post(house: House, *reports: dict[str, Any], status: int = 202) -> list[dict[str, Any]]:
    async with entered(house) as client:
        response = await client.post("/channels/app/reports", json=list(reports))
        assert response.status == status
        found: list[dict[str, Any]] = await response.json()
        return found


def test_what_a_report_leaves_out_is_that_of_the_request_it_is_the_same_as() -> None:
    async def steps() -> None:
        house = House(*ROWS)
        await post(
            house,
            {"same_as": "r1"},
            {"same_as": "r1", "text": "Here too", "lat": 41.31, "lon": -72.91, "service_code": "pothole"},
            {"same_as": "r1", "address": "9 Wharf Road"},
            {"same_as": "r3"},
            {"same_as": "r4"},
            {"text": "Another matter"},
        )
        bare, own, address, spoken, rejected, other = house.sender.reports
        assert (bare.same_as, bare.service_code, bare.place, bare.address) == ("r1", "light", PLACE, "7 Wharf Road")
        assert own.place == Place(latitude=41.31, longitude=-72.91)
        assert (own.service_code, own.address, own.text) == ("pothole", "", "Here too")
        assert (address.service_code, address.place, address.address) == ("light", None, "9 Wharf Road")
        assert (spoken.place, spoken.address) == (None, "Quay Lane")
        assert (rejected.same_as, rejected.service_code) == ("r4", "pothole")
        assert (other.same_as, other.service_code, other.place) == ("", "", None)
        (asked,) = house.rows.asked
        assert asked.ids == ("r1", "r3", "r4")

    run(steps)


def test_reports_that_name_no_other_ask_nobody() -> None:
    async def steps() -> None:
        house = House(*ROWS)
        await post(house, {"text": "One"}, {"text": "Two", "same_as": ""}, {"text": "Three", "same_as": None})
        assert house.rows.asked == []
        assert {report.same_as for report in house.sender.reports} == {""}

    run(steps)


@pytest.mark.parametrize("unknown", ["nobodys", "r2", "nearby"])
def test_an_id_that_the_public_does_not_know_is_left_out_and_the_report_taken(unknown: str) -> None:
    async def steps() -> None:
        house = House(*ROWS)
        (answer,) = await post(house, {"text": "Lamp is out", "same_as": unknown})
        assert answer["warnings"] == [
            {
                "code": "unknown_same_as",
                "field": "same_as",
                "description": f"same_as {unknown!r} was not found, and is left out: see /requests/nearby",
            }
        ]
        (report,) = house.sender.reports
        assert (report.same_as, report.place, report.service_code) == ("", None, "")
        (answer,) = await post(house, {"same_as": unknown}, status=400)
        assert [each["code"] for each in answer["errors"]] == ["empty", "unknown_same_as"]

    run(steps)


@pytest.mark.parametrize(
    ("said", "code", "description"),
    [
        ("r 1", "bad_id", "same_as is 'r 1': expected the id of a request, 1 to 64 of A-Z, a-z, 0-9, _ and -"),
        ("../r1", "bad_id", "same_as is '../r1': expected the id of a request, 1 to 64 of A-Z, a-z, 0-9, _ and -"),
        ("r\u00e9", "bad_id", "same_as is 'ré': expected the id of a request, 1 to 64 of A-Z, a-z, 0-9, _ and -"),
        ("x" * 65, "too_long", "same_as has 65 characters: expected at most 64"),
        (17, "wrong_type", "same_as is a number: expected a string"),
        (["r1"], "wrong_type", "same_as is a list: expected a string"),
        ({"id": "r1"}, "wrong_type", "same_as is an object: expected a string"),
    ],
)
def test_what_cannot_be_an_id_is_a_fault(said: Any, code: str, description: str) -> None:
    async def steps() -> None:
        house = House(*ROWS)
        (answer,) = await post(house, {"text": "Lamp is out", "same_as": said}, status=400)
        assert answer["errors"] == [{"code": code, "field": "same_as", "description": description}]
        assert house.rows.asked == []

    run(steps)


@pytest.mark.parametrize("what", ["away", "slow"])
def test_a_report_is_taken_as_it_is_where_nobody_can_be_asked(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps() -> None:
        house = House(*ROWS)
        gate = threading.Event()

        def never(_wanted: RequestFilter, /) -> list[RequestRow]:
            gate.wait(10)
            return []

        if what == "away":
            house.rows.trouble = ReadModelAwayError("away")
        else:
            monkeypatch.setattr(door, "_LOOK_UP_S", 0.01)
            monkeypatch.setattr(house.rows, "requests", never)
        try:
            async with entered(house) as client:
                response = await client.post("/requests.json", data={"same_as": "r1"})
                assert response.status == 201
                assert (await response.json())[0]["service_notice"] == (
                    "same_as could not be looked up just now: it is taken as it is, and nothing is filled in from it"
                )
        finally:
            gate.set()
        (report,) = house.sender.reports
        assert (report.same_as, report.service_code, report.place, report.text) == ("r1", "", None, "")

    run(steps)


def test_as_open311_it_needs_neither_place_nor_description_nor_answers_again() -> None:
    async def steps() -> None:
        house = House(*ROWS)
        async with entered(house) as client:
            response = await client.post("/requests.json", data={"same_as": "r4", "email": "resident@example.org"})
            assert response.status == 201
            (report,) = house.sender.reports
            assert (report.same_as, report.service_code, report.channel) == ("r4", "pothole", "open311")
            response = await client.post("/requests.json", data={"same_as": "r4", "service_code": "pothole"})
            assert response.status == 201
            given = {"same_as": "r4", "service_code": "pothole", "attribute[LANE]": "AIR"}
            response = await client.post("/requests.json", data=given)
            assert response.status == 400
            response = await client.post("/requests.json", data={"same_as": "nobodys", "service_code": "light"})
            assert response.status == 400
            assert [each["description"] for each in await response.json()] == [
                "a place is missing: expected lat and long, address_string or address_id",
                "same_as 'nobodys' was not found, and is left out: see /requests/nearby",
            ]
            response = await client.post("/requests.json", data={"same_as": "nobodys"})
            assert response.status == 400
            response = await client.post("/requests.json", data=[("same_as", "r1"), ("same_as", "r4")])
            assert response.status == 400

    run(steps)


def test_a_repeat_is_the_same_report_whether_or_not_the_other_could_be_looked_up() -> None:
    async def steps() -> None:
        house = House(*ROWS)
        report = {"source_id": "app-1", "text": "Lamp is out", "same_as": "r1"}
        (first,) = await post(house, report)
        house.rows.trouble = ReadModelAwayError("away")
        (second,) = await post(house, report)
        house.rows.trouble = None
        house.rows.rows.clear()
        (third,) = await post(house, report)
        assert first["request_id"] == second["request_id"] == third["request_id"]
        assert len(house.sender.reports) == 1
        (other,) = await post(house, report | {"same_as": "r4"}, status=422)
        assert other["errors"][0]["code"] == "idempotency_conflict"

    run(steps)


def test_a_category_that_the_city_has_no_more_is_not_filled_in() -> None:
    originals = {"r1": Original(service_code="of-an-older-list", place=PLACE)}
    judged = judge(
        {"same_as": "r1"},
        town=make_town(),
        door=channels.DOORS["app"],
        received_at=AT,
        request_id="r9",
        originals=originals,
    )
    assert isinstance(judged, Accepted)
    assert (judged.report.service_code, judged.report.place, judged.warnings) == ("", PLACE, ())


def test_an_address_id_is_a_place_too() -> None:
    judged = judge(
        {"same_as": "r1", "attributes": {"address_id": "17"}},
        town=make_town(),
        door=open311.DOOR,
        received_at=AT,
        request_id="r9",
        originals={"r1": Original(service_code="light", place=PLACE)},
    )
    assert isinstance(judged, Accepted)
    assert judged.report.place is None


def test_a_row_of_a_file_says_it_too() -> None:
    row = {"id": "1", "created_at": "2026-11-21T08:00:00Z", "same_as": "r1"}
    judged = report_from_row(row, town=make_town())
    assert isinstance(judged, Accepted)
    assert judged.report.same_as == "r1"
    assert isinstance(report_from_row(row | {"same_as": "r 1"}, town=make_town()), Refused)
