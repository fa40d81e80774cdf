"""The four workers one after the other on the shipped city, without a broker."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from services.city.load import load
from services.decide import worker as decide
from services.decide.settings import DecideSettings
from services.events import Case, DraftHeld, Event, RequestClassified
from services.match import worker as match
from services.match.settings import MatchSettings
from services.parts import Classification, Place, Report
from services.prioritize import worker as prioritize
from services.prioritize.settings import PrioritizeSettings
from services.route import worker as route
from services.route.settings import RouteSettings
from services.runtime.settings import Settings, SettingsError, Shared, read
from services.runtime.worker import Stateful, Stateless, Worker

CITY = Path(__file__).parents[2] / "city"
SHARED = Shared(stormdrain_city_dir=CITY)
NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


def classified(number: int, text: str, place: Place | None, code: str = "pothole") -> RequestClassified:
    made = NOON + timedelta(minutes=number)
    return RequestClassified(
        report=Report(
            request_id=f"r-{number}", channel="web", received_at=made, requested_at=made, text=text, place=place
        ),
        classification=Classification(
            service_code=code,
            family=load(CITY).categories[code].family,
            confidence=0.97,
            threshold=0.9,
            released=True,
        ),
    )


def through(worker: Worker, batch: Sequence[Event]) -> list[Event]:
    if worker.rebuilds_from is None:
        outcomes = cast("Stateless", worker.handler).handle(batch)
        return [outcome for outcome in outcomes if isinstance(outcome, Event)]
    handler = cast("Stateful", worker.handler)
    outputs = [event for outcome in handler.handle(0, batch) for event in cast("Sequence[Event]", outcome)]
    for event in outputs:
        handler.fold(0, event)
    return outputs


def test_reports_pass_the_four_workers_and_come_out_as_cases_and_drafts() -> None:
    west, south, east, north = load(CITY).extent
    square = Place(latitude=(south + north) / 2, longitude=(west + east) / 2, radius_m=5.0, method="gps")
    events: list[Event] = [
        classified(1, "Deep hole in the road at the corner", square),
        classified(2, "there is a deep hole in the road, at the corner", square),
        classified(2, "there is a deep hole in the road, at the corner", square),
        classified(3, "Where is it, somewhere downtown", None),
        classified(4, "No heat in the whole building", square, "no-heat"),
    ]
    for worker in (
        route.build(RouteSettings(), SHARED),
        match.build(MatchSettings(), SHARED),
        prioritize.build(PrioritizeSettings(), SHARED),
        decide.build(DecideSettings(), SHARED),
    ):
        events = through(worker, events)
    said = {cast("Case | DraftHeld", event).report.request_id: cast("Case | DraftHeld", event) for event in events}
    assert len(events) == 4
    assert [type(event) for event in said.values()] == [Case, Case, DraftHeld, DraftHeld]
    assert said["r-2"].matching.duplicate_of == "r-1"
    assert said["r-2"].decision.reasons == (
        "reports of this category go out without a person",
        "linked to r-1 as the same incident",
    )
    assert said["r-3"].decision.reasons == ("no place was given",)
    assert said["r-4"].decision.reasons == ("a person confirms every report of this category",)
    assert said["r-1"].destination in {"cases.streets.v1", "cases.state-roads.v1"}


@pytest.mark.parametrize("kind", [RouteSettings, MatchSettings, PrioritizeSettings, DecideSettings])
def test_every_setting_has_a_default_and_a_sentence(kind: type[Settings]) -> None:
    assert read(kind, {}, kind.prefix.lower()) == kind()


def test_a_wrong_setting_is_named_with_what_was_expected() -> None:
    with pytest.raises(SettingsError) as raised:
        read(MatchSettings, {"MATCH_AUTOMATIC": "1.5"}, "match")
    assert str(raised.value).splitlines() == [
        "match cannot start: 1 setting is wrong",
        "  MATCH_AUTOMATIC='1.5': expected a number from 0 to 1",
    ]
