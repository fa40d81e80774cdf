import asyncio
import time
from collections.abc import Iterable
from typing import Any

import pytest
from aiohttp import web
from fake_door import FakeDoor, Reports, accept, accepted, never, rejected, says, text

from services.sandbox.gateway import Gateway, GatewayError, Sent


def reports(count: int) -> list[dict[str, Any]]:
    return [{"source_id": f"s{number}", "text": "water on the street"} for number in range(count)]


def post(door: FakeDoor, what: Iterable[dict[str, Any]], per_second: float = 0.0, **options: Any) -> Sent:
    async def run() -> Sent:
        async with door.open():
            gateway = Gateway(door.url, **({"first_wait_s": 0.001, "callers": 1} | options))
            return await gateway.send(what, per_second=per_second, on_progress=lambda _: None)

    return asyncio.run(run())


def test_all_reports_are_posted_in_batches_and_counted_by_the_doors_word() -> None:
    door = FakeDoor()
    sent = post(door, reports(7), batch=3)
    assert [len(call) for call in door.calls] == [3, 3, 1]
    assert sent.accepted == {f"s{number}": f"r-s{number}" for number in range(7)}
    assert sent.refused == []
    assert sent.repeats == 0
    assert sent.seconds > 0


@pytest.mark.parametrize(
    "busy",
    [
        says(429),
        says(503, {"errors": []}),
        says(500),
        says(502),
        says(408),
        says(200, {"hello": "there"}),
        says(200, [5]),
        says(202, [{"status": "accepted"}]),
        text(200, "<html>a proxy's own page</html>"),
        text(200, "[" * 100_000),
    ],
)
def test_what_was_not_answered_as_a_door_answers_is_posted_again_under_the_same_names(busy: Any) -> None:
    door = FakeDoor(busy, busy)
    sent = post(door, reports(2))
    assert door.calls == [reports(2)] * 3
    assert list(sent.accepted) == ["s0", "s1"]
    assert sent.repeats == 2


def test_a_door_that_does_not_answer_in_time_is_asked_again() -> None:
    door = FakeDoor(never)
    sent = post(door, reports(1), call_s=0.1)
    assert len(door.calls) == 2
    assert list(sent.accepted) == ["s0"]


def test_only_what_could_not_be_stored_is_posted_again() -> None:
    def partly(found: Reports) -> web.Response:
        results = [accepted(found[0]), rejected("unavailable"), rejected("empty", "text is empty")]
        return web.json_response(results, status=202)

    door = FakeDoor(partly)
    sent = post(door, reports(3))
    assert door.taken == ["s0", "s1", "s2", "s1"]
    assert sent.accepted == {"s0": "r-s0", "s1": "r-s1"}
    assert sent.refused == [("s2", [{"code": "empty", "description": "text is empty"}])]


def test_a_door_is_given_the_time_that_it_asks_for() -> None:
    door = FakeDoor(says(503, **{"Retry-After": "1"}))
    began = time.monotonic()
    post(door, reports(1))
    assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize("status", [400, 413, 422])
def test_when_a_call_is_refused_as_a_whole_its_reports_are_tried_by_halves(status: int) -> None:
    def no_more_than_two(found: Reports) -> web.Response:
        return accept(found) if len(found) < 3 else web.json_response({"errors": []}, status=status)

    door = FakeDoor(*[no_more_than_two] * 5)
    sent = post(door, reports(6), batch=6)
    assert [len(call) for call in door.calls] == [6, 3, 1, 2, 3, 1, 2]
    assert sorted(sent.accepted) == [f"s{number}" for number in range(6)]


def test_a_report_that_is_refused_by_itself_is_refused() -> None:
    door = FakeDoor(says(413, {"errors": [{"code": "too_large", "description": "the body is too large"}]}))
    sent = post(door, reports(1))
    assert sent.refused == [("s0", [{"code": "too_large", "description": "the body is too large"}])]


def test_a_key_that_the_door_does_not_know_ends_it_at_once() -> None:
    door = FakeDoor(says(403, {"errors": [{"code": "forbidden", "description": "api_key is not known here"}]}))
    with pytest.raises(GatewayError) as raised:
        post(door, reports(100), callers=4, batch=10)
    assert str(raised.value) == (
        f"{door.url}/channels/file/reports takes none of these reports: status 403, api_key is not known here"
    )


def test_a_door_that_has_moved_is_named() -> None:
    door = FakeDoor(says(301, None, Location="https://door.example/channels/file/reports"))
    with pytest.raises(GatewayError) as raised:
        post(door, reports(1))
    assert str(raised.value) == (
        f"{door.url}/channels/file/reports has moved to https://door.example/channels/file/reports (status 301): "
        "name that door"
    )


def test_a_door_that_takes_nothing_for_too_long_is_given_up_and_what_it_took_before_is_known() -> None:
    door = FakeDoor(accept, *[says(503)] * 1000)
    with pytest.raises(GatewayError) as raised:
        post(door, reports(2), batch=1, give_up_s=0.05)
    assert str(raised.value) == (
        f"{door.url}/channels/file/reports took nothing for 0.05 s: status 503\n"
        "  is `stormdrain run receive` up, and Kafka?"
    )
    assert raised.value.sent.accepted == {"s0": "r-s0"}


def test_where_nobody_listens_it_is_given_up_too() -> None:
    gateway = Gateway("http://127.0.0.1:1", give_up_s=0.0, first_wait_s=0.001)
    with pytest.raises(GatewayError, match=r"took nothing for 0 s: .*127.0.0.1:1"):
        asyncio.run(gateway.send(reports(200)))


def test_a_rate_is_kept_on_average() -> None:
    door = FakeDoor()
    began = time.monotonic()
    post(door, reports(11), per_second=20.0)
    assert 0.4 < time.monotonic() - began < 3.0
    assert [len(call) for call in door.calls] == [1] * 11


def test_the_key_is_shown_in_a_header_and_never_in_an_address() -> None:
    door = FakeDoor()
    post(door, reports(1), key="invented-key", channel="phone")
    assert door.requests[0].headers["X-Api-Key"] == "invented-key"
    assert door.requests[0].path_qs == "/channels/phone/reports"
