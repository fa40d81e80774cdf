"""What every side is asked to do and how one record becomes another; between processes a `Job` travels as JSON.

The programs of the peers run this in environments of their own, so it needs msgspec and `services.events` alone.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from random import getrandbits
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from benchmarks.passthrough.job import KINDS, passing, travelling
from services.events import Event

Headers = list[tuple[str, bytes]]
Kind = type[Event]


class Job(Struct, frozen=True, kw_only=True):
    """Read `source`, which holds `records` events of `kind` and no more, and write what becomes of them to `target`."""

    task: str
    """`passthrough`, `score` or `classify`."""
    bootstrap: str
    kind: str
    source: str
    target: str
    group: str
    records: int
    partitions: int
    batch: int
    """Records in a transaction or a batch at most, where a side lets that be said."""
    state: str
    """A folder of one's own, empty."""
    city: str
    models: str
    tuned: bool = True
    """Of the bare loop: with the garbage collector set as the runtime sets it."""


class Told(Struct, frozen=True, kw_only=True):
    """What a side says of itself before it begins: one line of JSON on standard output."""

    versions: dict[str, str]
    settings: dict[str, Any]
    """What it was tuned by, in its own words."""
    guarantee: str
    """`exactly once` or `at least once`."""
    at_a_time: str
    """How many records its code is given at once."""
    note: str = ""
    """What it does less, or otherwise."""


class Alone(Struct, frozen=True, kw_only=True):
    """What a side took that has no broker to be watched by: it says so itself, in a second line."""

    records: int
    seconds: float
    cpu_seconds: float
    peak_mib: float


class Made(NamedTuple):
    """What becomes of a record."""

    value: bytes
    key: str
    headers: Headers


class Converter:
    """Makes the records of `target` from those of `source`: JSON decoded, decided, encoded, headers continued."""

    def __init__(
        self, job: Job, one: Callable[[Any], Event], many: Callable[[Sequence[Any]], Sequence[Event]] | None = None
    ) -> None:
        self._decode = msgspec.json.Decoder(KINDS[job.kind]).decode
        self._encode = msgspec.json.Encoder().encode
        self._one = one
        self._many = many or (lambda events: [one(event) for event in events])
        self._fixed: Headers = [
            ("ce_specversion", b"1.0"),
            ("ce_source", f"/{job.group}".encode()),
            ("ce_type", b"stormdrain." + job.target.encode()),
            ("content-type", b"application/json; charset=utf-8"),
        ]

    def one(self, value: Any, headers: Iterable[tuple[str, Any]]) -> Made:  # noqa: ANN401 - bytes, if a peer says so
        """Convert one record."""
        event = self._one(self._decode(value))
        return Made(self._encode(event), event.key, self._headers(event, headers, _now()))

    def many(self, records: Sequence[tuple[Any, Iterable[tuple[str, Any]]]]) -> list[Made]:
        """Convert records together, in order."""
        decode, encode, moment = self._decode, self._encode, _now()
        events = self._many([decode(value) for value, _ in records])
        return [
            Made(encode(event), event.key, self._headers(event, headers, moment))
            for event, (_, headers) in zip(events, records, strict=True)
        ]

    def _headers(self, event: Event, headers: Iterable[tuple[str, Any]], moment: bytes) -> Headers:
        for name, content in headers:
            if name == "traceparent":
                trace = b"%b%016x%b" % (content[:36], getrandbits(63), content[52:])
                return [*self._fixed, ("ce_id", event.id.encode()), ("ce_time", moment), ("traceparent", trace)]
        message = f"{event.id} came without a traceparent"
        raise ValueError(message)


def converter(job: Job) -> Converter:
    """Give the converter of the job's task."""
    if job.task == "passthrough":
        return Converter(job, passing(KINDS[job.kind], travelling(KINDS[job.kind], job.target)))
    from benchmarks.peers.scoring import Scoring  # noqa: PLC0415 - needs a model, which a pass-through has not

    scoring = Scoring(job)
    return Converter(job, scoring.one, scoring.many)


def tell(told: Told) -> None:
    """Say it on standard output."""
    print(msgspec.json.encode(told).decode(), flush=True)


def asked(argument: str) -> Job:
    """Read the job that a side was started with."""
    return msgspec.json.decode(argument, type=Job)


def _now() -> bytes:
    return datetime.now(UTC).isoformat().encode()
