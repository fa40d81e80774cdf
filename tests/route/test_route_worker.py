from datetime import UTC, datetime
from pathlib import Path

from services.events import RequestClassified, RequestRouted
from services.parts import Classification, Place, Report
from services.route.settings import RouteSettings
from services.route.worker import build
from services.runtime.settings import Shared, read

CITY = Path(__file__).parents[2] / "city"
NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


def test_the_worker_routes_by_the_shipped_city() -> None:
    worker = build(RouteSettings(), Shared(stormdrain_city_dir=CITY))
    assert (worker.name, worker.reads, worker.writes) == ("route", (RequestClassified,), (RequestRouted,))
    assert worker.versions.keys() == {"city", "limits", "districts", "state-roads"}
    event = RequestClassified(
        report=Report(
            request_id="r-1",
            channel="web",
            received_at=NOON,
            requested_at=NOON,
            place=Place(latitude=0.0, longitude=0.0),
        ),
        classification=Classification(service_code="pothole", family="roads", confidence=0.9),
    )
    (outcome,) = worker.handler.handle([event])  # type: ignore[call-arg, arg-type]
    assert isinstance(outcome, RequestRouted)
    assert (outcome.routing.department, outcome.routing.outside) == ("streets", True)
    assert outcome.routing.version == worker.versions["city"]


def test_settings_are_read_from_the_environment() -> None:
    assert read(RouteSettings, {"ROUTE_BATCH_SIZE": "500"}, "route").batch_size == 500
