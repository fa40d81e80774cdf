import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from services.runtime.logs import LONGEST, Json, Plain, masked, setup


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, ours = root.handlers[:], root.level, logging.getLogger("services").level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("services").setLevel(ours)
    logging.captureWarnings(capture=False)


def record(message: str = "batch committed", error: bool = False, **extra: Any) -> logging.LogRecord:  # noqa: FBT001, FBT002
    info = sys.exc_info() if error else None
    made = logging.getLogger("services.test").makeRecord(
        "services.test", logging.INFO, __file__, 1, message, (), info, extra=extra
    )
    made.created = 1_700_000_000.25
    return made


def line(made: logging.LogRecord) -> dict[str, Any]:
    text = Json("classify", "classify-0").format(made)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_is_one_json_object_with_the_fields_in_reading_order() -> None:
    text = Json("classify", "classify-0").format(record(topic="requests.received.v1", partition=3, seconds=0.5))
    assert text == (
        '{"time": "2023-11-14T22:13:20.250+00:00", "level": "info", "worker": "classify", "slot": "classify-0", '
        '"logger": "services.test", "message": "batch committed", "topic": "requests.received.v1", "partition": 3, '
        '"seconds": 0.5}'
    )


def test_a_field_that_is_not_allowed_is_named_and_withheld() -> None:
    found = line(record(text="the lamp at my door", email="someone@example.org", topic="t"))
    assert found["withheld"] == ["email", "text"]
    assert "lamp" not in json.dumps(found)
    assert "example" not in json.dumps(found)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("mail someone.else+tag@mail.example.org now", "mail [email] now"),
        ("call +1 555 010 4477 now", "call [phone] now"),
        ("call (555) 010-4477 now", "call [phone] now"),
        ("call 555-010-4477", "call [phone]"),
        ("card 4000 0000 0000 0002 end", "card [card] end"),
        ("card 4000-0000-0000-0002", "card [card]"),
        ("offset 123456789012345 of requests.received.v1", "offset 123456789012345 of requests.received.v1"),
        ("at 2026-11-21T03:04:05.123+00:00", "at 2026-11-21T03:04:05.123+00:00"),
        ("trace 00-0af7651916cd43dd8448eb211c80319c", "trace 00-0af7651916cd43dd8448eb211c80319c"),
        ("broker 127.0.0.1:9092 is away", "broker 127.0.0.1:9092 is away"),
    ],
)
def test_what_looks_like_a_contact_is_masked_and_what_an_operator_needs_is_not(said: str, written: str) -> None:
    assert masked(said) == written


def test_long_text_is_cut() -> None:
    assert masked("x" * 5000) == "x" * (LONGEST - 1) + "…"


def test_an_exception_is_in_the_same_line_with_its_stack() -> None:
    try:
        raise RuntimeError("no answer for someone@example.org\nsecond line")  # noqa: EM101, TRY301, TRY003
    except RuntimeError:
        found = line(record("stopped", error=True))
    assert found["error"]["type"] == "RuntimeError"
    assert found["error"]["message"] == "no answer for [email]\nsecond line"
    (where,) = found["error"]["stack"]
    assert where.startswith(__file__)
    assert where.endswith("in test_an_exception_is_in_the_same_line_with_its_stack")


def test_the_cause_of_an_exception_is_told_too() -> None:
    try:
        try:
            raise OSError("port taken")  # noqa: EM101, TRY301, TRY003
        except OSError as cause:
            raise RuntimeError("cannot start") from cause  # noqa: EM101, TRY003
    except RuntimeError:
        found = line(record("stopped", error=True))
    assert found["error"]["cause"]["type"] == "OSError"
    assert found["error"]["cause"]["message"] == "port taken"


def test_fields_that_json_does_not_know_are_written_as_text() -> None:
    found = line(record(versions={"model": b"x"}, partitions=[("t", 1)], path=io.StringIO))
    assert found["versions"] == {"model": "b'x'"}
    assert found["partitions"] == [["t", 1]]


def test_a_person_reads_a_short_line() -> None:
    text = Plain("classify-0").format(record(topic="t", records=2))
    assert text[8:] == " INFO    classify-0: batch committed topic=t records=2"


def test_a_person_sees_the_stack_masked() -> None:
    try:
        raise RuntimeError("no answer for someone@example.org")  # noqa: EM101, TRY301, TRY003
    except RuntimeError:
        text = Plain("classify-0").format(record("stopped", error=True))
    assert text.splitlines()[1] == "Traceback (most recent call last):"
    assert text.splitlines()[-1] == "RuntimeError: no answer for [email]"


def test_setup_writes_our_information_and_only_the_warnings_of_libraries() -> None:
    stream = io.StringIO()
    setup("classify", "classify-0", "info", stream)
    logging.getLogger("services.classify.worker").info("ready")
    logging.getLogger("services.classify.worker").debug("details")
    logging.getLogger("somelibrary").info("chatter")
    logging.getLogger("somelibrary").warning("trouble")
    assert [json.loads(text)["message"] for text in stream.getvalue().splitlines()] == ["ready", "trouble"]


def test_setup_twice_writes_each_line_once() -> None:
    first, second = io.StringIO(), io.StringIO()
    setup("classify", stream=first)
    setup("classify", stream=second)
    logging.getLogger("services").info("ready")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


def test_python_warnings_are_logged() -> None:
    stream = io.StringIO()
    setup("classify", stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("an old way", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert json.loads(stream.getvalue())["logger"] == "py.warnings"
