"""A small invented town, drafts that wait in it, and a Kafka that is not there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from services.city.model import Category, City, Department, Family, Policy, Question
from services.events import DraftHeld, Event, RequestPrioritized, ReviewMade
from services.parts import (
    Alternative,
    Boundary,
    Classification,
    Decision,
    LinkEvidence,
    LostRule,
    Matching,
    Place,
    Priority,
    Reason,
    Report,
    Routing,
    Safety,
)
from services.readmodel.queries import ReadModel
from services.readmodel.store import Store
from services.review.desk import Desk
from services.review.door import Office, application
from services.review.settings import ReviewSettings
from services.runtime.metrics import Metrics
from services.runtime.sender import Sent

T = TypeVar("T")
Client = TestClient[web.Request, web.Application]
NOON = datetime(2031, 5, 4, 12, 0, tzinfo=UTC)

CITY = City(
    name="Little Haven",
    jurisdiction_id="little-haven.example",
    time_zone="America/Halifax",
    languages=("en",),
    extent=(-64.0, 44.0, -63.0, 45.0),
    categories={
        "pothole": Category(
            service_code="pothole",
            name="Pothole",
            family="roads",
            questions=(Question(code="size", prompt="How big?"),),
        ),
        "graffiti": Category(service_code="graffiti", name="Graffiti", family="walls"),
        "other": Category(service_code="other", name="Something else", family="roads"),
    },
    families={"roads": Family(id="roads", name="Roads"), "walls": Family(id="walls")},
    departments={
        "streets": Department(id="streets", name="Streets", system="crm"),
        "parks": Department(id="parks", name="Parks", system="crm"),
    },
    systems={},
    rules=(),
    default_department="streets",
    layers=(),
    policy=Policy(approvers={"parks": ("gardener",), "*": ("duty-officer",)}),
    version="0123456789ab",
)


def draft(
    request_id: str = "r-1",
    *,
    revision: int = 1,
    department: str = "streets",
    text: str = "A hole by the ferry steps",
    duplicate_of: str = "",
    **report: Any,
) -> DraftHeld:
    """A draft that says something in every field that is shown."""
    return DraftHeld(
        report=Report(
            request_id=request_id,
            channel="app",
            received_at=NOON - timedelta(minutes=5),
            requested_at=NOON - timedelta(minutes=6),
            text=text,
            place=Place(latitude=44.5, longitude=-63.5, radius_m=12.0),
            address=report.pop("address", "1 Ferry Steps"),
            **report,
        ),
        classification=Classification(
            service_code="pothole",
            family="roads",
            confidence=0.62,
            threshold=0.8,
            alternatives=(
                Alternative(service_code="pothole", confidence=0.62),
                Alternative(service_code="graffiti", confidence=0.2),
                Alternative(service_code="abolished", confidence=0.1),
            ),
            language="en",
            safety=Safety(flagged=True, evidence=("deep hole",)),
        ),
        routing=Routing(
            department=department,
            rule="roads",
            reason="roadway in the city's care",
            lost=(LostRule(rule="harbour", why="the place is not in the harbour"),),
            boundaries=(Boundary(layer="districts", area_id="d1", name="Old Port"),),
        ),
        matching=Matching(
            incident_id=request_id,
            duplicate_of=duplicate_of or None,
            band="suggestion" if duplicate_of else "none",
            score=0.71 if duplicate_of else 0.0,
            evidence=LinkEvidence(distance_m=34.2, elapsed_s=5400, text_similarity=0.5) if duplicate_of else None,
        ),
        priority=Priority(
            score=40.0,
            level="elevated",
            due_at=NOON + timedelta(hours=3),
            reasons=(Reason(what="near a school", points=12.0), Reason(what="a known reporter", points=-3.0)),
            revision=revision,
        ),
        decision=Decision(action="hold", mode="supervised", reasons=("not sure enough that it is Pothole",)),
    )


def prioritized(held: DraftHeld) -> RequestPrioritized:
    """What `prioritize` said before a draft was held."""
    return RequestPrioritized(
        report=held.report,
        classification=held.classification,
        routing=held.routing,
        matching=held.matching,
        priority=held.priority,
    )


class Kafka:
    """Keeps what it is sent, or does not. `gate`, where given, holds every acknowledgement back.

    `unsure` counts the next verdicts that are kept, or with `fault` lost, without a word.
    """

    def __init__(self, fault: str | None = None) -> None:
        self.fault = fault
        self.unsure = 0
        self.sent: list[ReviewMade] = []
        self.gate: asyncio.Event | None = None

    async def send(self, events: Sequence[Event], traceparent: bytes | None = None) -> list[Sent]:
        assert traceparent is None
        return [await self._one(event) for event in events]

    async def _one(self, review: Event) -> Sent:
        assert isinstance(review, ReviewMade)
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is None:
            self.sent.append(review)
        if self.unsure:
            self.unsure -= 1
            return "unsure"
        return "stored" if self.fault is None else "not_sent"


class Town:
    """A desk on a read model of its own. `tell` is what `index` would write."""

    def __init__(self, folder: Path, settings: ReviewSettings | None = None) -> None:
        self.url = f"sqlite:///{folder / 'readmodel.db'}"
        self.settings = settings or ReviewSettings()
        self.kafka = Kafka()
        self.store = Store(self.url)
        self.model = ReadModel(self.url)
        self.metrics = Metrics("review")
        self.now = NOON
        self.desk = Desk(model=self.model, sender=self.kafka, city=CITY, clock=lambda: self.now, metrics=self.metrics)

    def tell(self, *events: Event) -> None:
        self.store.apply([(event, self.now) for event in events])

    def office(self) -> Office:
        return Office(
            settings=self.settings,
            desk=self.desk,
            sender=self.kafka,
            metrics=self.metrics,
            clock=lambda: self.now,
        )

    def close(self) -> None:
        self.store.close()
        self.model.close()


@pytest.fixture
def a_town(tmp_path: Path) -> Iterator[Town]:
    """A town without a single draft; a test file takes it as `town = a_town`."""
    made = Town(tmp_path)
    yield made
    made.close()


@asynccontextmanager
async def browsing(town: Town) -> AsyncIterator[Client]:
    """A client of the town's console that does not follow redirects by itself."""
    server = TestServer(application(town.office()))
    async with TestClient(server) as client:
        yield client


def visit(town: Town, steps: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
    """Run `steps` against the town's console, and give what they came to."""

    async def bounded() -> T:
        async with asyncio.timeout(20), browsing(town) as client:
            return await steps(client)

    return asyncio.run(bounded())
