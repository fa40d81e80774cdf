"""Events as the workers really make them: a synthetic storm, classified and routed by the shipped town's own model."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from services.city.load import load
from services.classify.settings import ClassifySettings
from services.classify.worker import build as build_classify
from services.events import Event, RequestReceived
from services.parts import Place, Report
from services.route.settings import RouteSettings
from services.route.worker import build as build_route
from services.runtime.settings import Shared
from services.runtime.worker import Stateless, Worker
from services.sandbox.storm import StormReport, storm

KINDS = ("received", "classified", "routed")
START = datetime.fromisoformat("2026-01-05T07:00:00+00:00")


def samples(kind: str, *, seed: int, count: int, city: Path, models: Path, start: datetime = START) -> Sequence[Event]:
    """Give `count` events of one of `KINDS` in an hour from `start` on; the same arguments give the same events."""
    town = load(city)
    reports = storm(town, seed=seed, count=count, start=start, spread_s=3600)
    events: Sequence[Event] = [RequestReceived(report=_report(report, town.jurisdiction_id)) for report in reports]
    shared = Shared(stormdrain_city_dir=city, stormdrain_models_dir=models)
    if kind in KINDS[1:]:
        events = _decided(build_classify(ClassifySettings(), shared), events)
    if kind in KINDS[2:]:
        events = _decided(build_route(RouteSettings(), shared), events)
    return events


def classified(events: Sequence[Event], city: Path, models: Path) -> list[Event | None]:
    """Give what `classify` says of each event with the shipped model; None of one that it rejects."""
    shared = Shared(stormdrain_city_dir=city, stormdrain_models_dir=models)
    worker = build_classify(ClassifySettings(model_dir=models / "shipped"), shared)
    handler: Stateless = worker.handler  # type: ignore[assignment]
    return [outcome if isinstance(outcome, Event) else None for outcome in handler.handle(events)]


def renamed(event: Event, request_id: str) -> Event:
    """Give the same event of another request."""
    return _changed(event, request_id=request_id)


def saying(event: Event, text: str) -> Event:
    """Give the same event with another text."""
    return _changed(event, text=text)


def _changed(event: Event, **fields: str) -> Event:
    report: Report = event.report  # type: ignore[attr-defined]
    return msgspec.structs.replace(event, report=msgspec.structs.replace(report, **fields))


def _report(said: StormReport, jurisdiction: str) -> Report:
    place = None
    if said.lat is not None and said.lon is not None:
        place = Place(latitude=said.lat, longitude=said.lon, radius_m=said.radius_m, method="gps")
    return Report(
        request_id=said.source_id,
        channel=said.channel,
        received_at=said.requested_at,
        requested_at=said.requested_at,
        text=said.text,
        place=place,
        address=said.address,
        service_code=said.service_code,
        source_id=said.source_id,
        jurisdiction_id=jurisdiction,
    )


def _decided(worker: Worker, events: Sequence[Event]) -> list[Event]:
    handler: Stateless = worker.handler  # type: ignore[assignment]
    outcomes = handler.handle(events)
    return [outcome for outcome in outcomes if isinstance(outcome, Event)]
