import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from receive_doubles import NOW, make_town

from services.events import ContactReceived, RequestReceived
from services.parts import Place, Report
from services.receive.core import Accepted, Door, Refused, handle, judge, report_from_row
from services.receive.fields import Fault, Repeated
from services.receive.identity import derived_id, timed_id
from services.receive.open311 import DOOR

TOWN = make_town()
WEB = Door(channel="web")


BAD_LINK = (
    "media_urls entry 1 is no address that can be fetched: expected http:// or https://, a host, no password, at most "
    "2048 characters"
)


def decide(raw: object, door: Door = WEB, **changes: Any) -> Accepted | Refused:
    given: dict[str, Any] = {"town": TOWN, "door": door, "received_at": NOW, "request_id": "r-1"}
    return judge(raw, **(given | changes))


def accept(raw: object, door: Door = WEB, **changes: Any) -> Accepted:
    found = decide(raw, door, **changes)
    assert isinstance(found, Accepted), found
    return found


def faults(raw: object, door: Door = WEB) -> list[tuple[str, str, str]]:
    found = decide(raw, door)
    assert isinstance(found, Refused), found
    return [(fault.code, fault.field, fault.description) for fault in found.faults]


def test_a_full_report_is_accepted_with_its_contact_apart() -> None:
    found = accept(
        {
            "created_at": "2026-11-20T07:00:00-05:00",
            "text": "Lamp out",
            "lat": 41.3,
            "lon": -72,
            "radius_m": 12.5,
            "address": "7  Wharf\nRoad",
            "service_code": "light",
            "attributes": {"HEIGHT": 4, "WET": True, "SEEN": ["ME", "US"], "NONE": None},
            "media_urls": ["https://img.example/1.jpg"],
            "contact": {"name": "Ada Test", "phone": "203-555-0123", "email": "ada@mail.example"},
        }
    )

    assert found.report == Report(
        request_id="r-1",
        channel="web",
        received_at=NOW,
        requested_at=datetime(2026, 11, 20, 12, tzinfo=UTC),
        text="Lamp out",
        place=Place(latitude=41.3, longitude=-72.0, radius_m=12.5),
        address="7 Wharf Road",
        service_code="light",
        attributes={"HEIGHT": ["4"], "WET": ["true"], "SEEN": ["ME", "US"]},
        media_urls=("https://img.example/1.jpg",),
        jurisdiction_id="brackwater.example",
    )
    assert found.contact == ContactReceived(
        request_id="r-1", name="Ada Test", phone="203-555-0123", email="ada@mail.example"
    )
    assert not found.derived


def test_a_text_alone_or_a_service_code_alone_is_a_report() -> None:
    assert accept({"text": "Lamp out"}).contact is None
    assert accept({"service_code": "light"}).report.requested_at == NOW


def test_nothing_at_all_is_no_report() -> None:
    empty = [("empty", "text", "text is empty: expected a text, or a service_code")]

    assert faults({}) == empty
    assert faults({"text": " \n ", "service_code": None, "lat": 41.3, "lon": -72.9}) == empty
    assert faults({"text": "\x00\x01"}) == empty


@pytest.mark.parametrize(
    ("raw", "code", "field", "description"),
    [
        ({"text": 3}, "wrong_type", "text", "text is a number: expected a string"),
        ({"text": ["a"]}, "wrong_type", "text", "text is a list: expected a string"),
        ({"text": "a" * 10_001}, "too_long", "text", "text has 10001 characters: expected at most 10000"),
        ({"lat": 91, "lon": 0}, "out_of_range", "lat", "lat is 91: expected a number from -90 to 90"),
        ({"lat": 0, "lon": -180.5}, "out_of_range", "lon", "lon is -180.5: expected a number from -180 to 180"),
        ({"lat": 41.3}, "missing", "lon", "lon is missing: expected it with lat"),
        ({"lon": 41.3}, "missing", "lat", "lat is missing: expected it with lon"),
        ({"lat": "41.3", "lon": 1}, "wrong_type", "lat", "lat is '41.3': expected a number from -90 to 90"),
        ({"lat": True, "lon": 1}, "wrong_type", "lat", "lat is true or false: expected a number from -90 to 90"),
        ({"lat": float("nan"), "lon": 1}, "out_of_range", "lat", "lat is not finite: expected a number from -90 to 90"),
        ({"lat": float("inf"), "lon": 1}, "out_of_range", "lat", "lat is not finite: expected a number from -90 to 90"),
        ({"lat": 10**400, "lon": 1}, "out_of_range", "lat", "lat is not finite: expected a number from -90 to 90"),
        ({"radius_m": -1}, "out_of_range", "radius_m", "radius_m is -1: expected a number from 0 to 100000"),
        (
            {"created_at": "last monday"},
            "not_a_time",
            "created_at",
            "created_at is 'last monday': expected a time as 2026-11-21T08:30:00+01:00",
        ),
        (
            {"created_at": "1823-05-01T00:00:00Z"},
            "out_of_range",
            "created_at",
            "created_at is 1823-05-01T00:00:00Z: expected a time from 2000-01-01 to a day ahead of now",
        ),
        (
            {"created_at": "2099-05-01T00:00:00Z"},
            "out_of_range",
            "created_at",
            "created_at is 2099-05-01T00:00:00Z: expected a time from 2000-01-01 to a day ahead of now",
        ),
        ({"created_at": 1700000000}, "wrong_type", "created_at", "created_at is a number: expected a string"),
        (
            {"service_code": "dragon"},
            "unknown_service_code",
            "service_code",
            "service_code 'dragon' is not a service of this city: see /services",
        ),
        ({"address": "a" * 513}, "too_long", "address", "address has 513 characters: expected at most 512"),
        (
            {"attributes": [1]},
            "wrong_type",
            "attributes",
            "attributes is a list: expected an object of answers by code",
        ),
        (
            {"attributes": {"a": {"b": 1}}},
            "wrong_type",
            "attributes",
            "attributes of a holds a list or an object: expected strings and numbers",
        ),
        (
            {"attributes": {"a b": "c"}},
            "bad_attribute",
            "attributes",
            "attributes has a code that is none: expected 1 to 64 letters, digits, _ - . :",
        ),
        (
            {"attributes": {str(n): "c" for n in range(51)}},
            "too_many",
            "attributes",
            "attributes has 51 entries: expected at most 50",
        ),
        (
            {"attributes": {"a": ["x"] * 51}},
            "too_many",
            "attributes",
            "attributes of a has 51 entries: expected at most 50",
        ),
        (
            {"attributes": {"a": "x" * 20_001}},
            "too_long",
            "attributes",
            "attributes has too many characters: expected at most 20000 in all",
        ),
        (
            {"media_urls": ["ftp://a.example/b"]},
            "bad_url",
            "media_urls",
            BAD_LINK,
        ),
        (
            {"media_urls": [1]},
            "wrong_type",
            "media_urls",
            "media_urls is not a list of strings: expected addresses of pictures",
        ),
        (
            {"media_urls": ["https://a.example"] * 11},
            "too_many",
            "media_urls",
            "media_urls has 11 entries: expected at most 10",
        ),
        ({"contact": "me"}, "wrong_type", "contact", "contact is no object: expected name, phone, email"),
        (
            {"contact": {"phone": 2035550123}},
            "wrong_type",
            "contact.phone",
            "contact.phone is a number: expected a string",
        ),
        (
            {"contact": {"name": "a" * 257}},
            "too_long",
            "contact.name",
            "contact.name has 257 characters: expected at most 256",
        ),
        ({"source_id": 12}, "wrong_type", "source_id", "source_id is a number: expected a string"),
        (Repeated(text="a"), "repeated_field", "", "a name stands twice in one object"),
        ({"attributes": Repeated(a="b")}, "repeated_field", "", "a name stands twice in one object"),
        ({str(n): 1 for n in range(101)}, "too_many", "", "a report has 102 fields: expected at most 100"),
    ],
)
def test_what_is_wrong_is_named_with_what_was_expected(raw: Any, code: str, field: str, description: str) -> None:
    with_text = raw if "text" in raw else type(raw)({"text": "Lamp out"} | raw)

    assert faults(with_text) == [(code, field, description)]


@pytest.mark.parametrize("raw", [None, 3, "text", ["text"], True])
def test_what_is_no_object_is_no_report(raw: object) -> None:
    assert faults(raw) == [("wrong_type", "", "a report is an object of fields")]


@pytest.mark.parametrize(
    "link",
    [
        "https://user:secret@a.example/x",
        "javascript:alert(1)",
        "https://",
        "http://a b.example",
        "//a.example",
        "https://[::1",
    ],
)
def test_a_link_that_nobody_should_follow_is_refused(link: str) -> None:
    assert [fault[0] for fault in faults({"text": "Lamp out", "media_urls": [link]})] == ["bad_url"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = faults({"text": 1, "lat": 91, "lon": 181, "created_at": "x", "service_code": "y", "contact": 3})

    assert [field for _, field, _ in found] == ["service_code", "text", "lat", "lon", "created_at", "contact"]


def test_control_characters_and_lone_surrogates_are_removed_and_line_feeds_stay() -> None:
    found = accept({"text": "\ufeffLamp\x00 out\r\nsince\ud800 Monday\x85\ufffe\ttoday\x1b[2J"})

    assert found.report.text == "\ufeffLamp out\nsince Monday\ttoday[2J"


def test_digits_that_a_control_character_parts_are_masked_all_the_same() -> None:
    assert accept({"text": "ask 203-555\x00-0123"}).report.text == "ask [phone]"


def test_text_address_and_answers_are_masked_and_the_citys_own_list_is_not() -> None:
    found = accept(
        {
            "text": "mail jo@mail.example",
            "address": "7 Wharf Road, ring 203-555-0123",
            "service_code": "pothole",
            "attributes": {"LANE": "BIKE", "NOTE": "ask 203-555-0123", "203-555-0123": "x"},
        }
    ).report

    assert found.text == "mail [email]"
    assert found.address == "7 Wharf Road, ring [phone]"
    assert found.attributes == {"LANE": ["BIKE"], "NOTE": ["ask [phone]"], "[phone]": ["x"]}


def test_masking_never_makes_a_text_longer_than_readers_accept() -> None:
    brim = ("a@b.co " * 1500)[:10_000]

    assert len(accept({"text": brim}).report.text) <= 10_000


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
