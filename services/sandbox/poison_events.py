"""One faultless event for each topic, of nobody: what poison is made from. All ids begin with `poison-`."""

from datetime import UTC, datetime

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
from services.parts import Classification, Decision, Matching, Place, Priority, Report, Routing

MOMENT = datetime(2026, 1, 5, 7, tzinfo=UTC)
NOWHERE = "nowhere"
"""A department that no city has."""


def faultless(stem: str, name: str, department: str) -> Event:
    """Give an event of a topic, named as in topics.yaml; `name` becomes its id, `department` whose it is."""
    report = Report(
        request_id=name,
        channel="web",
        received_at=MOMENT,
        requested_at=MOMENT,
        text="poison",
        place=Place(latitude=0.5, longitude=0.5),
    )
    classification = Classification(service_code="poison", family="poison", confidence=0.5)
    routing = Routing(department=department, rule="poison")
    matching = Matching(incident_id=name)
    priority = Priority(score=1.0, level="routine", due_at=MOMENT)
    held = Decision(action="hold", mode="copilot")
    draft = DraftHeld(
        report=report,
        classification=classification,
        routing=routing,
        matching=matching,
        priority=priority,
        decision=held,
    )
    made: dict[str, Event] = {
        RequestReceived.topic: RequestReceived(report=report),
        RequestClassified.topic: RequestClassified(report=report, classification=classification),
        RequestRouted.topic: RequestRouted(report=report, classification=classification, routing=routing),
        RequestMatched.topic: RequestMatched(
            report=report, classification=classification, routing=routing, matching=matching
        ),
        RequestPrioritized.topic: RequestPrioritized(
            report=report, classification=classification, routing=routing, matching=matching, priority=priority
        ),
        Case.topic: Case(
            report=report,
            classification=classification,
            routing=routing,
            matching=matching,
            priority=priority,
            decision=Decision(action="release", mode="automatic"),
        ),
        DraftHeld.topic: draft,
        ReviewMade.topic: ReviewMade(
            review_id=name, verdict="correct", reviewer="poison", reviewed_at=MOMENT, draft=draft
        ),
        DeliveryMade.topic: DeliveryMade(
            request_id=name,
            department=department,
            system="poison",
            external_id="poison",
            idempotency_key="00",
            revision=1,
            result="created",
            attempts=1,
            received_at=MOMENT,
            delivered_at=MOMENT,
        ),
        SurgeDetected.topic: SurgeDetected(
            service_code="poison", area="poison", window_start=MOMENT, window_s=60, count=1, baseline=1.0, ratio=1.0
        ),
        KpiMeasured.topic: KpiMeasured(name="poison", window_start=MOMENT, window_s=60, value=1.0),
        ContextUpdated.topic: ContextUpdated(
            context_id=name, what="poison", points=1.0, starts_at=MOMENT, ends_at=MOMENT
        ),
        IncidentClosed.topic: IncidentClosed(request_id=name, closed_at=MOMENT),
    }
    return made[stem]
