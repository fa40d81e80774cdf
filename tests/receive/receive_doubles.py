"""An invented town, and doubles for what stands behind the door: Kafka, the read model, the clock."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from services.city.model import Category, City, Department, Family, Policy, Question, System
from services.events import ContactReceived, Event, RequestReceived
from services.parts import Report
from services.readmodel.rows import NearbyFilter, NearbyRow, RequestFilter, RequestRow
from services.receive.adapters import PublicRequests, town_of
from services.receive.core import Town
from services.receive.door import Doorkeeper, application
from services.receive.intake import Intake
from services.receive.recent import Recent
from services.receive.settings import ReceiveSettings
from services.runtime.metrics import Metrics
from services.runtime.sender import Sent

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")

CATEGORIES = (
    Category(
        service_code="pothole",
        name="Pothole",
        family="road",
        description="A hole in a street or lane",
        keywords=("hole", "street"),
        questions=(
            Question(
                code="LANE", prompt="Which lane?", datatype="singlevaluelist", required=True, values=("BIKE", "CAR")
            ),
            Question(code="DEPTH", prompt="How deep, in cm?", datatype="number"),
            Question(code="SINCE", prompt="Since when?", datatype="datetime"),
            Question(code="SEEN", prompt="Who has seen it?", datatype="multivaluelist", values=("ME", "US")),
        ),
    ),
    Category(service_code="light", name="Street light & lamp", family="light", description="A lamp <out> of order"),
    Category(service_code="encampment", name="Encampment", family="people", public=False),
)


def make_city(**changes: Any) -> City:
    given: dict[str, Any] = {
        "name": "Brackwater",
        "jurisdiction_id": "brackwater.example",
        "time_zone": "America/New_York",
        "languages": ("en",),
        "extent": (-73.0, 41.0, -72.0, 42.0),
        "categories": {category.service_code: category for category in CATEGORIES},
        "families": {family: Family(id=family, name=family.title()) for family in ("road", "light", "people")},
        "departments": {"streets": Department(id="streets", name="Department of Streets", system="works")},
        "systems": {"works": System(id="works")},
        "rules": (),
        "default_department": "streets",
        "layers": (),
        "policy": Policy(),
        "version": "0123456789ab",
        "invented": True,
    }
    return City(**(given | changes))


def make_town(**changes: Any) -> Town:
    given: dict[str, Any] = {
        "time_zone": ZONE,
        "categories": {category.service_code: category for category in CATEGORIES},
        "jurisdiction_id": "brackwater.example",
        "region": "US",
        "extent": (-73.0, 41.0, -72.0, 42.0),
    }
    return Town(**(given | changes))


def make_row(request_id: str, **changes: Any) -> RequestRow:
    given: dict[str, Any] = {
        "request_id": request_id,
        "status": "open",
        "stage": "released",
        "service_code": "light",
        "requested_at": datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC),
        "received_at": datetime(2026, 11, 20, 12, 0, 1, tzinfo=UTC),
        "updated_at": datetime(2026, 11, 20, 13, 0, tzinfo=UTC),
        "channel": "web",
        "department": "streets",
        "text": "Lamp <7> is out & dark",
        "address": "7 Wharf Road",
        "latitude": 41.3,
        "longitude": -72.9,
    }
    return RequestRow(**(given | changes))


class MemorySender:
    """Keeps what it is sent. `acknowledges` decides on each event; `gate`, if closed, makes every call wait."""

    def __init__(self) -> None:
        self.stored: list[Event] = []
        self.calls: list[int] = []
        self.traces: list[bytes | None] = []
        self.acknowledges: Callable[[Event], bool] = lambda _event: True
        self.gate = asyncio.Event()
        self.gate.set()
        self._waiting = asyncio.Semaphore(0)
        self.fault: str | None = None

    async def send(self, events: Sequence[Event], traceparent: bytes | None = None) -> list[Sent]:
        self.calls.append(len(events))
        self.traces.append(traceparent)
        self._waiting.release()
        await self.gate.wait()
        answers: list[Sent] = ["stored" if self.acknowledges(event) else "unsure" for event in events]
        self.stored += [event for event, answer in zip(events, answers, strict=True) if answer == "stored"]
        return answers

    async def waited_for(self, calls: int) -> None:
        """Return once so many calls have come."""
        for _ in range(calls):
            await self._waiting.acquire()

    @property
    def reports(self) -> list[Report]:
        return [event.report for event in self.stored if isinstance(event, RequestReceived)]

    @property
    def contacts(self) -> list[ContactReceived]:
        return [event for event in self.stored if isinstance(event, ContactReceived)]


class MemoryRows:
    """The read model's requests, as a list."""

    def __init__(self, *rows: RequestRow) -> None:
        self.rows = list(rows)
        self.asked: list[RequestFilter] = []
        self.near: list[NearbyRow] = []
        self.asked_near: list[NearbyFilter] = []
        self.trouble: Exception | None = None

    def requests(self, wanted: RequestFilter, /) -> list[RequestRow]:
        self.asked.append(wanted)
        if self.trouble:
            raise self.trouble
        found = [
            row
            for row in self.rows
            if (not wanted.ids or row.request_id in wanted.ids)
            and (not wanted.service_codes or row.service_code in wanted.service_codes)
            and (not wanted.statuses or row.status in wanted.statuses)
            and (wanted.start is None or row.requested_at >= wanted.start)
            and (wanted.end is None or row.requested_at <= wanted.end)
            and (wanted.updated_after is None or row.updated_at >= wanted.updated_after)
            and (wanted.updated_before is None or row.updated_at <= wanted.updated_before)
        ]
        newest = sorted(found, key=lambda row: (row.requested_at, row.request_id), reverse=True)
        return newest[(wanted.page - 1) * wanted.page_size :][: wanted.page_size]

    def nearby(self, wanted: NearbyFilter, /) -> list[NearbyRow]:
        self.asked_near.append(wanted)
        if self.trouble:
            raise self.trouble
        since = dict(wanted.since)
        return [
            row
            for row in self.near
            if row.service_code in wanted.service_codes
            and row.family in since
            and row.last_requested_at >= since[row.family]
            and row.distance_m <= wanted.radius_m
        ]


class House:
    """A door with doubles behind it."""

    def __init__(self, *rows: RequestRow, city: City | None = None, **settings: Any) -> None:
        self.sender = MemorySender()
        self.rows = MemoryRows(*rows)
        self.metrics = Metrics("receive")
        self.settings = ReceiveSettings(**settings)
        city = city or make_city()
        self.keeper = Doorkeeper(
            settings=self.settings,
            city=city,
            town=town_of(city),
            requests=PublicRequests(self.rows, city, publish_text=self.settings.publish_text),
            sender=self.sender,
            intake=Intake(self.sender, Recent(self.settings.recent_reports), self.metrics),
            metrics=self.metrics,
            clock=lambda: NOW,
        )

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"worker": "receive", **labels}) or 0.0


Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def entered(house: House) -> AsyncIterator[Client]:
    """Serve the door on a free port, with a client at it."""
    server = TestServer(application(house.keeper))
    await server.start_server(lingering_time=0.05)
    async with TestClient(server) as client:
        yield client


@contextmanager
def served(house: House) -> Iterator[str]:
    """Serve the door on a thread of its own, for clients that block; gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = TestServer(application(house.keeper))

    async def close() -> None:
        await server.close()
        await asyncio.sleep(0.1)  # a connection whose other end has just gone is closed a moment later

    try:
        asyncio.run_coroutine_threadsafe(server.start_server(), loop).result(10)
        yield str(server.make_url("/")).rstrip("/")
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


T = TypeVar("T")


def run(steps: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run an async test to its end, within 10 seconds."""

    async def bounded() -> T:
        async with asyncio.timeout(10):
            return await steps()

    return asyncio.run(bounded())
