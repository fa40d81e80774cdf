"""Each kind of poison is poison: held against the real decoder, or against the one worker that is to see through it."""

from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from services.city.load import load as load_city
from services.decide.settings import DecideSettings
from services.decide.worker import build as build_decide
from services.events import EVENTS, Event, RequestClassified, RequestReceived
from services.match.settings import MatchSettings
from services.match.worker import build as build_match
from services.parts import Classification
from services.prioritize.settings import PrioritizeSettings
from services.prioritize.worker import build as build_prioritize
from services.runtime import wire
from services.runtime.batch import Batch, Result, decode, encode, handle
from services.runtime.ports import Headers, Message
from services.runtime.records import MAX_VALUE, Decoder, Encoder
from services.runtime.settings import Shared
from services.runtime.topics import load
from services.runtime.worker import Outcome, Rejected, Worker
from services.sandbox import poison
from services.sandbox.poison_events import MOMENT, NOWHERE, faultless
from services.sandbox.poison_kinds import ALL, KINDS, Draught, Ground, Kind

CITY = Path(__file__).parents[2] / "city"
DEPARTMENT = "roads"
EVENT_OF = {kind.topic: kind for kind in EVENTS}
EVERY = [pytest.param(kind, stem, id=f"{kind.name}-{stem}") for kind in KINDS for stem in sorted(kind.stems)]


class Record:
    def __init__(self, topic: str, draught: Draught, headers: Headers) -> None:
        self._topic, self._draught, self._headers = topic, draught, headers

    def error(self) -> None: ...

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7

    def key(self) -> bytes | None:
        return b"poison"

    def value(self) -> bytes | None:
        return self._draught.value

    def headers(self) -> Any:
        if self._draught.odd_name:
            raise SystemError
        return list(self._headers)

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


class Takes:
    """A handler that takes whatever it is given; what it says is as large as what it was told, and a bit."""

    def handle(self, batch: list[Event]) -> list[Outcome]:
        return [() for _ in batch]


class Classifies:
    """Refuses what `classify` refuses, and says 400 bytes more than it was told."""

    def handle(self, batch: list[Event]) -> list[Outcome]:
        said = Classification(service_code="s" * 200, family="f" * 200, confidence=0.5)
        return [
            RequestClassified(report=event.report, classification=said)
            if isinstance(event, RequestReceived) and event.report.text
            else Rejected("no_text")
            for event in batch
        ]


def ground(stem: str, seed: int) -> Ground:
    return Ground(stem, f"poison-{seed}", DEPARTMENT, Random(seed))  # noqa: S311 - a test


def carried(worker: Worker, stem: str, draught: Draught) -> tuple[Batch, Result]:
    topic = stem.replace("{department}", DEPARTMENT)
    headers: Headers = draught.headers if draught.headers is not None else _faultless_headers(stem)
    records = cast("list[Message]", [Record(topic, draught, headers)])
    batch = decode(records, {(topic, 0)}, Decoder(worker.reads, worker.name))
    return batch, encode(worker, batch, handle(worker, batch), Encoder(worker.name), MOMENT)


def _faultless_headers(stem: str) -> list[tuple[str, bytes]]:
    return wire.headers(faultless(stem, "poison-0", DEPARTMENT), source="poison")


@pytest.mark.parametrize("stem", sorted(ALL))
def test_what_poison_is_made_from_is_faultless(stem: str) -> None:
    event = faultless(stem, "poison-1", DEPARTMENT)
    found = Decoder((EVENT_OF[stem],), "index").decode(
        stem.replace("{department}", DEPARTMENT), ground(stem, 1).value, _faultless_headers(stem)
    )
    assert found == faultless(stem, "poison-1", DEPARTMENT) == event


@pytest.mark.parametrize(("kind", "stem"), EVERY)
def test_each_kind_is_refused_at_the_decoder_whatever_luck_makes_of_it(kind: Kind, stem: str) -> None:
    worker = Worker(name="reader", reads=(EVENT_OF[stem],), writes=(), handler=cast("Any", Takes()))
    for seed in range(1 if kind.heavy else 40):
        draught = kind.make(ground(stem, seed))
        batch, result = carried(worker, stem, draught)
        refused = isinstance(batch.events[0], Rejected)
        assert refused is not bool(kind.only), (seed, draught.value and draught.value[:300], batch.events[0])
        assert len(result.outgoing) == refused
        assert all(len(record.value or b"") <= MAX_VALUE for record in result.outgoing)


def test_what_only_classify_can_see_through_it_refuses() -> None:
    worker = Worker(
        name="classify",
        reads=(RequestReceived,),
        writes=(RequestClassified,),
        handler=cast("Any", Classifies()),
    )
    reasons = {}
    for kind in KINDS:
        if kind.only == "classify":
            _, result = carried(worker, RequestReceived.topic, kind.make(ground(RequestReceived.topic, 1)))
            reasons[kind.name] = result.rejected
    assert reasons == {"nothing_said": {"no_text": 1}, "outgrows": {"too_large": 1}}


def test_what_only_decide_can_see_through_it_refuses() -> None:
    worker = build_decide(DecideSettings(), Shared(stormdrain_city_dir=CITY))
    (kind,) = (kind for kind in KINDS if kind.only == "decide")
    _, result = carried(worker, "reviews.made.v1", kind.make(ground("reviews.made.v1", 1)))
    assert result.rejected == {"nothing_corrected": 1}


def test_no_city_has_the_department_that_deliver_is_to_see_through() -> None:
    assert NOWHERE not in load_city(CITY).departments


def test_workers_that_must_refuse_are_the_readers_in_topics_yaml_less_those_of_tables() -> None:
    found = poison.readers(load())
    assert found["requests.matched.v1"] == {"prioritize", "watch", "index"}
    assert found["cases.{department}.v1"] == {"deliver", "index"}
    assert found["reviews.made.v1"] == {"decide", "index"}
    assert found["deliveries.made.v1"] == found["surges.detected.v1"] == {"index"}
    assert found["context.updated.v1"] == set()
    assert "contacts.received.v1" not in found
    assert found.keys() - ALL == set(), "each topic that a worker reads gets poison"
    shared = Shared(stormdrain_city_dir=CITY)
    workers = (build_match(MatchSettings(), shared), build_prioritize(PrioritizeSettings(), shared))
    assert {(worker.name, table.topic) for worker in workers for table in worker.tables} == poison.TABLES
