from datetime import UTC, datetime
from typing import Any

import pytest
from receive_doubles import NOW
from receive_judging import BAD_LINK, accept, faults

from services.events import ContactReceived
from services.parts import Place, Report
from services.receive.fields import Repeated


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
