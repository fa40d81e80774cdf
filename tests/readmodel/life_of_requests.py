"""Invented requests, and all that workers and persons say of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from msgspec.structs import replace

from services.events import (
    Case,
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
from services.parts import Classification, Decision, Matching, Place, Priority, Report, Routing

NOON = datetime(2031, 5, 4, 12, 0, tzinfo=UTC)
Tell = Callable[..., None]
"""Takes events, as the fixture `tell` does."""
Verdict = Literal["approve", "correct", "reject", "unlink"]


class Life:
    """Makes the events of one request, stage by stage."""

    def __init__(self, request_id: str, minute: int = 0, service_code: str = "pothole") -> None:
        self.report = Report(
            request_id=request_id,
            channel="web",
            received_at=NOON + timedelta(minutes=minute, seconds=5),
            requested_at=NOON + timedelta(minutes=minute),
            text=f"A hole by the ferry steps, number {minute}",
            place=Place(latitude=47.5 + minute / 1000, longitude=-122.25),
            address="1 Ferry Steps",
            service_code="other",
            media_urls=("https://pictures.example/1.jpg",),
            source_id=f"src-{minute}",
            jurisdiction_id="port.example",
        )
        self.classification = Classification(service_code=service_code, family="roads", confidence=0.75)
        self.routing = Routing(department="public-works", rule="roads")

    def received(self) -> RequestReceived:
        return RequestReceived(report=self.report)

    def classified(self) -> RequestClassified:
        return RequestClassified(report=self.report, classification=self.classification)

    def routed(self) -> RequestRouted:
        return RequestRouted(report=self.report, classification=self.classification, routing=self.routing)

    def matched(self, revision: int = 1, duplicate_of: str = "") -> RequestMatched:
        return RequestMatched(**self._said(), matching=self._matching(revision, duplicate_of))

    def prioritized(self, revision: int = 1, duplicate_of: str = "", link: int = 1) -> RequestPrioritized:
        return RequestPrioritized(
            **self._said(), matching=self._matching(link, duplicate_of), priority=self._priority(revision)
        )

    def held(self, revision: int = 1, duplicate_of: str = "", link: int = 1) -> DraftHeld:
        return DraftHeld(
            **self._said(),
            matching=self._matching(link, duplicate_of),
            priority=self._priority(revision),
            decision=Decision(action="hold", mode="supervised", reasons=("not sure",)),
        )

    def reviewed(self, verdict: Verdict, revision: int = 1, *, minute: int = 60, **more: Any) -> ReviewMade:
        draft = self.held(revision, more.pop("duplicate_of", ""), more.pop("link", 1))
        return ReviewMade(
            review_id=f"{self.report.request_id}-{verdict}-{revision}",
            verdict=verdict,
            reviewer="desk-3",
            reviewed_at=NOON + timedelta(minutes=minute),
            draft=draft,
            **more,
        )

    def released(self, revision: int = 1, *, reviewer: str = "", service_code: str = "", link: int = 1) -> Case:
        classification = self.classification
        if service_code:
            classification = replace(classification, service_code=service_code)
        return Case(
            report=self.report,
            classification=classification,
            routing=self.routing,
            matching=self._matching(link, ""),
            priority=self._priority(revision),
            decision=Decision(action="release", mode="supervised", reviewer=reviewer),
        )

    def delivered(self, revision: int = 1, system: str = "works-crm") -> DeliveryMade:
        return DeliveryMade(
            request_id=self.report.request_id,
            department="public-works",
            system=system,
            external_id=f"{system}-{self.report.request_id}",
            idempotency_key="k",
            revision=revision,
            result="created" if revision == 1 else "updated",
            attempts=1,
            received_at=self.report.received_at,
            delivered_at=NOON + timedelta(minutes=70 + revision),
        )

    def _said(self) -> dict[str, Any]:
        return {"report": self.report, "classification": self.classification, "routing": self.routing}

    def _matching(self, revision: int, duplicate_of: str) -> Matching:
        return Matching(
            incident_id=duplicate_of or self.report.request_id,
            duplicate_of=duplicate_of or None,
            band="automatic" if duplicate_of else "none",
            revision=revision,
        )

    def _priority(self, revision: int) -> Priority:
        return Priority(
            score=20.0 + revision,
            level="elevated" if revision > 1 else "routine",
            due_at=self.report.requested_at + timedelta(hours=48 - revision),
            revision=revision,
        )


def whole_life(request_id: str, minute: int = 0) -> list[Event]:
    """Eight events, as of a report that a person approved."""
    life = Life(request_id, minute)
    return [
        life.received(),
        life.classified(),
        life.routed(),
        life.matched(),
        life.prioritized(),
        life.held(),
        life.reviewed("approve"),
        life.released(reviewer="desk-3"),
        life.delivered(),
    ]


def closed(request_id: str = "r-1", minute: int = 10, by: str = "works-crm") -> IncidentClosed:
    return IncidentClosed(request_id=request_id, closed_at=NOON + timedelta(minutes=minute), closed_by=by)


def surge(
    minute: int, ratio: float, *, service_code: str = "pothole", count: int = 9, active: bool = True
) -> SurgeDetected:
    """A window of ten minutes that begins so many minutes after noon."""
    return SurgeDetected(
        service_code=service_code,
        area="862a1072fffffff",
        window_start=NOON + timedelta(minutes=minute),
        window_s=600,
        count=count,
        baseline=3.0,
        ratio=ratio,
        active=active,
    )


def figure(name: str, minute: int, value: float, **labels: str) -> KpiMeasured:
    """A figure of such a window."""
    return KpiMeasured(
        name=name, window_start=NOON + timedelta(minutes=minute), window_s=600, value=value, labels=labels
    )


def heard(*events: Event) -> list[tuple[Event, datetime]]:
    return [(event, NOON + timedelta(hours=2)) for event in events]
