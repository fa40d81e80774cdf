"""Between records and events: decoding what was consumed, encoding what goes out, and dead letters.

A record that cannot be decoded is data at fault, never a reason to stop: it becomes a `Rejected` with one of the
codes below, and travels to `<worker>.dead.v1` with its original key, value and headers.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import methodcaller
from typing import NamedTuple

import msgspec

from services.events import Event
from services.runtime import wire
from services.runtime.ports import Headers, Message
from services.runtime.worker import Rejected

DEAD_PREFIX = "dead_"
"""Starts the headers that a dead letter has beside its original ones."""

REPLAY_FOR = DEAD_PREFIX + "replay_for"
"""Header of a dead letter that was brought back to its topic: the one worker that is to read it."""
REPLAY_OF = DEAD_PREFIX + "replay_of"
"""Header of the same: the position of the dead letter."""

BAD_HEADERS = "bad_headers"
BAD_JSON = "bad_json"
BAD_FIELD = "bad_field"
UNKNOWN_TYPE = "unknown_type"
EMPTY_VALUE = "empty_value"
ODD_NAME = Rejected(BAD_HEADERS, "the name of a header is not UTF-8; the letter has no headers")
"""What becomes of a record of which only this can be said."""
DECODE_REASONS = (BAD_HEADERS, BAD_JSON, BAD_FIELD, UNKNOWN_TYPE, EMPTY_VALUE)

TOO_LARGE = "too_large"
MAX_VALUE = 950_000
"""Bytes. What is larger would not be taken: librdkafka's `message.max.bytes` is 1,000,000 with key and headers, the
broker's 1,048,588 for a batch; a transaction with such a record would fail for ever."""
LEFT_OUT = DEAD_PREFIX + "left_out"
"""Header of a dead letter that is too large to hold its original: the bytes that were left where they came from."""

MAX_DETAIL = 500
_QUOTED = re.compile(r"(['\"]).*\1", re.DOTALL)


# `message.headers()` will not do: CPython's specialized call of a built-in method does not look for such an error.
_headers_of = methodcaller("headers")


class Headerless:
    """A record whose headers cannot be read, as one that has none."""

    def __init__(self, message: Message) -> None:
        self.error = message.error
        self.topic = message.topic
        self.partition = message.partition
        self.offset = message.offset
        self.key = message.key
        self.value = message.value
        self.timestamp = message.timestamp

    def headers(self) -> None:
        """Give nothing."""


def readable(message: Message) -> Message:
    """Give a record all of which may be asked for: itself, or one without headers.

    confluent-kafka (2.16) gives a list with holes in it, and sets an error beside, for a header whose name is not
    UTF-8. Whoever goes on with that list ends the process, so headers are asked for here before anywhere else.
    """
    try:
        _headers_of(message)
    except (SystemError, UnicodeDecodeError):
        return Headerless(message)
    return message


class Outgoing(NamedTuple):
    """A record to produce; partition -1 lets the key decide."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int = -1


class Decoder:
    """Decodes records of the topics that `reader` reads.

    A dead letter that was brought back concerns the one worker that had refused it; to every other reader of the
    topic it is a repeat, and not to be read. A reader without a name, which rebuilds state, reads none of them.
    """

    def __init__(self, reads: Sequence[type[Event]], reader: str = "") -> None:
        self._reader = reader.encode()
        self._plain = {kind.topic: self._entry(kind) for kind in reads if "{" not in kind.topic}
        self._families = [(_pattern(kind.topic), self._entry(kind)) for kind in reads if "{" in kind.topic]

    @staticmethod
    def _entry(kind: type[Event]) -> tuple[bytes, "msgspec.json.Decoder[Event]"]:
        return wire.event_type(kind).encode(), msgspec.json.Decoder(kind)

    def decode(
        self, topic: str, value: bytes | None, headers: Sequence[tuple[str, bytes]] | None
    ) -> Event | Rejected | None:
        """Give the event, why there is none, or None for what was brought back for another worker.

        No part of the value appears in the reason.
        """
        expected, decoder = self._plain.get(topic) or self._family(topic)
        kind = expected
        for name, content in headers or ():
            if name == "ce_type":
                kind = content
            elif name == REPLAY_FOR and content != self._reader:
                return None
        if value is None:
            return Rejected(EMPTY_VALUE, f"a record of {topic} has no value")
        if kind != expected:
            seen = kind[:80].decode("utf-8", "replace") if kind else "nothing"
            return Rejected(UNKNOWN_TYPE, f"header ce_type is {seen}, expected {expected.decode()}")
        return self._parse(decoder, value)

    @staticmethod
    def _parse(decoder: "msgspec.json.Decoder[Event]", value: bytes) -> Event | Rejected:
        try:
            return decoder.decode(value)
        except msgspec.ValidationError as error:
            # msgspec quotes an enumeration's wrong value as Python would; it may be anything, so it is left out.
            return Rejected(BAD_FIELD, _QUOTED.sub("…", str(error))[:MAX_DETAIL])
        except msgspec.DecodeError as error:
            return Rejected(BAD_JSON, _QUOTED.sub("…", str(error))[:MAX_DETAIL])
        except UnicodeDecodeError as error:
            return Rejected(BAD_JSON, f"a text in it is not UTF-8: {error.reason}")
        except RecursionError:
            return Rejected(BAD_JSON, "nested too deeply")

    def _family(self, topic: str) -> tuple[bytes, "msgspec.json.Decoder[Event]"]:
        for pattern, entry in self._families:
            if pattern.fullmatch(topic):
                self._plain[topic] = entry
                return entry
        message = f"a record of {topic} came, a topic this worker does not read"
        raise RuntimeError(message)


def _pattern(family: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[a-z0-9-]+", re.escape(family)))


def subscription(kind: type[Event]) -> str:
    """Give what to subscribe to: a topic, or for a family a pattern that librdkafka reads as one (begins with ^)."""
    return kind.topic if "{" not in kind.topic else f"^{_pattern(kind.topic).pattern}$"


def trace_of(headers: Sequence[tuple[str, bytes]] | None) -> bytes | None:
    """Give the `traceparent` of a record, if it has one; the last one counts, as with any header of Kafka's."""
    for name, content in reversed(headers or ()):
        if name == "traceparent":
            return content
    return None


class Encoder:
    """Encodes one batch's events: one time stamp, span ids that count up from a random start."""

    def __init__(self, source: str) -> None:
        self._source = ("ce_source", b"/" + source.encode())
        self._types: dict[type[Event], tuple[str, bytes]] = {}
        self._time = ("ce_time", b"")
        self._span = 0

    def begin(self, now: datetime) -> None:
        """Begin a batch at `now`."""
        self._time = ("ce_time", now.isoformat().encode())
        self._span = secrets.randbits(63)

    def encode(self, event: Event, parent: bytes | None, partition: int = -1) -> Outgoing:
        """Give the record of an event that was caused by a record with trace `parent`."""
        kind = self._types.get(type(event))
        if kind is None:
            kind = self._types[type(event)] = ("ce_type", wire.event_type(type(event)).encode())
        if parent is not None and len(parent) == 55:  # noqa: PLR2004 - the length W3C Trace Context gives version 00
            self._span += 1
            trace = b"%b%016x%b" % (parent[:36], self._span, parent[52:])
        else:
            trace = wire.new_traceparent()
        headers = [
            wire.SPEC_VERSION,
            ("ce_id", event.id.encode()),
            self._source,
            kind,
            self._time,
            wire.CONTENT_TYPE,
            ("traceparent", trace),
        ]
        return Outgoing(event.destination, event.key.encode(), wire.encode(event), headers, partition)


def dead_letter(worker: str, message: Message, rejected: Rejected, now: datetime | None = None) -> Outgoing:
    """Give the dead letter of a record: its own key, value and headers, and `dead_*` headers that say what happened.

    A record that was replayed and dies again keeps one set of `dead_*` headers: the newest. One that is too large to
    travel with them stays where it is, and `dead_left_out` says so.
    """
    key, value, original = message.key(), message.value(), message.headers() or []
    what: Mapping[str, str] = {
        "reason": rejected.reason,
        "detail": rejected.detail[:MAX_DETAIL],
        "worker": worker,
        "topic": message.topic(),
        "partition": str(message.partition()),
        "offset": str(message.offset()),
        "at": (now or datetime.now(UTC)).isoformat(),
    }
    marks = [(DEAD_PREFIX + name, content.encode()) for name, content in what.items()]
    size = len(key or b"") + len(value or b"") + sum(len(name) + len(content or b"") + 10 for name, content in original)
    if size > MAX_VALUE:
        key, value, original = None, None, []
        marks.append((LEFT_OUT, str(size).encode()))
    kept = [pair for pair in original if not pair[0].startswith(DEAD_PREFIX)]
    return Outgoing(f"{worker}.dead.v1", key, value, [*kept, *marks])
