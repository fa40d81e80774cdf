"""What of a record the verifier looks at: a few fields, so that a million reports are read in a minute."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from services.runtime.ports import Message
from services.runtime.records import readable


class Short(msgspec.Struct, gc=False):
    """Of the report itself."""

    request_id: str
    received_at: datetime


class Category(msgspec.Struct, gc=False):
    """What it is about."""

    service_code: str
    family: str


class Link(msgspec.Struct, gc=False):
    """The incident it belongs to."""

    incident_id: str
    revision: int = 1
    duplicate_of: str | None = None
    band: str = "none"


class Area(msgspec.Struct, gc=False):
    """Whose it is."""

    department: str
    outside: bool = False


class Soon(msgspec.Struct, gc=False):
    """Under which revision it was scored."""

    revision: int = 1


class Decided(msgspec.Struct, gc=False):
    """Who decided; nobody: policy."""

    reviewer: str = ""


class Line(msgspec.Struct, gc=False):
    """The few fields of any request event that are counted; the rest is passed over."""

    report: Short
    classification: Category | None = None
    routing: Area | None = None
    matching: Link | None = None
    priority: Soon | None = None
    decision: Decided | None = None


class Made(msgspec.Struct, gc=False):
    """A delivery."""

    request_id: str
    department: str
    received_at: datetime
    delivered_at: datetime
    revision: int = 1
    reviewed: bool = False


class Record(NamedTuple):
    """What of a record is looked at."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    at_ms: int = 0


def record_of(place: tuple[str, int], message: Message) -> Record:
    """Give what is looked at of a record that was consumed, whatever its headers are."""
    sound = readable(message)
    return Record(*place, sound.offset(), sound.key(), sound.value(), sound.headers() or (), sound.timestamp()[1])
