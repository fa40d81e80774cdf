import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from receive_doubles import NOW
from receive_judging import TOWN, WEB, accept, decide, faults

from services.events import ContactReceived, RequestReceived
from services.parts import Place
from services.receive.core import Accepted, Door, Refused, handle, report_from_row
from services.receive.fields import Fault
from services.receive.identity import derived_id, timed_id
from services.receive.masking import masked
from services.receive.open311 import DOOR


def test_a_time_without_an_offset_is_the_citys_own() -> None:
    found = accept({"text": "Lamp out", "created_at": "2026-07-01 08:00"})

    assert found.report.requested_at == datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_time_may_be_a_day_ahead_and_no_more() -> None:
    ahead = NOW + timedelta(days=1)

    assert accept({"text": "Lamp out", "created_at": ahead.isoformat()}).report.requested_at == ahead
    assert faults({"text": "Lamp out", "created_at": (ahead + timedelta(seconds=1)).isoformat()})


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-02-30", "24:00", "2026-W99"]
)
def test_a_time_at_the_end_of_the_calendar_or_beyond_is_refused(moment: str) -> None:
    assert faults({"text": "Lamp out", "created_at": moment})[0][1] == "created_at"


def test_the_same_source_id_of_a_channel_is_the_same_request() -> None:
    one = accept({"text": "Lamp out", "source_id": "gw-7"})
    again = accept({"text": "Lamp out", "source_id": " gw-7 "}, received_at=NOW + timedelta(hours=1), request_id="r-2")
    other = accept({"text": "Lamp out", "source_id": "gw-7"}, Door(channel="sms"))

    assert one.report.request_id == again.report.request_id == "2fbp88w4fkyxc3hqnapw4mjshx"
    assert one.derived
    assert one.fingerprint == again.fingerprint
    assert other.report.request_id != one.report.request_id
    assert one.report.source_id == "gw-7"


def test_another_report_under_the_same_id_has_another_fingerprint() -> None:
    one = accept({"text": "Lamp out", "source_id": "gw-7"})

    for change in (
        {"text": "Lamp on"},
        {"contact": {"name": "Ada"}},
        {"created_at": "2026-11-20"},
        {"lat": 1, "lon": 1},
    ):
        other = accept({"text": "Lamp out", "source_id": "gw-7"} | change)
        assert other.fingerprint != one.fingerprint


def test_a_source_id_that_tells_who_wrote_is_kept_as_a_digest() -> None:
    found = accept({"text": "Lamp out", "source_id": "<17@mail.example>"})

    assert re.fullmatch("sha256-[0-9a-f]{32}", found.report.source_id)


def test_a_uuid_is_nobodys_number_whatever_its_digits_are() -> None:
    town = msgspec.structs.replace(TOWN, region="US")
    source_id = "00059457-5630-4351-8981-055900242968"
    assert masked(source_id, "US") != source_id

    assert accept({"text": "Lamp out", "source_id": source_id}, town=town).report.source_id == source_id


def test_fields_that_nobody_knows_are_told_and_do_no_harm() -> None:
    assert accept({"text": "Lamp out", "latitude": 41.3, "extra": 1}).ignored == ("latitude", "extra")


OPEN311 = {"service_code": "light", "lat": "41.3", "lon": "-72.9"}


def test_open311_needs_a_service_code_and_a_place() -> None:
    assert faults({}, DOOR) == [
        ("missing", "service_code", "service_code is missing: expected a code of /services"),
    ]
    assert faults({"service_code": "light"}, DOOR) == [
        ("missing", "", "a place is missing: expected lat and long, address_string or address_id")
    ]
    assert faults(OPEN311 | {"lon": None}, DOOR) == [("missing", "long", "long is missing: expected it with lat")]
    assert accept({"service_code": "light", "address": "7 Wharf Road"}, DOOR).report.address == "7 Wharf Road"
    assert accept({"service_code": "light", "attributes": {"address_id": ["9"]}}, DOOR).report.place is None
    assert accept(OPEN311, DOOR).report.place == Place(latitude=41.3, longitude=-72.9)


@pytest.mark.parametrize(
    ("answers", "field", "description"),
    [
        ({}, "attribute[LANE]", "attribute[LANE] is missing: Which lane?"),
        (
            {"LANE": ["WALK"]},
            "attribute[LANE]",
            "attribute[LANE] is none of the keys of the list: expected one of BIKE, CAR",
        ),
        ({"LANE": ["BIKE", "CAR"]}, "attribute[LANE]", "attribute[LANE] has 2 values: expected one"),
        (
            {"LANE": ["BIKE"], "DEPTH": ["deep"]},
            "attribute[DEPTH]",
            "attribute[DEPTH] is no number: expected digits, with a decimal point if need be",
        ),
        (
            {"LANE": ["BIKE"], "SINCE": ["monday"]},
            "attribute[SINCE]",
            "attribute[SINCE] is no time: expected a time as 2026-11-21T08:30:00+01:00",
        ),
        (
            {"LANE": ["BIKE"], "SEEN": ["ME", "YOU"]},
            "attribute[SEEN]",
            "attribute[SEEN] is none of the keys of the list: expected one of ME, US",
        ),
    ],
)
def test_open311_answers_are_held_to_their_questions(answers: Any, field: str, description: str) -> None:
    found = faults(OPEN311 | {"service_code": "pothole", "attributes": answers}, DOOR)

    assert [(each[1], each[2]) for each in found] == [(field, description)]


def test_a_channel_need_not_answer_questions() -> None:
    assert accept({"service_code": "pothole"}).report.service_code == "pothole"


def test_good_answers_are_kept() -> None:
    answers = {"LANE": ["BIKE"], "DEPTH": ["12.5"], "SINCE": ["2026-11-01"], "SEEN": ["ME", "US"], "OTHER": ["x"]}

    assert accept(OPEN311 | {"service_code": "pothole", "attributes": answers}, DOOR).report.attributes == answers


def test_a_row_of_a_file_is_a_report_known_by_its_id() -> None:
    row = {
        "id": "77",
        "created_at": "2024-01-05 10:00:00",
        "category": "Lights",
        "text": "Lamp out",
        "lat": "41.3",
        "lon": "-72.9",
    }
    found = report_from_row(row, town=TOWN)

    assert isinstance(found, Accepted)
    assert found.report.requested_at == found.report.received_at == datetime(2024, 1, 5, 15, tzinfo=UTC)
    assert (found.report.channel, found.report.source_id) == ("file", "77")
    assert found.report.place == Place(latitude=41.3, longitude=-72.9)
    assert found.report.request_id == derived_id("source", "file", "", "77")


def test_a_row_may_say_it_with_numbers_and_without_an_id() -> None:
    row = {"text": "Lamp out", "lat": 41.3, "lon": -72.9, "created_at": "2024-01-05T10:00:00Z"}
    one, again, other = (
        report_from_row(each, town=TOWN, received_at=NOW)
        for each in (row, dict(reversed(row.items())), row | {"lat": 41.4})
    )

    assert isinstance(one, Accepted)
    assert isinstance(again, Accepted)
    assert isinstance(other, Accepted)
    assert one == again
    assert one.report.received_at == NOW
    assert one.report.request_id != other.report.request_id


def test_rows_are_decided_in_order_and_a_bad_one_stops_no_other() -> None:
    rows = [
        {"id": "1", "created_at": "2024-01-05", "text": "Lamp out"},
        {"id": "2", "created_at": "", "text": "Lamp out"},
        {"id": "3", "created_at": "2024-01-05", "text": "Lamp out", "lat": "north", "lon": "1"},
        {"id": "4", "created_at": "2024-01-05", "text": ""},
        {"id": "5", "created_at": "1999-01-05", "text": "Lamp out"},
    ]

    found = handle(rows, town=TOWN)

    assert isinstance(found[0], Accepted)
    assert found[1:] == [
        Refused(
            faults=(Fault(code="missing", field="created_at", description="created_at is missing: expected a time"),)
        ),
        Refused(
            faults=(
                Fault(code="wrong_type", field="lat", description="lat is 'north': expected a number from -90 to 90"),
            )
        ),
        Refused(
            faults=(Fault(code="empty", field="text", description="text is empty: expected a text, or a service_code"),)
        ),
        Refused(
            faults=(
                Fault(
                    code="out_of_range",
                    field="created_at",
                    description="created_at is 1999-01-05: expected a time from 2000-01-01 to a day ahead of now",
                ),
            )
        ),
    ]


def test_ids_have_the_shape_of_a_ulid_and_sort_by_time() -> None:
    early = timed_id(NOW, b"\xff" * 10)
    late = timed_id(NOW + timedelta(milliseconds=1), b"\x00" * 10)

    assert early == "01m7ykm0t0zzzzzzzzzzzzzzzz"
    assert early < late
    assert len(derived_id("a", "b")) == 26


def test_parts_of_a_name_cannot_be_mistaken_for_each_other() -> None:
    assert (
        len(
            {derived_id("k", "ab", "c"), derived_id("k", "a", "bc"), derived_id("k", "abc"), derived_id("ka", "b", "c")}
        )
        == 4
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "source_id",
        "created_at",
        "text",
        "lat",
        "lon",
        "radius_m",
        "address",
        "service_code",
        "attributes",
        "media_urls",
        "contact",
        "x",
    ]
)
likely = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=50),
        "lat": st.floats(-100, 100) | st.integers(-100, 100),
        "lon": st.floats(-200, 200),
        "created_at": st.datetimes().map(str) | st.text(max_size=10),
        "service_code": st.sampled_from(["light", "pothole", ""]),
        "contact": st.dictionaries(st.sampled_from(["name", "phone", "email"]), st.text(max_size=20)),
        "source_id": st.text(max_size=20),
        "attributes": st.dictionaries(
            st.text(max_size=5), st.text(max_size=10) | st.lists(st.integers(), max_size=3), max_size=3
        ),
    },
)


@given(json_values | st.dictionaries(names, json_values) | likely, st.sampled_from([WEB, DOOR]))
def test_whatever_comes_in_is_accepted_as_an_event_that_readers_take_or_refused_with_reasons(
    raw: object, door: Door
) -> None:
    found = decide(raw, door)

    if isinstance(found, Refused):
        assert found.faults
        json.dumps(msgspec.to_builtins(found.faults))
    else:
        event = RequestReceived(report=found.report)
        assert msgspec.json.decode(msgspec.json.encode(event), type=RequestReceived) == event
        assert found.contact is None or msgspec.json.decode(msgspec.json.encode(found.contact), type=ContactReceived)
        assert len(found.fingerprint) == 32
