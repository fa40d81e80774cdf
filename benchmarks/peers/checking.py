"""What each side wrote, read back and compared: the figures of one that did another job would mean nothing."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from benchmarks.passthrough.topics import Topics
from benchmarks.peers.job import Job
from benchmarks.peers.running import SideError
from services.events import Event
from services.runtime.ports import Message

ATTRIBUTES = frozenset({"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type", "traceparent"})
TOLERANCE = 1e-6
"""How far two shares of one text may lie apart: other builds of ONNX Runtime add in another order."""


class Passed:
    """Every record is the input's, under its key.

    Where the bytes are not, the events are compared: another language writes some numbers in its own way.
    """

    def __init__(self, topics: Topics, kind: type[Event], expected: Iterable[Event]) -> None:
        self._topics = topics
        self._decode, self._encode = msgspec.json.Decoder(kind).decode, msgspec.json.Encoder().encode
        self._expected = _Sum()
        for event in expected:
            self._expected.add(event.key.encode(), self._encode(event))

    def __call__(self, job: Job) -> None:
        """Compare what the job's target holds."""
        found = _Sum()
        faults: list[str] = []
        for message in self._topics.read(job.target):
            found.add(message.key() or b"", message.value() or b"")
            if not _headed(message):
                faults.append(f"{message.key()!r} has the headers {message.headers()}")
        if found != self._expected:
            found = self._as_events(job)
        if found != self._expected:
            faults.append(f"{found.records:,} records came of {self._expected.records:,}, or not the same ones")
        _raise(faults)

    def _as_events(self, job: Job) -> "_Sum":
        found = _Sum()
        for message in self._topics.read(job.target):
            found.add(message.key() or b"", self._encode(self._decode(message.value() or b"")))
        return found


@dataclass
class _Sum:
    """Of records with their keys, in any order."""

    records: int = 0
    checksum: int = 0

    def add(self, key: bytes, value: bytes) -> None:
        self.records += 1
        self.checksum += zlib.crc32(value, zlib.crc32(key))


class Scored:
    """Every text's likeliest category is what our own scorer says in the harness, with its share to `TOLERANCE`."""

    def __init__(self, topics: Topics, expected: Mapping[str, Any]) -> None:
        self._topics, self._expected = topics, expected
        self._decode = msgspec.json.Decoder(type(next(iter(expected.values())))).decode

    def __call__(self, job: Job) -> None:
        """Compare what the job's target holds, record by record."""
        left = dict(self._expected)
        faults: list[str] = []
        for message in self._topics.read(job.target):
            event: Any = self._decode(message.value() or b"")
            if not _headed(message) or message.key() != event.key.encode():
                faults.append(f"{event.key} has the record key {message.key()!r} and the headers {message.headers()}")
            wanted = left.pop(event.key, None)
            if wanted is None:
                faults.append(f"{event.key} came twice, or was not asked for")
            elif (
                event.report != wanted.report
                or event.service_code != wanted.service_code
                or abs(event.share - wanted.share) > TOLERANCE
            ):
                said = f"{event.service_code} {event.share}, expected {wanted.service_code} {wanted.share}"
                faults.append(f"{event.key}: {said}")
        if left:
            faults.append(f"{len(left):,} records are missing, {next(iter(left))} for one")
        _raise(faults)


def _headed(message: Message) -> bool:
    return {name for name, _ in message.headers() or ()} == ATTRIBUTES


def _raise(faults: Sequence[str]) -> None:
    if faults:
        message = "\n  ".join([f"its output has {len(faults):,} faults:", *faults[:5]])
        raise SideError(message)
