"""One person's reports of one day, and how little a pseudonym tells."""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from receive_doubles import NOW, House, entered, run

from services.parts import Report
from services.receive.pseudonym import pseudonym
from services.receive.settings import ReceiveSettings
from services.runtime.settings import SettingsError, read

SECRET = "an invented secret of the town"  # noqa: S105
MORNING = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)


def made(at: datetime = MORNING, secret: str = SECRET, **contact: str) -> str:
    return pseudonym(secret, at, contact, "US")


def test_it_is_the_hmac_of_day_kind_and_value() -> None:
    digest = hmac.new(SECRET.encode(), b"2026-11-21\nemail\nresident@example.org", hashlib.sha256).digest()
    assert made(email="resident@example.org") == base64.urlsafe_b64encode(digest).decode()[:22]


def test_it_is_one_all_day_and_another_the_next_in_utc() -> None:
    same = made(email="resident@example.org")
    assert made(MORNING + timedelta(hours=23, minutes=59), email="resident@example.org") == same
    assert made(MORNING.astimezone(timezone(-timedelta(hours=5))), email="resident@example.org") == same
    assert made(MORNING + timedelta(days=1), email="resident@example.org") != same
    assert made(MORNING - timedelta(microseconds=1), email="resident@example.org") != same


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"email": "Resident@Example.org"}, {"email": " resident@example.ORG "}),
        ({"phone": "555-867-5309"}, {"phone": "+1 (555) 867 5309"}),
        ({"phone": "\uff15\uff15\uff15-867-5309"}, {"phone": "5558675309"}),
        ({"phone": "ext. 4"}, {"phone": "4"}),
        ({"account_id": "a-1", "email": "one@example.org"}, {"account_id": "a-1", "email": "two@example.org"}),
        ({"device_id": "d-1", "phone": "555-867-5309"}, {"device_id": "d-1"}),
        ({"account_id": " ", "email": "one@example.org"}, {"email": "one@example.org", "phone": "555-867-5309"}),
    ],
)
def test_one_person_is_known_however_it_is_written(one: dict[str, str], two: dict[str, str]) -> None:
    assert pseudonym(SECRET, MORNING, one, "US") == pseudonym(SECRET, MORNING, two, "US") != ""


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"account_id": "a-1"}, {"device_id": "a-1"}),
        ({"account_id": "a-1"}, {"account_id": "A-1"}),
        ({"phone": "555-867-5309"}, {"phone": "555-867-5308"}),
        ({"email": "resident@example.org"}, {"email": "resident@example.org", "secret": SECRET + "!"}),
    ],
)
def test_two_are_told_apart(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert made(**one) != made(**two)


def test_without_a_secret_or_a_contact_there_is_none() -> None:
    assert made(secret="", email="resident@example.org") == ""
    assert made() == made(name="A. Resident") == made(email=" ", phone="") == ""


@given(
    st.text(max_size=40), st.sampled_from(["account_id", "device_id", "email", "phone"]), st.sampled_from(["", "US"])
)
def test_whatever_a_contact_holds_it_is_22_signs_or_none(value: str, kind: str, region: str) -> None:
    found = pseudonym(SECRET, MORNING, {kind: value}, region)
    assert len(found) in {0, 22}
    assert set(found) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_the_door_gives_reports_their_pseudonym_and_never_the_contact_itself() -> None:
    async def steps() -> None:
        house = House(reporter_secret=SECRET)
        contact = {"email": "resident@example.org"}
        async with entered(house) as client:
            one = {"text": "Lamp is out", "contact": contact}
            response = await client.post("/channels/app/reports", json=[one, {"text": "Another"}])
            assert response.status == 202
            form = {"service_code": "light", "lat": "41.3", "long": "-72.9", "email": "RESIDENT@example.org"}
            assert (await client.post("/requests.json", data=form)).status == 201
        said, nobody, as_open311 = house.sender.reports
        assert said.reporter == as_open311.reporter == pseudonym(SECRET, NOW, contact, "US")
        assert nobody.reporter == ""
        assert "resident" not in msgspec.json.encode(said).decode()
        assert msgspec.json.decode(msgspec.json.encode(said), type=Report) == said

    run(steps)


def test_a_door_without_a_secret_makes_none() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            report = {"text": "Lamp is out", "contact": {"email": "resident@example.org"}}
            await client.post("/channels/app/reports", json=report)
        assert [report.reporter for report in house.sender.reports] == [""]

    run(steps)


def test_a_repeat_on_the_next_day_is_the_same_report() -> None:
    async def steps() -> None:
        house = House(reporter_secret=SECRET)
        days = iter((NOW, NOW + timedelta(days=1)))
        house.keeper = replace(house.keeper, clock=lambda: next(days))
        report = {"source_id": "app-1", "text": "Lamp is out", "contact": {"email": "resident@example.org"}}
        async with entered(house) as client:
            answers = [await (await client.post("/channels/app/reports", json=report)).json() for _ in range(2)]
        assert answers[0] == answers[1]
        assert len(house.sender.reports) == 1

    run(steps)


def test_a_secret_that_is_too_short_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError) as raised:
        read(ReceiveSettings, {"RECEIVE_REPORTER_SECRET": "swordfish"}, "receive")
    assert raised.value.faults == ["RECEIVE_REPORTER_SECRET (not shown): expected text, at least 16 characters"]
    assert SECRET not in repr(ReceiveSettings(reporter_secret=SECRET))
