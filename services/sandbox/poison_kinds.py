"""Every kind of record that no worker can accept, as functions of a faultless event of the topic it is put on.

Bytes that are no event, events at fault, headers at fault, sizes and depths; and three that only one worker can see
through, since all that is wrong with them is what they say. None of them is a record that a worker may pass on: a
test holds each against the decoder and the worker it is meant for.
"""

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from services.events import (
    Case,
    ContextUpdated,
    DeliveryMade,
    DraftHeld,
    Event,
    IncidentClosed,
    KpiMeasured,
    RequestClassified,
    RequestMatched,
    RequestPrioritized,
    RequestReceived,
    RequestRouted,
    ReviewMade,
    SurgeDetected,
)
from services.runtime import wire
from services.runtime.records import MAX_VALUE
from services.sandbox.poison_events import NOWHERE, faultless

Headers = list[tuple[str, bytes | None]]

HUGE = 980_000
"""Bytes: what the broker takes, and no dead letter can hold beside the reason."""
DEEP = 60_000
CARRY_A_REPORT = frozenset(
    kind.topic
    for kind in (RequestReceived, RequestClassified, RequestRouted, RequestMatched, RequestPrioritized, Case, DraftHeld)
)
ALL = CARRY_A_REPORT | {
    kind.topic for kind in (ReviewMade, DeliveryMade, SurgeDetected, KpiMeasured, ContextUpdated, IncidentClosed)
}
WITH_NUMBERS = ALL - {IncidentClosed.topic}
WITH_ID: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(CARRY_A_REPORT, ("report", "request_id")),
    ReviewMade.topic: ("review_id",),
    DeliveryMade.topic: ("request_id",),
    ContextUpdated.topic: ("context_id",),
    IncidentClosed.topic: ("request_id",),
}
"""Where an event has an identifier, the only text in it that may not be any text."""
HOSTILE_IDS = (
    "",
    "../../etc/passwd",
    "a/b",
    "a b",
    "Z" * 65,
    "'; drop table requests; --",
    "{{7*7}}",
    "\x00",
    "a\nb",
    "a\n",
    "ﬁn",
    "😀",
    "\u202eid",
)
_TEXT = re.compile(rb'":"')
_NUMBER = re.compile(rb'":-?\d[\d.eE+-]*')


@dataclass(frozen=True, slots=True)
class Draught:
    """A record of poison before it is put anywhere. `odd_name`: a header's name is to be bytes that are no UTF-8."""

    value: bytes | None
    headers: Headers | None = None
    """None: those that a faultless event of the topic would have."""
    odd_name: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """What poison is made from: where it goes, and what luck makes of it. `stem` is the topic as topics.yaml has it."""

    stem: str
    name: str
    department: str
    luck: Random

    @property
    def event(self) -> Event:
        """A faultless event of the topic."""
        return faultless(self.stem, self.name, self.department)

    @property
    def value(self) -> bytes:
        """Its bytes."""
        return wire.encode(self.event)

    @property
    def tree(self) -> dict[str, Any]:
        """Its fields."""
        tree: dict[str, Any] = json.loads(self.value)
        return tree

    def typed(self, kind: bytes | None) -> Headers:
        """Give its headers with another `ce_type`."""
        found: Headers = list(wire.headers(self.event, source="poison"))
        return [(name, kind if name == "ce_type" else content) for name, content in found]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of poison. Refused by every worker that reads it as an event, or by the one named in `only`."""

    name: str
    make: Callable[[Ground], Draught]
    stems: frozenset[str] = ALL
    only: str = ""
    heavy: bool = False
    """Hundreds of kilobytes each, so few are put out."""


def _value(make: Callable[[Ground], bytes | None]) -> Callable[[Ground], Draught]:
    return lambda ground: Draught(make(ground))


def _changed(ground: Ground, path: tuple[str, ...], content: object) -> bytes:
    tree = ground.tree
    inner = tree
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = content
    return json.dumps(tree).encode()


def _garbage(ground: Ground) -> bytes:
    choice = (
        b"not JSON",
        b"<?xml version='1.0'?><report/>",
        b"{'report': None}",
        b"\x00" * 64,
        b"\xef\xbb\xbf" + ground.value,
        gzip.compress(ground.value, mtime=0),
        ground.luck.randbytes(64),
        b"report,text\n1,pothole",
    )
    return ground.luck.choice(choice)


def _lacking(ground: Ground) -> bytes:
    """Leave out a field that has to be there; each field that is written of these events has to, or is a sign."""
    tree = ground.tree
    del tree[next(iter(tree))]
    return json.dumps(tree).encode()


def _wrong_type(ground: Ground) -> bytes:
    tree = ground.tree
    field = ground.luck.choice([name for name, content in tree.items() if not isinstance(content, bool)])
    return _changed(ground, (field,), [[]])


def _later(pattern: re.Pattern[bytes], text: bytes, ground: Ground) -> bytes:
    places = list(pattern.finditer(ground.value))
    place = ground.luck.choice(places)
    return ground.value[: place.start()] + text + ground.value[place.end() :]


def _hostile_id(ground: Ground) -> bytes:
    return _changed(ground, WITH_ID[ground.stem], ground.luck.choice(HOSTILE_IDS))


def _another(ground: Ground) -> Draught:
    other: Event = faultless(
        KpiMeasured.topic if ground.stem != KpiMeasured.topic else RequestReceived.topic, ground.name, ground.department
    )
    return Draught(wire.encode(other), list(wire.headers(other, source="poison")))


def _outgrowing(ground: Ground) -> bytes:
    room = MAX_VALUE - 100 - len(ground.value)
    return _changed(ground, ("report", "attributes"), {"a": ["x" * room]})


def _crowd(_ground: Ground) -> Headers:
    return [(f"h{number}", b"\xff" * 8) for number in range(500)]


_BODY = b'{"poison": true}'

KINDS: tuple[Kind, ...] = (
    Kind("not_json", _value(_garbage)),
    Kind("truncated", _value(lambda ground: ground.value[: ground.luck.randrange(1, len(ground.value))])),
    Kind("empty", _value(lambda _: b"")),
    Kind("no_value", _value(lambda _: None)),
    Kind("no_fields", _value(lambda _: b"{}")),
    Kind("field_missing", _value(_lacking)),
    Kind("wrong_type", _value(_wrong_type)),
    Kind("null", _value(lambda _: b"null")),
    Kind("a_list_of_events", _value(lambda ground: b"[" + ground.value + b"]")),
    Kind("two_events", _value(lambda ground: ground.value * 2)),
    Kind("json_in_a_string", _value(lambda ground: json.dumps(ground.value.decode()).encode())),
    Kind("not_utf8", _value(lambda ground: _later(_TEXT, b'":"\xe9t\xe9', ground))),
    Kind("lone_surrogate", _value(lambda ground: _later(_TEXT, b'":"\\ud800 ', ground))),
    Kind("not_a_number", _value(lambda ground: _later(_NUMBER, b'":NaN', ground)), WITH_NUMBERS),
    Kind("infinite", _value(lambda ground: _later(_NUMBER, b'":1e999', ground)), WITH_NUMBERS),
    Kind("hostile_id", _value(_hostile_id), frozenset(WITH_ID)),
    Kind(
        "year_9999",
        _value(lambda ground: _changed(ground, ("report", "requested_at"), "9999-12-31T23:59:59Z")),
        CARRY_A_REPORT,
    ),
    Kind(
        "latitude_91",
        _value(lambda ground: _changed(ground, ("report", "place"), {"latitude": 91, "longitude": 0})),
        CARRY_A_REPORT,
    ),
    Kind("another_type", lambda ground: Draught(ground.value, ground.typed(b"com.example.parade"))),
    Kind(
        "another_version",
        lambda ground: Draught(ground.value, ground.typed(f"stormdrain.{ground.stem.removesuffix('1')}2".encode())),
    ),
    Kind("another_event", _another),
    Kind("type_not_utf8", lambda ground: Draught(ground.value, ground.typed(b"\xff\xfe" * 50))),
    Kind("type_null", lambda ground: Draught(ground.value, ground.typed(None))),
    Kind("no_headers", lambda _: Draught(_BODY, [])),
    Kind("header_without_name", lambda _: Draught(_BODY, [("", b"\x00"), ("", None)])),
    Kind("many_headers", lambda ground: Draught(_BODY, _crowd(ground))),
    Kind("header_name_not_utf8", lambda _: Draught(_BODY, odd_name=True)),
    Kind("nested_objects", _value(lambda _: b'{"a":' * DEEP), heavy=True),
    Kind("nested_lists", _value(lambda _: b'{"report":' + b"[" * DEEP), heavy=True),
    Kind("huge", _value(lambda _: b'{"poison":"' + b"x" * HUGE + b'"}'), heavy=True),
    Kind("outgrows", _value(_outgrowing), frozenset({RequestReceived.topic}), only="classify", heavy=True),
    Kind(
        "nothing_said",
        _value(lambda ground: _changed(ground, ("report", "text"), "")),
        frozenset({RequestReceived.topic}),
        only="classify",
    ),
    Kind("nothing_corrected", _value(lambda ground: ground.value), frozenset({ReviewMade.topic}), only="decide"),
    Kind(
        "no_such_department",
        lambda ground: Draught(wire.encode(faultless(ground.stem, ground.name, NOWHERE))),
        frozenset({Case.topic}),
        only="deliver",
    ),
)
