import asyncio
import hashlib
import logging
from io import BytesIO
from typing import Any

import pytest
from receive_doubles import NOW, Client, House, entered, make_row, run

from services.readmodel.faults import ReadModelAwayError

LIGHT = {"service_code": "light", "lat": "41.3", "long": "-72.9"}
KEY = "letmein-1"
DIGESTS = (hashlib.sha256(b"another").hexdigest(), hashlib.sha256(KEY.encode()).hexdigest())
JSON = {"Content-Type": "application/json"}


async def refused(client: Client, path: str, status: int, **options: Any) -> Any:
    response = await client.post(path, **options)
    found = await response.json()
    assert response.status == status, found
    return found


@pytest.mark.parametrize("size", [5_000_000, 1_048_577])
def test_a_body_that_is_too_large_is_413_in_the_asked_for_format(size: int) -> None:
    async def steps() -> None:
        house = House()
        said = "the body is larger than 1048576 bytes: send fewer reports, and pictures as media_url"
        async with entered(house) as client:
            found = await refused(client, "/channels/web/reports", 413, data=BytesIO(b" " * size))
            assert found == {"errors": [{"code": "too_large", "description": said}]}
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            found = await refused(client, "/requests.json", 413, data=BytesIO(b"a" * size), headers=form)
            assert found == [{"code": 413, "description": said}]
            assert house.count("stormdrain_reports_refused_total", code="too_large") == 2

    run(steps)


def test_a_body_that_does_not_say_how_large_it_is_is_cut_off_all_the_same() -> None:
    async def chunks() -> Any:
        for _ in range(100):
            yield b" " * 50_000

    async def steps() -> None:
        async with entered(House()) as client:
            assert (await client.post("/channels/web/reports", data=chunks())).status == 413

    run(steps)


def test_a_compressed_body_is_measured_as_it_unfolds() -> None:
    async def steps() -> None:
        import gzip  # noqa: PLC0415 - only here

        async with entered(House()) as client:
            bomb = gzip.compress(b" " * 20_000_000)
            assert len(bomb) < 50_000
            response = await client.post("/channels/web/reports", data=bomb, headers={"Content-Encoding": "gzip"})
            assert response.status == 413

    run(steps)


async def _raw(client: Client, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_body_that_trickles_in_is_given_up() -> None:
    async def steps() -> None:
        async with entered(House(body_timeout_s=0.05)) as client:
            answer = await _raw(
                client, b"POST /requests.json HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nservice_code=li"
            )
            assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
            assert answer.endswith(b'[{"code":408,"description":"the body did not arrive within 0.05 s"}]')

    run(steps)


def test_a_body_whose_chunks_are_broken_is_400() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            answer = await _raw(
                client, b"POST /requests.json HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"
            )
            assert answer.split(b"\r\n")[0].endswith(b"400 Bad Request")

    run(steps)


def test_more_posts_at_once_than_may_be_are_503_before_they_are_read_and_reads_go_on() -> None:
    async def steps() -> None:
        house = House(make_row("r1"), max_concurrent=3, retry_after_s=9)
        house.sender.gate.clear()
        async with entered(house) as client:
            held = [asyncio.ensure_future(client.post("/requests.json", data=LIGHT)) for _ in range(3)]
            await house.sender.waited_for(3)
            response = await client.post("/channels/web/reports", json={"text": "Lamp out"})
            assert (response.status, response.headers["Retry-After"]) == (503, "9")
            assert await response.json() == {
                "errors": [
                    {
                        "code": "busy",
                        "description": "too many reports are coming in just now: nothing was promised, send it again",
                    }
                ]
            }
            assert (await client.get("/requests/r1.json")).status == 200
            house.sender.gate.set()
            assert [each.status for each in await asyncio.gather(*held)] == [201] * 3
            assert (await client.post("/requests.json", data=LIGHT)).status == 201

    run(steps)


def test_a_place_is_free_again_after_a_call_that_failed() -> None:
    async def steps() -> None:
        async with entered(House(max_concurrent=1)) as client:
            for _ in range(3):
                assert (await client.post("/channels/web/reports", data=b"?")).status == 400
            assert (await client.post("/requests.json", data=LIGHT)).status == 201

    run(steps)


def test_with_keys_set_only_who_shows_one_may_post() -> None:
    async def steps() -> None:
        house = House(api_keys=DIGESTS)
        async with entered(house) as client:
            missing = [{"code": 403, "description": "an api_key is missing"}]
            unknown = [{"code": 403, "description": "the api_key is unknown: see key_service in /discovery"}]
            assert await refused(client, "/requests.json", 403, data=LIGHT) == missing
            assert await refused(client, "/requests.json", 403, data=LIGHT | {"api_key": "guess"}) == unknown
            assert await refused(client, "/channels/web/reports", 403, json={"text": "a"}) == {
                "errors": [{"code": "wrong_api_key", "description": "an api_key is missing"}]
            }
            ways: list[dict[str, Any]] = [
                {"data": LIGHT | {"api_key": KEY}},
                {"data": LIGHT, "params": {"api_key": KEY}},
                {"data": LIGHT, "headers": {"X-Api-Key": KEY}},
                {"data": LIGHT, "headers": {"Authorization": f"Bearer {KEY}"}},
            ]
            for options in ways:
                assert (await client.post("/requests.json", **options)).status == 201
            response = await client.post("/channels/web/reports", json={"text": "a"}, headers={"X-Api-Key": "another"})
            assert response.status == 202
            assert (await client.get("/services.json")).status == 200
            assert KEY not in str(house.sender.stored)

    run(steps)


def test_two_callers_may_use_the_same_idempotency_key() -> None:
    async def steps() -> None:
        house = House(api_keys=DIGESTS)
        async with entered(house) as client:
            for key in (KEY, "another"):
                headers = {"X-Api-Key": key, "Idempotency-Key": "1"}
                assert (await client.post("/requests.json", data=LIGHT, headers=headers)).status == 201
            assert len({report.request_id for report in house.sender.reports}) == 2

    run(steps)


def test_two_gateways_may_both_count_from_one_and_a_named_one_stays_itself_under_a_new_key() -> None:
    first, second = DIGESTS
    third = hashlib.sha256(b"renewed").hexdigest()

    async def steps() -> None:
        house = House(api_keys=(f"app:{first}", f"phone-desk:{second}", f"app:{third}"))
        async with entered(house) as client:
            for key in (KEY, "another", "renewed"):
                body = {"text": "Lamp out", "source_id": "1"}
                answer = await client.post("/channels/app/reports", json=body, headers={"X-Api-Key": key})
                assert answer.status == 202
            assert len({report.request_id for report in house.sender.reports}) == 2

    run(steps)


def test_any_web_page_may_ask_and_report() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            for path in ("/services.json", "/nowhere", "/requests.json?status=x"):
                response = await client.get(path)
                assert response.headers["Access-Control-Allow-Origin"] == "*"
            for path in ("/requests.json", "/channels/web/reports"):
                response = await client.options(path, headers={"Origin": "https://a.example"})
                assert response.status == 204
                assert response.headers["Access-Control-Allow-Origin"] == "*"
                assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
                assert "Idempotency-Key" in response.headers["Access-Control-Allow-Headers"]

    run(steps)


def test_a_method_that_is_not_taken_is_405_and_names_those_that_are() -> None:
    async def steps() -> None:
        async with entered(House()) as client:
            response = await client.delete("/requests.json")
            assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD,POST")
            assert await response.json() == [
                {"code": 405, "description": "/requests.json does not take DELETE: use GET or HEAD or POST"}
            ]

    run(steps)


def test_trouble_inside_is_500_in_the_asked_for_format_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def steps() -> None:
        house = House()
        house.rows.trouble = RuntimeError("the disk is full")
        async with entered(house) as client:
            response = await client.get("/requests.json")
            assert response.status == 500
            assert await response.json() == [
                {"code": 500, "description": "something went wrong here: nothing was promised"}
            ]
            response = await client.get("/requests.xml")
            assert (response.status, response.content_type) == (500, "text/xml")

    with caplog.at_level(logging.ERROR):
        run(steps)

    assert [record.getMessage() for record in caplog.records] == ["a call failed", "a call failed"]


def test_while_the_read_model_is_away_reads_are_503_and_reports_come_in() -> None:
    async def steps() -> None:
        house = House()
        house.rows.trouble = ReadModelAwayError("no connection")
        async with entered(house) as client:
            response = await client.get("/requests.json")
            assert (response.status, response.headers["Retry-After"]) == (503, "5")
            assert await response.json() == [
                {"code": 503, "description": "requests cannot be read just now: ask again"}
            ]
            assert (await client.post("/requests.json", data=LIGHT)).status == 201

    run(steps)


def test_probes_say_how_the_worker_fares() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            for path in ("/healthz", "/readyz"):
                response = await client.get(path)
                assert (response.status, await response.text()) == (200, "ok\n")
            house.sender.fault = "Kafka does not answer"
            response = await client.get("/readyz")
            assert (response.status, await response.text()) == (503, "Kafka does not answer\n")
            assert (await client.get("/healthz")).status == 200

    run(steps)


def test_metrics_count_by_route_and_code_and_hold_nothing_of_what_was_said() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            await client.post("/requests.json", data=LIGHT | {"description": "ask jo@mail.example"})
            await client.post("/requests.xml", data=LIGHT | {"service_code": "2035550123"})
            await client.get("/requests/2035550123.json")
            await client.get("/2035550123")
            response = await client.get("/metrics")
            assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            text = await response.text()
        counter = "stormdrain_http_requests_total"
        for line in (
            f'{counter}{{method="POST",route="/requests{{suffix}}",status="201",worker="receive"}} 1.0',
            f'{counter}{{method="POST",route="/requests{{suffix}}",status="404",worker="receive"}} 1.0',
            f'{counter}{{method="GET",route="/requests/{{request_id}}{{suffix}}",status="404",worker="receive"}} 1.0',
            f'{counter}{{method="GET",route="none",status="404",worker="receive"}} 1.0',
            'stormdrain_reports_accepted_total{channel="open311",worker="receive"} 1.0',
            'stormdrain_reports_refused_total{code="unknown_service_code",worker="receive"} 1.0',
        ):
            assert f"\n{line}\n" in text
        assert "2035550123" not in text
        assert "jo@" not in text

    run(steps)


def test_nothing_that_a_citizen_wrote_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            body = {"text": "xyzzy 203-555-0123", "contact": {"name": "Ada Plugh"}, "lat": "plover"}
            await client.post("/channels/web/reports", json=body)
            await client.post("/requests.json", data=LIGHT | {"description": "xyzzy", "email": "plugh@mail.example"})

    with caplog.at_level(logging.DEBUG):
        run(steps)

    for secret in ("xyzzy", "555", "lugh", "plover"):
        assert secret not in caplog.text


def test_a_caller_who_hangs_up_harms_nobody() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            _, writer = await asyncio.open_connection("127.0.0.1", client.port)
            writer.write(b"POST /requests.json HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nservice")
            await writer.drain()
            writer.transport.abort()
            assert (await client.post("/requests.json", data=LIGHT)).status == 201

    run(steps)


def test_ids_without_a_key_sort_by_when_the_report_came_in() -> None:
    async def steps() -> None:
        house = House()
        async with entered(house) as client:
            await client.post("/requests.json", data=LIGHT)
            (report,) = house.sender.reports
            assert report.request_id.startswith("01m7ykm0t0")
            assert report.received_at == NOW

    run(steps)
