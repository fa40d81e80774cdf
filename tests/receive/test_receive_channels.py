import json
from datetime import UTC, datetime
from typing import Any

import pytest
from receive_doubles import Client, House, entered, run

from services.events import ContactReceived, RequestReceived

CONFLICT = {
    "code": "idempotency_conflict",
    "description": "another report came under the same Idempotency-Key or source_id: send the same, or a new key",
}
UNAVAILABLE = {
    "code": "unavailable",
    "description": "the report could not be stored just now: nothing was promised, send it again",
}


async def post(client: Client, body: Any, status: int, channel: str = "sms", **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = await client.post(f"/channels/{channel}/reports", data=raw, headers=headers)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    found = await response.json()
    assert response.status == status, found
    return found


@pytest.mark.parametrize("channel", ["web", "app", "phone", "sms", "email", "open311", "file"])
def test_every_channel_takes_a_report_and_answers_with_its_id(channel: str) -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            report = {
                "source_id": "gw-1",
                "created_at": "2026-11-20T07:00:00",
                "text": "Lamp out, ring 203-555-0123",
                "lat": 41.3,
                "lon": -72.9,
                "radius_m": 20,
                "address": "7 Wharf Road",
                "service_code": "light",
                "attributes": {"HEIGHT": 4},
                "media_urls": ["https://img.example/1.jpg"],
                "contact": {"name": "Ada Test", "phone": "203-555-0123", "email": "ada@mail.example"},
            }
            found = await post(client, report, 202, channel)
            (stored,) = house.sender.reports
            assert found == [{"request_id": stored.request_id, "status": "accepted"}]
            assert (stored.channel, stored.text) == (channel, "Lamp out, ring [phone]")
            assert stored.requested_at == datetime(2026, 11, 20, 12, tzinfo=UTC)
            assert house.sender.contacts == [
                ContactReceived(
                    request_id=stored.request_id, name="Ada Test", phone="203-555-0123", email="ada@mail.example"
                )
            ]
            assert house.count("stormdrain_reports_accepted_total", channel=channel) == 1

    run(steps)


def test_results_come_in_order_and_a_bad_report_stops_no_other() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            found = await post(
                client,
                [
                    {"text": "one", "source_id": "1"},
                    {"text": 2},
                    "three",
                    {"text": "four", "source_id": "4", "latitude": 41.3},
                    {"text": "five", "lat": 91, "lon": 400},
                    {"service_code": "dragon"},
                ],
                202,
            )
            one, four = house.sender.reports
            assert found == [
                {"request_id": one.request_id, "status": "accepted"},
                {
                    "status": "rejected",
                    "errors": [
                        {"code": "wrong_type", "description": "text is a number: expected a string", "field": "text"}
                    ],
                },
                {
                    "status": "rejected",
                    "errors": [{"code": "wrong_type", "description": "a report is an object of fields"}],
                },
                {"request_id": four.request_id, "status": "accepted", "ignored": ["latitude"]},
                {
                    "status": "rejected",
                    "errors": [
                        {
                            "code": "out_of_range",
                            "description": "lat is 91: expected a number from -90 to 90",
                            "field": "lat",
                        },
                        {
                            "code": "out_of_range",
                            "description": "lon is 400: expected a number from -180 to 180",
                            "field": "lon",
                        },
                    ],
                },
                {
                    "status": "rejected",
                    "errors": [
                        {
                            "code": "unknown_service_code",
                            "description": "service_code 'dragon' is not a service of this city: see /services",
                            "field": "service_code",
                        }
                    ],
                },
            ]
            assert (one.text, four.text) == ("one", "four")
            assert house.count("stormdrain_reports_accepted_total", channel="sms") == 2
            assert house.count("stormdrain_reports_refused_total", code="wrong_type") == 2

    run(steps)


def test_all_reports_of_a_call_go_to_kafka_at_once() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            reports = [{"text": f"lamp {number}", "contact": {"name": "Ada"}} for number in range(500)]
            found = await post(client, reports, 202)
            assert len(found) == 500
            assert house.sender.calls == [1000]
            assert [report.text for report in house.sender.reports] == [each["text"] for each in reports]

    run(steps)


def test_a_call_of_bad_reports_only_is_400() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            found = await post(client, [{"text": 1}, {}], 400)
            assert [each["status"] for each in found] == ["rejected", "rejected"]
            assert house.sender.calls == []

    run(steps)


@pytest.mark.parametrize(
    ("body", "description"),
    [
        (b"", "the body is not JSON: expecting value at line 1, column 1"),
        (b"text=Lamp+out", "the body is not JSON: expecting value at line 1, column 1"),
        (
            b'{"text": "a",}',
            "the body is not JSON: expecting property name enclosed in double quotes at line 1, column 14",
        ),
        (b'{"text": "a\xff"}', "the body is not UTF-8, at byte 11"),
        (b'{"lat": NaN}', "the body is not JSON: NaN is no number in JSON"),
        (b'{"lat": -Infinity}', "the body is not JSON: -Infinity is no number in JSON"),
        (
            b'{"lat": ' + b"9" * 5000 + b"}",
            "the body is not JSON: a number has too many digits",
        ),
        (b"[" * 100_000, "the body is nested too deeply: expected a report, or an array of reports"),
        (b'{"a":' * 100_000, "the body is nested too deeply: expected a report, or an array of reports"),
        (b"[]", "the body has 0 reports: expected 1 to 500"),
        (b"[" + b",".join([b"{}"] * 501) + b"]", "the body has 501 reports: expected 1 to 500"),
        (b"3", "the body is neither an object nor an array: expected a report, or an array of reports"),
        (b"null", "the body is neither an object nor an array: expected a report, or an array of reports"),
    ],
    ids=range(13),
)
def test_a_body_that_is_no_json_of_reports_is_400_and_says_why(body: bytes, description: str) -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            assert await post(client, body, 400) == {"errors": [{"code": "not_json", "description": description}]}

    run(steps)


def test_deep_json_inside_one_report_and_repeated_names_harm_only_that_report() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            deep = b'{"text":"a","attributes":{"x":' + b"[" * 50 + b"]" * 50 + b"}}"
            body = b'[{"text":"a","text":"b"},' + deep + b',{"text":"c"}]'
            found = await post(client, body, 202)
            assert [each["status"] for each in found] == ["rejected", "rejected", "accepted"]
            assert found[0]["errors"] == [
                {"code": "repeated_field", "description": "a name stands twice in one object"}
            ]

    run(steps)


def test_nul_bytes_lone_surrogates_and_a_byte_order_mark_are_cleaned_away() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            await post(client, b'\xef\xbb\xbf{"text":"Lamp\\u0000 out\\ud800","contact":{"name":"A\\udfffda"}}', 202)
            assert house.sender.reports[0].text == "Lamp out"
            assert house.sender.contacts[0].name == "Ada"

    run(steps)


def test_an_unknown_channel_is_404_and_names_those_there_are() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            said = "pigeon is no channel: expected one of web, app, phone, sms, email, open311, file"
            assert await post(client, {}, 404, "pigeon") == {
                "errors": [{"code": "unknown_channel", "description": said}]
            }

    run(steps)


def test_a_repeat_is_the_same_request_and_is_not_sent_twice() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            body = {"text": "Lamp out", "source_id": "gw-1"}
            first = await post(client, body, 202)
            assert await post(client, body, 202) == first
            assert await post(client, [body, body], 202) == first * 2
            assert len(house.sender.reports) == 1
            assert await post(client, body, 202, "web") != first

    run(steps)


def test_another_report_under_the_same_source_id_is_a_conflict() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            await post(client, {"text": "Lamp out", "source_id": "gw-1"}, 202)
            other = {"text": "Tree down", "source_id": "gw-1"}
            assert await post(client, other, 422) == [{"status": "rejected", "errors": [CONFLICT]}]
            mixed = await post(client, [other, {"text": "Tree down", "source_id": "gw-2"}], 202)
            assert [each["status"] for each in mixed] == ["rejected", "accepted"]

    run(steps)


@pytest.mark.parametrize("remembered", [0, 100])
def test_two_reports_under_one_name_in_one_call_are_a_conflict_whatever_is_remembered(remembered: int) -> None:
    async def steps() -> None:
        house = House(recent_reports=remembered)
        async with entered(house) as client:
            found = await post(
                client, [{"text": "Lamp out", "source_id": "1"}, {"text": "Tree down", "source_id": "1"}], 202
            )
            assert [each["status"] for each in found] == ["accepted", "rejected"]
            assert [report.text for report in house.sender.reports] == ["Lamp out"]

    run(steps)


def test_a_report_that_was_never_acknowledged_is_sent_again() -> None:
    async def steps() -> None:
        house = House()
        body = {"text": "Lamp out", "source_id": "gw-1"}
        async with entered(house) as client:
            house.sender.acknowledges = lambda _event: False
            response = await client.post("/channels/sms/reports", json=body)
            assert (response.status, response.headers["Retry-After"]) == (503, "5")
            assert await response.json() == [{"status": "rejected", "errors": [UNAVAILABLE]}]
            house.sender.acknowledges = lambda _event: True
            await post(client, body, 202)
            assert len(house.sender.reports) == 1

    run(steps)


def test_if_some_are_stored_each_is_told_and_the_others_may_come_again() -> None:
    async def steps() -> None:
        house = House()
        house.sender.acknowledges = lambda event: (
            not (isinstance(event, RequestReceived) and event.report.text == "two")
        )
        async with entered(house) as client:
            found = await post(client, [{"text": "one"}, {"text": "two"}, {"text": 3}], 202)
            assert [each["status"] for each in found] == ["accepted", "rejected", "rejected"]
            assert found[1]["errors"] == [UNAVAILABLE]

    run(steps)


def test_an_idempotency_key_stands_for_the_whole_call() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            body = [{"text": "one"}, {"text": "two"}, {"text": "three", "source_id": "3"}]
            key = {"Idempotency-Key": "call-1"}
            first = await post(client, body, 202, **key)
            assert await post(client, body, 202, **key) == first
            assert len(house.sender.reports) == 3
            assert len({each["request_id"] for each in first}) == 3
            other = await post(client, body, 202, **{"Idempotency-Key": "call-2"})
            assert [a["request_id"] == b["request_id"] for a, b in zip(first, other, strict=True)] == [
                False,
                False,
                True,
            ]

    run(steps)


def test_the_trace_of_the_caller_goes_with_the_records() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            await post(client, {"text": "Lamp out"}, 202, traceparent=trace)
            await post(client, {"text": "Lamp out"}, 202)
            assert house.sender.traces == [trace.encode(), None]

    run(steps)
