from datetime import UTC, datetime, timedelta

from services.city.model import Category, City, Department, Family, Policy, System
from services.decide.core import Decider
from services.events import Case, DraftHeld, Event, RequestPrioritized
from services.parts import (
    AddressMatch,
    Alternative,
    Boundary,
    Candidate,
    Classification,
    Intent,
    LinkEvidence,
    Matching,
    Mode,
    Place,
    Priority,
    Report,
    Routing,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
SUGGESTED = Matching(
    incident_id="r-1",
    band="suggestion",
    duplicate_of="r-0",
    score=0.64,
    evidence=LinkEvidence(distance_m=23.4, elapsed_s=5400.0, text_similarity=0.3),
    candidates=(Candidate(request_id="r-9", score=0.6),),
)
LINKED = Matching(incident_id="r-0", band="automatic", duplicate_of="r-0", score=0.93)
ELSEWHERE = Boundary(layer="districts", area_id="east", name="East End", share=0.27, department="county")


def city(policy: Policy) -> City:
    return City(
        name="Nowhere",
        jurisdiction_id="nowhere.example",
        time_zone="UTC",
        languages=("en",),
        extent=(9.9, 49.9, 10.1, 50.1),
        categories={
            "pothole": Category(service_code="pothole", name="Pothole", family="roads"),
            "tree": Category(service_code="tree", name="Fallen tree", family="trees"),
        },
        families={"roads": Family(id="roads"), "trees": Family(id="trees")},
        departments={name: Department(id=name, name=name, system="sandbox") for name in ("works", "county")},
        systems={"sandbox": System(id="sandbox")},
        rules=(),
        default_department="works",
        layers=(),
        policy=policy,
        version="cccc00000000",
    )


def prioritized(
    *,
    confidence: float = 0.97,
    released: bool = True,
    threshold: float = 0.9,
    code: str = "pothole",
    intent: Intent = "report",
    place: bool = True,
    radius_m: float = 0.0,
    address: AddressMatch | None = None,
    outside: bool = False,
    ambiguous: tuple[Boundary, ...] = (),
    department: str = "works",
    matching: Matching | None = None,
    danger: bool = False,
) -> RequestPrioritized:
    return RequestPrioritized(
        report=Report(
            request_id="r-1",
            channel="web",
            received_at=START,
            requested_at=START,
            text="A hole.",
            place=Place(latitude=50.0, longitude=10.0, radius_m=radius_m) if place else None,
        ),
        classification=Classification(
            service_code=code,
            family="roads",
            confidence=confidence,
            alternatives=(Alternative(service_code=code, confidence=confidence),),
            threshold=threshold,
            released=released,
            intent=intent,
        ),
        routing=Routing(department=department, rule="roads", outside=outside, ambiguous=ambiguous, address=address),
        matching=matching or Matching(incident_id="r-1"),
        priority=Priority(
            score=30.0, level="life_safety" if danger else "routine", due_at=START + timedelta(hours=1), revision=3
        ),
    )


def decide(
    event: Event, mode: Mode = "supervised", policy: Policy | None = None, *, hold_suggestions: bool = True
) -> Event:
    (outcome,) = Decider(city(policy or Policy(mode=mode)), hold_suggestions=hold_suggestions).handle([event])
    assert isinstance(outcome, Event)
    return outcome


def released(event: Event, mode: Mode = "supervised", policy: Policy | None = None, **more: bool) -> tuple[str, ...]:
    outcome = decide(event, mode, policy, **more)
    assert isinstance(outcome, Case)
    assert outcome.decision.action == "release"
    return outcome.decision.reasons


def held(event: Event, mode: Mode = "supervised", policy: Policy | None = None) -> tuple[str, ...]:
    outcome = decide(event, mode, policy)
    assert isinstance(outcome, DraftHeld)
    assert outcome.decision.action == "hold"
    return outcome.decision.reasons
