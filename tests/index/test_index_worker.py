"""`index` writes each batch before it is committed, and writes it again without harm."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from services.events import (
    EVENTS,
    ContactReceived,
    ContextUpdated,
    DeadLetterReplayed,
    DeliveryMade,
    Event,
    IncidentClosed,
    KpiMeasured,
    RequestClassified,
    RequestReceived,
    SurgeDetected,
)
from services.index.core import said_at
from services.index.settings import IndexSettings
from services.index.worker import READS, Indexer, build
from services.parts import Classification, Report
from services.readmodel.faults import ReadModelAwayError
from services.readmodel.fold import Heard
from services.readmodel.queries import ReadModel
from services.runtime.settings import Shared
from services.runtime.worker import Later

NOON = datetime(2031, 5, 4, 12, 0, tzinfo=UTC)
REPORT = Report(
    request_id="r-1", channel="sms", received_at=NOON, requested_at=NOON - timedelta(minutes=5), text="Lamp is out"
)
CLASSIFIED = RequestClassified(
    report=REPORT, classification=Classification(service_code="street-light", family="lights", confidence=0.9)
)
DELIVERED = DeliveryMade(
    request_id="r-1",
    department="lights",
    system="crm",
    external_id="7",
    idempotency_key="k",
    revision=1,
    result="created",
    attempts=1,
    received_at=NOON,
    delivered_at=NOON + timedelta(hours=1),
)
CLOSED = IncidentClosed(request_id="r-1", closed_at=NOON + timedelta(hours=2), closed_by="lights")


class Kept:
    """A store that keeps what it is given, or is away."""

    def __init__(self, fault: str = "") -> None:
        self.heard: list[Heard] = []
        self.fault = fault

    def apply(self, heard: Sequence[Heard]) -> None:
        if self.fault:
            raise ReadModelAwayError(self.fault)
        self.heard += heard


def clock() -> datetime:
    return NOON + timedelta(hours=9)


def test_a_batch_is_written_and_nothing_comes_of_its_records() -> None:
    store = Kept()
    batch: list[Event] = [RequestReceived(report=REPORT), CLASSIFIED, DELIVERED]
    assert Indexer(store, clock, retry_s=2.0).handle(batch) == [(), (), ()]
    assert [event for event, _ in store.heard] == batch


def test_an_event_is_as_old_as_it_says_and_otherwise_as_when_it_was_heard_of() -> None:
    assert said_at(RequestReceived(report=REPORT), clock()) == NOON
    assert said_at(DELIVERED, clock()) == NOON + timedelta(hours=1)
    assert said_at(CLASSIFIED, clock()) == clock()
    assert said_at(CLOSED, clock()) == clock(), (
        "a department may say it late, and who asks what changed hears of it then"
    )


def test_a_database_that_is_away_lets_the_batch_wait() -> None:
    indexer = Indexer(Kept(fault="the read model does not answer: closed for lunch"), clock, retry_s=7.0)
    assert indexer.handle([CLASSIFIED]) == [Later("the read model does not answer: closed for lunch", 7.0)]


def test_every_event_is_read_but_contacts_the_world_outside_and_what_an_operator_did() -> None:
    assert set(EVENTS) - set(READS) == {ContactReceived, ContextUpdated, DeadLetterReplayed}


def test_what_the_wired_worker_writes_can_be_asked_for_also_after_a_repeat(tmp_path: Path) -> None:
    shared = Shared(stormdrain_state_dir=tmp_path / "state")
    worker = build(IndexSettings(batch_size=10), shared)
    assert (worker.name, worker.batch_size, worker.writes) == ("index", 10, ())
    for _ in range(2):
        worker.handler.handle([CLOSED, CLASSIFIED, DELIVERED])  # type: ignore[call-arg, arg-type]
    row = ReadModel(shared.read_model).request("r-1")
    assert row is not None
    assert (row.stage, row.service_code, row.external_id) == ("delivered", "street-light", "7")
    assert (row.status, row.closed_at) == ("closed", NOON + timedelta(hours=2))
    assert worker.close is not None
    worker.close()


def test_a_number_too_large_for_any_column_stops_nobody(tmp_path: Path) -> None:
    huge = 10**30
    batch = [
        replace(DELIVERED, attempts=huge, revision=-huge),
        SurgeDetected(
            service_code="a", area="b", window_start=NOON, window_s=huge, count=huge, baseline=1.0, ratio=1.0
        ),
        KpiMeasured(name="reports", window_start=NOON, window_s=huge, value=1.0),
    ]
    worker = build(IndexSettings(), Shared(stormdrain_state_dir=tmp_path / "state"))
    assert worker.handler.handle(batch) == [(), (), ()]  # type: ignore[call-arg, arg-type]
    assert worker.close is not None
    worker.close()
