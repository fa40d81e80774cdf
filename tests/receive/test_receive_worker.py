import asyncio
import logging
from pathlib import Path

import aiohttp
import pytest
from receive_doubles import NOW, MemoryRows, MemorySender, make_city, make_row, make_town, run

from services.events import RequestReceived
from services.parts import Report
from services.readmodel.queries import ReadModel
from services.readmodel.rows import RequestFilter
from services.receive.adapters import PublicRequests, country_of, town_of
from services.receive.open311 import Query
from services.receive.recent import Recent, Seen
from services.receive.settings import ReceiveSettings
from services.receive.worker import serve
from services.runtime.settings import Settings, SettingsError, Shared, read

CITY = Path(__file__).parents[2] / "city"
NOBODY = "127.0.0.1:1"
REPORT = RequestReceived(report=Report(request_id="r1", channel="web", received_at=NOW, requested_at=NOW))


def test_the_country_of_a_time_zone_is_that_of_the_iana_table() -> None:
    assert country_of("Europe/Budapest") == "HU"
    assert country_of("America/New_York") == "US"
    assert country_of("Etc/UTC") == ""


def test_a_town_masks_the_numbers_of_its_own_country_unless_it_is_told_another() -> None:
    assert town_of(make_city()) == make_town(categories=make_city().categories)
    assert town_of(make_city(), "DE").region == "DE"


def test_a_city_whose_categories_are_all_hidden_asks_nothing() -> None:
    city = make_city()
    hidden = make_city(categories={"encampment": city.categories["encampment"]})
    rows = MemoryRows(make_row("r1"))

    assert PublicRequests(rows, hidden, publish_text=True).find(Query()) == []
    assert rows.asked == []


def test_the_double_of_the_read_model_is_asked_as_the_real_one_is(tmp_path: Path) -> None:
    real = ReadModel(f"sqlite:///{tmp_path / 'readmodel.db'}")
    try:
        for reader in (real, MemoryRows()):
            assert reader.requests(RequestFilter(service_codes=("light",), start=NOW, page_size=1000)) == []
            assert PublicRequests(reader, make_city(), publish_text=True).find(Query(request_ids=("r1",))) == []
    finally:
        real.close()


def test_the_recent_reports_are_forgotten_from_the_one_not_asked_for_the_longest() -> None:
    recent = Recent(2)
    recent.remember("a", b"1")
    recent.remember("b", b"2")
    assert recent.look("a", b"1") is Seen.REPEAT
    recent.remember("c", b"3")

    assert recent.look("b", b"2") is Seen.NEW
    assert recent.look("a", b"1") is Seen.REPEAT
    assert recent.look("c", b"4") is Seen.CONFLICT


def test_nothing_is_remembered_where_nothing_may_be() -> None:
    recent = Recent(0)
    recent.remember("a", b"1")

    assert recent.look("a", b"1") is Seen.NEW


def test_the_double_of_the_sender_answers_for_each_event() -> None:
    async def steps() -> None:
        sender = MemorySender()
        assert await sender.send([REPORT, REPORT]) == ["stored", "stored"]
        assert await sender.send([]) == []

    run(steps)


def test_the_worker_serves_the_shipped_city_while_kafka_is_away_and_ends_when_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def steps() -> None:
        settings = ReceiveSettings(port=0, ack_timeout_s=0.2, shutdown_s=1)
        shared = Shared(stormdrain_city_dir=CITY, stormdrain_state_dir=tmp_path, kafka_bootstrap=NOBODY)
        stop = asyncio.Event()
        listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(settings, shared, stop, on_listening=listening.set_result))
        address = await listening
        async with aiohttp.ClientSession() as session:
            assert (await session.get(f"{address}/healthz")).status == 200
            services = await (await session.get(f"{address}/services.json")).json()
            assert len(services) > 5
            assert await (await session.get(f"{address}/requests.json")).json() == []
            assert (await session.get(f"{address}/readyz")).status == 503
            form = {"service_code": services[0]["service_code"], "address_string": "7 Wharf Road"}
            form |= await _answers(session, address, form["service_code"])
            response = await session.post(f"{address}/requests.json", data=form)
            assert (response.status, response.headers["Retry-After"]) == (503, "5")
        stop.set()
        await serving
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))

    with caplog.at_level(logging.WARNING, "services.receive"):
        run(steps)

    assert "anybody may post: RECEIVE_API_KEYS is not set" in caplog.messages


async def _answers(session: aiohttp.ClientSession, address: str, code: str) -> dict[str, str]:
    definition = await (await session.get(f"{address}/services/{code}.json")).json()
    return {
        f"attribute[{each['code']}]": each["values"][0]["key"] if each["values"] else "1"
        for each in definition["attributes"]
        if each["required"]
    }


def test_settings_are_read_from_the_environment_and_keys_are_not_shown() -> None:
    digest = "a" * 64
    found = read(ReceiveSettings, {"RECEIVE_API_KEYS": f"{digest}, {'b' * 64}", "RECEIVE_PORT": "80"}, "receive")

    assert found.api_keys == (digest, "b" * 64)
    assert digest not in repr(found)
    assert isinstance(found, Settings)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("RECEIVE_PORT", "99999", "RECEIVE_PORT='99999': expected a whole number from 0 to 65535"),
        ("RECEIVE_MAX_BODY_BYTES", "1", "RECEIVE_MAX_BODY_BYTES='1': expected a whole number from 1024 to 100000000"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(variable: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read(ReceiveSettings, {variable: value}, "receive")

    assert str(error.value) == f"receive cannot start: 1 setting is wrong\n  {said}"


def test_a_key_that_is_no_digest_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError) as error:
        read(ReceiveSettings, {"RECEIVE_API_KEYS": "opensesame"}, "receive")

    assert "RECEIVE_API_KEYS" in str(error.value)
    assert "opensesame" not in str(error.value)
