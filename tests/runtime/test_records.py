"""Records as they go out: CloudEvents in Kafka's binary mode, and dead letters."""

from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st
from loop_worlds import Heard, Told

from services.events import Case
from services.runtime.records import MAX_DETAIL, Decoder, Encoder, dead_letter, subscription, trace_of
from services.runtime.worker import Rejected
from services.sandbox.memory_cluster import Entry
from services.sandbox.memory_consumer import Record

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def record(*headers: tuple[str, bytes | None], value: bytes | None = b"{}", key: bytes | None = b"k") -> Record:
    return Record(("told.v1", 3), 17, Entry(key, value, list(headers), 0, None))


def encoder() -> Encoder:
    made = Encoder("echo")
    made.begin(NOW)
    return made


def test_an_event_goes_out_as_a_cloud_event_that_others_can_read() -> None:
    out = encoder().encode(Heard(number=5), PARENT)
    headers = {name: content or b"" for name, content in out.headers}
    seen = from_binary_event(KafkaMessage(headers=headers, key=out.key, value=out.value or b""), JSONFormat())
    assert (seen.get_id(), seen.get_source(), seen.get_type()) == ("5.heard.0", "/echo", "stormdrain.heard.v1")
    assert (seen.get_time(), seen.get_data()) == (NOW, {"number": 5})
    assert (out.topic, out.key, out.partition) == ("heard.v1", b"5", -1)


def test_what_goes_out_can_be_read_again() -> None:
    out = encoder().encode(Heard(number=5), None)
    assert Decoder((Heard,)).decode(out.topic, out.value, out.headers) == Heard(number=5)  # type: ignore[arg-type]


def test_a_trace_goes_on_under_a_span_of_its_own() -> None:
    made = encoder()
    traces = [trace_of(made.encode(Heard(number=i), PARENT).headers) for i in range(3)]  # type: ignore[arg-type]
    assert all(trace is not None and trace[:36] == PARENT[:36] and trace[52:] == b"-01" for trace in traces)
    assert len({*traces, PARENT}) == 4


@pytest.mark.parametrize("parent", [None, b"", b"00-short", PARENT + b"-more"])
def test_without_a_trace_that_can_be_read_a_new_one_begins(parent: bytes | None) -> None:
    trace = trace_of(encoder().encode(Heard(number=1), parent).headers)  # type: ignore[arg-type]
    assert trace is not None
    assert trace.startswith(b"00-")
    assert len(trace) == 55


def test_a_dead_letter_holds_its_original_and_says_what_happened() -> None:
    letter = dead_letter("echo", record(("ce_id", b"1"), ("odd", None)), Rejected("no_place", "look"), NOW)
    assert (letter.topic, letter.key, letter.value) == ("echo.dead.v1", b"k", b"{}")
    assert list(letter.headers) == [
        ("ce_id", b"1"),
        ("odd", None),
        ("dead_reason", b"no_place"),
        ("dead_detail", b"look"),
        ("dead_worker", b"echo"),
        ("dead_topic", b"told.v1"),
        ("dead_partition", b"3"),
        ("dead_offset", b"17"),
        ("dead_at", b"2026-01-02T03:04:05+00:00"),
    ]


def test_one_that_dies_again_keeps_only_its_newest_story() -> None:
    first = dead_letter("echo", record(("a", b"1")), Rejected("first"), NOW)
    again = dead_letter("echo", record(*first.headers), Rejected("second"), NOW)
    assert [content for name, content in again.headers if name == "dead_reason"] == [b"second"]
    assert len(again.headers) == len(first.headers)


def test_a_long_detail_is_cut() -> None:
    letter = dead_letter("echo", record(), Rejected("why", "x" * 10_000), NOW)
    assert len(dict(letter.headers)["dead_detail"] or b"") == MAX_DETAIL


@given(st.binary(max_size=200))
def test_whatever_the_bytes_there_is_an_event_or_a_reason(value: bytes) -> None:
    found = Decoder((Told,), "echo").decode("told.v1", value, None)
    assert isinstance(found, Told) or (isinstance(found, Rejected) and found.reason in {"bad_json", "bad_field"})


def test_a_family_is_subscribed_to_by_a_pattern() -> None:
    assert subscription(Told) == "told.v1"
    assert subscription(Case) == r"^cases\.[a-z0-9-]+\.v1$"


def test_a_topic_that_is_not_read_is_no_data_at_fault() -> None:
    with pytest.raises(RuntimeError, match=r"^a record of other.v1 came, a topic this worker does not read$"):
        Decoder((Told,)).decode("other.v1", b"{}", None)
