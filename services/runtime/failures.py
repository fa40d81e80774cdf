"""Kafka's errors, sorted by what a transactional loop must do about them.

Source: librdkafka INTRODUCTION.md, "Transactional Producer", error handling; the fenced codes from KIP-447 and
KIP-345. An error that is none of retriable, abortable or fatal by librdkafka's own word counts as fatal.
"""

from enum import Enum
from typing import Any

from confluent_kafka import KafkaError


class Kind(Enum):
    """What to do about an error."""

    RETRIABLE = "the same call again"
    ABORTABLE = "abort, rewind from the committed offsets, begin anew"
    FENCED = "another process holds this slot: exit, never renew"
    FATAL = "throw the producer away, make it anew under the same id, rewind"


FENCED = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - librdkafka's local codes are spelt so
        KafkaError.PRODUCER_FENCED,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.UNRELEASED_INSTANCE_ID,
    }
)
"""Codes after which another owner of the slot is certain."""

SUSPECT = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TIMED_OUT_QUEUE,  # noqa: SLF001
        KafkaError._MSG_TIMED_OUT,  # noqa: SLF001
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
    }
)
"""Codes after which a request of ours may still be under way and be obeyed later (a late EndTxn, KIP-890)."""


def fenced(error: Any) -> bool:  # noqa: ANN401 - KafkaError is untyped
    """Whether another owner of the slot is certain.

    librdkafka tells a fenced static member so once, under the code that all fatal errors have, and in words.
    """
    return error.code() in FENCED or (error.code() == KafkaError._FATAL and "fenced" in error.str())  # noqa: SLF001


def kind(error: Any) -> Kind:  # noqa: ANN401 - KafkaError is untyped
    """Sort one error."""
    if fenced(error):
        return Kind.FENCED
    if error.retriable():
        return Kind.RETRIABLE
    if error.txn_requires_abort():
        return Kind.ABORTABLE
    return Kind.FATAL
