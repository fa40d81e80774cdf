"""A request that is no longer open is still said anew when its link changes, under a newer revision."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from services.events import RequestMatched, RequestPrioritized
from services.parts import Classification, Matching, Report, Routing
from services.prioritize import core
from services.prioritize.core import Prioritizer

START = datetime(2026, 3, 2, tzinfo=UTC)


def matched(number: int, *, revision: int = 1, incident: str = "") -> RequestMatched:
    made = START + timedelta(hours=number)
    request_id = f"r-{number}"
    return RequestMatched(
        report=Report(request_id=request_id, channel="web", requested_at=made, received_at=made, text="A hole."),
        classification=Classification(service_code="pothole", family="roads", confidence=0.9),
        routing=Routing(department="works", rule="roads"),
        matching=Matching(incident_id=incident or request_id, revision=revision),
    )


def run(worker: Prioritizer, batch: Sequence[RequestMatched]) -> list[RequestPrioritized]:
    outputs = cast("list[RequestPrioritized]", [event for said in worker.handle(0, batch) for event in said])
    for event in outputs:
        worker.fold(0, event)
    return outputs


def test_a_closed_request_whose_link_changes_is_said_under_a_newer_revision_also_after_a_rebuild() -> None:
    worker = Prioritizer({}, at_most=2)
    log = run(worker, [matched(number) for number in range(5)])
    for revision, incident in ((2, "r-9"), (3, "r-8")):
        (output,) = run(worker, [matched(0, revision=revision, incident=incident)])
        log.append(output)
        assert (output.priority.revision, output.matching.incident_id) == (revision, incident)
        rebuilt = Prioritizer({}, at_most=2)
        for event in log:
            rebuilt.fold(0, event)
        worker = rebuilt
    ids = [event.id for event in log]
    assert len(set(ids)) == len(ids)


def test_no_more_closed_requests_are_remembered_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "REMEMBERED", 3)
    worker = Prioritizer({}, at_most=2)
    run(worker, [matched(number) for number in range(10)])
    assert worker._memories[0].closed == {"r-5": 1, "r-6": 1, "r-7": 1}
    assert set(worker._memories[0].open) == {"r-8", "r-9"}
