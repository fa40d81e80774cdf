"""Kafka's errors by what must be done about them; the rows are what librdkafka was seen to raise."""

import pytest
from confluent_kafka import KafkaError

from services.runtime.failures import SUSPECT, Kind, fenced, kind


def error(
    code: int, *, fatal: bool = False, retriable: bool = False, abort: bool = False, text: str = ""
) -> KafkaError:
    return KafkaError(code, text or None, fatal, retriable, abort)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (error(KafkaError.ILLEGAL_GENERATION, abort=True), Kind.ABORTABLE),
        (error(KafkaError.UNKNOWN_MEMBER_ID, abort=True), Kind.ABORTABLE),
        (error(KafkaError.REBALANCE_IN_PROGRESS, abort=True), Kind.ABORTABLE),
        (error(KafkaError.INVALID_TXN_STATE, abort=True), Kind.ABORTABLE),
        (error(KafkaError.INVALID_TXN_STATE, fatal=True), Kind.FATAL),
        (error(KafkaError._TIMED_OUT, retriable=True), Kind.RETRIABLE),
        (error(KafkaError._TIMED_OUT), Kind.FATAL),
        (error(KafkaError.UNKNOWN), Kind.FATAL),
        (error(KafkaError._FENCED, fatal=True), Kind.FENCED),
        (error(KafkaError.PRODUCER_FENCED, fatal=True), Kind.FENCED),
        (error(KafkaError.FENCED_INSTANCE_ID, abort=True), Kind.FENCED),
        (error(KafkaError.UNRELEASED_INSTANCE_ID), Kind.FENCED),
        (error(KafkaError._FATAL, text="Fatal error: Broker: Static consumer fenced by other consumer"), Kind.FENCED),
        (error(KafkaError._FATAL, text="Fatal error: out of memory"), Kind.FATAL),
    ],
    ids=str,
)
def test_errors_are_sorted(seen: KafkaError, expected: Kind) -> None:
    assert kind(seen) is expected
    assert fenced(seen) is (expected is Kind.FENCED)


def test_what_may_leave_a_request_under_way_is_suspect_and_a_refusal_is_not() -> None:
    assert {KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT} <= SUSPECT
    assert KafkaError.ILLEGAL_GENERATION not in SUSPECT
