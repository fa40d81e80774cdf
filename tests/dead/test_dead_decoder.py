"""What a reader makes of a record that was brought back, and of bytes that nobody can read."""

import json
from pathlib import Path

import msgspec
import pytest

from services.events import Case, Event, RequestClassified, RequestReceived
from services.runtime import wire
from services.runtime.batch import decode, handle
from services.runtime.records import REPLAY_FOR, Decoder
from services.runtime.worker import Outcome, Rejected, Worker

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
TOPIC = "requests.classified.v1"
GOOD = min((EXAMPLES / TOPIC).glob("good-*.json")).read_bytes()
HEADERS = wire.headers(msgspec.json.decode(GOOD, type=RequestClassified), source="classify")


def altered(**report: object) -> bytes:
    event = json.loads(GOOD)
    event["report"] |= report
    return json.dumps(event).encode()


class Record:
    def __init__(self, offset: int, headers: list[tuple[str, bytes]], value: bytes = GOOD) -> None:
        self._offset = offset
        self._headers = headers
        self._value = value

    def error(self) -> None: ...

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, bytes]]:
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


class Sees:
    def __init__(self) -> None:
        self.seen: list[Event] = []

    def handle(self, batch: list[Event]) -> list[Outcome]:
        self.seen += batch
        return list(batch)


@pytest.mark.parametrize(("reader", "read"), [("route", True), ("index", False), ("", False)])
def test_what_was_brought_back_is_read_by_the_worker_that_had_refused_it_and_by_nobody_else(
    reader: str, read: bool  # noqa: FBT001 - a row of the table above
) -> None:  # fmt: skip
    headers = [*HEADERS, (REPLAY_FOR, b"route")]
    found = Decoder((RequestClassified,), reader).decode(TOPIC, GOOD, headers)
    assert isinstance(found, RequestClassified) is read
    assert (found is None) is not read


def test_what_was_brought_back_and_is_still_bad_is_refused_again_by_its_worker_alone() -> None:
    headers = [*HEADERS, (REPLAY_FOR, b"route")]
    assert isinstance(Decoder((RequestClassified,), "route").decode(TOPIC, b"{", headers), Rejected)
    assert Decoder((RequestClassified,), "index").decode(TOPIC, b"{", headers) is None
    assert Decoder((RequestClassified,), "index").decode(TOPIC, None, headers) is None


def test_a_batch_moves_past_what_was_brought_back_for_another_worker() -> None:
    worker = Worker(
        name="route", reads=(RequestClassified,), writes=(RequestReceived,), handler=(handler := Sees())  # type: ignore[arg-type]
    )  # fmt: skip
    foreign = [*HEADERS, (REPLAY_FOR, b"index")]
    records = [Record(0, HEADERS), Record(1, foreign), Record(2, HEADERS), Record(3, HEADERS, b"{"), Record(4, foreign)]
    batch = decode(records, {(TOPIC, 0)}, Decoder(worker.reads, worker.name))
    outcomes = handle(worker, batch)
    assert len(handler.seen) == 2
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "RequestClassified",
        "tuple",
        "RequestClassified",
        "Rejected",
        "tuple",
    ]
    assert batch.next_offsets == {(TOPIC, 0): 5}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Rejected("empty_value", f"a record of {TOPIC} has no value")),
        (b"", Rejected("bad_json", "Input data was truncated")),
        (b"garbled", Rejected("bad_json", "JSON is malformed: invalid character (byte 0)")),
        (b"{} {}", Rejected("bad_field", "Object missing required field `report`")),
        (b'{"report": {}} x', Rejected("bad_field", "Object missing required field `request_id` - at `$.report`")),
        (b"\x00" * 10, Rejected("bad_json", "JSON is malformed: invalid character (byte 0)")),
        (b"[" * 900_000, Rejected("bad_field", "Expected `object`, got `array`")),
        (b'{"a":' * 150_000, Rejected("bad_json", "nested too deeply")),
        (b"null", Rejected("bad_field", "Expected `object`, got `null`")),
        (b"{}", Rejected("bad_field", "Object missing required field `report`")),
        (altered(text=7), Rejected("bad_field", "Expected `str`, got `int` - at `$.report.text`")),
        (
            altered(address="x" * 900_000),
            Rejected("bad_field", "Expected `str` of length <= 512 - at `$.report.address`"),
        ),
        (
            altered(place={"latitude": 91, "longitude": 0}),
            Rejected("bad_field", "Expected `float` <= 90.0 - at `$.report.place.latitude`"),
        ),
        (
            altered(requested_at="9999-12-31T23:59:59Z"),
            Rejected("bad_field", "a time of the year 9999, expected 1900 to 2999 - at `$.report`"),
        ),
        (
            altered(received_at="0001-01-01T00:00:00+14:00"),
            Rejected("bad_field", "a time of the year 1, expected 1900 to 2999 - at `$.report`"),
        ),
        (altered(channel="call 555-0100"), Rejected("bad_field", "Invalid enum value … - at `$.report.channel`")),
        (altered(channel="I'm at 5 A St"), Rejected("bad_field", "Invalid enum value … - at `$.report.channel`")),
        (altered(channel="I'm \"it\" '\n'"), Rejected("bad_field", "Invalid enum value … - at `$.report.channel`")),
        (
            GOOD.replace(b'"text": "', b'"text": "\xff', 1),
            Rejected("bad_json", "a text in it is not UTF-8: invalid start byte"),
        ),
        (
            b'{"report": {"request_id": "\\ud800 and on"}}',
            Rejected("bad_json", "JSON is malformed: unexpected end of escaped utf-16 surrogate pair (byte 33)"),
        ),
    ],
    ids=lambda value: (repr(value[:24]) if isinstance(value, bytes) else type(value).__name__),
)  # fmt: skip
def test_bytes_that_cannot_be_read_are_refused_in_words_that_hold_nothing_of_them(
    value: bytes | None, expected: Rejected
) -> None:
    assert Decoder((RequestClassified,), "route").decode(TOPIC, value, HEADERS) == expected


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        (b"stormdrain.requests.classified.v2", "stormdrain.requests.classified.v2"),
        (b"", "nothing"),
        (b"\xff" * 200, "\ufffd" * 80),
    ],
)
def test_a_record_of_another_type_or_version_is_refused(header: bytes, seen: str) -> None:
    found = Decoder((RequestClassified,), "route").decode(TOPIC, GOOD, [("ce_type", header)])
    assert found == Rejected("unknown_type", f"header ce_type is {seen}, expected stormdrain.requests.classified.v1")


def test_a_topic_that_is_not_read_is_a_fault_of_ours_and_stops() -> None:
    with pytest.raises(RuntimeError, match=r"^a record of cases\.water\.v1 came, a topic this worker does not read$"):
        Decoder((RequestClassified,), "route").decode("cases.water.v1", b"{}", None)
    assert isinstance(Decoder((Case,), "deliver").decode("cases.water.v1", b"{}", None), Rejected)
