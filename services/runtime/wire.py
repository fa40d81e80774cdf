"""Events on the wire: CloudEvents 1.0 in Kafka's binary mode, attributes in headers, JSON in the value.

Source: CloudEvents Kafka protocol binding 1.0.2, section 3.2; W3C Trace Context for `traceparent`.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from services.events import Event

Headers = list[tuple[str, bytes]]

SPEC_VERSION = ("ce_specversion", b"1.0")
CONTENT_TYPE = ("content-type", b"application/json; charset=utf-8")
TYPE_PREFIX = "stormdrain."

_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """Give the record value: compact JSON, fields at their default left out."""
    return _encoder.encode(event)


def event_type(kind: type[Event]) -> str:
    """Give the CloudEvents type: `stormdrain.requests.classified.v1`."""
    return TYPE_PREFIX + kind.topic.replace(".{department}", "")


def headers(event: Event, *, source: str, time: datetime | None = None, traceparent: bytes | None = None) -> Headers:
    """Give the headers of an event that `source` (a worker's name) emits at `time` (now, if left out)."""
    moment = time or datetime.now(UTC)
    return [
        SPEC_VERSION,
        ("ce_id", event.id.encode()),
        ("ce_source", b"/" + source.encode()),
        ("ce_type", event_type(type(event)).encode()),
        ("ce_time", moment.isoformat().encode()),
        CONTENT_TYPE,
        ("traceparent", traceparent or new_traceparent()),
    ]


def new_traceparent() -> bytes:
    """Begin a trace: version 00, random trace and span ids, sampled."""
    random = secrets.token_hex(24)
    return f"00-{random[:32]}-{random[32:]}-01".encode()


def child_traceparent(parent: bytes | None) -> bytes:
    """Go on with the trace of an incoming record under a span of our own; begin one where there is none valid."""
    if parent is None or len(parent) != 55 or parent[:3] != b"00-" or parent[2:3] != b"-":  # noqa: PLR2004 - W3C length
        return new_traceparent()
    return b"%b%b%b" % (parent[:36], secrets.token_hex(8).encode(), parent[52:])
