"""Reports, words of people, and a `Matcher` with weights of its own, for the tests of this folder."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from services.events import DraftHeld, Event, IncidentClosed, RequestMatched, RequestRouted, ReviewMade
from services.incidents.links import Bands
from services.incidents.scorer import Scorer, Weights
from services.incidents.seen import Reach
from services.match.adapters import Matcher
from services.parts import (
    Alternative,
    Classification,
    Decision,
    Intent,
    Matching,
    Place,
    PlaceMethod,
    Priority,
    Report,
    Routing,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = 3600.0
STEP = 20 / 111_195
"""Degrees of latitude in 20 metres."""
REACH = Reach(50.0, 72 * HOUR)
CODES = {"roads": "pothole", "light": "lamp", "water": "leak", "power": "outage", "general": "other"}
"""The ordinary category of a family."""
FAMILIES = {code: family for family, code in CODES.items()} | {"sinkhole": "roads", "flicker": "light"}
BANDS = Bands(0.35, 0.8)
WEIGHTS = Weights(
    source="a test",
    bias=-4.0,
    weights={
        "near": 3.0,
        "apart": -0.5,
        "soon": 0.8,
        "late": -1.5,
        "said alike": 5.0,
        "said otherwise": -1.0,
        "same category": 1.5,
        "same person": 1.5,
    },
    suggestion=BANDS.suggestion,
    automatic=BANDS.automatic,
)
SCORER = Scorer(WEIGHTS)


def routed(
    request_id: str,
    *,
    hours: float = 0.0,
    at: tuple[float, float] | None = (50.0, 10.0),
    text: str = "a deep hole",
    radius: float = 0.0,
    method: PlaceMethod = "gps",
    family: str = "roads",
    code: str | None = None,
    also: tuple[tuple[str, float], ...] = (),
    town: str = "",
    intent: Intent = "report",
    received: float | None = None,
    reporter: str = "",
    same_as: str = "",
) -> RequestRouted:
    """Give a report made so many hours after `START`; `also` are the classifier's other categories."""
    code = CODES.get(family, family) if code is None else code
    made = START + timedelta(hours=hours)
    return RequestRouted(
        report=Report(
            request_id=request_id,
            jurisdiction_id=town,
            channel="web",
            requested_at=made,
            received_at=made if received is None else START + timedelta(hours=received),
            text=text,
            place=Place(latitude=at[0], longitude=at[1], radius_m=radius, method=method) if at else None,
            reporter=reporter,
            same_as=same_as,
        ),
        classification=Classification(
            service_code=code,
            family=family,
            confidence=0.9,
            intent=intent,
            alternatives=tuple(
                Alternative(service_code=each, confidence=share) for each, share in ((code, 0.9), *also)
            ),
        ),
        routing=Routing(department="works", rule="roads"),
    )


def north(metres: float) -> tuple[float, float]:
    """Give the place so far north of that of other reports."""
    return 50.0 + metres / 111_195, 10.0


def matcher(
    reaches: dict[str, Reach] | None = None,
    *,
    scorer: Scorer = SCORER,
    per_cell: int = 16,
    lateness: float = 1e9,
    remembered: int = 1000,
    at_most: int = 1_000_000,
) -> Matcher:
    return Matcher(
        reaches or {"roads": REACH},
        scorer,
        families=FAMILIES,
        lateness_s=lateness,
        remembered=remembered,
        version="v",
        per_cell=per_cell,
        at_most=at_most,
    )


def run(worker: Matcher, batch: Sequence[RequestRouted], partition: int = 0) -> list[RequestMatched]:
    """Handle a batch and take what it gave into the state."""
    outputs = cast("list[RequestMatched]", [event for said in worker.handle(partition, batch) for event in said])
    for event in outputs:
        worker.fold(partition, event)
    return outputs


def one(worker: Matcher, event: RequestRouted) -> RequestMatched:
    (output,) = run(worker, [event])
    return output


def again(worker: Matcher, at_most: int = 1000, partition: int = 0) -> list[RequestMatched]:
    """Let it say anew all that no longer holds, so many at a time."""
    outputs: list[RequestMatched] = []
    while found := cast("list[RequestMatched]", worker.reconsider(partition, at_most)):
        assert len(found) <= at_most
        for event in found:
            worker.fold(partition, event)
        outputs += found
        assert len(outputs) < 10_000
    return outputs


def rebuilt(log: Iterable[Event], words: Iterable[Event] = (), *, lateness: float = 1e9) -> Matcher:
    """Give a new worker that has read what people said, and then what was said before."""
    worker = matcher(lateness=lateness)
    for word in words:
        worker.learn(word)
    for event in log:
        worker.fold(0, event)
    return worker


def newest(outputs: Iterable[RequestMatched]) -> dict[str, Matching]:
    """Give what was said last of each report."""
    return {event.report.request_id: event.matching for event in outputs}


def last_of(outputs: Sequence[RequestMatched], request_id: str) -> RequestMatched:
    return next(event for event in reversed(outputs) if event.report.request_id == request_id)


def incidents(outputs: Iterable[RequestMatched]) -> dict[str, str]:
    return {request_id: matching.incident_id for request_id, matching in newest(outputs).items()}


def unlink(of: RequestMatched, hours: float = 0.0) -> ReviewMade:
    """Say that a report is not the same as the one it was linked to."""
    return _review(of, "unlink", hours)


def merge(of: RequestMatched, same_as: str, hours: float = 0.0) -> ReviewMade:
    """Say that a report's incident and another's are one."""
    return _review(of, "approve", hours, same_as)


def close(request_id: str, hours: float) -> IncidentClosed:
    return IncidentClosed(request_id=request_id, closed_at=START + timedelta(hours=hours))


def _review(of: RequestMatched, verdict: str, hours: float, same_as: str = "") -> ReviewMade:
    at = START + timedelta(hours=1000 + hours)
    return ReviewMade(
        review_id=f"{of.report.request_id}-{verdict}-{same_as}",
        verdict="unlink" if verdict == "unlink" else "approve",
        reviewer="clerk",
        reviewed_at=at,
        same_as=same_as,
        draft=DraftHeld(
            report=of.report,
            classification=of.classification,
            routing=of.routing,
            matching=of.matching,
            priority=Priority(score=1.0, level="routine", due_at=at),
            decision=Decision(action="hold", mode="copilot"),
        ),
    )
