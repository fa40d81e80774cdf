"""Invented cases, a city of two departments, and a sandbox CRM that runs beside the test."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from services.city.model import City, Department, Policy, System
from services.deliver.adapters import Courier, Line, SandboxConnector
from services.deliver.core import Deliver
from services.events import Case
from services.parts import Classification, Decision, Matching, Place, Priority, Reason, Report, Routing
from services.runtime.worker import Later
from services.sandbox.crm import Crm
from services.sandbox.crm_faults import Faults

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence
    from pathlib import Path

    from services.deliver.core import Carrier
    from services.runtime.worker import Outcome

T = TypeVar("T")

MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LATER = MORNING + timedelta(hours=1)


def city() -> City:
    """A town whose streets and parks departments have a system each."""
    return City(
        name="Testwater",
        jurisdiction_id="testwater",
        time_zone="UTC",
        languages=("en",),
        extent=(0.0, 0.0, 1.0, 1.0),
        categories={},
        families={},
        departments={
            "streets": Department(id="streets", name="Streets", system="works"),
            "parks": Department(id="parks", name="Parks", system="green"),
        },
        systems={"works": System(id="works"), "green": System(id="green")},
        rules=(),
        default_department="streets",
        layers=(),
        policy=Policy(),
        version="000000000000",
    )


def case(request_id: str = "r1", revision: int = 1, department: str = "streets", reviewer: str = "") -> Case:
    """A case about a lamp that is out."""
    return Case(
        report=Report(
            request_id=request_id,
            channel="web",
            received_at=MORNING,
            requested_at=MORNING,
            text="the lamp at the corner is out",
            place=Place(latitude=0.5, longitude=0.25),
            address="1 Test Street",
        ),
        classification=Classification(service_code="street_light_out", family="lights", confidence=0.93),
        routing=Routing(department=department, rule="lights", reason="lights go to streets"),
        matching=Matching(incident_id=request_id),
        priority=Priority(
            score=41.0,
            level="routine",
            due_at=MORNING + timedelta(days=3),
            reasons=(Reason(what="category", points=41.0),),
            revision=revision,
        ),
        decision=Decision(action="release", mode="supervised", reasons=("confident",), reviewer=reviewer),
    )


class RunningCrm:
    """A sandbox CRM on a loop and thread of its own, spoken to in plain calls."""

    def __init__(self, journal: Path | None = None, token: str = "") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.crm = Crm(journal=journal, token=token)
        self.up()

    @property
    def url(self) -> str:
        return self.crm.url

    def up(self) -> None:
        self._do(self.crm.start())

    def down(self) -> None:
        self._do(self.crm.stop())

    def faults(self, **faults: Any) -> None:
        self._loop.call_soon_threadsafe(self.crm.set_faults, Faults(**faults))

    def close(self) -> None:
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


class Hand:
    """A clock that moves only by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def courier(
    url: str, *, clock: Hand | None = None, token: str = "", timeout_s: float = 2.0, per_second: float = 0.0
) -> Iterator[Courier]:
    """A courier to both systems of the town, which are one sandbox."""
    lines = [
        Line(system, SandboxConnector(url, token=token, timeout_s=timeout_s, connections=8), per_second)
        for system in ("works", "green")
    ]
    made = Courier(lines, patience_s=5.0, connections=8, luck=Random(1), clock=clock or Hand())  # noqa: S311 - jitter
    try:
        yield made
    finally:
        made.close()


def deliver(carrier: Carrier, *, give_up_after: int = 50, remember: int = 1000) -> Deliver:
    """The handler under test, at one o'clock of its own."""
    return Deliver(city(), carrier, clock=lambda: LATER, remember=remember, give_up_after=give_up_after)


def first_later(outcomes: Sequence[Outcome]) -> Later:
    return next(each for each in outcomes if isinstance(each, Later))
